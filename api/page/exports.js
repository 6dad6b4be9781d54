// The board on its way to other programs: one menu with every file, the clipboard and the printer. The service writes
// and names the files.

import { get, open } from "./api.js";
import { button, h } from "./dom.js";
import { asJson, copy, download, save } from "./files.js";
import { menu } from "./menu.js";
import { printBoard } from "./printing.js";
import { EXPORT_FORMATS, TARGET_NAMES } from "./scene_fields.js";

const AT_ONCE = { json: true, prompts: true }; // written here, or in need of a target

/** `job()` is the job as it is; `act` carries out what a click asks for, tells what was done and shows what goes wrong. */
export function exportsOf(job, act) {
  const targets = h("select", { label: "field.targets" }, TARGET_NAMES.map((name) => h("option", { value: name }, name)));
  const file = (format, more = () => "") => h("button", { type: "button", on: { click: () => act(() => take(job().id, format + more())) } }, format.toUpperCase());
  return menu(
    "export",
    [
      h("p", { class: "tag", say: "export.files" }),
      h("div", { class: "actions" }, EXPORT_FORMATS.filter((format) => !AT_ONCE[format]).map((format) => file(format))),
      h("div", { class: "actions" }, button("download", () => act(async () => download(`storyboard-${job().id.slice(0, 8)}.json`, asJson(await whole(job()))))), button("copy", () => act(async () => copy(asJson(await whole(job()))), "copied"))),
      h("p", { class: "tag", say: "export.prompts" }),
      h("div", { class: "actions" }, targets, file("prompts", () => `&target=${encodeURIComponent(targets.value)}`), button("copy_prompts", () => act(async () => copy(promptsOf(await whole(job()))), "copied"))),
      h("p", { class: "tag", say: "export.paper" }),
      h("div", { class: "actions" }, button("print", () => act(async () => printBoard(await whole(job()), { prompts: false }))), button("print.prompts", () => act(async () => printBoard(await whole(job()), { prompts: true })))),
    ],
    { hidden: true },
  );
}

/** Of a job that ended without a board, what the service makes of its scenes. */
async function whole(job) {
  return job.result ?? (await get(`/jobs/${job.id}/result?format=json`));
}

/** What a video model is given for a scene: all its prompts. */
export function promptOf(scene) {
  return Object.values(scene.prompts ?? {}).join("\n\n") || scene.video_prompt || [scene.description, scene.action].join(" ");
}

function promptsOf(board) {
  return board.scenes.map(promptOf).join("\n\n");
}

/** By a request of ours, for a link could not send the key. */
async function take(id, format) {
  const response = await open("GET", `/jobs/${id}/result?format=${format}`);
  const [, name] = /filename\*=UTF-8''([^;]+)/.exec(response.headers.get("Content-Disposition"));
  save(decodeURIComponent(name), await response.blob());
}
