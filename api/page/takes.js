// The takes of a board: the jobs that began with one another, oldest first, and the way to see two side by side.

import { get, Problem, Unreachable } from "./api.js";
import { h } from "./dom.js";
import { say } from "./i18n.js";

export class Takes {
  element = h("nav", { class: "takes", label: "takes", hidden: true });

  /** Reads and shows them; a job alone has none to show. What cannot be read now is left out. */
  async show(job, abort) {
    let takes = [];
    try {
      ({ takes } = await get(`/jobs/${job.id}/takes`, { abort }));
    } catch (error) {
      if (abort.aborted || error instanceof Problem || error instanceof Unreachable) return;
      throw error;
    }
    if (takes.length < 2) return;
    const links = takes.map((take, at) => {
      const current = take.id === job.id;
      const link = h("a", { href: `#/jobs/${take.id}`, "aria-current": current ? "page" : null, "data-status": take.status, say: ["take", at + 1] });
      return link;
    });
    const other = takes.find((take) => take.id === job.base_of) ?? takes.findLast((take) => take.id !== job.id);
    const [one, two] = [other.id, job.id];
    const compare = h("a", { href: `#/compare/${one}/${two}`, class: "takes-compare" });
    say(compare, "compare_with", takes.findIndex((take) => take.id === other.id) + 1);
    this.element.replaceChildren(h("span", { class: "tag", say: "takes" }), ...links, compare);
    this.element.hidden = false;
  }
}
