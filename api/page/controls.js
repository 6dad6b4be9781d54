// The inputs of a form, by the kind of a field. Each is `{element, input, text}`: what the form shows, what has the
// focus and its faults, and its value as text, the empty text where it says nothing. Knows no request.

import { castRows } from "./cast.js";
import { h } from "./dom.js";
import { isKnown } from "./i18n.js";

export function controlOf(field, id) {
  if (field.kind === "cast") return castRows(id);
  if (field.kind === "set") return chips(field, id);
  const input = inputOf(field, id);
  const list = field.suggestions && h("datalist", { id: `${id}-list` }, field.suggestions.map((value) => h("option", { value })));
  return {
    element: [h("label", { for: id, say: `field.${field.name}` }), input, list],
    input,
    get text() {
      return input.value;
    },
    set text(text) {
      input.value = text;
    },
  };
}

function inputOf(field, id) {
  if (field.kind === "choice") {
    return h("select", { id }, field.options.map((option) => named("option", { value: option, selected: option === field.fallback }, `choice.${option}`, option)));
  }
  if (field.kind === "json" || field.kind === "long") return h("textarea", { id, rows: 2, dir: "auto", spellcheck: field.kind === "json" ? "false" : null, ...placeholder(field) });
  const type = { number: "number", time: "datetime-local", text: "text" }[field.kind];
  return h("input", { id, type, min: field.min, max: field.max, step: field.step, list: field.suggestions && `${id}-list`, ...placeholder(field) });
}

function placeholder(field) {
  const known = field.example ?? field.fallback;
  return known === null || known === undefined ? { placeholderOf: field.none ?? "none" } : { placeholder: known };
}

/** What readers call it, or its own name. */
function named(tag, attributes, key, name) {
  return isKnown(key) ? h(tag, { ...attributes, say: key }) : h(tag, attributes, name);
}

/** Any of a few names, as boxes to check. */
function chips(field, id) {
  const boxes = field.options.map((name) => h("input", { type: "checkbox", value: name }));
  const group = h(
    "fieldset",
    { class: "chips", id, tabindex: -1 },
    h("legend", { say: `field.${field.name}` }),
    boxes.map((box) => h("label", { class: "chip" }, box, named("span", {}, `scene.${box.value}`, box.value))),
  );
  return {
    element: [group],
    input: group,
    get text() {
      return boxes.filter((box) => box.checked).map((box) => box.value).join(", ");
    },
    set text(text) {
      const names = text.split(/[\s,，、]+/);
      for (const box of boxes) box.checked = names.includes(box.value);
    },
  };
}
