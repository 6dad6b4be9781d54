// The list of jobs as rows, of which only those on the screen exist: ten thousand jobs cost as much as twenty. Reads on
// at the end, and again what is on the screen every two seconds. Knows rows and their heads, not what a job is about.

import { get, Problem, Unreachable } from "./api.js";
import { Choice } from "./choice.js";
import { h, setAttribute, setText } from "./dom.js";
import { drawGroupRow, newGroupRow } from "./group_row.js";
import { rowAt, rowsOf, topsOf } from "./groups.js";
import { Heads, isBatch } from "./heads.js";
import { onLanguage, problemText, say, words } from "./i18n.js";
import { key } from "./key.js";
import { Listing } from "./listing.js";
import { drawRow, newRow } from "./row.js";
import { StatusChips } from "./status_chips.js";

const REFRESH_MS = 2000;
const COUNT_MS = 4000; // between two looks at how many are in each state
const PAGE = 100;
const SHOWN = "result,source,progress,queue,metrics,error,prompt_start,base_of,batch"; // of a job, besides what every one has
const BEYOND = 6; // rows kept above and below the screen
const TYPING_MS = 150;

export class JobsList {
  #listing;
  #rows = new Map(); // key -> its row
  #layout = { all: null, wanted: "", ids: [], rows: [], tops: [0] }; // of the jobs that match
  #heads = new Heads();
  #current = null; // the job that the page shows
  #active = 0; // the row that Tab reaches
  #reading = false;
  #countedAt = 0;
  #timer = 0;
  #frame = 0;
  #chips = new StatusChips(() => this.#restart());
  #choice = new Choice({ job: (id) => this.#listing.job(id), changed: () => this.#soon(), acted: () => this.#acted(), forget: (id) => this.forget(id) });
  #all = h("input", { type: "checkbox", id: "choose-all", label: "choose_all", hint: "choose_all", on: { change: () => this.#choice.set(this.#ids, this.#all.checked) } });
  #search = h("input", { type: "search", id: "search", label: "search", placeholderOf: "search", on: { input: () => this.#searchSoon() } });
  #wanted = ""; // what is searched for, in lower case
  #typing = 0;
  #count = h("span", { class: "hint" });
  #list = h("ol", { class: "rows", role: "list" });
  #scroller = h("div", { class: "scroller" }, this.#list);
  #empty = h("p", { class: "empty", hidden: true, say: "no_jobs" });
  #fault = h("p", { class: "fault", hidden: true });

  constructor(element) {
    element.append(
      h("div", { class: "jobs-head" }, h("h2", { say: "jobs" }), this.#count),
      this.#chips.element,
      h("div", { class: "jobs-search" }, h("label", { class: "choose-all" }, this.#all), this.#search),
      this.#choice.element,
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

  /** The job that the page shows, or null. */
  select(id) {
    this.#current = id;
    const at = this.#layout.rows.findIndex((row) => row.id === id);
    if (at !== -1) this.#active = at;
    this.#soon();
  }

  learn(job) {
    this.#listing.learn(job);
    this.#soon();
  }

  forget(id) {
    this.#listing.forget(id);
    this.#choice.drop(id);
    this.#heads.doubt();
    this.#soon();
  }

  /** Reads again what is on the screen; then again, for ever. */
  async refresh() {
    clearTimeout(this.#timer);
    if (!this.#reading && !document.hidden) {
      const listing = this.#listing;
      const [first, last] = this.#screen();
      const shown = this.#layout.rows.slice(first, last + 1);
      await this.#read(() => listing.refresh(shown.map((row) => row.id ?? row.ids[0])));
      const news = await Promise.all(shown.map((row) => this.#heads.read(row)));
      if (news.includes(true)) this.#soon();
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.refresh(), REFRESH_MS);
  }

  // -- what is read -----------------------------------------------------------------------------------------------------

  #restart() {
    this.#listing = new Listing((cursor) => this.#page(cursor));
    this.#heads.forget();
    this.#reading = false;
    this.#active = 0;
    this.#countedAt = 0;
    this.#scroller.scrollTop = 0;
    this.#choice.clear();
    this.refresh();
  }

  async #page(cursor) {
    const { status } = this.#chips;
    const counts = cursor === null && Date.now() - this.#countedAt >= COUNT_MS;
    const page = await get(`/jobs?limit=${PAGE}&fields=${SHOWN}${status && `&status=${status}`}${cursor ? `&cursor=${cursor}` : ""}${counts ? "&counts=true" : ""}`);
    if (counts) {
      this.#countedAt = Date.now();
      this.#chips.show(page.counts);
    }
    return page;
  }

  async #read(reads) {
    const listing = this.#listing;
    this.#reading = true;
    await this.#attempt(reads);
    if (listing === this.#listing) {
      this.#reading = false;
      this.#soon();
    }
  }

  /** Says what goes wrong. */
  async #attempt(deed) {
    try {
      await deed();
      this.#fault.hidden = true;
    } catch (error) {
      if (!(error instanceof Problem || error instanceof Unreachable)) throw error;
      this.#fault.hidden = !(error instanceof Problem) || error.status === 401;
      setText(this.#fault, problemText(error));
    }
  }

  /** Something was done with many jobs. */
  #acted() {
    this.#countedAt = 0;
    this.#heads.doubt();
    this.#soon();
    this.refresh();
  }

  // -- what is on the screen --------------------------------------------------------------------------------------------

  /** The jobs that were read and match what is searched for. */
  get #ids() {
    return this.#lay().ids;
  }

  #lay() {
    const { ids: all } = this.#listing;
    if (this.#layout.all !== all || this.#layout.wanted !== this.#wanted) {
      const known = (id) => this.#listing.job(id);
      const ids = this.#wanted === "" ? all : all.filter((id) => this.#isMatch(known(id)));
      const rows = rowsOf(ids, known, this.#heads.shut);
      this.#layout = { all, wanted: this.#wanted, ids, rows, tops: topsOf(rows) };
    }
    return this.#layout;
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

  #screen() {
    const { tops } = this.#lay();
    const { scrollTop, clientHeight } = this.#scroller;
    return [rowAt(tops, scrollTop), rowAt(tops, scrollTop + clientHeight)];
  }

  #soon() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  #draw() {
    const { complete } = this.#listing;
    const { ids, rows, tops } = this.#lay();
    const [first, last] = this.#screen();
    const from = Math.max(0, first - BEYOND);
    const until = Math.min(rows.length, last + 1 + BEYOND);
    this.#active = Math.min(Math.max(this.#active, 0), Math.max(rows.length - 1, 0));
    this.#list.style.height = `${tops.at(-1)}px`;
    const wanted = new Map();
    for (let at = from; at < until; at++) wanted.set(rows[at].key, at);
    this.#dropRows(wanted, rows);
    for (const at of wanted.values()) this.#place(rows[at], at, complete ? rows.length : -1);
    setText(this.#count, words("jobs_count", [ids.length, complete]));
    this.#empty.hidden = !(complete && ids.length === 0);
    say(this.#empty, this.#wanted || this.#chips.status ? "no_match" : "no_jobs");
    this.#drawChoice(ids);
    if (!complete && !this.#reading && until >= rows.length && this.#scroller.clientHeight > 0 && this.#fault.hidden) {
      const listing = this.#listing;
      if (listing.ids.length) this.#read(() => listing.more());
    }
  }

  #drawChoice(ids) {
    const chosen = this.#choice.countOf(ids);
    this.#all.checked = chosen > 0 && chosen === ids.length;
    this.#all.indeterminate = chosen > 0 && chosen < ids.length;
    this.#all.disabled = ids.length === 0;
    this.#choice.draw();
  }

  /** Rows that left the screen go, but for the one that has the focus. */
  #dropRows(wanted, rows) {
    for (const [name, row] of this.#rows) {
      if (wanted.has(name)) continue;
      const at = row.element.contains(document.activeElement) ? rows.findIndex((one) => one.key === name) : -1;
      if (at !== -1) {
        wanted.set(name, at);
        continue;
      }
      row.element.remove();
      this.#rows.delete(name);
    }
  }

  #place(item, at, setSize) {
    let row = this.#rows.get(item.key);
    if (!row) {
      row = item.id ? newRow(item.id) : newGroupRow(item.key, this.#deedsOf(item.key));
      this.#rows.set(item.key, row);
      this.#list.append(row.element);
    }
    const top = this.#layout.tops[at];
    if (row.top !== top) {
      row.top = top;
      row.element.style.transform = `translateY(${top}px)`;
    }
    setAttribute(row.element, "aria-posinset", at + 1);
    setAttribute(row.element, "aria-setsize", setSize);
    for (const part of [row.link, row.box, row.cancel, row.remove]) if (part) setAttribute(part, "tabindex", at === this.#active ? 0 : -1);
    if (item.id) this.#drawJob(row, item);
    else this.#drawGroup(row, item);
  }

  #drawJob(row, { id, group }) {
    row.element.classList.toggle("grouped", group !== null);
    setAttribute(row.link, "aria-current", id === this.#current ? "page" : null);
    row.box.checked = this.#choice.has(id);
    const job = this.#listing.job(id);
    drawRow(row, job, job.title ?? job.start);
  }

  #drawGroup(row, item) {
    const newest = this.#listing.job(item.ids[0]);
    const counts = this.#heads.countsOf(item, (id) => this.#listing.job(id), this.#isWhole);
    const chosen = this.#choice.countOf(item.ids);
    row.box.checked = chosen === item.ids.length;
    row.box.indeterminate = chosen > 0 && chosen < item.ids.length;
    const [title, isShut] = [newest.title ?? newest.start ?? "", this.#heads.shut.has(item.key)];
    drawGroupRow(row, { isBatch: isBatch(item.key), counts, title, created: newest.created, isShut });
  }

  /** Whether jobs are shown whatever they are. */
  get #isWhole() {
    return this.#chips.status === "" && this.#wanted === "";
  }

  // -- keys, choices ----------------------------------------------------------------------------------------------------

  #deedsOf(name) {
    const head = () => this.#layout.rows.find((row) => row.key === name);
    return {
      shut: () => {
        this.#heads.toggle(name);
        this.#layout.all = null;
        this.#draw();
      },
      cancel: () => this.#attempt(async () => this.#heads.cancel(head(), this.#isWhole).finally(() => this.#acted())),
      remove: () => this.#attempt(async () => this.#choice.remove(await this.#heads.everyOf(head(), this.#isWhole))),
    };
  }

  #key(event) {
    const page = Math.max(1, this.#screen()[1] - this.#screen()[0] - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (!(event.key in steps) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const { rows, tops } = this.#lay();
    this.#active = Math.min(Math.max(this.#active + steps[event.key], 0), rows.length - 1);
    const [top, bottom] = [tops[this.#active], tops[this.#active + 1]];
    const { scrollTop, clientHeight } = this.#scroller;
    if (top < scrollTop) this.#scroller.scrollTop = top;
    else if (bottom > scrollTop + clientHeight) this.#scroller.scrollTop = bottom - clientHeight;
    this.#draw();
    this.#rows.get(rows[this.#active]?.key)?.link.focus({ preventScroll: true });
  }

  #focused(target) {
    const { dataset } = target.closest("li") ?? { dataset: {} };
    const at = this.#layout.rows.findIndex((row) => row.key === (dataset.id ?? dataset.group));
    if (at === -1 || at === this.#active) return;
    this.#active = at;
    this.#soon();
  }

  #choose(box) {
    const { id, group } = box.closest("li").dataset;
    this.#choice.set(id ? [id] : this.#layout.rows.find((row) => row.key === group).ids, box.checked);
  }
}
