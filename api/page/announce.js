// Tells a screen reader what changed elsewhere on the page.

import { words } from "./i18n.js";

/** `urgent` interrupts; for faults only. */
export function announce(key, argument, { urgent = false } = {}) {
  const region = document.getElementById(urgent ? "alert" : "news");
  region.textContent = "";
  requestAnimationFrame(() => (region.textContent = words(key, argument)));
}
