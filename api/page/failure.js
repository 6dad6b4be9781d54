// Why a job failed, what to do about it, and what the model had written until then.

import { button, h, setText } from "./dom.js";
import { codeWords, isKnown, language, say } from "./i18n.js";
import { tongueOf } from "./tongue.js";

/** `keep()`: makes a board of the scenes that were written. */
export class Failure {
  #title = h("strong", {});
  #detail = h("span", { lang: "en" });
  #advice = h("p", {});
  #text = h("pre", { tabindex: 0, role: "region", label: "raw_text" });
  #raw = h("details", { hidden: true }, h("summary", { say: "raw_text" }), this.#text);
  #keep;

  constructor(keep) {
    this.#keep = button("keep_scenes", keep, { hidden: true });
    this.element = h("div", { class: "fault general failure", hidden: true }, h("p", {}, this.#title, " ", this.#detail), this.#advice, this.#raw, this.#keep);
  }

  show(job) {
    const { code, detail } = job.error;
    this.element.hidden = false;
    setText(this.#title, codeWords(code));
    setText(this.#detail, detail);
    this.#detail.hidden = language() !== "en"; // its code says as much in the reader's own
    this.#advice.hidden = !isKnown(`advice.${code}`);
    if (!this.#advice.hidden) say(this.#advice, `advice.${code}`);
    const text = job.error.text ?? "";
    this.#raw.hidden = !text;
    setText(this.#text, text);
    this.#text.lang = tongueOf(text);
    this.#keep.hidden = job.scenes.length === 0;
  }
}
