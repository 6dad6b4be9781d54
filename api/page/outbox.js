// Sends a POST that makes a job, and makes it once: a key that stays with the same body until an answer came, over lost
// connections and reloads of the page.

import { Problem, post, Unreachable } from "./api.js";
import { recall, remember } from "./memory.js";
import { pause } from "./signal.js";

const NAME = "outbox";
const BACKOFF_MS = [500, 1000, 2000, 4000, 8000];

/** The new job. Tries again while nobody answers or the service is full; `onWait(error)` is told of each wait. */
export async function send(path, body, { abort, onWait }) {
  const key = keyOf(path, body);
  for (let failures = 0; ; failures++) {
    try {
      const job = await post(path, { body, headers: { "Idempotency-Key": key }, abort });
      remember(NAME, null, "sessionStorage");
      return job;
    } catch (error) {
      if (!(error instanceof Unreachable || (error instanceof Problem && error.passing))) {
        if (error instanceof Problem) remember(NAME, null, "sessionStorage");
        throw error;
      }
      onWait(error);
      await pause(Math.max(BACKOFF_MS[Math.min(failures, BACKOFF_MS.length - 1)], (error.retryAfterS ?? 0) * 1000), abort);
    }
  }
}

function keyOf(path, body) {
  const text = JSON.stringify([path, body ?? null]);
  const waiting = recall(NAME, "sessionStorage");
  if (waiting?.text === text) return waiting.key;
  const key = freshKey();
  remember(NAME, { text, key }, "sessionStorage");
  return key;
}

export function freshKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
