// What a job was asked for, below its board.

import { h } from "./dom.js";
import { asJson } from "./files.js";
import { tongueOf } from "./tongue.js";

/** The entries of a list of facts: the prompt, where the job comes from, its options. */
export function requestFacts(job, request) {
  const { prompt, metadata, ...options } = request;
  const entry = (key, ...shown) => [h("dt", { say: key }), h("dd", {}, ...shown)];
  const link = (key, id) => (id ? entry(key, h("a", { href: `#/jobs/${id}` }, id)) : []);
  const block = (key, value) => entry(key, h("pre", { tabindex: 0, role: "region", label: key }, asJson(value)));
  return [
    ...entry("prompt", h("p", { class: "prompt", dir: "auto", lang: tongueOf(prompt) }, prompt)),
    ...(options.note ? entry("note", h("p", { class: "prompt", dir: "auto", lang: tongueOf(options.note) }, options.note)) : []),
    ...entry("job_id", h("code", {}, job.id)),
    ...link("retry_of", job.retry_of),
    ...link("base_of", job.base_of),
    ...block("options", options),
    ...(Object.keys(metadata).length ? block("field.metadata", metadata) : []),
  ];
}
