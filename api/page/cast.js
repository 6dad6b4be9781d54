// The cast of a board as rows: who is who, and how they look.

import { button, h } from "./dom.js";
import { iconButton } from "./icons.js";

const MOST = 8;
const NAMES = ["id", "name", "look"];
const LIMITS = { id: 20, name: 40, look: 300 };

/** A control of a form; its text is the cast as JSON. */
export function castRows(id) {
  const rows = h("div", { class: "cast-rows" });
  const add = button("cast.add", () => addRow().querySelector("[data-part=name]").focus(), { class: "small" });
  const group = h("fieldset", { class: "cast-group", id, tabindex: -1 }, h("legend", { say: "field.characters" }), rows, add);
  function addRow(person = {}) {
    const inputs = NAMES.map((part) => {
      const input = h("input", { type: "text", "data-part": part, maxlength: LIMITS[part], label: `cast.${part}`, placeholderOf: `cast.${part}`, dir: part === "id" ? null : "auto" });
      input.value = person[part] ?? "";
      return input;
    });
    const row = h("div", { class: "cast-row" }, inputs);
    row.append(iconButton("delete", "cast.remove", () => drop(row)));
    rows.append(row);
    add.hidden = rows.children.length >= MOST;
    return row;
  }
  function drop(row) {
    row.remove();
    add.hidden = false;
    add.focus();
    group.dispatchEvent(new Event("input", { bubbles: true }));
  }
  return {
    element: [group],
    input: group,
    get text() {
      const people = [...rows.children].map(personOf).filter((person) => person.name || person.look || person.id);
      return people.length ? JSON.stringify(people.map((person, at) => ({ ...person, id: person.id || idOf(person.name, at) }))) : "";
    },
    set text(text) {
      rows.replaceChildren();
      for (const person of text ? JSON.parse(text) : []) addRow(person);
    },
  };
}

function personOf(row) {
  return Object.fromEntries([...row.querySelectorAll("input")].map((input) => [input.dataset.part, input.value.trim()]));
}

/** One that nobody gave: the name where it is in Latin letters, else the place. */
function idOf(name, at) {
  return name.toLowerCase().replace(/[^a-z0-9]+/g, "_").replace(/^_+|_+$/g, "").slice(0, 20) || `person_${at + 1}`;
}
