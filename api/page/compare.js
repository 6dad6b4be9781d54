// Two boards side by side, on one scale of time: scenes that say the same beside each other; words, cameras and times
// that differ are marked.

import { get, Problem, Unreachable } from "./api.js";
import { pieces, sideBySide } from "./differing.js";
import { h } from "./dom.js";
import { clock, span } from "./format.js";
import { onLanguage, problemText, words } from "./i18n.js";
import { introduce, sceneLines } from "./scene_lines.js";
import { shotOf, strip } from "./strip.js";
import { tongueOf } from "./tongue.js";

export function compareView(ids) {
  return new Compare(ids);
}

class Compare {
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
        this.#body.replaceChildren(h("p", { class: "fault general", role: "alert" }, problemText(error)));
      });
  }

  get title() {
    return words("title.compare");
  }

  close() {
    this.#end.abort();
    this.#unlisten();
  }

  #draw() {
    if (!this.#jobs) return;
    const longest = Math.max(1, ...this.#jobs.map(seconds));
    const [one, other] = this.#jobs;
    const pair = (...sides) => h("div", { class: "pair" }, ...sides);
    const rows = sideBySide(one.scenes, other.scenes).map(([left, right]) => pair(scene(left, right, one), scene(right, left, other)));
    this.#body.replaceChildren(pair(header(one, longest), header(other, longest)), ...rows);
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
  const title = job.result?.title ?? job.prompt_start ?? job.id.slice(0, 8);
  return h(
    "section",
    { "data-status": job.status },
    h("h2", { dir: "auto", lang: tongueOf(title, job.result?.language) }, h("a", { href: `#/jobs/${job.id}` }, title)),
    h("p", { class: "job-line" }, h("span", { class: "status", say: `status.${job.status}` }), h("span", { class: "hint" }, facts.join(" · "))),
    strip(job.scenes, longest),
  );
}

function scene(one, other, job) {
  if (!one) return h("section", { class: "scene none", say: "no_scene" });
  const isOther = (name) => other && JSON.stringify(one[name]) !== JSON.stringify(other[name]);
  const marked = (name, text) => (isOther(name) ? pieces(text, other[name] ?? "").map(([piece, differs]) => (differs ? h("mark", {}, piece) : piece)) : [text]);
  const lines = sceneLines(one, { tag: job.result?.language, aspect: job.result?.aspect_ratio, marked });
  lines[0].classList.toggle("differs", Boolean(isOther("camera")));
  const element = h(
    "section",
    { class: `scene ${shotOf(one)}` },
    h("h3", {}, h("span", { class: "card-number" }, String(one.scene_number)), " ", h("span", { class: `length${isOther("duration") ? " differs" : ""}`, say: ["seconds", one.duration] })),
    ...lines,
  );
  introduce(element, job.result?.characters ?? []);
  return element;
}
