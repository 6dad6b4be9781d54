// A scene while it is written, as people read it: of the end of a text in JSON, the values of the scene that is not whole
// yet. Knows no view.

const VALUE = /"\w+"\s*:\s*(?:"((?:[^"\\]|\\.)*)"?|\d[\d.]*)/gs;
const ESCAPED = /\\(?:u([0-9a-fA-F]{4})|(.))/gs;

/** Empty where nothing of it is to be read. */
export function grownOf(text) {
  const begun = text.lastIndexOf("{");
  const scene = text.slice(begun + 1);
  if (begun === -1 || scene.includes("}")) return begun === -1 ? unescaped(text.replace(/^[^"]*":\s*"/s, "")).replaceAll('"', "") : "";
  return [...scene.matchAll(VALUE)].map(([, value]) => value).filter(Boolean).map(unescaped).join(" ");
}

function unescaped(text) {
  return text.replace(ESCAPED, (_, code, letter) => (code ? String.fromCharCode(parseInt(code, 16)) : letter === "n" ? " " : letter));
}
