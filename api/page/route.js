// The address: what is shown stands in the URL's hash, so that a reload, a bookmark and the back button find it.

const ID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
const ROUTES = [
  ["job", new RegExp(`^/jobs/(${ID})$`)],
  ["compare", new RegExp(`^/compare/(${ID})/(${ID})$`)],
  ["jobs", /^\/jobs$/],
  ["queue", /^\/queue$/],
  ["sample", /^\/sample$/],
];

/** `{name, ids}`; what is no route is the form. */
export function current() {
  const path = location.hash.slice(1);
  for (const [name, pattern] of ROUTES) {
    const found = pattern.exec(path);
    if (found) return { name, ids: found.slice(1) };
  }
  return { name: "compose", ids: [] };
}

export function show(path) {
  location.hash = path;
}
