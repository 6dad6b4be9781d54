// The API key: for this tab, or on this device when its owner says so. Knows no requests.

import { recall, remember } from "./memory.js";
import { Signal } from "./signal.js";

const NAME = "key";

export const key = new Signal(recall(NAME, "sessionStorage") ?? recall(NAME) ?? "");
export const keyWanted = new Signal(false); // the API refused to answer without one

export function isKept() {
  return recall(NAME) !== null;
}

export function useKey(text, onThisDevice) {
  remember(NAME, null);
  remember(NAME, null, "sessionStorage");
  if (text) remember(NAME, text, onThisDevice ? "localStorage" : "sessionStorage");
  keyWanted.set(false);
  key.set(text);
}
