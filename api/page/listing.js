// The jobs that were read so far, newest first, as pages of the API's keyset cursor. Any page can be read again, so
// that what is on the screen stays true without reading ten thousand jobs. Knows no view; takes `fetchPage`.

import { dayOf } from "./days.js";

const MOST_OF_A_PAGE = 200;

/** What a row shows; ten thousand whole jobs would be heavy. */
export function summaryOf(job) {
  return {
    id: job.id,
    status: job.status,
    done: job.done,
    priority: job.priority,
    created: job.created_at,
    day: dayOf(job.created_at),
    title: job.result?.title ?? null,
    start: job.prompt_start || null,
    base: job.base_of ?? null,
    batch: job.batch ?? null,
    seconds: job.result?.total_duration ?? null,
    scenes: job.result?.scenes.length ?? job.progress?.scenes_done ?? 0,
    source: job.source,
    fraction: job.progress?.fraction ?? null,
    position: job.queue?.position ?? null,
    etaS: job.queue?.eta_s ?? null,
    runS: job.metrics?.run_s ?? null,
    error: job.error?.code ?? null,
  };
}

export class Listing {
  #fetchPage;
  #pages = []; // {cursor, next, ids}: the jobs below `cursor` (null: the newest) and from `next` on (null: the end)
  #jobs = new Map();
  #ids = null;

  /** `fetchPage(cursor)` gives `{jobs, next}`. */
  constructor(fetchPage) {
    this.#fetchPage = fetchPage;
  }

  get ids() {
    this.#ids ??= this.#pages.flatMap((page) => page.ids);
    return this.#ids;
  }

  get complete() {
    return this.#pages.length > 0 && this.#pages.at(-1).next === null;
  }

  job(id) {
    return this.#jobs.get(id);
  }

  /** A job as another view has just seen it. */
  learn(job) {
    if (this.#jobs.has(job.id)) this.#jobs.set(job.id, summaryOf(job));
  }

  forget(id) {
    for (const page of this.#pages) page.ids = page.ids.filter((other) => other !== id);
    this.#jobs.delete(id);
    this.#ids = null;
  }

  /** Reads on at the end. */
  async more() {
    if (this.complete) return;
    const cursor = this.#pages.at(-1)?.next ?? null;
    const { jobs, next } = await this.#fetchPage(cursor);
    if (cursor !== (this.#pages.at(-1)?.next ?? null)) return; // somebody else read it meanwhile
    this.#pages.push({ cursor, next, ids: this.#keep(jobs.filter((job) => !this.#jobs.has(job.id))) });
    this.#ids = null;
  }

  /** Reads the newest page again, and the pages that hold these jobs. */
  async refresh(ids) {
    const shown = new Set(ids);
    const wanted = new Set(this.#pages.filter((page, at) => at === 0 || page.ids.some((id) => shown.has(id))));
    if (this.#pages.length === 0) await this.more();
    for (const page of wanted) {
      const { jobs, next } = await this.#fetchPage(page.cursor);
      if (this.#pages.includes(page)) this.#replace(page, jobs, next);
    }
  }

  /**
   * What was read takes the page's place. Where it ends before the page did, the rest of the page goes to the next one;
   * where it goes on beyond, it is cut at the first job that the next one has.
   */
  #replace(page, jobs, next) {
    const at = this.#pages.indexOf(page);
    const following = this.#pages[at + 1];
    const later = new Set(this.#pages.slice(at + 1).flatMap((other) => other.ids));
    const end = jobs.findIndex((job) => later.has(job.id));
    const fresh = end === -1 ? jobs : jobs.slice(0, end);
    const covers = end !== -1 || next === null || (page.next !== null && Number(next) <= Number(page.next));
    const before = page.ids;
    page.ids = this.#keep(fresh);
    const now = new Set(page.ids);
    const left = before.filter((id) => !now.has(id));
    if (covers) {
      for (const id of left) this.#jobs.delete(id); // deleted, or no longer of the status that is asked for
    } else if (following && following.ids.length + left.length <= MOST_OF_A_PAGE) {
      following.ids = [...left, ...following.ids];
      following.cursor = next;
      page.next = next;
    } else {
      this.#pages.splice(at + 1, 0, { cursor: next, next: page.next, ids: left });
      page.next = next;
    }
    this.#ids = null;
  }

  #keep(jobs) {
    for (const job of jobs) this.#jobs.set(job.id, summaryOf(job));
    return jobs.map((job) => job.id);
  }
}
