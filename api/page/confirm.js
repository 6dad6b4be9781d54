// Asks before something that cannot be undone.

import { button, h } from "./dom.js";

export function confirmed(question) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { "aria-labelledby": "question", on: { close: () => end(dialog.returnValue === "yes") } });
    dialog.append(
      h("p", { id: "question", say: question }),
      h("div", { class: "actions" }, button("no", () => dialog.close("")), button("yes", () => dialog.close("yes"), { class: "danger" })),
    );
    const focused = document.activeElement;
    function end(yes) {
      dialog.remove();
      focused?.focus();
      resolve(yes);
    }
    document.body.append(dialog);
    dialog.showModal();
  });
}
