// A storyboard as cards on a timeline: a card is as wide as its scene is long. Scenes are added as they come, and a card
// that is there is never drawn again. Also its printed sheet, by print.css.

import { h, setText, svg } from "./dom.js";
import { clock } from "./format.js";
import { onLanguage, say } from "./i18n.js";
import { SCENE_FIELDS } from "./scene_fields.js";

const FIGURES = { "wide shot": 0.42, "medium shot": 0.62, "close up": 1.05 }; // the figure's size in the frame

/** The key of a term's words. */
function termKey(field, term) {
  return `${field}.${term.replaceAll(" ", "_")}`;
}

/** What a scene shows in a card, field by field: its terms, its texts, its lists; all but the description are labelled.
 * People are called by their ids until `introduce` names them. */
export function sceneLines(scene) {
  const present = (kind) => SCENE_FIELDS.filter((field) => field.kind === kind && scene[field.name] !== undefined).map((field) => field.name);
  const lists = (kind) => present(kind).filter((name) => scene[name].length);
  return [
    ...present("term").map((name) => termLine(name, scene[name])),
    ...present("text").map((name) => textLine(name, scene[name])),
    ...lists("lines").map((name) => listLine(name, scene[name].map((one) => [person(one.character), ": ", one.line]))),
    ...lists("ids").map((name) => listLine(name, scene[name].map((id) => [person(id)]))),
  ];
}

/** Call people within an element by their names. */
export function introduce(element, cast) {
  const names = new Map(cast.map((one) => [one.id, one.name]));
  for (const called of element.querySelectorAll("[data-person]")) setText(called, names.get(called.dataset.person) ?? called.dataset.person);
}

function person(id) {
  return h("b", { "data-person": id }, id);
}

function listLine(name, entries) {
  const shown = entries.flatMap((entry, place) => (place ? [h("br", {}), ...entry] : entry));
  return h("p", { class: `card-${name}`, dir: "auto" }, h("span", { class: "tag", say: `scene.${name}` }), ...shown);
}

function termLine(name, term) {
  const sign = name === "camera" ? cameraIcon(term) : h("span", { class: "tag", say: `scene.${name}` });
  return h("p", { class: `card-${name}` }, sign, h("span", { say: termKey(name, term) }));
}

function textLine(name, text) {
  const label = name === "description" ? null : h("span", { class: "tag", say: `scene.${name}` });
  return h("p", { class: `card-${name}`, dir: "auto" }, label, h("span", { class: "text" }, text));
}

/** A frame with a figure in it, as far as the camera is. */
function cameraIcon(camera) {
  const size = FIGURES[camera] ?? 0.6;
  return svg(
    "svg",
    { viewBox: "0 0 32 18", class: "camera-icon", "aria-hidden": "true" },
    svg("rect", { x: 0.75, y: 0.75, width: 30.5, height: 16.5, rx: 2, class: "frame" }),
    svg("circle", { cx: 16, cy: 9 - 3 * size, r: 3.4 * size }),
    svg("path", { d: `M${16 - 6 * size} 17 a${6 * size} ${7.5 * size} 0 0 1 ${12 * size} 0 z` }),
  );
}

export class StoryboardView {
  #cards = h("ol", { class: "cards" });
  #total = h("span", { class: "total" });
  #count = h("span", {});
  #cast = h("ul", { class: "cast", hidden: true });
  #scenes = [];
  #stop;

  constructor() {
    this.element = h(
      "section",
      { class: "storyboard", label: "storyboard" },
      h("div", { class: "storyboard-head" }, h("h2", { say: "storyboard" }), this.#count, this.#total),
      this.#cast,
      h("div", { class: "track", tabindex: 0, role: "region", label: "timeline" }, this.#cards),
    );
    this.#stop = onLanguage(() => this.#summarize());
    this.#summarize();
  }

  get count() {
    return this.#scenes.length;
  }

  /** Shows these scenes; those that are there stay. Returns the ones that are new. */
  show(scenes) {
    const fresh = scenes.filter((scene) => !this.#scenes.some((known) => known.scene_number === scene.scene_number));
    for (const scene of fresh) {
      const start = this.#scenes.reduce((sum, known) => sum + known.duration, 0);
      this.#scenes.push(scene);
      this.#cards.append(card(scene, start));
    }
    if (fresh.length) this.#summarize();
    return fresh;
  }

  /** Shows the cast, and calls people by their names. */
  introduce(cast) {
    this.#cast.hidden = cast.length === 0;
    this.#cast.replaceChildren(...cast.map((one) => h("li", { dir: "auto" }, h("b", {}, one.name), ": ", one.look)));
    introduce(this.#cards, cast);
  }

  /** Says in which language the texts are: a tag, or nothing. */
  speak(tag) {
    for (const text of this.#cards.querySelectorAll(".text")) text.lang = tag;
  }

  close() {
    this.#stop();
  }

  #summarize() {
    const seconds = this.#scenes.reduce((sum, scene) => sum + scene.duration, 0);
    this.element.hidden = this.#scenes.length === 0;
    say(this.#count, "scenes", this.#scenes.length);
    setText(this.#total, clock(seconds));
  }
}

function promptDetails(summary, target, text) {
  return h("details", { class: "card-prompt" }, h("summary", summary, target), h("p", { dir: "auto" }, text));
}

function card(scene, start) {
  const element = h(
    "li",
    { class: `card ${scene.camera.replace(" ", "-")}` },
    h(
      "div",
      { class: "card-time" },
      h("span", { class: "card-number" }, String(scene.scene_number)),
      h("span", { class: "timecode" }, `${clock(start)} – ${clock(start + scene.duration)}`),
      h("span", { class: "length", say: ["seconds", scene.duration] }),
    ),
    h("div", { class: "card-frame", "aria-hidden": "true" }),
    ...sceneLines(scene),
    promptDetails({ say: "video_prompt" }, null, scene.video_prompt),
    ...Object.entries(scene.prompts ?? {}).map(([target, text]) => promptDetails({}, target, text)),
  );
  element.style.setProperty("--seconds", scene.duration);
  return element;
}
