// Cards that are dragged by their heads to another place.

const TYPE = "application/x-scriptqueue-card";

/** `onMove(key, to)`: the place that the card shall have, counted from 0 among the others. */
export function movedByDragging(list, onMove) {
  let dragged = null;
  const mark = (card, after) => {
    for (const marked of list.querySelectorAll(".drop-before, .drop-after")) marked.classList.remove("drop-before", "drop-after");
    card?.classList.add(after ? "drop-after" : "drop-before");
  };
  const target = (event) => {
    const card = event.target.closest(".card[data-key]");
    if (!card || card === dragged) return null;
    const { left, top, width, height } = card.getBoundingClientRect();
    const isColumn = width > list.clientWidth * 0.7;
    return { card, after: isColumn ? event.clientY > top + height / 2 : event.clientX > left + width / 2 };
  };
  list.addEventListener("dragstart", (event) => {
    dragged = event.target.closest(".card");
    event.dataTransfer.setData(TYPE, dragged.dataset.key);
    event.dataTransfer.effectAllowed = "move";
    dragged.classList.add("dragged");
  });
  list.addEventListener("dragover", (event) => {
    if (!dragged) return;
    event.preventDefault();
    const { card, after } = target(event) ?? {};
    mark(card, after);
  });
  list.addEventListener("drop", (event) => {
    if (!dragged) return;
    event.preventDefault();
    const found = target(event);
    if (!found) return;
    const others = [...list.querySelectorAll(".card[data-key]")].filter((card) => card !== dragged);
    onMove(dragged.dataset.key, others.indexOf(found.card) + (found.after ? 1 : 0));
  });
  list.addEventListener("dragend", () => {
    dragged?.classList.remove("dragged");
    dragged = null;
    mark(null);
  });
}
