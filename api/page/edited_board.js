// A board that is being changed: its title, its scenes in their order, and every step back. A scene is never changed in
// place, and one that is null is for the model to write. Knows no view and no API.

let made = 0;

/** The same for a scene that arrives and for the one in the finished board, so that its card stays. */
export function keyOf(scene) {
  return `scene-${scene.scene_number}`;
}

export class EditedBoard {
  #steps;
  #at = 0;

  /** `kept`: what `state` was before the page was left. */
  constructor(board, kept = null) {
    this.#steps = [{ title: board.title, entries: board.scenes.map((scene) => ({ key: keyOf(scene), scene })) }];
    if (kept) this.#step(kept);
  }

  get state() {
    return this.#steps[this.#at];
  }

  get entries() {
    return this.state.entries;
  }

  get isChanged() {
    return this.#at > 0;
  }

  get canRedo() {
    return this.#at < this.#steps.length - 1;
  }

  get holes() {
    return this.entries.filter((entry) => !entry.scene).length;
  }

  undo() {
    if (this.isChanged) this.#at -= 1;
  }

  redo() {
    if (this.canRedo) this.#at += 1;
  }

  discard() {
    this.#at = 0;
    this.#steps.length = 1;
  }

  rename(title) {
    if (title !== this.state.title) this.#step({ ...this.state, title });
  }

  placeOf(key) {
    return this.entries.findIndex((entry) => entry.key === key);
  }

  change(key, scene) {
    this.#become(this.entries.map((entry) => (entry.key === key ? { key, scene } : entry)));
  }

  /** To the place `to`, counted from 0 among the others; what lies beyond is the end. Whether it moved. */
  move(key, to) {
    const from = this.placeOf(key);
    const place = Math.max(0, Math.min(to, this.entries.length - 1));
    if (place === from) return false;
    const others = this.entries.filter((entry) => entry.key !== key);
    this.#become(others.toSpliced(place, 0, this.entries[from]));
    return true;
  }

  /** A hole at the place `at`; its key. */
  insert(at) {
    made += 1;
    const key = `new-${Date.now()}-${made}`;
    this.#become(this.entries.toSpliced(at, 0, { key, scene: null }));
    return key;
  }

  remove(key) {
    this.#become(this.entries.filter((entry) => entry.key !== key));
  }

  #become(entries) {
    this.#step({ ...this.state, entries });
  }

  #step(state) {
    this.#steps.length = this.#at + 1;
    this.#steps.push(state);
    this.#at += 1;
  }
}

/** The board as the API takes it, which computes numbers, sums and prompts itself. */
export function boardOf(board, { title, entries }) {
  return { ...board, title, scenes: entries.map(({ scene }) => scene) };
}
