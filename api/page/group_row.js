// The row above the jobs of one batch, or above the takes of one board: how many there are and how they fare, a box that
// chooses all of them, and the way to stop or delete them together. Drawn again, it writes only what is another.

import { h, setAttribute, setText } from "./dom.js";
import { moment } from "./format.js";
import { say, sayAttribute, words } from "./i18n.js";
import { iconButton } from "./icons.js";
import { STATUSES } from "./statuses.js";
import { tongueOf } from "./tongue.js";

/** `deeds`: `shut()`, `cancel()` and `remove()`. */
export function newGroupRow(key, deeds) {
  const box = h("input", { type: "checkbox" });
  const name = h("span", { class: "group-name" });
  const about = h("span", { class: "group-about", dir: "auto" });
  const toggle = h("button", { type: "button", class: "group-toggle", on: { click: deeds.shut } }, h("span", { class: "group-line" }, name, about));
  const facts = h("span", { class: "row-facts" });
  const time = h("time", { class: "row-time" });
  toggle.append(h("span", { class: "row-foot" }, facts, time));
  const cancel = iconButton("stop", "group.cancel", deeds.cancel);
  const remove = iconButton("delete", "group.delete", deeds.remove, { class: "icon-button danger" });
  const element = h("li", { class: "group-row", "data-group": key, role: "listitem" }, h("label", { class: "row-choose" }, box), toggle, cancel, remove);
  return { element, box, link: toggle, name, about, facts, time, cancel, remove, top: -1 };
}

/** `group`: `{isBatch, counts, title, created, day, isShut}`; the counts are of all its jobs, by status. */
export function drawGroupRow(row, { isBatch, counts, title, created, day, isShut }) {
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const name = words(isBatch ? "group.batch" : "group.takes", total);
  const waiting = (counts.queued ?? 0) + (counts.running ?? 0);
  const isDone = waiting + (counts.canceling ?? 0) === 0;
  setText(row.name, name);
  setText(row.about, title);
  setAttribute(row.about, "lang", tongueOf(title));
  const parts = STATUSES.filter((status) => counts[status]).map((status) => words("group.count", [counts[status], words(`status.${status}`)]));
  setText(row.facts, parts.join(" · "));
  setText(row.time, moment(created, { brief: true, day }));
  setAttribute(row.time, "datetime", created);
  setAttribute(row.link, "aria-expanded", !isShut);
  row.cancel.hidden = waiting === 0;
  row.remove.hidden = !isDone;
  sayAttribute(row.box, "aria-label", "choose_one", `${name} ${title}`);
}
