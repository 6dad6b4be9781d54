// Writes a prompt, chooses what the board is, sends it. What is typed is kept in this tab until it is accepted; what the
// API refuses is said at the field that it points to.

import { announce } from "./announce.js";
import { Problem } from "./api.js";
import { controlOf } from "./controls.js";
import { button, h, setText } from "./dom.js";
import { estimate } from "./estimate.js";
import { BOARD, bodyOf, FIELDS, GROUPS, MODE, textOf, Unreadable } from "./fields.js";
import { faultWords, onLanguage, problemText, words } from "./i18n.js";
import { recall, remember } from "./memory.js";
import { send } from "./outbox.js";
import { show } from "./route.js";
import { sampleBoard } from "./sample.js";
import { settings } from "./service.js";
import { tongueOf } from "./tongue.js";

const MOST_CHARACTERS = { write: 4000, break_down: 20000 };
const EXAMPLES = [1, 2, 3, 4];
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
  #controls = new Map(); // name -> control
  #faults = new Map(); // pointer -> its place on the page
  #prompt = h("textarea", { id: "prompt", rows: 4, required: true, dir: "auto", placeholderOf: "prompt.example", "aria-describedby": "prompt-count" });
  #count = h("span", { class: "hint", id: "prompt-count" });
  #submit = h("button", { type: "submit", class: "primary", say: "submit" });
  #stop = button("stop_sending", () => this.#sending?.abort(), { hidden: true });
  #waiting = h("p", { class: "waiting", hidden: true, say: "waiting_to_send" });
  #general = h("p", { class: "fault general", role: "alert", hidden: true });
  #examples = h("div", { class: "examples", role: "group", label: "examples" }, EXAMPLES.map((number) => button(`example.${number}`, () => this.#take(number), { class: "small" })), h("a", { href: "#/sample", say: "sample.see" }));
  #details = h("details", { class: "options" }, h("summary", { say: "options" }), h("div", { class: "groups" }, GROUPS.map((group) => this.#group(group))));
  #estimate = estimate();
  #sample = sampleBoard("h2");
  #form;
  #sending = null;
  #unlisten;

  constructor() {
    this.#form = h(
      "form",
      { class: "compose", novalidate: true, label: "title.compose", on: { submit: (event) => this.#send(event), input: () => this.#typed() } },
      h("h1", { tabindex: -1, say: "title.compose" }),
      h("label", { for: "prompt", class: "unseen", say: "prompt" }),
      this.#prompt,
      this.#fault("/prompt", this.#prompt),
      h("div", { class: "compose-foot" }, this.#examples, this.#count),
      h("fieldset", { class: "board-group" }, h("legend", { say: "group.board" }), [MODE, ...BOARD].map((field) => this.#field(field))),
      this.#details,
      this.#general,
      this.#waiting,
      h("div", { class: "send-bar" }, this.#submit, this.#stop, this.#estimate.element, h("span", { class: "hint keys", say: "submit.hint" })),
    );
    this.element = h("div", {}, this.#form, this.#sample.element);
    this.#prompt.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.#form.requestSubmit();
    });
    this.#restore();
    this.#unlisten = onLanguage(() => this.#countCharacters());
    settings().then(({ sampling }) => this.#showDefaults(sampling));
  }

  get title() {
    return words("title.compose");
  }

  close() {
    this.#unlisten();
    this.#estimate.close();
    this.#sample.close();
    this.#sending?.abort();
  }

  #group(group) {
    return h("fieldset", {}, h("legend", { say: group.name }), group.fields.map((field) => this.#field(field)));
  }

  #field(field) {
    const control = controlOf(field, `field-${field.name.replace("/", "-")}`);
    this.#controls.set(field.name, control);
    return h("div", { class: `field ${field.kind} ${field.name}` }, control.element, this.#fault(`/${field.name}`, control.input));
  }

  #fault(pointer, input) {
    const id = `fault${pointer.replaceAll("/", "-")}`;
    const place = h("p", { class: "fault", id, hidden: true });
    this.#faults.set(pointer, { place, input });
    return place;
  }

  /** How this service samples where the request says nothing. */
  #showDefaults(sampling) {
    for (const [name, value] of Object.entries(sampling)) {
      const { input } = this.#controls.get(`sampling/${name}`);
      if (input.tagName === "INPUT") input.placeholder = value;
    }
  }

  #take(number) {
    this.#prompt.value = words(`example.${number}.prompt`);
    this.#typed();
    this.#prompt.focus();
  }

  #restore() {
    const kept = recall(DRAFT, "sessionStorage");
    this.#prompt.value = kept?.prompt ?? "";
    for (const field of FIELDS) {
      const text = kept?.options?.[field.name] ?? "";
      if (text !== "") this.#controls.get(field.name).text = text;
      if (text !== "" && text !== field.fallback && this.#details.contains(this.#controls.get(field.name).input)) this.#details.open = true;
    }
    this.#countCharacters();
  }

  #typed() {
    const options = Object.fromEntries([...this.#controls].map(([name, control]) => [name, control.text]));
    remember(DRAFT, { prompt: this.#prompt.value, options }, "sessionStorage");
    this.#countCharacters();
  }

  #countCharacters() {
    const characters = [...this.#prompt.value].length;
    const most = MOST_CHARACTERS[this.#controls.get(MODE.name).text];
    setText(this.#count, words("characters", [characters, most]));
    this.#count.classList.toggle("over", characters > most);
    this.#prompt.lang = tongueOf(this.#prompt.value);
    this.#examples.hidden = characters > 0;
  }

  async #send(event) {
    event.preventDefault();
    if (this.#sending) return;
    this.#clear();
    this.#sending = new AbortController();
    this.#busy(true);
    try {
      const body = bodyOf(this.#prompt.value, this.#controls);
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
    if (error.faults.length === 0) this.#showGeneral(problemText(error));
  }

  /** Says each fault at its field, or at the nearest one above it. */
  #point(faults) {
    let first = null;
    for (const fault of faults) {
      const found = this.#placeOf(fault.pointer);
      if (!found) {
        this.#showGeneral(`${fault.pointer} ${faultWords(fault)}`);
        continue;
      }
      setText(found.place, fault.detail === null ? words("unreadable") : faultWords(fault));
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
