// The days of the list: which row stands under which, and what a day is called. A day is its first moment, in ms, in the
// reader's own zone. Knows no view.

import { language, words } from "./i18n.js";

/** The day of a moment: an ISO time, a number of ms or a Date. */
export function dayOf(moment) {
  return new Date(moment).setHours(0, 0, 0, 0);
}

/**
 * The rows of groups.js with a row `{key, day}` above the first of each day, and in each row the `day` that it stands
 * under. What stands under a head is not looked at, and no day comes twice, even where the service's clock went back.
 */
export function withDays(rows, known) {
  const all = [];
  let day = Infinity;
  for (const row of rows) {
    const own = row.group ? day : known(row.id ?? row.ids[0]).day;
    if (own < day) {
      day = own;
      all.push({ key: `day:${day}`, day });
    }
    all.push({ ...row, day });
  }
  return all;
}

/** Whether a row is the name of a day. */
export const isDay = ({ id, ids }) => !id && !ids;

/** "Today", "Yesterday", else the date; with its year where that is another than this one. */
export function dayName(day, now = new Date()) {
  if (day === dayOf(now)) return words("today");
  if (day === dayOf(new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1))) return words("yesterday");
  const date = new Date(day);
  const year = date.getFullYear() === now.getFullYear() ? undefined : "numeric";
  return new Intl.DateTimeFormat(language() === "zh" ? "zh-CN" : "en-GB", { weekday: "long", day: "numeric", month: "long", year }).format(date);
}
