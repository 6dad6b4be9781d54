// The filter by status: a chip for each status that some job is in, with how many.

import { h, setAttribute, setText } from "./dom.js";
import { STATUSES } from "./statuses.js";

const ANY = "";
const COUNTED = 10000; // of so many the service says the states

export class StatusChips {
  #chips = new Map(); // status -> its button and its number
  #counts = {};
  #status = ANY;

  /** `onChange(status)`; the empty status is any. */
  constructor(onChange) {
    this.element = h("div", { class: "status-chips", role: "group", label: "filter" });
    for (const status of [ANY, ...STATUSES]) {
      const number = h("span", { class: "number" });
      const name = h("span", { say: `status.${status || "any"}` });
      const chip = h("button", { type: "button", class: "status-chip", "data-status": status, on: { click: () => this.#choose(status, onChange) } }, h("span", { class: "status" }, name), number);
      this.#chips.set(status, { chip, number });
      this.element.append(chip);
    }
    this.#draw();
  }

  get status() {
    return this.#status;
  }

  /** How many jobs are in each state; none is left out. */
  show(counts) {
    this.#counts = counts;
    this.#draw();
  }

  #choose(status, onChange) {
    if (status === this.#status) return;
    this.#status = status;
    this.#draw();
    onChange(status);
  }

  #draw() {
    const all = Object.values(this.#counts).reduce((sum, count) => sum + count, 0);
    for (const [status, { chip, number }] of this.#chips) {
      const count = status === ANY ? all : (this.#counts[status] ?? 0);
      setText(number, count ? `${count}${status === ANY && count >= COUNTED ? "+" : ""}` : "");
      setAttribute(chip, "aria-pressed", status === this.#status);
      chip.hidden = status !== ANY && status !== this.#status && count === 0;
    }
  }
}
