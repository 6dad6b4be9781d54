// The words of the page in the reader's language. An element remembers what it says, so that another language needs no
// new view: focus, drafts and open streams stay. Knows no view.

import { recall, remember } from "./memory.js";
import { FIELD_WORDS } from "./scene_fields.js";
import { WORDS as en } from "./words.en.js";
import { WORDS as zh } from "./words.zh.js";

const LANGUAGES = { zh: { ...FIELD_WORDS.zh, ...zh }, en: { ...FIELD_WORDS.en, ...en } };
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

/** An error code of the API in words, or the code itself. */
export function codeWords(code) {
  const key = `error.${code}`;
  return key in LANGUAGES[current] ? words(key) : code;
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
