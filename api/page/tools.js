// The switches at the top: language, light or dark, the API key.

import { button, h, setAttribute } from "./dom.js";
import { language, onLanguage, say, speak } from "./i18n.js";
import { isKept, key, keyWanted, useKey } from "./key.js";
import { recall, remember } from "./memory.js";

const THEMES = ["system", "light", "dark"];

export function tools(element, panel, authenticated) {
  element.append(themeSwitch(), languageSwitch());
  if (authenticated) element.append(keySwitch(panel));
}

/** As early as possible, so that nothing flashes. */
export function applyTheme() {
  setAttribute(document.documentElement, "data-theme", recall("theme") ?? "system");
}

function languageSwitch() {
  const own = button("other_language", () => speak(language() === "zh" ? "en" : "zh"), { class: "quiet" });
  const mark = () => setAttribute(own, "lang", language() === "zh" ? "en" : "zh-CN"); // its text is in the other one
  onLanguage(mark);
  mark();
  return own;
}

function themeSwitch() {
  const select = h("select", { class: "quiet", label: "theme" }, THEMES.map((theme) => h("option", { value: theme, say: `theme.${theme}` })));
  select.value = recall("theme") ?? "system";
  select.addEventListener("change", () => {
    remember("theme", select.value === "system" ? null : select.value);
    applyTheme();
  });
  return select;
}

function keySwitch(panel) {
  const input = h("input", { id: "key", type: "password", autocomplete: "off", spellcheck: "false", "aria-describedby": "key-fault" });
  const keep = h("input", { id: "keep-key", type: "checkbox" });
  const fault = h("p", { class: "fault", id: "key-fault", role: "alert" });
  const opener = button("key", () => toggle(panel.hidden), { class: "quiet", "aria-expanded": "false", "aria-controls": panel.id });

  function toggle(open) {
    panel.hidden = !open;
    setAttribute(opener, "aria-expanded", open);
    if (!open) return;
    input.value = key.value;
    keep.checked = isKept();
    input.focus();
  }

  panel.append(
    h("label", { for: "key", say: "key.label" }),
    input,
    h("label", { class: "check" }, keep, h("span", { say: "key.keep" })),
    h("button", { type: "submit", class: "primary", say: "key.use" }),
    button("key.forget", () => {
      useKey("", false);
      toggle(false);
      opener.focus();
    }),
    fault,
  );
  panel.addEventListener("submit", (event) => {
    event.preventDefault();
    fault.textContent = "";
    toggle(false);
    opener.focus();
    useKey(input.value.trim(), keep.checked);
  });
  panel.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    toggle(false);
    opener.focus();
  });
  const want = () => {
    if (!panel.hidden) return;
    toggle(true);
    say(fault, key.value ? "key.wrong" : "key.wanted");
  };
  keyWanted.watch((wanted) => wanted && want());
  if (keyWanted.value || !key.value) want();
  return opener;
}
