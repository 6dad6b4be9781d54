// Writes a prompt, chooses options, sends it. What is typed is kept in this tab until it is accepted; what the API
// refuses is said at the field that it points to.

import { announce } from "./announce.js";
import { Problem } from "./api.js";
import { button, h, setText } from "./dom.js";
import { bodyOf, FIELDS, GROUPS, MODE, textOf, Unreadable } from "./fields.js";
import { onLanguage, words } from "./i18n.js";
import { recall, remember } from "./memory.js";
import { send } from "./outbox.js";
import { show } from "./route.js";

const MOST_CHARACTERS = { write: 4000, break_down: 20000 };
const DRAFT = "draft";

/** The next form starts with this request. */
export function draft(request) {
  const options = Object.fromEntries(FIELDS.map((field) => [field.name, textOf(field, request)]));
  remember(DRAFT, { prompt: request.prompt, options }, "sessionStorage");
}

export function composeView() {
  return new Compose();
}

class Compose {
  title = ["title.compose"];
  #inputs = new Map(); // name -> input
  #faults = new Map(); // pointer -> its place on the page
  #prompt = h("textarea", { id: "prompt", rows: 5, required: true, dir: "auto", placeholderOf: "prompt.example", "aria-describedby": "prompt-count" });
  #count = h("span", { class: "hint", id: "prompt-count" });
  #submit = h("button", { type: "submit", class: "primary", say: "submit" });
  #stop = button("stop_sending", () => this.#sending?.abort(), { hidden: true });
  #waiting = h("p", { class: "waiting", hidden: true, say: "waiting_to_send" });
  #general = h("p", { class: "fault general", role: "alert", hidden: true });
  #details = h("details", { class: "options" }, h("summary", { say: "options" }), h("div", { class: "groups" }, GROUPS.map((group) => this.#group(group))));
  #sending = null;
  #unlisten;

  constructor() {
    this.element = h(
      "form",
      { class: "compose", novalidate: true, label: "title.compose", on: { submit: (event) => this.#send(event), input: () => this.#typed() } },
      h("h1", { tabindex: -1, say: "title.compose" }),
      h("label", { for: "prompt", say: "prompt" }),
      this.#prompt,
      this.#fault("/prompt", this.#prompt),
      h("div", { class: "compose-foot" }, h("span", { class: "hint", say: "submit.hint" }), this.#count),
      this.#field(MODE),
      this.#details,
      this.#general,
      this.#waiting,
      h("div", { class: "actions" }, this.#submit, this.#stop),
    );
    this.#prompt.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.element.requestSubmit();
    });
    this.#restore();
    this.#unlisten = onLanguage(() => this.#countCharacters());
  }

  close() {
    this.#unlisten();
    this.#sending?.abort();
  }

  #group(group) {
    return h("fieldset", {}, h("legend", { say: group.name }), group.fields.map((field) => this.#field(field)));
  }

  #field(field) {
    const id = `field-${field.name.replace("/", "-")}`;
    const input = this.#input(field, id);
    this.#inputs.set(field.name, input);
    return h("div", { class: `field ${field.kind}` }, h("label", { for: id, say: `field.${field.name}` }), input, suggestions(field, id), this.#fault(`/${field.name}`, input));
  }

  #input(field, id) {
    if (field.kind === "choice") {
      const options = field.options.map((option) => h("option", { value: option, say: `choice.${option}`, selected: option === field.fallback }));
      return h("select", { id }, options);
    }
    if (field.kind === "json") return h("textarea", { id, rows: 2, spellcheck: "false", placeholder: field.example });
    const type = { number: "number", time: "datetime-local", text: "text" }[field.kind];
    const empty = field.fallback === null ? { placeholderOf: "by_default" } : { placeholder: field.fallback };
    return h("input", { id, type, min: field.min, max: field.max, step: field.step, list: field.suggestions && `${id}-list`, ...empty });
  }

  #fault(pointer, input) {
    const id = `fault${pointer.replaceAll("/", "-")}`;
    const place = h("p", { class: "fault", id, hidden: true });
    this.#faults.set(pointer, { place, input });
    return place;
  }

  #restore() {
    const kept = recall(DRAFT, "sessionStorage");
    this.#prompt.value = kept?.prompt ?? "";
    for (const field of FIELDS) {
      const text = kept?.options?.[field.name] ?? "";
      if (text !== "") this.#inputs.get(field.name).value = text;
      if (text !== "" && text !== field.fallback && field !== MODE) this.#details.open = true;
    }
    this.#countCharacters();
  }

  #typed() {
    const options = Object.fromEntries([...this.#inputs].map(([name, input]) => [name, input.value]));
    remember(DRAFT, { prompt: this.#prompt.value, options }, "sessionStorage");
    this.#countCharacters();
  }

  #countCharacters() {
    const characters = [...this.#prompt.value].length;
    const most = MOST_CHARACTERS[this.#inputs.get(MODE.name).value];
    setText(this.#count, words("characters", [characters, most]));
    this.#count.classList.toggle("over", characters > most);
  }

  async #send(event) {
    event.preventDefault();
    if (this.#sending) return;
    this.#clear();
    this.#sending = new AbortController();
    this.#busy(true);
    try {
      const body = bodyOf(this.#prompt.value, this.#inputs);
      const job = await send("/jobs", body, { abort: this.#sending.signal, onWait: () => (this.#waiting.hidden = false) });
      const options = recall(DRAFT, "sessionStorage")?.options ?? {};
      remember(DRAFT, { prompt: "", options }, "sessionStorage");
      announce("accepted");
      show(`/jobs/${job.id}`);
    } catch (error) {
      this.#refused(error);
    } finally {
      this.#sending = null;
      this.#busy(false);
    }
  }

  #busy(busy) {
    this.#submit.setAttribute("aria-disabled", String(busy));
    this.#stop.hidden = !busy;
    if (!busy) this.#waiting.hidden = true;
  }

  #refused(error) {
    if (error.name === "AbortError") return;
    if (error instanceof Unreadable) return this.#point([{ pointer: error.pointer, detail: null }]);
    if (!(error instanceof Problem)) throw error;
    if (error.status === 401) return;
    this.#point(error.faults);
    if (error.faults.length === 0) this.#showGeneral(error.message);
  }

  /** Says each fault at its field, or at the nearest one above it. */
  #point(faults) {
    let first = null;
    for (const fault of faults) {
      const found = this.#placeOf(fault.pointer);
      if (!found) {
        this.#showGeneral(`${fault.pointer} ${fault.detail}`);
        continue;
      }
      setText(found.place, fault.detail ?? words("unreadable"));
      if (fault.detail) found.place.lang = "en";
      else found.place.removeAttribute("lang");
      found.place.hidden = false;
      found.input.setAttribute("aria-invalid", "true");
      const count = found.input === this.#prompt ? "prompt-count " : "";
      found.input.setAttribute("aria-describedby", count + found.place.id);
      if (found.input.closest("details")) this.#details.open = true;
      first ??= found.input;
    }
    first?.focus();
  }

  #placeOf(pointer) {
    for (let path = pointer; path; path = path.slice(0, path.lastIndexOf("/"))) {
      if (this.#faults.has(path)) return this.#faults.get(path);
    }
    return [...this.#faults].find(([known]) => pointer && known.startsWith(`${pointer}/`))?.[1]; // /webhook -> its URL
  }

  #showGeneral(text) {
    setText(this.#general, text);
    this.#general.hidden = false;
  }

  #clear() {
    this.#general.hidden = true;
    for (const { place, input } of this.#faults.values()) {
      place.hidden = true;
      input.removeAttribute("aria-invalid");
      if (input === this.#prompt) input.setAttribute("aria-describedby", "prompt-count");
      else input.removeAttribute("aria-describedby");
    }
  }
}

function suggestions(field, id) {
  return field.suggestions ? h("datalist", { id: `${id}-list` }, field.suggestions.map((value) => h("option", { value }))) : null;
}
