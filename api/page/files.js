// Takes a storyboard out of the page: the clipboard, a file, the printer.

export function asJson(value) {
  return JSON.stringify(value, null, 2);
}

export async function copy(text) {
  if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea"); // plain http on another host than this one has no clipboard
  area.value = text;
  area.setAttribute("readonly", "");
  document.body.append(area);
  const focused = document.activeElement;
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  focused?.focus();
  if (!copied) throw new Error("the browser did not copy");
}

export function download(name, text) {
  save(name, new Blob([text], { type: "application/json" }));
}

export function save(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
