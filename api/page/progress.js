// How far a job is: a bar, what it does now, for how long it has run and about how long it will.

import { h, setText } from "./dom.js";
import { percent, span } from "./format.js";
import { words } from "./i18n.js";

const TICK_MS = 1000;
const ENOUGH = 0.08; // of the work, to tell the rest from

export class ProgressLine {
  #bar = h("progress", { max: 1, label: "progress" });
  #doing = h("p", { class: "doing" });
  #job = null;
  #expected = null;
  #timer;

  constructor() {
    this.element = h("div", { class: "job-progress" }, this.#bar, this.#doing);
    this.#timer = setInterval(() => this.#job && !this.#job.done && this.#draw(), TICK_MS);
  }

  /** `expected`: the fewest and the most scenes, once they are known. */
  show(job, expected) {
    this.#job = job;
    this.#expected = expected;
    this.element.hidden = job.done;
    if (job.status === "running") this.#bar.value = job.progress?.fraction ?? 0;
    else this.#bar.removeAttribute("value");
    this.#draw();
  }

  close() {
    clearInterval(this.#timer);
  }

  #draw() {
    setText(this.#doing, this.#facts().join(" · "));
  }

  #facts() {
    const { status, queue, progress, scenes, started_at } = this.#job;
    if (status === "queued") {
      const place = queue ? [words("position", queue.position)] : [];
      const eta = queue?.eta_s != null ? [words("eta", span(queue.eta_s))] : [];
      return place.length + eta.length ? [...place, ...eta] : [words("status.queued")];
    }
    if (status === "canceling") return [words("status.canceling")];
    const ranS = started_at ? Math.max(0, (Date.now() - Date.parse(started_at)) / 1000) : 0;
    const { phase, fraction } = progress ?? { phase: "starting", fraction: 0 };
    const [least, most] = this.#expected ?? [];
    return [
      words(`phase.${phase}`),
      percent(fraction),
      ...(least ? [words("scene_of", [scenes.length, least === most ? least : `${least}–${most}`])] : []),
      words("elapsed", span(Math.round(ranS))),
      ...(fraction > ENOUGH && fraction < 1 ? [words("eta", span((ranS * (1 - fraction)) / fraction))] : []),
    ];
  }
}
