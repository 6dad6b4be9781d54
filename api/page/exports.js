// The storyboard as a file for other programs: a button a format. The service writes and names it.

import { get, open } from "./api.js";
import { h } from "./dom.js";
import { save } from "./files.js";

const FORMATS = ["csv", "srt", "vtt", "otio", "edl", "fcpxml", "fountain", "md"];

/** `act` carries out what a click asks for and shows what goes wrong. */
export function exportsOf(id, act) {
  const targets = h("select", { label: "field.targets" });
  const choice = (format, more = () => "") => h("button", { type: "button", on: { click: () => act(() => take(id, format + more())) } }, format.toUpperCase());
  const prompts = choice("prompts", () => `&target=${encodeURIComponent(targets.value)}`);
  const listed = () => targets.length || act(() => list(targets));
  return h(
    "details",
    { class: "exports", hidden: true, on: { toggle: listed } },
    h("summary", { say: "export" }),
    h("div", { class: "actions", role: "group", label: "export" }, FORMATS.map((format) => choice(format)), prompts, targets),
  );
}

async function list(targets) {
  const known = (await get("/targets")).targets;
  targets.replaceChildren(...known.map(({ name }) => h("option", { value: name }, name)));
}

/** By a request of ours, for a link could not send the key. */
async function take(id, format) {
  const response = await open("GET", `/jobs/${id}/result?format=${format}`);
  const [, name] = /filename\*=UTF-8''([^;]+)/.exec(response.headers.get("Content-Disposition"));
  save(decodeURIComponent(name), await response.blob());
}
