// The fields of a request besides its prompt: one line each, in groups. The defaults are the API's own and are shown,
// not sent: what is left empty is left out. (tests/browser compares this table with the API's schema.)

import { ASPECT_RATIOS, SCENE_FIELDS, TARGET_NAMES } from "./scene_fields.js";

const names = (text) => text.split(/[\s,，、]+/).filter(Boolean);
const number = (name, fallback, limits = {}) => ({ kind: "number", name, fallback, ...limits });
const choice = (name, options, fallback) => ({ kind: "choice", name, options, fallback });
const flag = (name, fallback = "true") => ({ kind: "choice", name, options: ["true", "false"], fallback, parse: (text) => text === "true" });

export const MODE = choice("mode", ["write", "break_down"], "write");

/** What the board is; all of it is shown. */
export const BOARD = [
  number("target_duration_s", null, { min: 1, max: 3600, step: "any", none: "as_it_comes" }),
  choice("aspect_ratio", ["", ...ASPECT_RATIOS], null),
  { kind: "text", name: "language", fallback: "auto", suggestions: ["zh", "zh-Hant", "en", "ja", "ko", "es", "es-419", "pt-BR", "fr", "de", "it", "ru", "ar", "hi", "id", "vi", "th"] },
  number("min_scenes", 3, { min: 1, max: 60 }),
  number("max_scenes", 8, { min: 1, max: 60 }),
  number("scene_min_s", 3, { min: 1, max: 60 }),
  number("scene_max_s", 8, { min: 1, max: 60 }),
  { kind: "text", name: "style", fallback: null, none: "style.example" },
  { kind: "cast", name: "characters", fallback: [], parse: JSON.parse },
  { kind: "set", name: "fields", options: SCENE_FIELDS.filter((field) => !field.isGuides).map((field) => field.name), fallback: [], parse: names },
  { kind: "set", name: "targets", options: TARGET_NAMES, fallback: [], parse: names },
  { kind: "long", name: "instructions", fallback: null, none: "instructions.example" },
];

/** Everything else, behind one summary. */
export const GROUPS = [
  {
    name: "group.writing",
    fields: [
      flag("outline", "false"),
      flag("read_prompt"),
      flag("distinct"),
      { kind: "text", name: "quality_keywords", fallback: "high quality, cinematic, detailed, 4k, professional" },
      flag("sampling/do_sample"),
      number("sampling/temperature", null, { min: 0, max: 2, step: 0.1 }),
      number("sampling/top_p", null, { min: 0, max: 1, step: 0.05 }),
      number("sampling/seed", null, { min: 0, none: "drawn" }),
      number("sampling/max_new_tokens", null, { min: 1, max: 16384 }),
      number("candidates", 1, { min: 1, max: 4 }),
    ],
  },
  {
    name: "group.queue",
    fields: [
      choice("priority", ["low", "normal", "high"], "normal"),
      { kind: "text", name: "model", fallback: null },
      flag("allow_fallback"),
      flag("use_cache"),
      number("queue_timeout_s", 3600, { min: 1, step: "any" }),
      number("execution_timeout_s", 300, { min: 1, step: "any" }),
      number("result_ttl_s", 86400, { min: 1, step: "any" }),
      { kind: "time", name: "deadline", fallback: null, parse: (text) => new Date(text).toISOString() },
    ],
  },
  {
    name: "group.more",
    fields: [
      { kind: "text", name: "webhook/url", fallback: null, example: "https://…" },
      { kind: "text", name: "webhook/events", fallback: "done", parse: names },
      { kind: "json", name: "metadata", fallback: {}, example: '{"campaign": "autumn"}' },
    ],
  },
];

export const FIELDS = [MODE, ...BOARD, ...GROUPS.flatMap((group) => group.fields)];

/** Thrown for what the API could not even be asked. */
export class Unreadable extends Error {
  constructor(pointer) {
    super(pointer);
    this.pointer = pointer;
  }
}

/** The request's body of what a form's controls hold; raises `Unreadable`. */
export function bodyOf(prompt, controls) {
  const body = { prompt };
  for (const field of FIELDS) {
    const control = controls.get(field.name);
    if (control.input.validity.badInput) throw new Unreadable(`/${field.name}`);
    const text = control.text.trim();
    if (text === "" || (field.kind === "choice" && text === field.fallback)) continue;
    put(body, field.name.split("/"), value(field, text));
  }
  return body;
}

/** What a form shows of a request; the empty string where it says what is the default anyway. */
export function textOf(field, request) {
  const wanted = field.name.split("/").reduce((node, part) => node?.[part], request);
  const isJson = field.kind === "json" || field.kind === "cast";
  const shown = !isJson && Array.isArray(wanted) ? wanted.join(", ") : wanted;
  if (field.kind === "choice") return String(shown ?? field.fallback ?? "");
  if (shown === null || shown === undefined || shown === String(field.fallback)) return "";
  if (isJson) return Object.keys(shown).length ? JSON.stringify(shown, null, 2) : "";
  if (field.kind === "time") return localTime(new Date(shown));
  return String(shown);
}

function value(field, text) {
  if (field.kind === "number") return Number(text);
  if (field.kind === "json") {
    try {
      return JSON.parse(text);
    } catch {
      throw new Unreadable(`/${field.name}`);
    }
  }
  return field.parse ? field.parse(text) : text;
}

function put(node, parts, leaf) {
  for (const part of parts.slice(0, -1)) node = node[part] ??= {};
  node[parts.at(-1)] = leaf;
}

function localTime(date) {
  const shifted = new Date(date.getTime() - date.getTimezoneOffset() * 60000);
  return shifted.toISOString().slice(0, 16);
}
