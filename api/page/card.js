// One scene of a board: what it says, and, where the board may be changed, the buttons that change it. What a button
// does is its owner's. A card that is there stays: only what is another is drawn again.

import { button, h, setText } from "./dom.js";
import { editorOf, noteOf } from "./card_editor.js";
import { clock } from "./format.js";
import { say, sayAttribute } from "./i18n.js";
import { iconButton } from "./icons.js";
import { sceneLines } from "./scene_lines.js";
import { secondsOf, shotOf } from "./strip.js";

export class Card {
  #deeds;
  #drawn = "";
  #board = {};
  #scene = null;
  #number = h("h3", { class: "card-number", tabindex: -1 });
  #timecode = h("span", { class: "timecode" });
  #length = h("span", { class: "length" });
  #frame = h("div", { class: "card-frame", "aria-hidden": "true" });
  #body = h("div", { class: "card-body" });
  #form = h("div", { class: "card-form", hidden: true });
  #fault = h("p", { class: "fault", role: "alert", hidden: true });
  #tools = h("div", { class: "card-tools", hidden: true });
  #head = h("div", { class: "card-time" }, this.#number, this.#timecode, this.#length);

  /** `deeds`: `change(scene)`, `rewrite(note)`, `move(step)`, `insert()`, `remove()` and `copyPrompt()`, each for this card. */
  constructor(key, deeds) {
    this.#deeds = deeds;
    this.element = h("li", { class: "card", "data-key": key }, this.#head, this.#frame, this.#body, this.#form, this.#fault, this.#tools);
    this.element.addEventListener("keydown", (event) => this.#key(event));
  }

  /** `board`: `tag`, `aspect`, `cast` and the `fields` that its scenes have; null for a scene that is to be written. */
  draw(scene, number, startS, board) {
    this.#scene = scene;
    this.#board = board;
    const end = startS + secondsOf(scene);
    setText(this.#number, String(number));
    sayAttribute(this.#number, "aria-label", "scene_number", number);
    setText(this.#timecode, scene ? `${clock(startS)} – ${clock(end)}` : "");
    if (scene) say(this.#length, "seconds", scene.duration);
    this.#length.hidden = !scene;
    const drawn = JSON.stringify([scene, board]);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    this.element.className = `card ${shotOf(scene)}`;
    this.#body.replaceChildren(...(scene ? this.#lines(scene) : [h("p", { class: "hint", say: "hole" })]));
    this.#drawTools();
  }

  /** Whether it has buttons. */
  allow(allowed) {
    this.#tools.hidden = !allowed;
    this.#head.draggable = allowed;
    if (!allowed) this.close();
  }

  focus(name = null) {
    const wanted = name && this.#tools.querySelector(`[data-deed="${name}"]`);
    (wanted ?? this.#number).focus();
  }

  edit() {
    this.#open(editorOf(this.#scene, this.#board, { save: (scene) => this.#deeds.change(scene), cancel: () => this.close("edit") }));
  }

  close(focused = null) {
    this.#form.replaceChildren();
    this.#form.hidden = true;
    this.#body.hidden = false;
    this.#fault.hidden = true;
    if (focused) this.focus(focused);
  }

  /** Says what is wrong with it, at the field where there is one. */
  blame(field, text) {
    if (this.#form.hidden && field !== "note") this.edit();
    const input = this.#form.querySelector(`[data-field="${field}"]`);
    setText(this.#fault, text);
    this.#fault.hidden = false;
    input?.setAttribute("aria-invalid", "true");
    (input ?? this.#number).focus();
  }

  #lines(scene) {
    const prompts = [[null, scene.video_prompt], ...Object.entries(scene.prompts ?? {})].filter(([, text]) => text);
    return [...sceneLines(scene, this.#board), h("div", { class: "card-prompts" }, prompts.map(([target, text]) => promptDetails(target, text)))];
  }

  #drawTools() {
    const icons = (name, words, deed) => iconButton(name, words, deed, { "data-deed": name });
    this.#tools.replaceChildren(
      button(this.#scene ? "edit" : "write_it", () => this.edit(), { class: "small", "data-deed": "edit" }),
      ...(this.#scene ? [button("rewrite", () => this.#askForNote(), { class: "small", "data-deed": "rewrite" })] : []),
      h("span", { class: "gap" }),
      ...(this.#scene ? [icons("copy", "copy_prompt", () => this.#deeds.copyPrompt())] : []),
      icons("earlier", "earlier", () => this.#deeds.move(-1)),
      icons("later", "later", () => this.#deeds.move(1)),
      icons("insert", "insert", () => this.#deeds.insert()),
      icons("delete", "remove_scene", () => this.#deeds.remove()),
    );
  }

  #askForNote() {
    this.#open(noteOf({ send: (note) => this.#deeds.rewrite(note), cancel: () => this.close("rewrite") }), { instead: false });
  }

  #open(form, { instead = true } = {}) {
    this.#fault.hidden = true;
    this.#form.replaceChildren(form);
    this.#form.hidden = false;
    this.#body.hidden = instead;
    form.querySelector("textarea").focus();
  }

  #key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || !event.altKey || this.#tools.hidden || event.target.closest("form")) return;
    event.preventDefault();
    this.#deeds.move(step);
  }
}

function promptDetails(target, text) {
  return h("details", { class: "card-prompt" }, h("summary", target ? {} : { say: "video_prompt" }, target), h("p", { dir: "auto" }, text));
}
