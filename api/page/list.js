// The list of jobs as rows of one height, of which only those on the screen exist: ten thousand jobs cost as much as
// twenty. Reads on at the end, and again what is on the screen every two seconds. Knows rows, not what a job is about.

import { get, Problem, Unreachable } from "./api.js";
import { button, h, setAttribute, setText } from "./dom.js";
import { onLanguage, problemText, say, words } from "./i18n.js";
import { key } from "./key.js";
import { Listing } from "./listing.js";
import { drawRow, newRow, ROW_PX } from "./row.js";
import { show } from "./route.js";
import { STATUSES } from "./statuses.js";

const REFRESH_MS = 2000;
const PAGE = 100;
const SHOWN = "result,source,progress,queue,metrics,error,prompt_start,base_of"; // of a job, besides what every one has
const BEYOND = 6; // rows kept above and below the screen
const FILTERS = ["", ...STATUSES];
const TYPING_MS = 150;

export class JobsList {
  #listing;
  #status = "";
  #rows = new Map(); // id -> its row
  #chosen = []; // to be compared, two at most
  #current = null; // the job that the page shows
  #active = 0; // the row that Tab reaches
  #reading = false;
  #timer = 0;
  #frame = 0;
  #filter = h("select", { id: "status-filter", on: { change: () => this.#filterBy(this.#filter.value) } }, FILTERS.map((status) => h("option", { value: status, say: `status.${status || "any"}` })));
  #search = h("input", { type: "search", id: "search", label: "search", placeholderOf: "search", on: { input: () => this.#searchSoon() } });
  #wanted = ""; // what is searched for, in lower case
  #matches = { all: null, wanted: "", ids: [] }; // the rows: those that match
  #typing = 0;
  #count = h("span", { class: "hint" });
  #list = h("ol", { class: "rows", role: "list" });
  #scroller = h("div", { class: "scroller" }, this.#list);
  #empty = h("p", { class: "empty", hidden: true, say: "no_jobs" });
  #fault = h("p", { class: "fault", hidden: true });
  #compare = button("compare", () => this.#showBoth(), { hidden: true, class: "primary small" });
  #hint = h("span", { class: "hint", hidden: true, say: "compare.hint" });

  constructor(element) {
    element.append(
      h("div", { class: "jobs-head" }, h("h2", { say: "jobs" }), this.#count, h("label", { for: "status-filter", class: "unseen", say: "filter" }), this.#filter),
      h("div", { class: "jobs-search" }, this.#search),
      h("div", { class: "jobs-compare" }, this.#hint, this.#compare),
      this.#fault,
      this.#empty,
      this.#scroller,
    );
    this.#restart();
    this.#scroller.addEventListener("scroll", () => this.#soon(), { passive: true });
    this.#list.addEventListener("keydown", (event) => this.#key(event));
    this.#list.addEventListener("change", (event) => this.#choose(event.target));
    this.#list.addEventListener("focusin", (event) => this.#focused(event.target));
    new ResizeObserver(() => this.#soon()).observe(this.#scroller);
    onLanguage(() => this.#draw());
    key.watch(() => this.#restart());
    document.addEventListener("visibilitychange", () => document.hidden || this.refresh());
  }

  get listing() {
    return this.#listing;
  }

  /** The job that the page shows, or null. */
  select(id) {
    this.#current = id;
    const at = this.#ids.indexOf(id);
    if (at !== -1) this.#active = at;
    this.#soon();
  }

  /** The rows: the jobs that were read and match what is searched for. */
  get #ids() {
    const { ids } = this.#listing;
    if (this.#wanted === "") return ids;
    if (this.#matches.all !== ids || this.#matches.wanted !== this.#wanted) {
      this.#matches = { all: ids, wanted: this.#wanted, ids: ids.filter((id) => this.#isMatch(this.#listing.job(id))) };
    }
    return this.#matches.ids;
  }

  #isMatch(job) {
    return [job.title, job.start, job.id].some((text) => text?.toLowerCase().includes(this.#wanted));
  }

  #searchSoon() {
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => {
      this.#wanted = this.#search.value.trim().toLowerCase();
      this.#scroller.scrollTop = 0;
      this.#active = 0;
      this.#draw();
    }, TYPING_MS);
  }

  learn(job) {
    this.#listing.learn(job);
    this.#soon();
  }

  forget(id) {
    this.#listing.forget(id);
    this.#chosen = this.#chosen.filter((other) => other !== id);
    this.#soon();
  }

  /** Reads again what is on the screen; then again, for ever. */
  async refresh() {
    clearTimeout(this.#timer);
    if (!this.#reading && !document.hidden) {
      const listing = this.#listing;
      const [first, last] = this.#screen();
      await this.#read(() => listing.refresh(this.#ids.slice(first, last + 1)));
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.refresh(), REFRESH_MS);
  }

  #restart() {
    this.#listing = new Listing((cursor) => get(`/jobs?limit=${PAGE}&fields=${SHOWN}${this.#status && `&status=${this.#status}`}${cursor ? `&cursor=${cursor}` : ""}`));
    this.#reading = false;
    this.#active = 0;
    this.#scroller.scrollTop = 0;
    this.#soon();
    this.refresh();
  }

  #filterBy(status) {
    this.#status = status;
    this.#restart();
  }

  async #read(reads) {
    const listing = this.#listing;
    this.#reading = true;
    try {
      await reads();
      this.#fault.hidden = true;
    } catch (error) {
      if (!(error instanceof Problem || error instanceof Unreachable)) throw error;
      this.#fault.hidden = !(error instanceof Problem) || error.status === 401;
      setText(this.#fault, problemText(error));
    } finally {
      if (listing === this.#listing) {
        this.#reading = false;
        this.#soon();
      }
    }
  }

  // -- what is on the screen ------------------------------------------------------------------------------------------

  #screen() {
    const first = Math.floor(this.#scroller.scrollTop / ROW_PX);
    const last = Math.floor((this.#scroller.scrollTop + this.#scroller.clientHeight) / ROW_PX);
    return [first, last];
  }

  #soon() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  #draw() {
    const { complete } = this.#listing;
    const ids = this.#ids;
    const [first, last] = this.#screen();
    const from = Math.max(0, first - BEYOND);
    const until = Math.min(ids.length, last + 1 + BEYOND);
    this.#active = Math.min(Math.max(this.#active, 0), Math.max(ids.length - 1, 0));
    this.#list.style.height = `${ids.length * ROW_PX}px`;
    const wanted = new Map();
    for (let at = from; at < until; at++) wanted.set(ids[at], at);
    this.#dropRows(wanted, ids);
    for (const [id, at] of wanted) this.#place(id, at, complete ? ids.length : -1);
    setText(this.#count, words("jobs_count", [ids.length, complete]));
    this.#empty.hidden = !(complete && ids.length === 0);
    say(this.#empty, this.#wanted || this.#status ? "no_match" : "no_jobs");
    this.#compare.hidden = this.#chosen.length !== 2;
    this.#hint.hidden = this.#chosen.length !== 1;
    if (!complete && !this.#reading && until >= ids.length && this.#scroller.clientHeight > 0 && this.#fault.hidden) {
      const listing = this.#listing;
      if (listing.ids.length) this.#read(() => listing.more());
    }
  }

  /** Rows that left the screen go, but for the one that has the focus. */
  #dropRows(wanted, ids) {
    for (const [id, row] of this.#rows) {
      if (wanted.has(id)) continue;
      const at = row.element.contains(document.activeElement) ? ids.indexOf(id) : -1;
      if (at !== -1) {
        wanted.set(id, at);
        continue;
      }
      row.element.remove();
      this.#rows.delete(id);
    }
  }

  #place(id, at, setSize) {
    let row = this.#rows.get(id);
    if (!row) {
      row = newRow(id);
      this.#rows.set(id, row);
      this.#list.append(row.element);
    }
    if (row.at !== at) {
      row.at = at;
      row.element.style.transform = `translateY(${at * ROW_PX}px)`;
      setAttribute(row.element, "aria-posinset", at + 1);
    }
    setAttribute(row.element, "aria-setsize", setSize);
    setAttribute(row.link, "tabindex", at === this.#active ? 0 : -1);
    setAttribute(row.box, "tabindex", at === this.#active ? 0 : -1);
    setAttribute(row.link, "aria-current", id === this.#current ? "page" : null);
    row.box.checked = this.#chosen.includes(id);
    const job = this.#listing.job(id);
    drawRow(row, job, job.title ?? job.start);
  }

  // -- keys, choices ----------------------------------------------------------------------------------------------------

  #key(event) {
    const page = Math.max(1, Math.floor(this.#scroller.clientHeight / ROW_PX) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (!(event.key in steps) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const last = this.#ids.length - 1;
    this.#active = Math.min(Math.max(this.#active + steps[event.key], 0), last);
    const top = this.#active * ROW_PX;
    const { scrollTop, clientHeight } = this.#scroller;
    if (top < scrollTop) this.#scroller.scrollTop = top;
    else if (top + ROW_PX > scrollTop + clientHeight) this.#scroller.scrollTop = top + ROW_PX - clientHeight;
    this.#draw();
    this.#rows.get(this.#ids[this.#active])?.link.focus({ preventScroll: true });
  }

  #focused(target) {
    const id = target.closest("li")?.dataset.id;
    const at = this.#ids.indexOf(id);
    if (at === -1 || at === this.#active) return;
    this.#active = at;
    this.#soon();
  }

  #choose(box) {
    const { id } = box.closest("li").dataset;
    this.#chosen = box.checked ? [...this.#chosen, id].slice(-2) : this.#chosen.filter((other) => other !== id);
    this.#draw();
  }

  #showBoth() {
    const [one, other] = this.#chosen;
    this.#chosen = [];
    show(`/compare/${one}/${other}`);
    this.#draw();
  }
}
