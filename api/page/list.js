// The list of jobs: its filters, its rows and what is done with chosen ones. Reads on at the end, and again what is on
// the screen every two seconds. Knows rows, heads and days, not which of them are on the screen, nor what a job is about.

import { get, Problem, Unreachable } from "./api.js";
import { Choice } from "./choice.js";
import { drawDayRow, newDayRow } from "./day_row.js";
import { isDay, withDays } from "./days.js";
import { h, setAttribute, setText } from "./dom.js";
import { drawGroupRow, newGroupRow } from "./group_row.js";
import { rowsOf, topsOf } from "./groups.js";
import { Heads, isBatch } from "./heads.js";
import { onLanguage, problemText, say, words } from "./i18n.js";
import { key } from "./key.js";
import { Listing } from "./listing.js";
import { drawRow, newRow } from "./row.js";
import { Screenful } from "./screenful.js";
import { StatusChips } from "./status_chips.js";

const REFRESH_MS = 2000;
const COUNT_MS = 4000; // between two looks at how many are in each state
const PAGE = 100;
const SHOWN = "result,source,progress,queue,metrics,error,prompt_start,base_of,batch"; // of a job, besides what every one has
const TYPING_MS = 150;

export class JobsList {
  #listing;
  #layout = { all: null, wanted: "", ids: [], rows: [], tops: [0] }; // of the jobs that match
  #heads = new Heads();
  #current = null; // the job that the page shows
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
  #screenful = new Screenful({
    layout: () => this.#lay(),
    make: (item) => this.#make(item),
    write: (row, item) => this.#write(row, item),
    canReach: (item) => !isDay(item),
    soon: () => this.#soon(),
    redraw: () => this.#draw(),
  });
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
      this.#screenful.element,
    );
    this.#restart();
    this.#screenful.element.addEventListener("change", (event) => this.#choose(event.target));
    onLanguage(() => this.#draw());
    key.watch(() => this.#restart());
    document.addEventListener("visibilitychange", () => document.hidden || this.refresh());
  }

  /** The job that the page shows, or null. */
  select(id) {
    this.#current = id;
    this.#screenful.point(id);
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
      const shown = this.#screenful.shown.filter((row) => !isDay(row));
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
    this.#countedAt = 0;
    this.#screenful.toTop();
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
      const rows = withDays(rowsOf(ids, known, this.#heads.shut), known);
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
      this.#screenful.toTop();
      this.#draw();
    }, TYPING_MS);
  }

  #soon() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  #draw() {
    const { complete } = this.#listing;
    const { ids } = this.#lay();
    const isEndNear = this.#screenful.draw(complete);
    setText(this.#count, words("jobs_count", [ids.length, complete]));
    this.#empty.hidden = !(complete && ids.length === 0);
    say(this.#empty, this.#wanted || this.#chips.status ? "no_match" : "no_jobs");
    this.#drawChoice(ids);
    if (!complete && !this.#reading && isEndNear && this.#fault.hidden) {
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

  #make(item) {
    if (isDay(item)) return newDayRow();
    return item.id ? newRow(item.id) : newGroupRow(item.key, this.#deedsOf(item.key));
  }

  #write(row, item) {
    if (isDay(item)) drawDayRow(row, item.day);
    else if (item.id) this.#drawJob(row, item);
    else this.#drawGroup(row, item);
  }

  #drawJob(row, { id, group, day }) {
    row.element.classList.toggle("grouped", group !== null);
    setAttribute(row.link, "aria-current", id === this.#current ? "page" : null);
    row.box.checked = this.#choice.has(id);
    const job = this.#listing.job(id);
    drawRow(row, job, job.title ?? job.start, day);
  }

  #drawGroup(row, item) {
    const newest = this.#listing.job(item.ids[0]);
    const counts = this.#heads.countsOf(item, (id) => this.#listing.job(id), this.#isWhole);
    const chosen = this.#choice.countOf(item.ids);
    row.box.checked = chosen === item.ids.length;
    row.box.indeterminate = chosen > 0 && chosen < item.ids.length;
    const [title, isShut] = [newest.title ?? newest.start ?? "", this.#heads.shut.has(item.key)];
    drawGroupRow(row, { isBatch: isBatch(item.key), counts, title, created: newest.created, day: item.day, isShut });
  }

  /** Whether jobs are shown whatever they are. */
  get #isWhole() {
    return this.#chips.status === "" && this.#wanted === "";
  }

  // -- deeds, choices ----------------------------------------------------------------------------------------------------

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

  #choose(box) {
    const { id, group } = box.closest("li").dataset;
    this.#choice.set(id ? [id] : this.#layout.rows.find((row) => row.key === group).ids, box.checked);
  }
}
