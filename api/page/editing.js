// What a director does with a finished board: changes, steps back, another take. Changes stay in this tab until they
// are saved as a job of their own or discarded; the board that they began with is never touched.

import { announce } from "./announce.js";
import { Problem } from "./api.js";
import { button, h } from "./dom.js";
import { boardOf, EditedBoard } from "./edited_board.js";
import { faultWords, onLanguage, say } from "./i18n.js";
import { icon } from "./icons.js";
import { recall, remember } from "./memory.js";
import { movedByDragging } from "./moving.js";
import { send } from "./outbox.js";
import { show } from "./route.js";
import { StoryboardView } from "./storyboard.js";

const POINTER = /^\/base\/storyboard\/scenes\/(\d+)\/?([^/]*)/;

export class Editing {
  view = new StoryboardView({
    change: (key, scene) => this.#change(key, scene),
    rewrite: (key, note) => this.#try(() => this.#send([this.#edited.placeOf(key) + 1], note, key)),
    move: (key, step) => this.#move(key, this.#edited.placeOf(key) + step, step < 0 ? "earlier" : "later"),
    insert: (key) => this.#insert(key),
    remove: (key) => this.#remove(key),
    copyPrompt: (key) => this.#try(() => this.#copyPrompt(this.#edited.entries[this.#edited.placeOf(key)].scene)),
  });
  #job = null;
  #seconds = [1, 60];
  #edited = null;
  #abort;
  #copyPrompt;
  #try;
  #retitle;
  #count = h("span", { class: "changes-count" });
  #undo = h("button", { type: "button", on: { click: () => this.#step(() => this.#edited.undo(), "undone") } }, icon("undo"), h("span", { say: "undo" }));
  #redo = h("button", { type: "button", on: { click: () => this.#step(() => this.#edited.redo(), "redone") } }, icon("redo"), h("span", { say: "redo" }));
  #save = button("save_take", () => this.#try(() => this.#send([], "", null)), { class: "primary" });
  #stop;

  /** `attempt` carries out what may go wrong and shows it; `copyPrompt(scene)`; `retitle()` tells that
   * `title` may be another. */
  constructor(abort, { attempt, copyPrompt, retitle }) {
    this.#abort = abort;
    this.#try = (deed) => attempt(() => deed().catch((error) => this.#point(error)));
    this.#copyPrompt = copyPrompt;
    this.#retitle = retitle;
    this.bar = h(
      "div",
      { class: "changes", role: "group", label: "changes", hidden: true },
      this.#count,
      this.#undo,
      this.#redo,
      button("discard", () => this.#step(() => this.#edited.discard(), "discarded")),
      this.#save,
    );
    movedByDragging(this.view.list, (key, to) => this.#move(key, to, null));
    this.#stop = onLanguage(() => this.#draw());
    this.view.element.addEventListener("keydown", (event) => this.#key(event));
  }

  /** From now on the board of this job, which is done, may be changed; `request`: what was asked for. */
  open(job, request) {
    this.#seconds = [request?.scene_min_s ?? 1, request?.scene_max_s ?? 60];
    if (this.#job?.id !== job.id) this.#edited = new EditedBoard(job.result, recall(`edits.${job.id}`, "sessionStorage"));
    this.#job = job;
    this.#draw();
  }

  get title() {
    return this.#edited?.state.title;
  }

  rename(title) {
    this.#step(() => this.#edited.rename(title), null);
  }

  close() {
    this.#stop();
    this.view.close();
  }

  // -- the deeds ---------------------------------------------------------------------------------------------------------

  #change(key, scene) {
    this.view.card(key).close("edit");
    this.#step(() => this.#edited.change(key, scene), "changed");
    this.view.card(key).focus("edit");
  }

  #move(key, to, focused) {
    if (!this.#edited.move(key, to)) return;
    this.#step(() => {}, null);
    announce("moved", this.#edited.placeOf(key) + 1);
    this.view.card(key).focus(focused);
  }

  #insert(key) {
    const fresh = this.#edited.insert(this.#edited.placeOf(key) + 1);
    this.#step(() => {}, "inserted");
    this.view.card(fresh).focus();
  }

  #remove(key) {
    const place = this.#edited.placeOf(key);
    this.#step(() => this.#edited.remove(key), "removed");
    const near = this.#edited.entries[Math.min(place, this.#edited.entries.length - 1)];
    if (near) this.view.card(near.key).focus("delete");
  }

  #step(deed, news) {
    deed();
    remember(`edits.${this.#job.id}`, this.#edited.isChanged ? this.#edited.state : null, "sessionStorage");
    this.#draw();
    if (news) announce(news);
    if (document.activeElement === document.body) this.view.card(this.#edited.entries[0]?.key)?.focus();
  }

  async #send(rewrite, note, key) {
    const edited = this.#edited.isChanged ? { storyboard: boardOf(this.#job.result, this.#edited.state) } : {};
    const body = { base: { job: this.#job.id, ...edited }, ...(rewrite.length && { rewrite }), ...(note && { note }) };
    try {
      const job = await send("/jobs", body, { abort: this.#abort, onWait: () => announce("waiting_to_send") });
      remember(`edits.${this.#job.id}`, null, "sessionStorage");
      announce("accepted");
      show(`/jobs/${job.id}`);
    } catch (error) {
      if (error instanceof Problem) error.card = key;
      throw error;
    }
  }

  /** Says a fault on the card that it is about; raises it where there is none. */
  #point(error) {
    if (!(error instanceof Problem)) throw error;
    let general = error.faults.length === 0;
    for (const fault of error.faults.toReversed()) {
      const [, at, field] = POINTER.exec(fault.pointer) ?? [];
      const key = at === undefined ? fault.pointer.startsWith("/note") && error.card : this.#edited.entries[at]?.key;
      if (key) this.view.card(key).blame(field ?? "note", faultWords(fault));
      else general = true;
    }
    if (general) throw error;
  }

  // -- what is shown -------------------------------------------------------------------------------------------------------

  #draw() {
    if (!this.#edited) return;
    const { entries } = this.#edited;
    this.view.show(entries, this.#job.result, this.#seconds);
    this.view.allow(true);
    this.#retitle();
    const { holes, isChanged, canRedo } = this.#edited;
    this.bar.hidden = !isChanged && !canRedo;
    say(this.#count, isChanged ? "changed_unsaved" : "nothing_changed");
    this.#undo.setAttribute("aria-disabled", String(!isChanged));
    this.#redo.setAttribute("aria-disabled", String(!canRedo));
    this.#save.hidden = !isChanged || entries.length === 0;
    say(this.#save, holes ? "write_scenes" : "save_take", holes);
  }

  #key(event) {
    if (event.target.closest("form") || !(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z" || !this.#edited) return;
    event.preventDefault();
    this.#step(() => (event.shiftKey ? this.#edited.redo() : this.#edited.undo()), event.shiftKey ? "redone" : "undone");
  }
}
