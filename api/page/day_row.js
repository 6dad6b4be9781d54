// The row above the jobs of one day: its name, as a heading.

import { dayName } from "./days.js";
import { h, setText } from "./dom.js";

export function newDayRow() {
  const name = h("h3");
  return { element: h("li", { class: "day-row", role: "listitem" }, name), name, top: -1 };
}

/** Its name changes at midnight. */
export function drawDayRow(row, day) {
  setText(row.name, dayName(day));
}
