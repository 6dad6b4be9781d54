// Who would write a job that is sent now, and how long it would take.

import { get, Problem, Unreachable } from "./api.js";
import { h, setText } from "./dom.js";
import { span } from "./format.js";
import { onLanguage, words } from "./i18n.js";
import { pause } from "./signal.js";

const REFRESH_MS = 5000;
const WORKING = ["ready", "draining"];

/** `{element, close}` */
export function estimate() {
  const element = h("span", { class: "hint estimate" });
  const end = new AbortController();
  let queue = null;
  const draw = () => queue && setText(element, facts(queue).join(" · "));
  const unlisten = onLanguage(draw);
  async function run() {
    while (true) {
      try {
        queue = await get("/queue", { abort: end.signal });
        draw();
      } catch (error) {
        if (!(error instanceof Problem || error instanceof Unreachable)) throw error;
      }
      await pause(REFRESH_MS, end.signal);
    }
  }
  run().catch((error) => {
    if (!end.signal.aborted) throw error;
  });
  return {
    element,
    close() {
      end.abort();
      unlisten();
    },
  };
}

function facts(queue) {
  const models = new Set(queue.workers.filter((worker) => WORKING.includes(worker.state)).map((worker) => worker.model));
  if (models.size === 0) return [words("no_workers")];
  if (models.has("stub")) return [words("stub_note")];
  return [...models, ...(queue.eta_s === null ? [] : [words("takes_about", span(queue.eta_s))])];
}
