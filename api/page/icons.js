// Small pictures for buttons, drawn in the colour of the text.

import { h, svg } from "./dom.js";

const PATHS = {
  edit: "M3 13l.6-3L11 2.6l2.4 2.4L6 12.4zM9.4 4.2l2.4 2.4",
  rewrite: "M13 8a5 5 0 1 1-1.6-3.7M13 2v3h-3",
  earlier: "M10 3 5 8l5 5",
  later: "M6 3l5 5-5 5",
  insert: "M8 3v10M3 8h10",
  delete: "M3 4.5h10M6 4.5V3h4v1.5M4.5 4.5l.6 8.5h5.8l.6-8.5",
  copy: "M5.5 5.5h7v8h-7zM3.5 10.5v-8h7",
  stop: "M3.5 3.5h9v9h-9z",
  close: "M4 4l8 8M12 4l-8 8",
  undo: "M3 6h6.5a3.5 3.5 0 0 1 0 7H6M3 6l3-3M3 6l3 3",
  redo: "M13 6H6.5a3.5 3.5 0 0 0 0 7H10M13 6l-3-3M13 6l-3 3",
};

export function icon(name) {
  return svg("svg", { viewBox: "0 0 16 16", class: "icon", "aria-hidden": "true" }, svg("path", { d: PATHS[name] }));
}

/** A button that shows a picture and says its name to screen readers and on hovering; `attributes` as for `h`. */
export function iconButton(name, words, onClick, attributes = {}) {
  return h("button", { type: "button", class: "icon-button", label: words, hint: words, on: { click: onClick }, ...attributes }, icon(name));
}
