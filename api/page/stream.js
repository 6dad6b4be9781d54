// Follows a job's server-sent events over any number of broken connections. EventSource cannot send a key, so the
// stream is read by fetch; a connection goes on after the last event that the one before brought.

import { link, open, Problem, Unreachable } from "./api.js";
import { pause } from "./signal.js";

const SILENCE_MS = 25000; // the API says something every 10 s
const BACKOFF_MS = [300, 1000, 2000, 4000];

/** Calls `onEvent(name, data)` until `done` or `abort`. Raises `Problem` for a job that is not there. */
export async function follow(jobId, onEvent, abort) {
  let last = "";
  for (let failures = 0; ; failures++) {
    try {
      const headers = { Accept: "text/event-stream", ...(last && { "Last-Event-ID": last }) };
      const own = new AbortController();
      const response = await open("GET", `/jobs/${jobId}/events`, { headers, abort: AbortSignal.any([abort, own.signal]) });
      if (response.status === 204) return;
      for await (const event of events(response.body, own)) {
        failures = 0;
        if (event.id) last = event.id;
        if (!event.name) continue; // a heartbeat
        onEvent(event.name, JSON.parse(event.data));
        if (event.name === "done") return;
      }
      await open("GET", `/jobs/${jobId}`, { abort }); // ended too soon: broken, or is the job gone?
    } catch (error) {
      if (abort.aborted) throw abort.reason;
      if (error instanceof Problem && !error.passing) throw error;
      if (!(error instanceof Problem || error instanceof Unreachable)) throw error;
      if (error instanceof Unreachable) link.set("down");
    }
    await pause(BACKOFF_MS[Math.min(failures, BACKOFF_MS.length - 1)], abort);
  }
}

/** One `{id, name, data}` an event, and one without a name for a comment; ends with the connection. */
async function* events(body, own) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    while (true) {
      const { value, done } = await unlessSilent(reader.read(), own);
      if (done) return;
      const blocks = (rest + value).replaceAll("\r\n", "\n").split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) yield parsed(block);
    }
  } catch (error) {
    throw new Unreachable(error.message);
  } finally {
    own.abort();
  }
}

function parsed(block) {
  const event = { id: "", name: "", data: "" };
  for (const line of block.split("\n")) {
    const colon = line.indexOf(": ");
    const field = line.slice(0, colon);
    if (field === "id") event.id = line.slice(colon + 2);
    if (field === "event") event.name = line.slice(colon + 2);
    if (field === "data") event.data = line.slice(colon + 2);
  }
  return event;
}

async function unlessSilent(promise, own) {
  const timer = setTimeout(() => own.abort(), SILENCE_MS);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}
