// Makes elements. Text is always text: nothing here, and nothing that uses it, parses HTML.

import { say, sayAttribute } from "./i18n.js";

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element. Attributes: `say`, `label`, `hint` and `placeholderOf` take a key of the words (or [key, argument]) and
 * follow the language; `on` takes listeners by event; null, undefined and false leave an attribute out.
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (name === "say") say(element, ...[value].flat());
    else if (name === "label") sayAttribute(element, "aria-label", ...[value].flat());
    else if (name === "hint") sayAttribute(element, "title", ...[value].flat());
    else if (name === "placeholderOf") sayAttribute(element, "placeholder", ...[value].flat());
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** A button that does one thing; `attributes` as for `h`. */
export function button(key, onClick, attributes = {}) {
  return h("button", { type: "button", say: key, on: { click: onClick }, ...attributes });
}

/** Writes text only when it is another: a list that is refreshed every second must not touch what stays the same. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element, name, value) {
  const wanted = value === null || value === undefined ? null : String(value);
  if (element.getAttribute(name) === wanted) return;
  if (wanted === null) element.removeAttribute(name);
  else element.setAttribute(name, wanted);
}
