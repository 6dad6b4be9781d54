// The queue as it is now: what waits, who works, how full the batches are and how fast they write.

import { get, Problem, Unreachable } from "./api.js";
import { h, setText, svg } from "./dom.js";
import { percent, span } from "./format.js";
import { codeWords, onLanguage, say, words } from "./i18n.js";
import { lastHour } from "./last_hour.js";
import { pause } from "./signal.js";
import { tongueOf } from "./tongue.js";

const REFRESH_MS = 1500;
const KEPT = 80; // measurements in the curve
const RUNNING = "/jobs?status=running&limit=20&fields=progress,prompt_start";
const PRIORITIES = ["high", "normal", "low"];
const MOST_CELLS = 64; // of one worker's batch; more are told as a number

export function queueView() {
  return new Queue();
}

class Queue {
  #end = new AbortController();
  #speeds = [];
  #queue = null;
  #figures = Object.fromEntries(["waiting", "running", "rows", "speed", "eta", "senders"].map((name) => [name, h("dd", {}, "–")]));
  #curve = svg("polyline", { points: "", class: "curve" });
  #depth = h("small", { class: "by-priority" });
  #hour = lastHour();
  #jobs = h("ul", { class: "running-jobs" });
  #noJobs = h("p", { class: "empty", hidden: true, say: "nothing_runs" });
  #running = [];
  #failures = h("tbody");
  #failed;
  #noFailures = h("p", { class: "empty", hidden: true, say: "no_failures" });
  #workers = h("tbody");
  #none = h("p", { class: "empty", hidden: true, say: "no_workers" });
  #stub = h("p", { class: "note", hidden: true, say: "stub_note" });
  #notes = h("div");
  #table;
  #unlisten;

  constructor() {
    const figure = (name) => h("div", { class: "figure" }, h("dt", {}, h("span", { say: `figure.${name}` }), name === "waiting" && this.#depth), this.#figures[name]);
    const head = (...keys) => h("thead", {}, h("tr", {}, keys.map((key) => h("th", { scope: "col", say: key }))));
    this.#table = h("div", { class: "wide", tabindex: 0, role: "region", label: "workers" }, h("table", {}, head("worker", "model", "device", "state", "rows", "speed"), this.#workers));
    this.#failed = h("table", { class: "depth", hidden: true }, head("reason", "waiting_jobs"), this.#failures);
    this.element = h(
      "article",
      { class: "queue" },
      h("h1", { tabindex: -1, say: "title.queue" }),
      this.#stub,
      this.#notes,
      h("dl", { class: "figures" }, Object.keys(this.#figures).map(figure)),
      svg("svg", { viewBox: `0 0 ${KEPT} 20`, class: "speed", preserveAspectRatio: "none", "aria-hidden": "true" }, this.#curve),
      h("h2", { say: "running_jobs" }),
      this.#noJobs,
      this.#jobs,
      h("h2", { say: "last_hour" }),
      this.#hour.element,
      h("h2", { say: "failures" }),
      this.#noFailures,
      this.#failed,
      h("h2", { say: "workers" }),
      this.#none,
      this.#table,
    );
    this.#unlisten = onLanguage(() => this.#draw());
    this.#run().catch((error) => {
      if (!this.#end.signal.aborted) throw error;
    });
  }

  get title() {
    return words("title.queue");
  }

  close() {
    this.#end.abort();
    this.#unlisten();
  }

  async #run() {
    while (true) {
      try {
        this.#queue = await get("/queue", { abort: this.#end.signal });
        this.#running = (await get(RUNNING, { abort: this.#end.signal })).jobs;
        this.#speeds = [...this.#speeds, this.#queue.tokens_per_s].slice(-KEPT);
        this.#draw();
      } catch (error) {
        if (!(error instanceof Problem || error instanceof Unreachable)) throw error;
      }
      await pause(REFRESH_MS, this.#end.signal);
    }
  }

  #draw() {
    const queue = this.#queue;
    if (!queue) return;
    const sum = (name) => queue.workers.reduce((total, worker) => total + worker[name], 0);
    const waiting = Object.values(queue.depth).reduce((total, depth) => total + depth, 0);
    setText(this.#figures.waiting, String(waiting));
    setText(this.#figures.running, String(queue.running));
    setText(this.#figures.rows, `${sum("busy")} / ${sum("slots")}`);
    setText(this.#figures.speed, String(queue.tokens_per_s));
    setText(this.#figures.eta, queue.eta_s === null ? "–" : span(queue.eta_s));
    setText(this.#figures.senders, String(queue.webhook_senders));
    const most = Math.max(...this.#speeds);
    this.#curve.parentElement.toggleAttribute("hidden", !most);
    this.#curve.setAttribute("points", (most ? this.#speeds : []).map((speed, at) => `${at},${19 - (18 * speed) / most}`).join(" "));
    this.#jobs.replaceChildren(...this.#running.map(runningJob));
    this.#noJobs.hidden = this.#running.length > 0;
    setText(this.#depth, waiting !== (queue.depth.normal ?? 0) ? PRIORITIES.filter((priority) => queue.depth[priority]).map((priority) => words("of_priority", [queue.depth[priority], words(`choice.${priority}`)])).join(" · ") : "");
    this.#hour.show(queue.last_hour);
    const failures = Object.entries(queue.failures_last_hour).sort(([, one], [, other]) => other - one);
    const failed = failures.reduce((total, [, count]) => total + count, 0);
    this.#failures.replaceChildren(...failures.map(([code, count]) => countRow(codeWords(code), count, failed)));
    this.#failed.hidden = failed === 0;
    this.#noFailures.hidden = failed > 0;
    this.#workers.replaceChildren(...queue.workers.map(workerRow));
    this.#none.hidden = queue.workers.length > 0;
    this.#table.hidden = queue.workers.length === 0;
    const models = [...new Set(queue.workers.filter((worker) => worker.state === "ready").map((worker) => worker.model))].sort();
    const notes = Object.entries(queue.unserved).map((entry) => words("unserved_note", entry));
    if (models.length > 1) notes.push(words("models_note", models.join(", ")));
    this.#notes.replaceChildren(...notes.map((text) => h("p", { class: "note" }, text)));
    this.#stub.hidden = !queue.workers.some((worker) => worker.model === "stub");
  }
}

/** Of the reader's own jobs one that runs, with its progress. */
function runningJob({ id, prompt_start: start, progress }) {
  const bar = h("progress", { max: 1, value: progress?.fraction ?? 0, label: "progress" });
  return h("li", {}, h("a", { href: `#/jobs/${id}`, dir: "auto", lang: tongueOf(start) }, start), bar, h("span", { class: "number" }, percent(progress?.fraction ?? 0)));
}

function countRow(name, count, all) {
  const bar = h("span", { class: "depth-bar", "aria-hidden": "true" });
  bar.style.setProperty("--share", all ? count / all : 0);
  return h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, h("div", { class: "depth-cell" }, h("span", { class: "number" }, String(count)), bar)));
}

function workerRow(worker) {
  const cells = h("span", { class: "cells", "aria-hidden": "true" });
  for (let at = 0; at < Math.min(worker.slots, MOST_CELLS); at++) cells.append(h("i", { class: at < worker.busy ? "busy" : null }));
  const state = h("span", { class: `state ${worker.state}` });
  say(state, `state.${worker.state}`);
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, worker.worker),
    h("td", {}, worker.model, " ", h("small", {}, worker.dtype)),
    h("td", {}, worker.device, " ", h("small", {}, [worker.batching, worker.attention].filter(Boolean).join(", "))),
    h("td", {}, state),
    h("td", {}, words("of", [worker.busy, worker.slots]), cells),
    h("td", { class: "number" }, String(worker.tokens_per_s)),
  );
}
