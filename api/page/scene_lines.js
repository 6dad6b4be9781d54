// What a scene says, field by field: its terms, its texts, its lists. Knows no card.

import { h, setText, svg } from "./dom.js";
import { SCENE_FIELDS } from "./scene_fields.js";
import { tongueOf } from "./tongue.js";

const FIGURES = { "wide shot": 0.42, "medium shot": 0.62, "close up": 1.05 }; // the figure's size in the frame
const PLAIN = ["description", "action"]; // what stands where everybody looks for it needs no label

/** The key of a term's words. */
export function termKey(field, term) {
  return `${field}.${term.replaceAll(" ", "_")}`;
}

/** Lines for a card. `tag`: the language of the texts, where the board names it; `marked(name, text)` gives a text's
 * pieces where some are to be marked. People are called by their ids until `introduce` names them. */
export function sceneLines(scene, { tag, aspect, marked = (_, text) => [text] } = {}) {
  const present = (kind) => SCENE_FIELDS.filter((field) => field.kind === kind && scene[field.name] !== undefined).map((field) => field.name);
  const lists = (kind) => present(kind).filter((name) => scene[name].length);
  const [camera, ...terms] = present("term");
  return [
    h("p", { class: "card-camera" }, cameraIcon(scene[camera], aspect), h("span", { say: termKey(camera, scene[camera]) })),
    ...present("text").map((name) => textLine(name, scene[name], tag, marked)),
    terms.length ? h("p", { class: "card-terms" }, terms.map((name) => h("span", { class: "term" }, h("span", { class: "tag", say: `scene.${name}` }), h("span", { say: termKey(name, scene[name]) })))) : null,
    ...lists("lines").map((name) => listLine(name, scene[name].map((one) => [person(one.character), ": ", h("span", { class: "text", lang: tongueOf(one.line, tag) }, one.line)]))),
    ...lists("ids").map((name) => listLine(name, scene[name].map((id) => [person(id)]))),
  ].filter(Boolean);
}

/** Call people within an element by their names. */
export function introduce(element, cast) {
  const names = new Map(cast.map((one) => [one.id, one.name]));
  for (const called of element.querySelectorAll("[data-person]")) setText(called, names.get(called.dataset.person) ?? called.dataset.person);
}

function person(id) {
  return h("b", { "data-person": id }, id);
}

function listLine(name, entries) {
  const shown = entries.flatMap((entry, place) => (place ? [h("br", {}), ...entry] : entry));
  return h("p", { class: `card-${name}`, dir: "auto" }, h("span", { class: "tag", say: `scene.${name}` }), ...shown);
}

function textLine(name, text, tag, marked) {
  const label = PLAIN.includes(name) ? null : h("span", { class: "tag", say: `scene.${name}` });
  return h("p", { class: `card-${name}`, dir: "auto" }, label, h("span", { class: "text", lang: tongueOf(text, tag) }, ...marked(name, text)));
}

/** A frame of the board's shape with a figure in it, as far as the camera is. */
function cameraIcon(camera, aspect = "16:9") {
  const size = FIGURES[camera] ?? 0.6;
  const [wide, high] = aspect.split(":").map(Number);
  const scale = Math.sqrt(576 / (wide * high)); // of one area whatever the shape
  const [width, height] = [wide * scale, high * scale];
  const unit = Math.min(width, height) / 18;
  const middle = width / 2;
  const figure = svg(
    "g",
    {},
    svg("circle", { cx: middle, cy: height / 2 - 3 * size * unit, r: 3.4 * size * unit }),
    svg("path", { d: `M${middle - 6 * size * unit} ${height - 1} a${6 * size * unit} ${(height / 2 - 1.5) * Math.min(size + 0.2, 1)} 0 0 1 ${12 * size * unit} 0 z` }),
  );
  const frame = svg("rect", { x: 0.75, y: 0.75, width: width - 1.5, height: height - 1.5, rx: 2, class: "frame" });
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "camera-icon", "aria-hidden": "true" }, frame, figure);
  picture.style.width = `${width}px`;
  picture.style.height = `${height}px`;
  return picture;
}
