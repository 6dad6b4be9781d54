// A storyboard: a thin line of its time, and its scenes as cards in a grid. Scenes are added as they come; cards that
// are not there yet are drawn as places. Also its printed sheet, by print.css.

import { Card } from "./card.js";
import { h, setText } from "./dom.js";
import { clock } from "./format.js";
import { onLanguage, say } from "./i18n.js";
import { SCENE_FIELDS } from "./scene_fields.js";
import { introduce } from "./scene_lines.js";
import { secondsOf, strip } from "./strip.js";
import { grownOf } from "./grown.js";
import { tongueOf } from "./tongue.js";

const MOST_PLACES = 12;

export class StoryboardView {
  #deeds;
  #cards = new Map(); // key -> Card
  #list = h("ol", { class: "cards" });
  #strip = h("div", {});
  #total = h("span", { class: "total" });
  #count = h("span", {});
  #cast = h("ul", { class: "cast", hidden: true });
  #live = h("p", { class: "live", "aria-hidden": "true" });
  #places = [];
  #entries = [];
  #stop;

  /** `deeds`: what its cards' buttons do, each with the card's key first. */
  constructor(deeds) {
    this.#deeds = deeds;
    this.element = h(
      "section",
      { class: "storyboard", label: "storyboard" },
      h("div", { class: "storyboard-head" }, h("h2", { say: "storyboard" }), this.#count, this.#total),
      this.#strip,
      this.#cast,
      this.#list,
    );
    this.#stop = onLanguage(() => this.#summarize());
    this.#summarize();
  }

  get list() {
    return this.#list;
  }

  card(key) {
    return this.#cards.get(key);
  }

  /** `entries`: `{key, scene}` in their order; `board`: what is known of the whole; `seconds`: how long a scene may be. */
  show(entries, board = {}, seconds = [1, 60]) {
    const facts = {
      tag: board.language,
      aspect: board.aspect_ratio,
      seconds,
      fields: SCENE_FIELDS.filter((field) => field.kind !== "number" && (field.isGuides || entries.some(({ scene }) => scene?.[field.name] !== undefined))).map((field) => field.name),
    };
    let start = 0;
    entries.forEach(({ key, scene }, at) => {
      if (!this.#cards.has(key)) this.#cards.set(key, this.#newCard(key));
      const card = this.#cards.get(key);
      card.draw(scene, at + 1, start, facts);
      if (this.#list.children[at] !== card.element) this.#list.insertBefore(card.element, this.#list.children[at] ?? null);
      start += scene ? scene.duration : 0;
    });
    const wanted = new Set(entries.map(({ key }) => key));
    for (const [key, card] of this.#cards) {
      if (wanted.has(key)) continue;
      card.element.remove();
      this.#cards.delete(key);
    }
    this.#entries = entries;
    const [wide, high] = (board.aspect_ratio ?? "16:9").split(":");
    this.element.style.setProperty("--ratio", wide / high);
    this.#introduce(board.characters ?? []);
    this.#summarize();
  }

  /** Draws places for so many scenes that are still to come; the first holds the text that is being written. */
  expect(count, text) {
    const places = Math.min(count, MOST_PLACES);
    while (this.#places.length > places) this.#places.pop().remove();
    while (this.#places.length < places) this.#places.push(h("li", { class: "place", "aria-hidden": "true" }));
    this.#list.append(...this.#places);
    const grown = grownOf(text ?? "");
    setText(this.#live, grown);
    this.#live.lang = tongueOf(grown);
    this.#places[0]?.append(this.#live);
    this.#summarize();
  }

  allow(allowed) {
    for (const card of this.#cards.values()) card.allow(allowed);
  }

  close() {
    this.#stop();
  }

  #newCard(key) {
    const own = Object.entries(this.#deeds).map(([name, deed]) => [name, (...args) => deed(key, ...args)]);
    return new Card(key, Object.fromEntries(own));
  }

  #introduce(cast) {
    this.#cast.hidden = cast.length === 0;
    this.#cast.replaceChildren(...cast.map((one) => h("li", { dir: "auto", lang: tongueOf(one.look) }, h("b", {}, one.name), ": ", one.look)));
    introduce(this.#list, cast);
  }

  #summarize() {
    const scenes = this.#entries.map(({ scene }) => scene);
    const seconds = scenes.reduce((sum, scene) => sum + (scene ? secondsOf(scene) : 0), 0);
    this.element.hidden = scenes.length === 0 && this.#places.length === 0;
    say(this.#count, "scenes", scenes.length);
    setText(this.#total, clock(seconds));
    const line = strip(scenes, null, (at) => this.#list.children[at].scrollIntoView({ block: "center" }));
    line.hidden = scenes.length === 0;
    this.#strip.replaceWith(line);
    this.#strip = line;
  }
}
