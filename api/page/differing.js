// What two boards have in common: which scene of one stands beside which of the other, and which words of a text are
// another's. Knows no view.

const WORDS = new Intl.Segmenter(undefined, { granularity: "word" });

/** Pairs of places `[i, j]` of what stands in both, in order, as many as there can be; `same(a, b)` says what is one. */
function common(one, other, same) {
  const best = Array.from({ length: one.length + 1 }, () => new Uint16Array(other.length + 1));
  for (let i = one.length - 1; i >= 0; i--) {
    for (let j = other.length - 1; j >= 0; j--) {
      best[i][j] = same(one[i], other[j]) ? best[i + 1][j + 1] + 1 : Math.max(best[i + 1][j], best[i][j + 1]);
    }
  }
  const pairs = [];
  for (let i = 0, j = 0; i < one.length && j < other.length; ) {
    if (same(one[i], other[j])) pairs.push([i++, j++]);
    else if (best[i + 1][j] >= best[i][j + 1]) i++;
    else j++;
  }
  return pairs;
}

/** Rows of `[scene or null, scene or null]`: scenes that say the same side by side, and those between them in turn. */
export function sideBySide(one, other) {
  const anchors = [...common(one, other, (a, b) => a.description === b.description), [one.length, other.length]];
  const rows = [];
  let [i, j] = [0, 0];
  for (const [nextI, nextJ] of anchors) {
    for (; i < nextI || j < nextJ; ) rows.push([i < nextI ? one[i++] : null, j < nextJ ? other[j++] : null]);
    if (i < one.length) rows.push([one[i++], other[j++]]);
  }
  return rows;
}

/** Pieces `[text, isDifferent]` of a text beside another. */
export function pieces(text, other) {
  const [own, theirs] = [text, other].map((whole) => Array.from(WORDS.segment(whole), ({ segment }) => segment));
  const shared = new Set(common(own, theirs, (a, b) => a === b).map(([at]) => at));
  const found = [];
  own.forEach((word, at) => {
    const isDifferent = !shared.has(at);
    if (found.length && found.at(-1)[1] === isDifferent) found.at(-1)[0] += word;
    else found.push([word, isDifferent]);
  });
  return found;
}
