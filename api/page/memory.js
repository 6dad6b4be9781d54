// What the browser keeps: preferences for ever, a draft for this tab. A browser that keeps nothing is no fault.

const PREFIX = "scriptqueue.";

export function recall(name, storage = "localStorage") {
  try {
    const text = window[storage].getItem(PREFIX + name);
    return text === null ? null : JSON.parse(text);
  } catch {
    return null;
  }
}

/** null forgets it. */
export function remember(name, value, storage = "localStorage") {
  try {
    if (value === null) window[storage].removeItem(PREFIX + name);
    else window[storage].setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // blocked or full: the page works without
  }
}
