// What stands behind the heads of the list: which are shut, how all jobs of a batch fare, of which many may not have been
// read, and which jobs a head speaks for.

import { get, post, Problem, Unreachable } from "./api.js";

const BATCH = "batch:";

export const isBatch = (key) => key.startsWith(BATCH);
const urlOf = (key) => `/batches/${key.slice(BATCH.length)}`;

export class Heads {
  shut = new Set(); // keys of heads that show no jobs
  #batches = new Map(); // key -> {counts, done}, as the service told them

  toggle(key) {
    if (!this.shut.delete(key)) this.shut.add(key);
  }

  /** What is known may be true no longer. */
  doubt() {
    for (const batch of this.#batches.values()) batch.done = false;
  }

  forget() {
    this.#batches.clear();
  }

  /** Reads how a batch fares, while some of it is not done. Whether there is news. */
  async read({ key, ids }) {
    if (!ids || !isBatch(key) || this.#batches.get(key)?.done) return false;
    try {
      const { counts, done } = await get(urlOf(key));
      this.#batches.set(key, { counts: { ...counts, gone: 0 }, done });
      return true;
    } catch (error) {
      if (error instanceof Unreachable) return false;
      if (!(error instanceof Problem)) throw error;
      this.#batches.set(key, { counts: null, done: !error.passing }); // its own lifetime is over
      return false;
    }
  }

  /** By status: of all jobs of a whole batch, else of those that are shown. */
  countsOf({ key, ids }, known, isWhole) {
    const whole = isWhole && this.#batches.get(key)?.counts;
    if (whole) return whole;
    const counts = {};
    for (const id of ids) counts[known(id).status] = (counts[known(id).status] ?? 0) + 1;
    return counts;
  }

  /** The ids of all jobs of a whole batch, else those that are shown. */
  async everyOf({ key, ids }, isWhole) {
    return isWhole && isBatch(key) && this.#batches.get(key)?.counts ? (await get(urlOf(key))).jobs : ids;
  }

  /** Stops what is not done. */
  async cancel({ key, ids }, isWhole) {
    if (isWhole && isBatch(key)) return post(`${urlOf(key)}/cancel`);
    for (const id of ids) await post(`/jobs/${id}/cancel`);
  }
}
