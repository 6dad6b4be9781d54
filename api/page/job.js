// One job: its state as it comes, its storyboard scene by scene, and what can be done with it.

import { announce } from "./announce.js";
import { get, post, Problem, remove, Unreachable } from "./api.js";
import { draft } from "./compose.js";
import { confirmed } from "./confirm.js";
import { button, h, setText } from "./dom.js";
import { Editing } from "./editing.js";
import { exportsOf, promptOf } from "./exports.js";
import { Failure } from "./failure.js";
import { copy } from "./files.js";
import { languageName, moment, span } from "./format.js";
import { notesOf, onLanguage, problemText, repairWords, say, words } from "./i18n.js";
import { keyOf } from "./edited_board.js";
import { ProgressLine } from "./progress.js";
import { requestFacts } from "./request_facts.js";
import { send } from "./outbox.js";
import { show } from "./route.js";
import { pause } from "./signal.js";
import { RETRIED } from "./statuses.js";
import { follow } from "./stream.js";
import { Takes } from "./takes.js";
import { titleOf } from "./title.js";
import { tongueOf } from "./tongue.js";

const PLACE_MS = 2000;
const TEXT_MS = 1000;

/** `news(job)` and `gone(id)` tell the list, `retitle()` that `title` is another. */
export function jobView(id, tell) {
  return new JobView(id, tell);
}

class JobView {
  #id;
  #tell;
  #title = "";
  #text = ""; // the end of what is being written
  #job = null;
  #request = null;
  #end = new AbortController();
  #heading;
  #status = h("span", { class: "status" });
  #facts = h("span", { class: "hint" });
  #progress = new ProgressLine();
  #fault = h("p", { class: "fault general", hidden: true });
  #failure = new Failure(() => this.#act(() => this.#keepScenes()));
  #repairs = h("ul", { class: "repairs", hidden: true, label: "repairs" });
  #notes = h("ul", { class: "notes", hidden: true, label: "notes" });
  #takes = new Takes();
  #editing = new Editing(this.#end.signal, {
    attempt: (deed) => this.#act(deed),
    copyPrompt: (scene) => copy(promptOf(scene)).then(() => announce("copied")),
    retitle: () => this.#showTitle(),
  });
  #actions = {
    cancel: button("cancel", () => this.#act(() => post(`/jobs/${this.#id}/cancel`).then((job) => this.#see(job)))),
    retry: button("retry", () => this.#act(() => this.#retry()), { class: "primary" }),
    again: button("edit_again", () => this.#again()),
    delete: button("delete", () => this.#act(() => this.#delete()), { class: "danger" }),
  };
  #exports = exportsOf(() => this.#job, (deed, news) => this.#act(deed, news));
  #details = h("dl", { class: "request" });
  #about = h("details", { class: "about", hidden: true }, h("summary", { say: "about_job" }), this.#details);
  #unlisten;

  constructor(id, tell) {
    this.#id = id;
    this.#tell = tell;
    this.#heading = titleOf((title) => this.#editing.rename(title));
    this.element = h(
      "article",
      { class: "job" },
      h("header", {}, this.#heading.element, h("p", { class: "job-line" }, this.#status, this.#facts), this.#takes.element),
      this.#progress.element,
      this.#fault,
      this.#failure.element,
      h("div", { class: "actions job-actions", role: "group", label: "actions" }, this.#exports, Object.values(this.#actions)),
      this.#notes,
      this.#editing.view.element,
      this.#editing.bar,
      this.#repairs,
      this.#about,
    );
    this.#unlisten = onLanguage(() => this.#draw());
    for (const action of Object.values(this.#actions)) action.hidden = true;
    this.#progress.element.hidden = true;
    this.#run().catch((error) => this.#failed(error));
    this.#ask().catch((error) => this.#failed(error));
  }

  get title() {
    return this.#title || words("title.job");
  }

  close() {
    this.#end.abort();
    this.#unlisten();
    this.#progress.close();
    this.#editing.close();
  }

  // -- what comes in ----------------------------------------------------------------------------------------------------

  async #run() {
    this.#see(await this.#patiently(`/jobs/${this.#id}`), { quiet: true });
    this.#places().catch((error) => this.#failed(error));
    this.#takes.show(this.#job, this.#end.signal);
    if (!this.#job.done) await follow(this.#id, (name, data) => this.#hear(name, data), this.#end.signal);
    if (!this.#job.done) this.#see(await this.#patiently(`/jobs/${this.#id}`)); // it ended before the stream began
  }

  async #ask() {
    this.#request = await this.#patiently(`/jobs/${this.#id}/request`);
    this.#draw();
  }

  /** Position and ETA, and then the text that is being written, are not part of the events. */
  async #places() {
    while (!this.#job.done) {
      await pause(this.#job.status === "queued" ? PLACE_MS : TEXT_MS, this.#end.signal);
      if (document.hidden || this.#job.done) continue;
      const job = await this.#patiently(`/jobs/${this.#id}`);
      if (this.#job.status !== job.status) continue;
      if (job.status === "queued") this.#see(job);
      else this.#grow(job.progress?.text);
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
    else if (name === "status") this.#see({ ...this.#job, ...data, started_at: data.started_at ?? this.#job.started_at, queue: data.status === "queued" ? this.#job.queue : null });
    else if (name === "progress") this.#see({ ...this.#job, progress: data });
    else if (name === "scene") this.#see({ ...this.#job, scenes: [...this.#job.scenes.slice(0, data.scene_number - 1), data] });
  }

  #grow(text) {
    if (!text) return;
    this.#text = text;
    this.#drawBoard(this.#job);
  }

  #see(job, { quiet = false } = {}) {
    const before = this.#job;
    if (before?.done && !job.done) return; // an answer that was overtaken: a final state never changes
    this.#job = job;
    const fresh = job.scenes.slice(before?.scenes.length ?? 0);
    if (!quiet && fresh.length) announce("scene_arrived", fresh.at(-1));
    if (!quiet && !before.done && job.done) announce("job_ended", job.status);
    this.#tell.news(job);
    this.#draw();
  }

  #failed(error) {
    if (this.#end.signal.aborted) return;
    if (!(error instanceof Problem || error instanceof Unreachable)) throw error;
    if (error.status === 401) return;
    const lost = error.status === 404 || error.status === 410;
    if (lost && !this.#job) {
      this.#entitle(words("job_missing"), "", false);
    }
    setText(this.#fault, lost ? words(error.status === 410 ? "error.gone" : "error.not_found") : problemText(error));
    this.#fault.hidden = false;
  }

  // -- what is shown ----------------------------------------------------------------------------------------------------

  #draw() {
    const job = this.#job;
    if (!job) return;
    this.#drawBoard(job);
    this.#showTitle();
    this.element.dataset.status = job.status;
    say(this.#status, `status.${job.status}`);
    setText(this.#facts, this.#line(job).join(" · "));
    this.#progress.show(job, this.#request && [this.#request.min_scenes, this.#request.max_scenes]);
    if (job.error) this.#failure.show(job);
    fill(this.#notes, notesOf(job));
    fill(this.#repairs, repairWords(job));
    this.#about.hidden = !this.#request;
    if (this.#request) this.#details.replaceChildren(...requestFacts(job, this.#request));
    this.#offer(job);
  }

  #showTitle() {
    const { result, prompt_start: start } = this.#job;
    const title = this.#editing.title ?? result?.title ?? (this.#request?.prompt ?? start ?? "").trim().slice(0, 120);
    this.#entitle(title, tongueOf(title, result?.language), Boolean(result));
  }

  #entitle(text, tag, mayChange) {
    this.#heading.show(text || "…", tag, mayChange);
    if (text === this.#title) return;
    this.#title = text;
    this.#tell.retitle();
  }

  #drawBoard(job) {
    if (job.result) {
      this.#editing.view.expect(0);
      this.#editing.open(job, this.#request);
      return;
    }
    this.#editing.view.show(job.scenes.map((scene) => ({ key: keyOf(scene), scene })));
    const coming = job.done ? 0 : Math.max(1, (this.#request?.min_scenes ?? 3) - job.scenes.length);
    this.#editing.view.expect(coming, this.#text);
  }

  #offer(job) {
    const { cancel, retry, again, delete: deletes } = this.#actions;
    keepFocus([cancel, retry, deletes], this.#heading.element.querySelector("h1"), () => {
      cancel.hidden = job.done || job.status === "canceling";
      retry.hidden = !RETRIED.includes(job.status);
      say(retry, ...(this.#longer() ? ["retry_longer", span(this.#longer())] : ["retry"]));
      this.#exports.hidden = !(job.result || (job.done && job.scenes.length)); // of an unfinished one, what there is
      again.hidden = !this.#request;
      deletes.hidden = !job.done;
    });
  }

  #line(job) {
    const facts = [moment(job.created_at)];
    if (job.result?.language) facts.push(languageName(job.result.language));
    if (job.result?.aspect_ratio) facts.push(job.result.aspect_ratio);
    if (job.source) facts.push(words(`source.${job.source}`));
    if (job.model) facts.push([job.model.name, job.model.dtype].filter(Boolean).join(" "));
    if (job.metrics) {
      facts.push(words("ran_for", span(job.metrics.run_s)), words("tokens", job.metrics.output_tokens));
      if (job.metrics.tokens_per_s) facts.push(words("tokens_per_s", job.metrics.tokens_per_s));
    }
    return facts;
  }

  // -- what can be done ---------------------------------------------------------------------------------------------------

  async #act(deed, news = null) {
    try {
      await deed();
      if (news) announce(news);
    } catch (error) {
      this.#failed(error);
      announce("failed", problemText(error), { urgent: true });
    }
  }

  /** Seconds, for a job whose time was too short. */
  #longer() {
    return this.#job.error?.code === "timeout" && this.#request ? Math.min(2 * this.#request.execution_timeout_s, 86400) : 0;
  }

  async #retry() {
    const limit = this.#longer() ? `?execution_timeout_s=${this.#longer()}` : "";
    await this.#follow(`/jobs/${this.#id}/retry${limit}`);
  }

  /** A board of the scenes that a job had written before it failed. */
  async #keepScenes() {
    const { min_scenes, max_scenes, target_duration_s, deadline, rewrite, note, ...rest } = this.#request;
    const title = rest.prompt.trim().split("\n")[0].slice(0, 100);
    await this.#follow("/jobs", { ...rest, base: { storyboard: { title, scenes: this.#job.scenes } } });
  }

  async #follow(path, body) {
    const job = await send(path, body, { abort: this.#end.signal, onWait: () => announce("waiting_to_send") });
    show(`/jobs/${job.id}`);
  }

  #again() {
    draft(this.#request);
    show("/");
  }

  async #delete() {
    if (!(await confirmed("delete.sure"))) return;
    await remove(`/jobs/${this.#id}`);
    this.#tell.gone(this.#id);
    announce("deleted");
    show("/");
  }
}

function fill(list, lines) {
  list.replaceChildren(...lines.map(({ text, tag }) => h("li", { lang: tag }, text)));
  list.hidden = lines.length === 0;
}

/** A button that disappears under the focus would drop it to the page's top. */
function keepFocus(buttons, place, change) {
  const focused = buttons.find((candidate) => candidate === document.activeElement);
  change();
  if (focused?.hidden) place.focus();
}
