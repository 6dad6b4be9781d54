// Which rows the list has: its jobs in their order, those of one batch, and the takes of one board, under a row of their
// own at the place of the newest. Pure; knows jobs as listing.js keeps them, and heights, not how a row looks.

export const ROW_PX = 80; // as in views.css
export const HEAD_PX = 56;
export const DAY_PX = 32;

const FEWEST = 2; // one alone needs no head

/** Which board each job began from in the end, as far back as is known; a line of takes is walked once. */
function firstOf(job, known, firsts) {
  const line = new Set();
  let at = job.id;
  while (!firsts.has(at) && !line.has(at) && known(at)?.base) {
    line.add(at);
    at = known(at).base;
  }
  const first = firsts.get(at) ?? at;
  for (const id of line) firsts.set(id, first);
  return first;
}

/**
 * The rows: `{key, id, group}` for a job, `{key, ids}` for a head. `known(id)`: a job that was read, or undefined;
 * `shut`: the keys of heads that show no jobs.
 */
export function rowsOf(ids, known, shut = new Set()) {
  const groups = new Map();
  const firsts = new Map();
  const keys = ids.map((id) => (known(id).batch ? `batch:${known(id).batch}` : `takes:${firstOf(known(id), known, firsts)}`));
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

/** How far from the top each row begins, those of days.js too, and at last how high all are together. */
export function topsOf(rows) {
  const tops = [0];
  for (const row of rows) tops.push(tops.at(-1) + (row.id ? ROW_PX : row.ids ? HEAD_PX : DAY_PX));
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
