// One row of the list of jobs. Drawn again with every news, it writes only what is another.

import { h, setAttribute, setText } from "./dom.js";
import { clock, moment, percent, span } from "./format.js";
import { codeWords, language, say, sayAttribute, words } from "./i18n.js";
import { tongueOf } from "./tongue.js";

export function newRow(id) {
  const box = h("input", { type: "checkbox", hint: "choose" });
  const label = h("span", { class: "row-label", dir: "auto" });
  const status = h("span", { class: "status" });
  const facts = h("span", { class: "row-facts" });
  const time = h("time", { class: "row-time" });
  const bar = h("span", { class: "row-bar" });
  const link = h("a", { href: `#/jobs/${id}` }, label, h("span", { class: "row-foot" }, status, facts, time), bar);
  const element = h("li", { "data-id": id, role: "listitem" }, h("label", { class: "row-choose" }, box), link);
  return { element, box, link, label, status, facts, time, bar, top: -1, drawn: null };
}

/** `label`: what the job is about, null while that is not known; `day`: the one that it stands under. */
export function drawRow(row, job, label, day) {
  const same = row.drawn;
  if (same && same.job === job && same.label === label && same.day === day && same.language === language()) return;
  row.drawn = { job, label, day, language: language() };
  const name = label ?? job.id.slice(0, 8);
  setText(row.label, name);
  setAttribute(row.label, "lang", tongueOf(name));
  setAttribute(row.element, "data-status", job.status);
  say(row.status, `status.${job.status}`);
  setText(row.facts, facts(job).join(" · "));
  setText(row.time, moment(job.created, { brief: true, day }));
  setAttribute(row.time, "datetime", job.created);
  row.bar.hidden = job.status !== "running";
  row.bar.style.setProperty("--fraction", job.fraction ?? 0);
  sayAttribute(row.box, "aria-label", "choose_one", name);
}

function facts(job) {
  const parts = [];
  if (job.status === "queued" && job.position !== null) parts.push(words("position", job.position));
  if (job.status === "queued" && job.etaS !== null) parts.push(words("eta", span(job.etaS)));
  if (job.status === "running") parts.push(percent(job.fraction ?? 0), words("scenes", job.scenes));
  if (job.seconds !== null) parts.push(words("scenes", job.scenes), clock(job.seconds));
  if (job.base) parts.push(words("is_take"));
  if (job.error) parts.push(codeWords(job.error));
  if (job.source && job.source !== "model") parts.push(words(`source.${job.source}`));
  if (job.priority !== "normal") parts.push(words(`choice.${job.priority}`));
  return parts;
}
