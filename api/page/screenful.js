// Of the rows of a list only those on the screen, and some beyond, exist as elements: ten thousand cost as much as
// twenty. Has the scrolling, the row that Tab reaches, and the keys that move it. Knows where rows stand, not what they
// show.

import { h, setAttribute } from "./dom.js";
import { rowAt } from "./groups.js";

const BEYOND = 6; // rows kept above and below the screen

export class Screenful {
  #layout;
  #make;
  #write;
  #redraw;
  #canReach;
  #rows = new Map(); // key -> its row
  #active = 0; // the row that Tab reaches
  #list = h("ol", { class: "rows", role: "list" });

  /**
   * `layout()`: the `{rows, tops}` of now, as of groups.js. `make(item)` gives the row of one, `{element, link, top: -1}`
   * and what else of it can have the focus; `write(row, item)` what it shows; `canReach(item)` is false where it has no
   * `link`, and another row follows. `soon()` and `redraw()` draw the whole view, with the next frame and at once.
   */
  constructor({ layout, make, write, canReach, soon, redraw }) {
    this.#layout = layout;
    this.#make = make;
    this.#write = write;
    this.#canReach = canReach;
    this.#redraw = redraw;
    this.element = h("div", { class: "scroller" }, this.#list);
    this.element.addEventListener("scroll", soon, { passive: true });
    this.#list.addEventListener("keydown", (event) => this.#key(event));
    this.#list.addEventListener("focusin", (event) => this.#focused(event.target, soon));
    new ResizeObserver(soon).observe(this.element);
  }

  /** The rows on the screen. */
  get shown() {
    const [first, last] = this.#screen();
    return this.#layout().rows.slice(first, last + 1);
  }

  toTop() {
    this.element.scrollTop = 0;
    this.#active = 0;
  }

  /** Tab reaches the row of this key, where there is one. */
  point(key) {
    const at = this.#layout().rows.findIndex((row) => row.key === key);
    if (at !== -1) this.#active = at;
  }

  /** Draws what is on the screen; `isWhole`: no more rows will come. Whether the last one is near. */
  draw(isWhole) {
    const { rows, tops } = this.#layout();
    const [first, last] = this.#screen();
    const from = Math.max(0, first - BEYOND);
    const until = Math.min(rows.length, last + 1 + BEYOND);
    this.#reach(this.#active);
    this.#list.style.height = `${tops.at(-1)}px`;
    const wanted = new Map();
    for (let at = from; at < until; at++) wanted.set(rows[at].key, at);
    this.#drop(wanted, rows);
    for (const at of wanted.values()) this.#place(rows[at], at, tops[at], isWhole ? rows.length : -1);
    return until >= rows.length && this.element.clientHeight > 0;
  }

  #screen() {
    const { tops } = this.#layout();
    const { scrollTop, clientHeight } = this.element;
    return [rowAt(tops, scrollTop), rowAt(tops, scrollTop + clientHeight)];
  }

  /** Rows that left the screen go, but for the one that has the focus. */
  #drop(wanted, rows) {
    for (const [key, row] of this.#rows) {
      if (wanted.has(key)) continue;
      const at = row.element.contains(document.activeElement) ? rows.findIndex((one) => one.key === key) : -1;
      if (at !== -1) {
        wanted.set(key, at);
        continue;
      }
      row.element.remove();
      this.#rows.delete(key);
    }
  }

  #place(item, at, top, setSize) {
    let row = this.#rows.get(item.key);
    if (!row) {
      row = this.#make(item);
      this.#rows.set(item.key, row);
      this.#list.append(row.element);
    }
    if (row.top !== top) {
      row.top = top;
      row.element.style.transform = `translateY(${top}px)`;
    }
    setAttribute(row.element, "aria-posinset", at + 1);
    setAttribute(row.element, "aria-setsize", setSize);
    for (const part of [row.link, row.box, row.cancel, row.remove]) if (part) setAttribute(part, "tabindex", at === this.#active ? 0 : -1);
    this.#write(row, item);
  }

  #key(event) {
    const [first, last] = this.#screen();
    const page = Math.max(1, last - first - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (!(event.key in steps) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const { rows, tops } = this.#layout();
    this.#reach(this.#active + steps[event.key], steps[event.key] < 0);
    const above = rows[this.#active - 1]; // comes along where no key reaches it
    const [top, bottom] = [tops[this.#active - (above && !this.#canReach(above) ? 1 : 0)], tops[this.#active + 1]];
    const { scrollTop, clientHeight } = this.element;
    if (top < scrollTop) this.element.scrollTop = top;
    else if (bottom > scrollTop + clientHeight) this.element.scrollTop = bottom - clientHeight;
    this.#redraw();
    this.#rows.get(rows[this.#active]?.key)?.link.focus({ preventScroll: true });
  }

  /** The row at this place, or the nearest one that can be reached: on the way up the one above it, if there is one. */
  #reach(place, isUp = false) {
    const { rows } = this.#layout();
    const at = Math.max(Math.min(place, rows.length - 1), 0);
    const isHere = at === rows.length || this.#canReach(rows[at]);
    this.#active = isHere ? at : isUp && at > 0 ? at - 1 : at + 1;
  }

  #focused(target, soon) {
    const [key] = [...this.#rows].find(([, row]) => row.element.contains(target));
    const at = this.#layout().rows.findIndex((item) => item.key === key);
    if (at === -1 || at === this.#active) return;
    this.#active = at;
    soon();
  }
}
