// What a job without a title is about: its prompt, which a job does not carry. Asked for only while the job is on the
// screen, a few at once, and kept.

import { get, Problem, Unreachable } from "./api.js";
import { key } from "./key.js";

const AT_ONCE = 4;
const SETTLE_MS = 120; // a list that is being scrolled asks for nothing
const MOST_CHARACTERS = 160;

const labels = new Map();
const listeners = new Set();
let wanted = [];
let asking = 0;
let timer = 0;

key.watch(() => labels.clear());

export function labelOf(id) {
  return labels.get(id) ?? null;
}

export function onLabel(listener) {
  listeners.add(listener);
}

/** A prompt that is known already. */
export function label(id, prompt) {
  labels.set(id, [...prompt.trim()].slice(0, MOST_CHARACTERS).join(""));
  for (const listener of listeners) listener();
}

export function wantLabels(jobs) {
  wanted = jobs.map((job) => job.id).filter((id) => !labels.has(id));
  clearTimeout(timer);
  if (wanted.length) timer = setTimeout(ask, SETTLE_MS);
}

function ask() {
  while (asking < AT_ONCE && wanted.length) {
    const id = wanted.shift();
    if (labels.has(id)) continue;
    labels.set(id, null);
    asking += 1;
    get(`/jobs/${id}/request`)
      .then((request) => label(id, request.prompt))
      .catch((error) => {
        if (error instanceof Unreachable || (error instanceof Problem && error.passing)) labels.delete(id);
        else if (!(error instanceof Problem)) throw error;
      })
      .finally(() => {
        asking -= 1;
        ask();
      });
  }
}
