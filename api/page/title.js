// A board's title as the page's heading, and the way to change it.

import { h, setText } from "./dom.js";
import { iconButton } from "./icons.js";

const MOST_CHARACTERS = 100;

/** `{element, show(text, tag, mayChange)}`; `onChange(title)`. */
export function titleOf(onChange) {
  const heading = h("h1", { tabindex: -1, dir: "auto" }, "…");
  const input = h("input", { type: "text", maxlength: MOST_CHARACTERS, dir: "auto", label: "title_of_board", hidden: true });
  const change = iconButton("edit", "rename", () => turn(true), { hidden: true });
  const element = h("div", { class: "title" }, heading, input, change);
  function turn(open) {
    input.value = heading.textContent;
    input.hidden = !open;
    heading.hidden = open;
    change.hidden = open;
    (open ? input : change).focus();
  }
  function take() {
    const title = input.value.trim();
    turn(false);
    if (title) onChange(title);
  }
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") take();
    if (event.key === "Escape") turn(false);
  });
  input.addEventListener("blur", () => input.hidden || take());
  return {
    element,
    show(text, tag, mayChange = false) {
      setText(heading, text);
      heading.lang = tag;
      change.hidden = !mayChange || !input.hidden;
    },
  };
}
