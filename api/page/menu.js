// A button that opens a list of things to do. Esc, a choice and a click elsewhere close it.

import { h } from "./dom.js";

/** `items`: buttons and headings; `attributes` as for `h`. */
export function menu(key, items, attributes = {}) {
  const summary = h("summary", { say: key, class: "button" });
  const element = h("details", { class: "menu", ...attributes }, summary, h("div", { class: "menu-items", role: "group", label: key }, items));
  const shut = () => (element.open = false);
  const outside = (event) => element.contains(event.target) || shut();
  element.addEventListener("toggle", () => {
    if (element.open) document.addEventListener("pointerdown", outside);
    else document.removeEventListener("pointerdown", outside);
  });
  element.addEventListener("click", (event) => event.target.closest("button") && shut());
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !element.open) return;
    shut();
    summary.focus();
  });
  return element;
}
