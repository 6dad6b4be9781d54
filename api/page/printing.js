// The board on paper: with or without its prompts, its title at the head of every page and the page's number.

/** Opens the browser's own dialog. */
export function printBoard(board, { prompts }) {
  document.body.classList.toggle("with-prompts", prompts);
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`@page { @top-left { content: "${quoted(board.title)}"; } } @page :first { @top-left { content: none; } }`);
  document.adoptedStyleSheets = [sheet];
  window.print();
}

/** As a string of CSS: whatever could end it by its number. */
function quoted(text) {
  return [...text].map((letter) => (/["\\\n\r\f\0]/.test(letter) ? `\\${letter.codePointAt(0).toString(16)} ` : letter)).join("");
}
