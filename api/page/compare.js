// Two results side by side: scene beside scene, on one scale of time.

import { get, Problem, Unreachable } from "./api.js";
import { h } from "./dom.js";
import { clock, span } from "./format.js";
import { onLanguage, words } from "./i18n.js";
import { introduce, sceneLines } from "./storyboard.js";

export function compareView(ids) {
  return new Compare(ids);
}

class Compare {
  title = ["title.compare"];
  #end = new AbortController();
  #body = h("div", { class: "compare-body" });
  #jobs = null;
  #unlisten;

  constructor(ids) {
    this.element = h("article", { class: "compare" }, h("h1", { tabindex: -1, say: "title.compare" }), this.#body);
    this.#unlisten = onLanguage(() => this.#draw());
    Promise.all(ids.map((id) => get(`/jobs/${id}`, { abort: this.#end.signal })))
      .then((jobs) => {
        this.#jobs = jobs;
        this.#draw();
      })
      .catch((error) => {
        if (this.#end.signal.aborted) return;
        if (!(error instanceof Problem || error instanceof Unreachable)) throw error;
        this.#body.replaceChildren(h("p", { class: "fault general", role: "alert" }, error.message));
      });
  }

  close() {
    this.#end.abort();
    this.#unlisten();
  }

  #draw() {
    if (!this.#jobs) return;
    const longest = Math.max(1, ...this.#jobs.map(seconds));
    const rows = Math.max(...this.#jobs.map((job) => job.scenes.length));
    this.#body.replaceChildren(
      h("div", { class: "pair" }, this.#jobs.map((job) => header(job, longest))),
      ...Array.from({ length: rows }, (_, at) => h("div", { class: "pair" }, this.#jobs.map((job) => scene(job.scenes[at], job.result?.characters ?? [])))),
    );
  }
}

function seconds(job) {
  return job.scenes.reduce((sum, one) => sum + one.duration, 0);
}

function header(job, longest) {
  const facts = [words("scenes", job.scenes.length), clock(seconds(job))];
  if (job.source) facts.push(words(`source.${job.source}`));
  if (job.model) facts.push(job.model.name);
  if (job.metrics) facts.push(words("ran_for", span(job.metrics.run_s)));
  const strip = h("div", { class: "strip", "aria-hidden": "true" });
  for (const one of job.scenes) {
    const piece = h("span", { class: one.camera.replace(" ", "-") }, String(one.scene_number));
    piece.style.width = `${(100 * one.duration) / longest}%`;
    strip.append(piece);
  }
  return h(
    "section",
    { "data-status": job.status },
    h("h2", { dir: "auto" }, h("a", { href: `#/jobs/${job.id}` }, job.result?.title ?? job.id.slice(0, 8))),
    h("p", { class: "job-line" }, h("span", { class: "status", say: `status.${job.status}` }), h("span", { class: "hint" }, facts.join(" · "))),
    strip,
  );
}

function scene(one, cast) {
  if (!one) return h("section", { class: "scene none", say: "no_scene" });
  const element = h(
    "section",
    { class: `scene ${one.camera.replace(" ", "-")}` },
    h("h3", {}, h("span", { class: "card-number" }, String(one.scene_number)), " ", h("span", { class: "length", say: ["seconds", one.duration] })),
    ...sceneLines(one),
  );
  introduce(element, cast);
  return element;
}
