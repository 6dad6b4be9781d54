// The storyboard as a file for other programs: a button a format. The service writes and names it.

import { open } from "./api.js";
import { h } from "./dom.js";
import { save } from "./files.js";

const FORMATS = ["csv", "srt", "vtt", "otio", "edl", "fcpxml", "fountain", "md"];

/** `act` carries out what a click asks for and shows what goes wrong. */
export function exportsOf(id, act) {
  const choice = (format) => h("button", { type: "button", on: { click: () => act(() => take(id, format)) } }, format.toUpperCase());
  return h("details", { class: "exports", hidden: true }, h("summary", { say: "export" }), h("div", { class: "actions", role: "group", label: "export" }, FORMATS.map(choice)));
}

/** By a request of ours, for a link could not send the key. */
async function take(id, format) {
  const response = await open("GET", `/jobs/${id}/result?format=${format}`);
  const [, name] = /filename\*=UTF-8''([^;]+)/.exec(response.headers.get("Content-Disposition"));
  save(decodeURIComponent(name), await response.blob());
}
