// The jobs that are chosen in the list, and what can be done with all of them at once.

import { announce } from "./announce.js";
import { cancelOne, deleteOne, forEach, retryOne } from "./bulk.js";
import { confirmed } from "./confirm.js";
import { button, h, setText } from "./dom.js";
import { iconButton } from "./icons.js";
import { problemText, say } from "./i18n.js";
import { show } from "./route.js";
import { RETRIED } from "./statuses.js";

const mayRetry = (job) => RETRIED.includes(job.status);
const mayCancel = (job) => job.status === "queued" || job.status === "running";
const mayDelete = (job) => job.done;

export class Choice {
  #ids = new Set();
  #job;
  #changed;
  #acted;
  #forget;
  #working = null;
  #count = h("span", { class: "chosen-count", role: "status" });
  #fault = h("p", { class: "fault", role: "alert", hidden: true });
  #compare = button("compare", () => this.#showBoth(), { class: "small primary" });
  #deeds = [
    [button("retry", () => this.#all(this.#fitting(mayRetry), retryOne, "bulk.retried"), { class: "small" }), "bulk.retry", mayRetry],
    [button("cancel", () => this.#all(this.#fitting(mayCancel), cancelOne, "bulk.canceled"), { class: "small" }), "bulk.cancel", mayCancel],
    [button("delete", () => this.remove(this.#fitting(mayDelete)), { class: "small danger" }), "bulk.delete", mayDelete],
  ];
  #clear = iconButton("close", "choose_none", () => this.clear());
  #stop = button("stop_sending", () => this.#working?.abort(), { class: "small", hidden: true });

  /** `job(id)`: what is known of one; `changed()`: others are chosen; `acted()`: they are others now; `forget(id)`: it is deleted. */
  constructor({ job, changed, acted, forget }) {
    this.#job = job;
    this.#changed = changed;
    this.#acted = acted;
    this.#forget = forget;
    this.element = h("div", { class: "jobs-chosen", role: "group", label: "chosen" }, this.#count, this.#compare, this.#deeds.map(([deed]) => deed), this.#clear, this.#stop, this.#fault);
    this.draw();
  }

  has(id) {
    return this.#ids.has(id);
  }

  /** Chooses or leaves these. */
  set(ids, chosen) {
    this.#fault.hidden = true;
    for (const id of ids) {
      if (chosen) this.#ids.add(id);
      else this.#ids.delete(id);
    }
    this.#changed();
  }

  clear() {
    this.set([...this.#ids], false);
  }

  drop(id) {
    this.#ids.delete(id);
  }

  /** How many of these are chosen. */
  countOf(ids) {
    return this.#ids.size && ids.filter((id) => this.#ids.has(id)).length;
  }

  draw() {
    const count = this.#ids.size;
    const isWorking = Boolean(this.#working);
    const known = this.#known;
    this.element.hidden = count === 0 && !isWorking && this.#fault.hidden;
    if (!isWorking) say(this.#count, "chosen_count", count);
    this.#compare.hidden = isWorking || count !== 2 || !known.every((job) => job.seconds !== null); // only boards can be
    for (const [deed, name, fits] of this.#deeds) {
      const some = known.filter(fits).length;
      deed.hidden = isWorking || some === 0;
      say(deed, name, some);
    }
    this.#clear.hidden = isWorking || count === 0;
    this.#stop.hidden = !isWorking;
  }

  /** Deletes these after a question, however many. */
  async remove(ids) {
    if (!ids.length || !(await confirmed(["bulk.delete_sure", ids.length]))) return;
    const gone = await this.#all(ids, deleteOne, "bulk.deleted");
    for (const id of gone) this.#forget(id);
    if (gone.some((id) => location.hash === `#/jobs/${id}`)) show("/");
  }

  get #known() {
    return [...this.#ids].map((id) => this.#job(id)).filter(Boolean);
  }

  #fitting(fits) {
    return this.#known.filter(fits).map((job) => job.id);
  }

  async #all(ids, deed, news) {
    if (this.#working) return [];
    this.#working = new AbortController();
    this.#fault.hidden = true;
    const step = (count) => say(this.#count, "bulk.so_far", [count, ids.length]);
    step(0);
    this.draw();
    try {
      const { done, refused } = await forEach(ids, deed, { abort: this.#working.signal, step });
      for (const id of done) this.#ids.delete(id);
      announce(news, done.length);
      if (refused.length) this.#tell(refused);
      return done;
    } finally {
      this.#working = null;
      this.#acted();
    }
  }

  #tell(refused) {
    const texts = [...new Set(refused.map(problemText))];
    setText(this.#fault, texts.join(" "));
    this.#fault.hidden = false;
  }

  #showBoth() {
    const [one, other] = this.#ids;
    this.clear();
    show(`/compare/${one}/${other}`);
  }
}
