// The sample on a page of its own, with the prompt that it was written from.

import { draft } from "./compose.js";
import { button, h } from "./dom.js";
import { words } from "./i18n.js";
import { show } from "./route.js";
import { sampleBoard } from "./sample.js";
import { SAMPLE_EXAMPLE } from "./samples.js";

const PROMPT = `example.${SAMPLE_EXAMPLE}.prompt`;

export function sampleView() {
  const { element, close } = sampleBoard("h1");
  const use = button("sample.use", () => {
    draft({ prompt: words(PROMPT) });
    show("/");
  });
  element.querySelector(".hint").after(h("p", { class: "sample-prompt", dir: "auto", say: PROMPT }), h("div", { class: "actions" }, use));
  return {
    element,
    close,
    get title() {
      return words("sample");
    },
  };
}
