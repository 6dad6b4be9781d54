// The forms on a card: its scene, field by field, and what shall be different when it is written anew.

import { button, h } from "./dom.js";
import { termKey } from "./scene_lines.js";
import { SCENE_FIELDS } from "./scene_fields.js";

const CAMERA = SCENE_FIELDS.find((field) => field.name === "camera");
const BLANK = { description: "", duration: 5, camera: CAMERA.fallback, action: "" };
const MOST_NOTE = 500;
const LONG = ["description", "action", "narration", "first_frame", "last_frame"];

/** `board`: the `fields` that its scenes have, its `cast`, and `seconds`, the shortest and the longest of a scene. */
export function editorOf(scene, board, { save, cancel }) {
  const inputs = new Map();
  const rows = SCENE_FIELDS.filter((field) => board.fields.includes(field.name)).map((field) => {
    const control = controlOf(field, (scene ?? BLANK)[field.name], board);
    inputs.set(field, control);
    control.input.dataset.field = field.name;
    return h("label", { class: `edit-${field.kind}` }, h("span", { class: "tag", say: `scene.${field.name}` }), control.input);
  });
  const take = () => {
    const written = [...inputs].map(([field, { read }]) => [field.name, read()]).filter(([, value]) => value !== undefined);
    const rest = Object.fromEntries(Object.entries(scene ?? {}).filter(([name]) => !board.fields.includes(name)));
    save({ ...rest, ...Object.fromEntries(written) });
  };
  return form(rows, "keep", take, cancel);
}

export function noteOf({ send, cancel }) {
  const note = h("textarea", { rows: 2, maxlength: MOST_NOTE, "data-field": "note", placeholderOf: "note.example" });
  const label = h("label", {}, h("span", { class: "tag", say: "note" }), note);
  return form([label], "rewrite_it", () => send(note.value.trim()), cancel);
}

function form(rows, key, done, cancel) {
  const element = h(
    "form",
    { novalidate: true },
    rows,
    h("div", { class: "actions" }, h("button", { type: "submit", class: "primary small", say: key }), button("cancel_edit", cancel, { class: "small" })),
  );
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    done();
  });
  element.addEventListener("keydown", (event) => {
    if (event.key === "Escape") cancel();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) element.requestSubmit();
  });
  return element;
}

/** `{input, read}`: `read` gives undefined for a field that the scene shall not have. */
function controlOf(field, value, board) {
  if (field.kind === "seconds") {
    const [min, max] = board.seconds;
    const input = h("input", { type: "number", min, max, step: "any", value });
    return { input, read: () => (input.value === "" ? 0 : Number(input.value)) };
  }
  if (field.kind === "term") {
    const absent = field.name === "camera" ? [] : [h("option", { value: "" }, "–")];
    const input = h("select", {}, absent, field.terms.map((term) => h("option", { value: term, say: termKey(field.name, term), selected: term === value })));
    return { input, read: () => input.value || undefined };
  }
  const input = h("textarea", { rows: LONG.includes(field.name) ? 3 : 1, dir: "auto" });
  input.value = shown(field, value);
  return { input, read: () => readText(field, input.value.trim()) };
}

function shown(field, value) {
  if (field.kind === "lines") return (value ?? []).map((one) => `${one.character}: ${one.line}`).join("\n");
  if (field.kind === "ids") return (value ?? []).join(", ");
  return value ?? "";
}

function readText(field, text) {
  if (field.kind === "ids") return text.split(/[\s,，、]+/).filter(Boolean);
  if (field.kind === "lines") return text.split("\n").filter(Boolean).map(spokenLine);
  return text === "" && !["description", "action"].includes(field.name) ? undefined : text;
}

/** `yu: 你好` */
function spokenLine(text) {
  const [, character, line] = /^\s*([^:：]*)[:：]?\s*(.*)$/.exec(text);
  return line ? { character: character.trim(), line } : { character: "", line: text.trim() };
}
