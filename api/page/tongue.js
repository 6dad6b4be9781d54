// In which language a text is, for screen readers and for the fonts of Chinese and Japanese. Knows no view.

const SCRIPTS = [
  ["ja", /[\u3040-\u30ff]/],
  ["ko", /[\uac00-\ud7af]/],
  ["zh-CN", /[\u3400-\u9fff]/],
  ["en", /^[\u0000-\u024f\u2000-\u206f]+$/],
];

/** `tag` where something names it; else by the script; empty where a script has many languages. */
export function tongueOf(text, tag) {
  return tag ?? SCRIPTS.find(([, letters]) => letters.test(text))?.[0] ?? "";
}
