// A value that others watch. The page's whole shared state is a few of these.

export class Signal {
  #value;
  #watchers = new Set();

  constructor(value) {
    this.#value = value;
  }

  get value() {
    return this.#value;
  }

  set(value) {
    if (value === this.#value) return;
    this.#value = value;
    for (const watcher of [...this.#watchers]) watcher(value);
  }

  /** Calls with every new value, from now on. Returns the way to stop. */
  watch(watcher) {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }
}

/** Resolves after `ms`, or as soon as the browser says that it is online again; rejects when aborted. */
export function pause(ms, abort) {
  return new Promise((resolve, reject) => {
    if (abort?.aborted) return reject(abort.reason);
    const timer = setTimeout(end, ms);
    window.addEventListener("online", end);
    abort?.addEventListener("abort", fail);
    function clear() {
      clearTimeout(timer);
      window.removeEventListener("online", end);
      abort?.removeEventListener("abort", fail);
    }
    function end() {
      clear();
      resolve();
    }
    function fail() {
      clear();
      reject(abort.reason);
    }
  });
}
