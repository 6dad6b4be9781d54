// Talks to the API: JSON in and out, problem+json as `Problem`, a dead line as `Unreachable`. Knows no view.

import { key, keyWanted } from "./key.js";
import { Signal } from "./signal.js";

const TIMEOUT_MS = 15000;
const SERVICE = new URL("..", import.meta.url); // it may be under a path of its host

/** How the last thing that was tried went: `up`; `down`, nobody answered; `away`, the API could not reach its store. */
export const link = new Signal("up");

/** The API said no (RFC 9457); `faults` point into the body that was sent. */
export class Problem extends Error {
  constructor(status, body, retryAfterS) {
    super(body.detail || body.title || `HTTP ${status}`);
    this.status = status;
    this.code = body.code ?? "";
    this.title = body.title ?? "";
    this.faults = body.errors ?? [];
    this.retryAfterS = retryAfterS;
  }

  get passing() {
    return this.status === 503 || this.status === 429;
  }
}

/** Nobody answered. */
export class Unreachable extends Error {}

export const get = (path, options) => call("GET", path, options);
export const post = (path, options) => call("POST", path, options);
export const remove = (path, options) => call("DELETE", path, options);

async function call(method, path, { body, headers = {}, abort } = {}) {
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  const response = await open(method, path, {
    headers: body === undefined ? headers : { "Content-Type": "application/json", ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
    abort: abort ? AbortSignal.any([abort, limit]) : limit,
  });
  return response.status === 204 ? null : read(response);
}

/** The response itself, for streams; raises as everything here does. */
export async function open(method, path, { headers = {}, body, abort } = {}) {
  const own = key.value ? { Authorization: `Bearer ${key.value}` } : {};
  let response;
  try {
    response = await fetch(new URL(path.slice(1), SERVICE), { method, headers: { ...own, ...headers }, body, signal: abort, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    link.set("down");
    throw new Unreachable(error.message);
  }
  if (response.ok) {
    link.set("up");
    return response;
  }
  const problem = await response.json().catch(() => ({}));
  link.set(problem.code === "store_unavailable" ? "away" : "up");
  if (response.status === 401) keyWanted.set(true);
  throw new Problem(response.status, problem, Number(response.headers.get("Retry-After")) || null);
}

async function read(response) {
  try {
    return await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Unreachable(error.message); // cut off in the middle of the answer
  }
}
