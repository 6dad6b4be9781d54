"""From any text to the raw storyboard in it.

Every way out is a dictionary with a `scenes` list of at least one object or string, or `OutputInvalid`. All candidates
are compared: the answer before any draft, JSON before what had to be mended, then the most scenes, a title, and the
last one, for models correct themselves. Scenes whose numbers go on are parts of one storyboard. What was mended or left
out is told as the raw storyboard's `repairs`, which are absent where there is nothing to tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any, get_args

from scriptqueue.scene_fields import SCENE_FIELDS, Fields, Spoken, of_kind
from shared.board.entry import Entry
from shared.errors import OutputInvalid
from worker.script.boards import Board, Finder
from worker.script.json_text import strict_value, strict_values, values
from worker.script.reasoning import split_reasoning

MAX_CHARACTERS = 200_000  # far above any storyboard
MAX_VALUES = 2000  # of a text; far above any storyboard that comes one scene a line
EXAMPLE_SCENES = 2  # of the prompt's own

_MENDED, _WITHIN, _STRICT = range(3)  # how far the text of a candidate is JSON


@dataclass(frozen=True)
class _Candidate:
    board: Board
    strictness: int
    count: int  # scenes that are scenes for sure
    numbers: frozenset[int]  # of the scenes, where all have one


def parse(text: str, fields: Fields = SCENE_FIELDS) -> dict[str, Any]:
    """The raw storyboard in a text; raises `OutputInvalid` and nothing else."""
    if len(text) > MAX_CHARACTERS:
        raise OutputInvalid(f"{len(text)} characters are no storyboard; at most {MAX_CHARACTERS} are read")
    search = _Search(fields)
    if found := search.search(text):
        return found
    where = f"the first {MAX_VALUES} values" if search.is_cut else f"{len(text)} characters"
    raise OutputInvalid(f"no scenes in {where} of text")


class _Search:
    def __init__(self, fields: Fields) -> None:
        self.is_cut = False  # there were more values than are read
        self._fields = fields
        self._finder = Finder(fields)
        texts = of_kind("text", fields)
        shown = (field.placeholders(spoken) for field in texts for spoken in get_args(Spoken))
        self._placeholders = {"", *chain.from_iterable(shown)}

    def search(self, text: str) -> dict[str, Any] | None:
        whole = self._finder.find(strict_value(text.lstrip("\ufeff")))
        if whole:
            return self._raw([self._candidate(whole, _STRICT)])
        parts = split_reasoning(text, [(found.start, found.end) for found in strict_values(text)])
        weak: list[list[_Candidate]] = []
        for part in (parts.answer, *reversed(parts.drafts)):
            candidates = self._candidates(part)
            if part is parts.answer and parts.is_headed:
                candidates = candidates[-1:]
            if any(candidate.count for candidate in candidates):
                return self._raw(candidates)
            weak.append(candidates)
        if '\\"' in text and not any(weak):  # JSON that was escaped as a string is, without its quotation marks
            weak.append(self._candidates(text.replace('\\"', '"')))
        return next((self._raw(candidates) for candidates in weak if candidates), None)

    def _candidates(self, text: str) -> list[_Candidate]:
        """The storyboards of a text in its order; scenes and lists that are parts of one are joined."""
        candidates: list[_Candidate] = []
        title = None
        unread = values(text)
        for found in islice(unread, MAX_VALUES):
            board = self._finder.find(found.value)
            if board:
                candidates.append(self._candidate(board, _STRICT if found.is_strict else _MENDED))
            elif isinstance(found.value, dict) and len(found.value) < 3:
                title = title or found.value.get("title")
            if found.within:
                inner = [self._candidate(one, _WITHIN) for one in map(self._finder.find, found.within) if one]
                mended = [candidates.pop()] if board else []
                if mended or inner:
                    candidates.append(max([*mended, *_joined(inner)], key=self._worth))
        self.is_cut = self.is_cut or next(unread, None) is not None
        joined = _joined(candidates)
        if title and len(joined) == 1:
            joined = [replace(joined[0], board=replace(joined[0].board, title=joined[0].board.title or title))]
        return joined

    def _candidate(self, board: Board, strictness: int) -> _Candidate:
        numbers = [Entry(scene, self._fields).number() if isinstance(scene, dict) else None for scene in board.scenes]
        own = frozenset(number for number in numbers if number is not None)
        numbered = own if len(own) == len(numbers) else frozenset[int]()
        return _Candidate(board, strictness, self._finder.count(board), numbered)

    def _worth(self, candidate: _Candidate) -> tuple[Any, ...]:
        is_json = candidate.strictness == _STRICT and candidate.count > 1
        return (
            not self._is_example(candidate),
            is_json,
            candidate.count,
            candidate.board.title is not None,
            candidate.strictness,
        )

    def _raw(self, candidates: Sequence[_Candidate]) -> dict[str, Any]:
        last_first = [*reversed(candidates)]
        best = max(last_first, key=self._worth)
        board = best.board
        repairs = [*board.left_out]
        if best.strictness == _MENDED:
            repairs.append("the text is no JSON and was read as it may be meant")
        if board.lists > 1:
            repairs.append(f"the scenes of {board.lists} lists were joined")
        if self.is_cut:
            repairs.append(f"the text has more than {MAX_VALUES} values, and the rest was not read")
        others = [c for c in candidates if c is not best and c.count and c.board.scenes != board.scenes]
        repairs += [
            f"another storyboard of {c.count} scenes in the text was left out"
            for c in others
            if not self._is_example(c)
        ]
        rest = {key: value for key, value in board.rest.items() if key != "repairs"}
        return {**rest, "title": board.title, "scenes": board.scenes, **({"repairs": repairs} if repairs else {})}

    def _is_example(self, candidate: _Candidate) -> bool:
        """The shape from the prompt, said back: placeholders where text should be."""
        scenes = candidate.board.scenes
        return 1 <= len(scenes) <= EXAMPLE_SCENES and all(map(self._holds_place, scenes))

    def _holds_place(self, scene: Any) -> bool:
        texts = [value for value in scene.values() if isinstance(value, str)] if isinstance(scene, dict) else []
        return any(text.strip(" .…。<>[]") in self._placeholders for text in texts)


def _joined(candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """Those that are parts of one: their scenes have other numbers, or stand one by one and have none."""
    joined: list[_Candidate] = []
    for candidate in candidates:
        before = joined[-1] if joined else None
        if before and _go_on(before, candidate):
            joined[-1] = _both(before, candidate)
        else:
            joined.append(candidate)
    return joined


def _go_on(before: _Candidate, after: _Candidate) -> bool:
    if before.numbers and after.numbers:
        return before.numbers.isdisjoint(after.numbers)
    return before.board.alone and after.board.alone


def _both(before: _Candidate, after: _Candidate) -> _Candidate:
    boards = (before.board, after.board)
    are_alone = before.board.alone and after.board.alone
    board = Board(
        [scene for board in boards for scene in board.scenes],
        before.board.title or after.board.title,
        1 if are_alone else before.board.lists + after.board.lists,
        are_alone,
        left_out=(*before.board.left_out, *after.board.left_out),
    )
    return _Candidate(
        board,
        min(before.strictness, after.strictness),
        before.count + after.count,
        before.numbers | after.numbers,
    )
