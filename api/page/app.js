// Starts the page: the list, the switches, the state of the line, and the view that the address names.

import { announce } from "./announce.js";
import { get, link } from "./api.js";
import { compareView } from "./compare.js";
import { composeView } from "./compose.js";
import { setAttribute } from "./dom.js";
import { apply, onLanguage, say } from "./i18n.js";
import { jobView } from "./job.js";
import { key } from "./key.js";
import { JobsList } from "./list.js";
import { queueView } from "./queue.js";
import { current } from "./route.js";
import { sampleView } from "./sample_view.js";
import { settings } from "./service.js";
import { pause } from "./signal.js";
import { applyTheme, tools } from "./tools.js";

const PROBE_MS = 2000;

const main = document.getElementById("main");
let list;
let view = null;

const VIEWS = {
  compose: () => composeView(),
  jobs: () => composeView(), // beside the list, where there is room for both
  job: ([id]) => jobView(id, { news: (job) => list.learn(job), gone: (gone) => list.forget(gone), retitle: entitle }),
  compare: (ids) => compareView(ids),
  queue: () => queueView(),
  sample: () => sampleView(),
};

function open({ focus }) {
  const { name, ids } = current();
  view?.close();
  view = VIEWS[name](ids);
  main.replaceChildren(view.element);
  document.body.dataset.view = name;
  for (const entry of document.querySelectorAll("nav [data-route]")) setAttribute(entry, "aria-current", entry.dataset.route === name ? "page" : null);
  list.select(name === "job" ? ids[0] : null);
  entitle();
  window.scrollTo(0, 0);
  if (focus) (name === "jobs" ? document.getElementById("jobs").querySelector("a, select") : main.querySelector("h1"))?.focus();
}

function entitle() {
  document.title = `${view.title} · scriptqueue`;
}

function showLink(state) {
  const banner = document.getElementById("link");
  banner.classList.toggle("shown", state !== "up");
  if (state === "up") {
    banner.textContent = "";
    announce("link.up");
    list.refresh();
  } else say(banner, `link.${state}`);
}

/** While nothing else asks, somebody must notice that the line is back. */
async function probe() {
  while (true) {
    await pause(PROBE_MS);
    if (link.value !== "up") await get("/queue").catch(() => {});
  }
}

async function start() {
  applyTheme();
  apply();
  list = new JobsList(document.getElementById("jobs"));
  open({ focus: false });
  window.addEventListener("hashchange", () => open({ focus: true }));
  document.getElementById("skip").addEventListener("click", (event) => {
    event.preventDefault();
    main.focus();
  });
  onLanguage(entitle);
  key.watch(() => open({ focus: false }));
  link.watch(showLink);
  window.addEventListener("offline", () => link.set("down"));
  probe();
  const { authenticated, flower_url: flower } = await settings();
  tools(document.getElementById("tools"), document.getElementById("key-panel"), authenticated);
  const dashboard = document.getElementById("flower");
  dashboard.hidden = !flower;
  if (flower) dashboard.href = flower;
}

start();
