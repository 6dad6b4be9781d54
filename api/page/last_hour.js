// What ended in the last hour: one column a minute, and the same in words.

import { h, setText, svg } from "./dom.js";
import { words } from "./i18n.js";

const MINUTES = 60;
const MINUTE_MS = 60000;
const HEIGHT = 20;
const ENDS = ["succeeded", "failed", "canceled", "expired"];

/** `{element, show(minutes)}`, minutes as `GET /queue` tells them. */
export function lastHour() {
  const bars = svg("svg", { viewBox: `0 0 ${MINUTES} ${HEIGHT}`, class: "hour", preserveAspectRatio: "none", "aria-hidden": "true" });
  const summary = h("p", { class: "hour-summary" });
  const scale = h("p", { class: "hour-scale", "aria-hidden": "true" }, h("span", { say: "hour.ago" }), h("span", { say: "hour.now" }));
  const chart = h("div", {}, bars, scale);
  return {
    element: h("div", { class: "last-hour" }, summary, chart),
    show(minutes) {
      const sums = Object.fromEntries([...ENDS, "cached"].map((name) => [name, minutes.reduce((sum, minute) => sum + minute[name], 0)]));
      const named = ENDS.filter((name) => sums[name]).map((name) => words("group.count", [sums[name], words(`status.${name}`)]));
      if (sums.cached) named.push(words("hour.cached", sums.cached));
      setText(summary, named.join(" · ") || words("hour.nothing"));
      chart.hidden = named.length === 0;
      bars.replaceChildren(...columns(minutes));
    },
  };
}

/** The clock of this device may differ from the service's: the last column is no earlier than the last minute. */
function columns(minutes) {
  const most = Math.max(1, ...minutes.map(totalOf));
  const last = Math.max(Date.now(), ...minutes.map(({ minute }) => Date.parse(minute)));
  return minutes.flatMap((minute) => {
    const x = MINUTES - 1 - Math.floor((last - Date.parse(minute.minute)) / MINUTE_MS);
    let top = HEIGHT;
    return ENDS.filter((name) => x >= 0 && minute[name]).map((name) => {
      const height = (HEIGHT * minute[name]) / most;
      top -= height;
      return svg("rect", { x, y: top, width: 0.8, height, class: name });
    });
  });
}

function totalOf(minute) {
  return ENDS.reduce((sum, name) => sum + minute[name], 0);
}
