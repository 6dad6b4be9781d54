// Which rows the list has: its jobs in their order, those of one batch, and the takes of one board, under a row of their
// own at the place of the newest. Pure; knows jobs as listing.js keeps them, and heights, not how a row looks.

export const ROW_PX = 80; // as in views.css
export const HEAD_PX = 56;

const FEWEST = 2; // one alone needs no head

/** Under which head a job stands: its batch, or the board that it began from, as far back as is known. */
export function groupOf(job, known) {
  if (job.batch) return `batch:${job.batch}`;
  let first = job;
  for (const seen = new Set([job.id]); first.base && !seen.has(first.base); seen.add(first.id)) {
    const before = known(first.base);
    if (!before) return `takes:${first.base}`;
    first = before;
  }
  return `takes:${first.id}`;
}

/**
 * The rows: `{key, id, group}` for a job, `{key, ids}` for a head. `known(id)`: a job that was read, or undefined;
 * `shut`: the keys of heads that show no jobs.
 */
export function rowsOf(ids, known, shut = new Set()) {
  const groups = new Map();
  const keys = ids.map((id) => groupOf(known(id), known));
  keys.forEach((key, at) => groups.has(key) ? groups.get(key).push(ids[at]) : groups.set(key, [ids[at]]));
  const rows = [];
  const placed = new Set();
  ids.forEach((id, at) => {
    const key = keys[at];
    const members = groups.get(key);
    if (members.length < FEWEST) rows.push({ key: id, id, group: null });
    if (members.length < FEWEST || placed.has(key)) return;
    placed.add(key);
    rows.push({ key, ids: members });
    if (!shut.has(key)) for (const member of members) rows.push({ key: member, id: member, group: key });
  });
  return rows;
}

/** How far from the top each row begins, and at last how high all are together. */
export function topsOf(rows) {
  const tops = [0];
  for (const row of rows) tops.push(tops.at(-1) + (row.id ? ROW_PX : HEAD_PX));
  return tops;
}

/** The place of the row that is `px` from the top. */
export function rowAt(tops, px) {
  let [low, high] = [0, tops.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (tops[middle] <= px) low = middle;
    else high = middle;
  }
  return low;
}
