"""Which of several boards of one request is the best, by rules that can be measured, and why. Pure; knows no model.

The rules stand in their order: one that is better by an earlier rule is chosen whatever the later ones say, and of
equals the first. Each counts faults.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scriptqueue.schemas import JobRequest, Storyboard
from shared.board.likeness import is_near, is_same, seen_in
from shared.board.other_language import strays
from shared.board.prompt_words import is_found, names_in, says_back
from shared.board.targets.fit import misfits

VARIED_FROM = 3  # scenes: a board of so many has more than one camera


@dataclass(frozen=True)
class Candidate:
    """A text's board, None where it holds none that is valid; `early`: it had to be closed before its end."""

    board: Storyboard | None
    early: bool = False


@dataclass(frozen=True)
class BestBoard:
    """The place of the best, from 0, and why, in a line."""

    place: int
    words: str


@dataclass(frozen=True)
class _Rule:
    """`what` stands after a number."""

    what: str
    faults: Callable[[Candidate, Storyboard, JobRequest], int]


def _texts(board: Storyboard) -> list[str]:
    return [text for scene in board.scenes for text in (scene.description, scene.action)]


def _again(board: Storyboard, alike: Callable[[str, str], bool]) -> int:
    """Scenes that are like an earlier one."""
    shown = [seen_in(scene) for scene in board.scenes]
    return sum(any(alike(text, earlier) for earlier in shown[:place]) for place, text in enumerate(shown))


def _missing(board: Storyboard, request: JobRequest) -> int:
    whole = "\n".join([board.title, *_texts(board)])
    return sum(not is_found(name, whole) for name in names_in(request))


RULES = (
    _Rule("signs of another language", lambda _, board, request: len(strays(board, request))),
    _Rule("early ends", lambda one, board, request: int(one.early)),
    _Rule("scenes that repeat another", lambda _, board, request: _again(board, is_same)),
    _Rule("scenes nearly like another", lambda _, board, request: _again(board, is_near)),
    _Rule("limits of video models missed", lambda _, board, request: len(misfits(board))),
    _Rule(
        "texts that say the prompt back",
        lambda _, board, request: sum(says_back(text, request.prompt) for text in _texts(board)),
    ),
    _Rule("names of the prompt missing", lambda _, board, request: _missing(board, request)),
    _Rule(
        "boards with one camera",
        lambda _, board, request: int(
            len(board.scenes) >= VARIED_FROM and len({scene.camera for scene in board.scenes}) == 1
        ),
    ),
)


def choose_board(candidates: Sequence[Candidate], request: JobRequest) -> BestBoard | None:
    """None where no candidate has a board."""
    faults = {
        place: [rule.faults(one, one.board, request) for rule in RULES]
        for place, one in enumerate(candidates)
        if one.board
    }
    if not faults:
        return None
    best = min(faults, key=faults.__getitem__)
    return BestBoard(
        best, f"candidate {best + 1} of {len(candidates)} was chosen: {_why(best, faults, len(candidates))}"
    )


def _why(best: int, faults: dict[int, list[int]], count: int) -> str:
    """The rules that told it from the others, one after another, with their figures."""
    rivals = {*faults} - {best}
    reasons = [f"candidate {place + 1} has no valid board" for place in range(count) if place not in faults]
    for number, rule in enumerate(RULES):
        own = faults[best][number]
        if worse := sorted(place for place in rivals if faults[place][number] > own):
            figures = ", ".join(f"candidate {place + 1}: {faults[place][number]}" for place in worse)
            reasons.append(f"{own} {rule.what} ({figures})")
            rivals -= {*worse}
    return "; ".join(reasons) or "no rule tells it from the others"
