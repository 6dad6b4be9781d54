// A sample board: what comes out, before anything was written here. Nothing on it can be changed.

import { h, setText } from "./dom.js";
import { keyOf } from "./edited_board.js";
import { language, onLanguage, say } from "./i18n.js";
import { SAMPLES } from "./samples.js";
import { StoryboardView } from "./storyboard.js";

/** `{element, close}`: the sample in the reader's language, its title a heading of this kind. */
export function sampleBoard(tag) {
  const title = h(tag);
  const link = h("a", { href: "#/sample" });
  const by = h("p", { class: "hint" });
  const view = new StoryboardView({});
  if (tag === "h1") title.tabIndex = -1;
  else title.append(link);
  const place = tag === "h1" ? title : link;
  const draw = () => {
    const { model, board } = SAMPLES[language()];
    setText(place, board.title);
    place.lang = language() === "zh" ? "zh-CN" : "en";
    say(by, "sample.by", model);
    view.show(board.scenes.map((scene) => ({ key: keyOf(scene), scene })), board);
  };
  draw();
  const stop = onLanguage(draw);
  return {
    element: h("section", { class: "sample", label: "sample" }, h("p", { class: "sample-mark", say: "sample" }), title, by, view.element),
    close() {
      stop();
      view.close();
    },
  };
}
