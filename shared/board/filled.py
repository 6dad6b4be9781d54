"""A request with the fields that it leaves out filled from the words of its prompt.

What a client gave is never changed: it bounds what its prompt may ask for. Knows what can be met; not how prompts
speak.
"""

from __future__ import annotations

import math
from typing import Any

from scriptqueue.schemas import MAX_SCENES, JobRequest, scene_counts
from shared.board.budget import default_tokens, most_scenes
from shared.board.targets.seconds import listed_seconds, shot_seconds, step_of
from shared.board.wishes import Wish, wishes_of

_FIELDS = {"min_scenes", "max_scenes", "target_duration_s"}


def filled(request: JobRequest, plain_tokens: int | None = None) -> tuple[JobRequest, list[str]]:
    """The request to be written, and a note for each wish that was read: what came of it. Without one, it is the same.
    The request's `sampling` must be whole; `plain_tokens` is the service's default where its budget is that, which
    then grows with the scenes."""
    if request.mode == "break_down" or request.base:  # the numbers of what is written already are the story's
        return request, []
    if not request.read_prompt or request.model_fields_set >= _FIELDS:
        return request, []
    wishes, filling = wishes_of(request.prompt), _Filling(request, plain_tokens)
    if count := filling.chosen(wishes.count, {"min_scenes", "max_scenes"}):
        filling.count(count)
    if length := filling.chosen(wishes.length, {"target_duration_s"}):
        filling.length(length, count)
    changes: dict[str, Any] = {n: value for n, value in filling.values.items() if value != getattr(request, n)}
    if changes and plain_tokens is not None:
        budget = default_tokens(request, plain_tokens, filling.values["max_scenes"])
        changes["sampling"] = request.sampling.model_copy(update={"max_new_tokens": budget})
    return (request.model_copy(update=changes) if changes else request), filling.notes


class _Filling:
    """The values of one request in the making, and the notes on them."""

    def __init__(self, request: JobRequest, plain_tokens: int | None) -> None:
        self.notes: list[str] = []
        self._given = request.model_fields_set & _FIELDS
        self._min, self._max, self._target_s = request.min_scenes, request.max_scenes, request.target_duration_s
        self._seconds = shot_seconds(request)
        self._shortest_s, self._longest_s = request.scene_min_s, request.scene_max_s
        if self._seconds:
            self._shortest_s, self._longest_s = self._seconds[0], self._seconds[-1]
        self._bounds = self._bounds_given()
        self._most_by_tokens = most_scenes(request, plain_tokens)

    @property
    def values(self) -> dict[str, Any]:
        return {"min_scenes": self._min, "max_scenes": self._max, "target_duration_s": self._target_s}

    def _bounds_given(self) -> tuple[int, int]:
        """The fewest and the most scenes that what was given leaves."""
        least = self._min if "min_scenes" in self._given else 1
        most = self._max if "max_scenes" in self._given else MAX_SCENES
        if self._target_s is not None:
            least = max(least, math.ceil(self._target_s / self._longest_s))
            most = min(most, math.floor(self._target_s / self._shortest_s))
        return least, most

    def chosen(self, wishes: tuple[Wish, ...], fields: set[str]) -> Wish | None:
        """The one wish of a kind, where a field is left that can say it."""
        if fields <= self._given or not wishes:
            return None
        if len(wishes) == 1:
            return wishes[0]
        self.notes.append(f"{', '.join(map(_quoted, wishes))} in the prompt contradict each other: none was heeded")
        return None

    def count(self, wish: Wish) -> None:
        least, most = wish.least or min(self._min, wish.most), wish.most
        if math.isinf(most):
            most = max(self._max, least)
        before = self.values
        if "min_scenes" not in self._given:
            self._min = min(_within(least, *self._bounds), self._most_by_tokens)
        if "max_scenes" not in self._given:
            self._max = _within(most, *self._bounds)
        why = self._why_not(wish)
        self._tell(wish, before, why)

    def _why_not(self, wish: Wish) -> str:
        """Why the number of scenes is another; empty: it is not."""
        least, most = self._bounds
        given = ", ".join(f"{name} {value:g}" for name, value in self.values.items() if name in self._given and value)
        if most < wish.least:
            return f"{given} was given" if given else f"at most {most} are allowed"
        if least > wish.most:
            return f"{given} was given"
        if self._min < min(wish.least, self._most_by_tokens + 1) and "min_scenes" not in self._given:
            return f"max_new_tokens suffices for {self._most_by_tokens}"
        return ""

    def length(self, wish: Wish, count: Wish | None) -> None:
        """A number of scenes that cannot last so long yields, unless no other could either."""
        wanted_s = (wish.least + wish.most) / 2
        least, most = (self._min, self._max) if count else self._bounds
        before, why = self.values, ""
        if not self._can_last(wanted_s, least, most):
            why = self._lasting(wanted_s, least, most)
            if count and self._can_last(wanted_s, *self._bounds):
                self.notes[-1] = f"{_quoted(count)} in the prompt cannot be met beside {_quoted(wish)}: {why}"
                least, most, why = *self._bounds, ""
        self._target_s = self._nearest(wanted_s, least, most)
        if self._seconds and self._target_s % step_of(self._seconds):
            why = why or f"each scene lasts {listed_seconds(self._seconds)}"
            self._target_s -= self._target_s % step_of(self._seconds)
        self._make_room(self._target_s, is_counted=count is not None)
        self._tell(wish, before, why)

    def _make_room(self, target_s: float, is_counted: bool) -> None:
        """As few scenes more or less as can last so long; a number that was wished for moves as a whole."""
        least, most = math.ceil(target_s / self._longest_s), math.floor(target_s / self._shortest_s)
        if self._max < least:
            self._max = least
            if is_counted and "min_scenes" not in self._given:
                self._min = min(least, self._most_by_tokens)
        if self._min > most:
            self._min = most
            if is_counted and "max_scenes" not in self._given:
                self._max = most

    def _can_last(self, seconds: float, least: int, most: int) -> bool:
        return bool(scene_counts(seconds, (least, most), (self._shortest_s, self._longest_s)))

    def _nearest(self, seconds: float, least: int, most: int) -> float:
        """The length nearest to this that some number of scenes lasts: two of 7 to 8 s do not last 20, nor do three."""
        lengths = (
            min(max(seconds, count * self._shortest_s), count * self._longest_s) for count in range(least, most + 1)
        )
        return min(lengths, key=lambda length: abs(length - seconds))

    def _lasting(self, wanted_s: float, least: int, most: int) -> str:
        count = f"{most}" if least == most else f"{least} to {most}"
        span = f"last {least * self._shortest_s} to {most * self._longest_s} s"
        if least * self._shortest_s < wanted_s < most * self._longest_s:
            span = f"cannot last {wanted_s:g} s"
        each = listed_seconds(self._seconds) if self._seconds else f"{self._shortest_s} to {self._longest_s} s"
        return f"{count} scene{'' if count == '1' else 's'} of {each} {span}"

    def _tell(self, wish: Wish, before: dict[str, float | None], why: str) -> None:
        changed = [f"{name} is {value:g}" for name, value in self.values.items() if value and value != before[name]]
        result = ", ".join(changed) or "nothing had to change"
        self.notes.append(f"{_quoted(wish)} in the prompt{f' cannot be met: {why}; ' if why else ': '}{result}")


def _within(value: float, least: int, most: int) -> int:
    return int(max(least, min(value, most)))


def _quoted(wish: Wish) -> str:
    return f'"{wish.words}"'
