// The scenes of a board as a thin line: a piece is as wide as its scene is long. A picture; the cards say the same.

import { h } from "./dom.js";

export function shotOf(scene) {
  return scene ? scene.camera.replace(" ", "-") : "unwritten";
}

/** `scenes` may hold null for one that is not written; `longest` is the seconds of the whole width. */
export function strip(scenes, longest = null, onChoose = null) {
  const all = longest ?? scenes.reduce((sum, scene) => sum + secondsOf(scene), 0);
  const pieces = scenes.map((scene, at) => {
    const piece = h("span", { class: shotOf(scene), on: onChoose ? { click: () => onChoose(at) } : {} }, String(at + 1));
    piece.style.width = `${(100 * secondsOf(scene)) / Math.max(all, 1)}%`;
    return piece;
  });
  return h("div", { class: "strip", "aria-hidden": "true" }, pieces);
}

export function secondsOf(scene) {
  return scene?.duration ?? 4;
}
