// The same for many jobs, a few at a time. What nobody answers, or the service does not take now, is tried again; what it
// refuses is counted and left as it is.

import { post, Problem, remove, Unreachable } from "./api.js";
import { freshKey } from "./outbox.js";
import { pause } from "./signal.js";

const AT_ONCE = 4;
const AGAIN_MS = 1000;

export const cancelOne = (id, abort) => post(`/jobs/${id}/cancel`, { abort });

export function retryOne(id, abort, key) {
  return post(`/jobs/${id}/retry`, { headers: { "Idempotency-Key": key }, abort });
}

/** Whether it was there or not, it is gone. */
export async function deleteOne(id, abort) {
  try {
    await remove(`/jobs/${id}`, { abort });
  } catch (error) {
    if (!(error instanceof Problem && (error.status === 404 || error.status === 410))) throw error;
  }
}

/**
 * `deed(id, abort, key)` for each; `key` stays the same over the tries of one. `step(count)` is told of how many there
 * was an answer. Gives `{done, refused}`: ids, and the problems of the others. What is aborted ends with what it has.
 */
export async function forEach(ids, deed, { abort, step }) {
  const left = [...ids];
  const done = [];
  const refused = [];
  async function work() {
    while (left.length && !abort.aborted) {
      const id = left.shift();
      try {
        await patiently(id, deed, abort);
        done.push(id);
      } catch (error) {
        if (abort.aborted) return;
        if (!(error instanceof Problem)) throw error;
        refused.push(error);
      }
      step(done.length + refused.length);
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return { done, refused };
}

async function patiently(id, deed, abort) {
  const key = freshKey();
  while (true) {
    try {
      return await deed(id, abort, key);
    } catch (error) {
      if (!(error instanceof Unreachable || (error instanceof Problem && error.passing))) throw error;
      await pause((error.retryAfterS ?? 0) * 1000 || AGAIN_MS, abort);
    }
  }
}
