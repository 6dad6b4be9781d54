// One job: its state as it comes, its storyboard scene by scene, and what can be done with it.

import { announce } from "./announce.js";
import { get, post, Problem, remove, Unreachable } from "./api.js";
import { draft } from "./compose.js";
import { confirmed } from "./confirm.js";
import { button, h, setText } from "./dom.js";
import { exportsOf } from "./exports.js";
import { asJson, copy, download } from "./files.js";
import { languageName, moment, percent, span } from "./format.js";
import { codeWords, onLanguage, say, words } from "./i18n.js";
import { label } from "./labels.js";
import { send } from "./outbox.js";
import { show } from "./route.js";
import { pause } from "./signal.js";
import { StoryboardView } from "./storyboard.js";
import { follow } from "./stream.js";

const PLACE_MS = 2000; // position and ETA are not part of the events

/** `news(job)` and `gone(id)` tell the list. */
export function jobView(id, { news, gone }) {
  return new JobView(id, news, gone);
}

class JobView {
  title = ["title.job"];
  #id;
  #news;
  #gone;
  #job = null;
  #request = null;
  #end = new AbortController();
  #heading = h("h1", { tabindex: -1, dir: "auto" }, "…");
  #status = h("span", { class: "status" });
  #facts = h("span", { class: "hint" });
  #progress = h("progress", { max: 1, label: "progress" });
  #doing = h("p", { class: "doing" });
  #fault = h("p", { class: "fault general", hidden: true });
  #repairs = h("ul", { class: "repairs", hidden: true, label: "repairs" });
  #notes = h("ul", { class: "notes", hidden: true, label: "notes" });
  #board = new StoryboardView();
  #actions = {
    cancel: button("cancel", () => this.#act(() => post(`/jobs/${this.#id}/cancel`).then((job) => this.#see(job)))),
    retry: button("retry", () => this.#act(() => this.#retry()), { class: "primary" }),
    copy: button("copy", () => this.#act(() => this.#copy())),
    download: button("download", () => this.#act(async () => download(`storyboard-${this.#id.slice(0, 8)}.json`, asJson(await this.#whole())))),
    print: button("print", () => window.print()),
    again: button("edit_again", () => this.#again()),
    delete: button("delete", () => this.#act(() => this.#delete()), { class: "danger" }),
  };
  #exports;
  #details = h("dl", { class: "request" });
  #unlisten;

  constructor(id, news, gone) {
    this.#id = id;
    this.#news = news;
    this.#gone = gone;
    this.#exports = exportsOf(id, (deed) => this.#act(deed));
    this.element = h(
      "article",
      { class: "job" },
      h("header", {}, this.#heading, h("p", { class: "job-line" }, this.#status, this.#facts)),
      h("div", { class: "job-progress" }, this.#progress, this.#doing),
      this.#fault,
      h("div", { class: "actions", role: "group", label: "actions" }, Object.values(this.#actions)),
      this.#exports,
      this.#notes,
      this.#repairs,
      this.#board.element,
      h("details", { class: "about" }, h("summary", { say: "about_job" }), this.#details),
    );
    this.#unlisten = onLanguage(() => this.#draw());
    for (const action of Object.values(this.#actions)) action.hidden = true;
    this.#run().catch((error) => this.#failed(error));
    this.#ask().catch((error) => this.#failed(error));
  }

  close() {
    this.#end.abort();
    this.#unlisten();
    this.#board.close();
  }

  // -- what comes in ----------------------------------------------------------------------------------------------------

  async #run() {
    this.#see(await this.#patiently(`/jobs/${this.#id}`), { quiet: true });
    this.#places().catch((error) => this.#failed(error));
    if (!this.#job.done) await follow(this.#id, (name, data) => this.#hear(name, data), this.#end.signal);
    if (!this.#job.done) this.#see(await this.#patiently(`/jobs/${this.#id}`)); // it ended before the stream began
  }

  async #ask() {
    this.#request = await this.#patiently(`/jobs/${this.#id}/request`);
    label(this.#id, this.#request.prompt);
    this.#describe();
    this.#draw();
  }

  async #places() {
    while (this.#job.status === "queued") {
      await pause(PLACE_MS, this.#end.signal);
      const job = await this.#patiently(`/jobs/${this.#id}`);
      if (this.#job.status === "queued") this.#see(job);
    }
  }

  /** The answer, however long the line is dead. */
  async #patiently(path) {
    while (true) {
      try {
        return await get(path, { abort: this.#end.signal });
      } catch (error) {
        if (!(error instanceof Unreachable || (error instanceof Problem && error.passing))) throw error;
        await pause(1000, this.#end.signal);
      }
    }
  }

  #hear(name, data) {
    if (this.#job.done) return;
    if (name === "done") this.#see(data);
    else if (name === "status") this.#see({ ...this.#job, ...data, queue: data.status === "queued" ? this.#job.queue : null });
    else if (name === "progress") this.#see({ ...this.#job, progress: data });
    else if (name === "scene") this.#see({ ...this.#job, scenes: [...this.#job.scenes.slice(0, data.scene_number - 1), data] });
  }

  #see(job, { quiet = false } = {}) {
    const before = this.#job;
    if (before?.done && !job.done) return; // an answer that was overtaken: a final state never changes
    this.#job = job;
    const fresh = this.#board.show(job.scenes);
    if (job.result?.characters) this.#board.introduce(job.result.characters);
    if (!quiet && fresh.length) announce("scene_arrived", fresh.at(-1));
    if (!quiet && !before.done && job.done) announce("job_ended", job.status);
    this.#news(job);
    this.#draw();
  }

  #failed(error) {
    if (this.#end.signal.aborted) return;
    if (!(error instanceof Problem || error instanceof Unreachable)) throw error;
    if (error.status === 401) return;
    const lost = error.status === 404 || error.status === 410;
    if (lost && !this.#job) say(this.#heading, "job_missing");
    setText(this.#fault, lost ? words(error.status === 410 ? "error.gone" : "error.not_found") : error.message);
    this.#fault.hidden = false;
  }

  // -- what is shown ----------------------------------------------------------------------------------------------------

  #draw() {
    const job = this.#job;
    if (!job) return;
    setText(this.#heading, job.result?.title ?? this.#request?.prompt.trim().slice(0, 120) ?? "…");
    this.#heading.lang = job.result?.language ?? "";
    this.#board.speak(job.result?.language ?? "");
    this.element.dataset.status = job.status;
    say(this.#status, `status.${job.status}`);
    setText(this.#facts, this.#line(job).join(" · "));
    this.#progress.parentElement.hidden = job.done;
    if (job.status === "running") this.#progress.value = job.progress?.fraction ?? 0;
    else this.#progress.removeAttribute("value");
    setText(this.#doing, doing(job));
    if (job.error) {
      setText(this.#fault, `${codeWords(job.error.code)} — ${job.error.detail}`);
      this.#fault.hidden = false;
    }
    fill(this.#notes, job.notes);
    fill(this.#repairs, job.repairs);
    this.#offer(job);
  }

  #offer(job) {
    const { cancel, retry, copy: copies, download: downloads, print, again, delete: deletes } = this.#actions;
    keepFocus([cancel, retry, deletes], this.#heading, () => {
      cancel.hidden = job.done || job.status === "canceling";
      retry.hidden = !["failed", "canceled", "expired"].includes(job.status);
      say(retry, ...(this.#longer() ? ["retry_longer", span(this.#longer())] : ["retry"]));
      const has = job.result || (job.done && job.scenes.length); // the service hands out what there is of an unfinished one
      for (const action of [copies, downloads, print]) action.hidden = !has;
      this.#exports.hidden = !has;
      again.hidden = !this.#request;
      deletes.hidden = !job.done;
    });
  }

  #line(job) {
    const facts = [moment(job.created_at)];
    if (job.result?.language) facts.push(languageName(job.result.language));
    if (job.source) facts.push(words(`source.${job.source}`));
    if (job.model) facts.push([job.model.name, job.model.dtype].filter(Boolean).join(" "));
    if (job.metrics) {
      facts.push(words("ran_for", span(job.metrics.run_s)), words("tokens", job.metrics.output_tokens));
      if (job.metrics.tokens_per_s) facts.push(words("tokens_per_s", job.metrics.tokens_per_s));
    }
    return facts;
  }

  #describe() {
    const { prompt, metadata, ...options } = this.#request;
    const entry = (key, text) => [h("dt", { say: key }), h("dd", {}, text)];
    const link = this.#job?.retry_of ? entry("retry_of", h("a", { href: `#/jobs/${this.#job.retry_of}` }, this.#job.retry_of)) : [];
    this.#details.replaceChildren(
      ...entry("prompt", h("p", { class: "prompt", dir: "auto" }, prompt)),
      ...entry("job_id", h("code", {}, this.#id)),
      ...link,
      ...entry("options", h("pre", { tabindex: 0, role: "region", label: "options" }, asJson(options))),
      ...(Object.keys(metadata).length ? entry("field.metadata", h("pre", { tabindex: 0, role: "region", label: "field.metadata" }, asJson(metadata))) : []),
    );
  }

  // -- what can be done ---------------------------------------------------------------------------------------------------

  async #act(deed) {
    try {
      await deed();
    } catch (error) {
      this.#failed(error);
      announce("failed", error.message, { urgent: true });
    }
  }

  async #copy() {
    await copy(asJson(await this.#whole()));
    announce("copied");
    const { copy: action } = this.#actions;
    say(action, "copied");
    setTimeout(() => say(action, "copy"), 2000);
  }

  async #whole() {
    return this.#job.result ?? (await get(`/jobs/${this.#id}/result?format=json`));
  }

  /** Seconds, for a job whose time was too short. */
  #longer() {
    return this.#job.error?.code === "timeout" && this.#request ? Math.min(2 * this.#request.execution_timeout_s, 86400) : 0;
  }

  async #retry() {
    const limit = this.#longer() ? `?execution_timeout_s=${this.#longer()}` : "";
    const job = await send(`/jobs/${this.#id}/retry${limit}`, undefined, { abort: this.#end.signal, onWait: () => {} });
    show(`/jobs/${job.id}`);
  }

  #again() {
    draft(this.#request);
    show("/");
  }

  async #delete() {
    if (!(await confirmed("delete.sure"))) return;
    await remove(`/jobs/${this.#id}`);
    this.#gone(this.#id);
    announce("deleted");
    show("/");
  }
}

/** Lines that the service writes in English. */
function fill(list, lines) {
  list.replaceChildren(...lines.map((line) => h("li", { lang: "en" }, line)));
  list.hidden = lines.length === 0;
}

function doing(job) {
  if (job.status === "queued") {
    const place = job.queue ? [words("position", job.queue.position)] : [];
    const eta = job.queue?.eta_s != null ? [words("eta", span(job.queue.eta_s))] : [];
    return [...place, ...eta].join(" · ") || words("status.queued");
  }
  if (job.status === "canceling") return words("status.canceling");
  if (!job.progress) return words("phase.starting");
  const { phase, tokens, fraction } = job.progress;
  return [words(`phase.${phase}`), percent(fraction), words("tokens", tokens)].join(" · ");
}

/** A button that disappears under the focus would drop it to the page's top. */
function keepFocus(buttons, place, change) {
  const focused = buttons.find((candidate) => candidate === document.activeElement);
  change();
  if (focused?.hidden) place.focus();
}
