// The words of the page in the reader's language. An element remembers what it says, so that another language needs no
// new view: focus, drafts and open streams stay. Knows no view.

import { recall, remember } from "./memory.js";
import { PROBLEM_WORDS } from "./problem_words.js";
import { FIELD_WORDS } from "./scene_fields.js";
import { noteWords, SERVICE_WORDS } from "./service_words.zh.js";
import { WORDS as en } from "./words.en.js";
import { WORDS as zh } from "./words.zh.js";

const LANGUAGES = { zh: { ...FIELD_WORDS.zh, ...PROBLEM_WORDS.zh, ...SERVICE_WORDS, ...zh }, en: { ...FIELD_WORDS.en, ...PROBLEM_WORDS.en, ...en } };
const TEXT = ""; // instead of an attribute's name
const bindings = new WeakMap(); // element -> Map of attribute -> [key, argument]
const listeners = new Set();

let current = recall("language") ?? (navigator.languages.find((tag) => /^(zh|en)\b/i.test(tag)) ?? "en").slice(0, 2).toLowerCase();
if (!(current in LANGUAGES)) current = "en";

export function language() {
  return current;
}

/** The words behind a key; some take one argument. */
export function words(key, argument) {
  const found = LANGUAGES[current][key];
  if (found === undefined) throw new Error(`no words for ${key}`);
  return typeof found === "function" ? found(argument) : found;
}

export function isKnown(key) {
  return key in LANGUAGES[current];
}

/** An error code of the API in words, or the code itself. */
export function codeWords(code) {
  return isKnown(`error.${code}`) ? words(`error.${code}`) : code;
}

/** What is wrong with a field, by its code and values; in the API's own words where the page has none. */
export function faultWords({ code, detail, values }) {
  const key = [`fault.${code}`, `repair.${code}`].find(isKnown);
  return key ? words(key, values ?? {}) : detail;
}

/** A problem of the API: its own sentence in English, else its title and what to do. */
export function problemText({ code, message }) {
  if (current === "en" || !isKnown(`problem.${code}`)) return message;
  return `${words(`problem.${code}`)}。${words(`advice.${code}`)}`;
}

/** What was read in the prompt: `{text, tag}`. */
export function notesOf({ notes }) {
  return notes.map((note) => (current === "en" ? { text: note, tag: "en" } : { text: noteWords(note) }));
}

/** What was mended, a line each: `{text, tag}`, by code and values, or in the API's own words. */
export function repairWords({ repairs, repair_codes: codes }) {
  return repairs.map((text, at) => {
    const { code, scene, values } = codes?.[at] ?? {};
    if (!code || !isKnown(`repair.${code}`)) return { text, tag: "en" };
    const line = words(`repair.${code}`, values ?? {});
    return { text: scene ? words("of_scene", [scene, line]) : line };
  });
}

export function say(element, key, argument) {
  keep(element, TEXT, key, argument);
  const text = words(key, argument);
  if (element.textContent !== text) element.textContent = text;
}

export function sayAttribute(element, attribute, key, argument) {
  keep(element, attribute, key, argument);
  const text = words(key, argument);
  if (element.getAttribute(attribute) !== text) element.setAttribute(attribute, text);
}

export function speak(tag) {
  current = tag;
  remember("language", tag);
  apply();
  for (const listener of listeners) listener();
}

/** For what is not one key: numbers, times. Returns the way to stop. */
export function onLanguage(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Says everything that the document holds, the static part of index.html included. */
export function apply() {
  document.documentElement.lang = current === "zh" ? "zh-CN" : "en";
  for (const element of document.querySelectorAll("[data-say]")) say(element, element.dataset.say, argumentOf(element, TEXT));
  for (const element of document.querySelectorAll("[data-label]")) sayAttribute(element, "aria-label", element.dataset.label);
  for (const element of document.querySelectorAll("[data-bound]")) {
    for (const [attribute, [key, argument]] of bindings.get(element) ?? []) {
      if (attribute === TEXT) say(element, key, argument);
      else sayAttribute(element, attribute, key, argument);
    }
  }
}

function keep(element, attribute, key, argument) {
  if (!bindings.has(element)) {
    bindings.set(element, new Map());
    element.dataset.bound = "";
  }
  bindings.get(element).set(attribute, [key, argument]);
}

function argumentOf(element, attribute) {
  return bindings.get(element)?.get(attribute)?.[1];
}
