// Numbers and times as people read them.

import { dayOf } from "./days.js";
import { language, words } from "./i18n.js";

/** 75.5 -> "1:15.5", for a storyboard's clock. */
export function clock(seconds) {
  const tenths = Math.round(seconds * 10);
  const minutes = Math.floor(tenths / 600);
  const rest = (tenths - minutes * 600) / 10;
  return `${minutes}:${rest < 10 ? "0" : ""}${rest}`;
}

/** How long something takes, for waiting and running times. */
export function span(seconds) {
  if (seconds < 10) return words("seconds", seconds.toFixed(1));
  if (seconds < 90) return words("seconds", Math.round(seconds));
  if (seconds < 5400) return words("minutes", Math.round(seconds / 60));
  return words("hours", (seconds / 3600).toFixed(1));
}

/** When something was: the time on `day`, which is today unless another is named, else the date too. */
export function moment(iso, { brief = false, day = dayOf(Date.now()) } = {}) {
  const time = new Date(iso);
  const form = dayOf(time) === day ? { hour: "2-digit", minute: "2-digit", second: brief ? undefined : "2-digit" } : { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" };
  return new Intl.DateTimeFormat(language() === "zh" ? "zh-CN" : "en-GB", form).format(time);
}

/** A BCP 47 tag in the reader's words. */
export function languageName(tag) {
  return new Intl.DisplayNames(language() === "zh" ? "zh-CN" : "en", { type: "language" }).of(tag);
}

export function percent(fraction) {
  return `${Math.round(fraction * 100)}%`;
}
