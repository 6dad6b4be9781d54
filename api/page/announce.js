// Tells a screen reader what changed elsewhere on the page.

import { words } from "./i18n.js";

const MOST_CHARACTERS = 120;

/** `urgent` interrupts; for faults only. Nobody wants to hear twenty whole scenes: what is long is cut. */
export function announce(key, argument, { urgent = false } = {}) {
  const region = document.getElementById(urgent ? "alert" : "news");
  region.textContent = "";
  requestAnimationFrame(() => (region.textContent = brief(words(key, argument))));
}

function brief(text) {
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text;
}
