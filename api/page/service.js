// What the page must know of this service: whether a key is wanted, where Flower is, how it samples. Read once.

import { get, Problem, Unreachable } from "./api.js";
import { pause } from "./signal.js";

const AGAIN_MS = 2000;

let read = null;

/** The settings, however long nobody answers. */
export function settings() {
  read ??= ask();
  return read;
}

async function ask() {
  while (true) {
    try {
      return await get("/page/settings.json");
    } catch (error) {
      if (!(error instanceof Problem || error instanceof Unreachable)) throw error;
      await pause(AGAIN_MS);
    }
  }
}
