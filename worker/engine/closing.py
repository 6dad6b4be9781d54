"""How a text ends when its budget or its time does: strings get shorter and the list ends at `min_scenes`, so the JSON
is closed and not cut.

The grammar alone cannot do that: it always allows one more word. So below a comfortable budget each string is given a
share of what is left, and past its share only tokens that close it are allowed, wherever the grammar allows one.
Costs are in sampled tokens, at worst: a plain token (whole characters) can be followed by the closing quote at once.
Time is counted in the tokens that it suffices for (time_left.py); that count may shrink faster than tokens are written.
"""

from __future__ import annotations

import math
from collections.abc import Collection

from worker.engine.layout import STRING_TOKENS, Layout
from worker.engine.scanner import LIST_DEPTH, SCENE_DEPTH, Scanner
from worker.engine.vocabulary import Mask, Vocabulary, keep

COMFORTABLE = 2  # times the fewest tokens
END_TOKENS = 2
INNER_DEPTH = SCENE_DEPTH + 1  # of a list in a scene

LONG_TOKENS = 40  # a string of so many ends with its sentence: a shot is no short story
ENDLESS_TOKENS = 60  # and at so many the sentence ends with its clause: small models string them together for ever

MAX_PERIOD = 16
LOOP_TOKENS = 24
LOOP_TIMES = 3
# By a phrase's tokens: how many after the first time that it is said make a loop.
_LOOPS = {period: period * (max(LOOP_TIMES, -(-LOOP_TOKENS // period)) - 1) for period in range(1, MAX_PERIOD + 1)}


class Closing:
    """Narrows the masks of one text. `engaged` once budget or time is short, `cut` once that changed what was written;
    `hurried` where it was the time. The scenes at the places `kept`, from 0, cost nothing."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        scanner: Scanner,
        layout: Layout,
        min_scenes: int,
        kept: Collection[int] = (),
    ) -> None:
        self.engaged = False
        self.cut = False
        self.hurried = False
        self.loops_stopped = 0
        self._vocabulary = vocabulary
        self._scanner = scanner
        self._layout = layout
        self._min_scenes = min_scenes
        self._kept = kept
        self._comfortable = COMFORTABLE * layout.min_tokens  # for a scene
        self._most_comfortable = max(1, min_scenes - len(kept)) * self._comfortable
        self._place = scanner.place
        self._string_tokens = 0  # sampled ones of the string at that place
        self._share: int | None = None  # how many it may have
        self._watch = LoopWatch()
        self._looping = False
        self._long = False

    def note(self, token: int, tokens_left: int, in_time: float = math.inf) -> None:
        """A sampled token was written (the scanner has seen it); `tokens_left` may still be sampled, and as many as
        `in_time` before the time is up."""
        if self._scanner.in_value and self._scanner.place == self._place:
            self._string_tokens += 1
            if not self._looping and self._watch.note(token):
                self._looping = True
                self.loops_stopped += 1
            self._long = self._string_tokens >= LONG_TOKENS and token in self._vocabulary.ends_sentence
        self.follow(tokens_left, in_time)

    def follow(self, tokens_left: int, in_time: float = math.inf) -> None:
        """The scanner has moved, by sampled or forced tokens."""
        scanner = self._scanner
        if scanner.place != self._place:
            self._place, self._string_tokens, self._share = scanner.place, 0, None
            self._watch, self._looping, self._long = LoopWatch(), False, False
        left = tokens_left if in_time >= tokens_left else int(in_time)
        if not self.engaged and left <= self._most_comfortable:
            self.engaged = left <= max(1, self._scenes_left()) * self._comfortable
            self.hurried = self.engaged and in_time < tokens_left
        if self.engaged and scanner.in_value and (self._share is None or self.hurried):
            spendable = left - self._scenes_left() * self._layout.fixed_tokens - END_TOKENS
            share = max(1, self._string_tokens + spendable // self._strings_left() - STRING_TOKENS + 1)
            self._share = share if self._share is None else min(self._share, share)

    def narrow(self, mask: Mask) -> None:
        """Take tokens out of a mask, in place; never the last one."""
        scanner, vocabulary = self._scanner, self._vocabulary
        if self._looping or self._long:
            keep(mask, vocabulary.closes)
        if scanner.in_value and self._string_tokens >= ENDLESS_TOKENS:
            keep(mask, ~vocabulary.joins_clauses)
        if not self.engaged:
            return
        if not scanner.begun:  # in an outline: its lines end, and after the fewest ones it does
            keep(mask, vocabulary.plain)
            self.cut |= keep(mask, vocabulary.ends_line) or keep(mask, ~vocabulary.begins_line)
            return
        if scanner.in_value or scanner.depth >= SCENE_DEPTH:
            keep(mask, vocabulary.plain)
        if self._share is not None and self._string_tokens >= self._share:
            self.cut |= keep(mask, vocabulary.closes)
        self._end_lists(mask)

    def _end_lists(self, mask: Mask) -> None:
        """A list that may end does, and one in a scene has nothing more; neither has the object before the scenes."""
        scanner, vocabulary = self._scanner, self._vocabulary
        if not scanner.in_list:
            if scanner.depth == SCENE_DEPTH:
                self.cut |= keep(mask, ~vocabulary.continues_in_scene)
            elif scanner.depth == LIST_DEPTH:
                self.cut |= keep(mask, ~vocabulary.continues_in_list)
            return
        if scanner.depth >= SCENE_DEPTH and scanner.scenes_done + 1 >= self._min_scenes:
            self.cut |= keep(mask, ~vocabulary.continues_in_scene)
        elif scanner.depth == LIST_DEPTH and scanner.scenes_done >= self._min_scenes:
            self.cut |= keep(mask, ~vocabulary.continues_in_list)
        if scanner.depth >= SCENE_DEPTH:
            self.cut |= keep(mask, ~vocabulary.fills_list)
        if scanner.depth == INNER_DEPTH:
            self.cut |= keep(mask, ~vocabulary.continues_in_strings if scanner.in_value else vocabulary.ends_list)
        elif scanner.depth > INNER_DEPTH:
            self.cut |= keep(mask, ~vocabulary.continues_in_objects)

    def _scenes_left(self) -> int:
        """Scenes to write, the one that is being written among them."""
        done = self._scanner.scenes_done
        free = sum(place >= done for place in self._kept)
        return max(self._min_scenes - done - free, 1 if self._scanner.in_scene else 0)

    def _strings_left(self) -> int:
        """Free strings to finish, the one that is being written among them; in any other string at least 1."""
        scanner, layout, scenes = self._scanner, self._layout, self._scenes_left()
        if scanner.in_scene:
            here, scenes = layout.free_from(scanner.values_in_scene), scenes - 1
            here += scanner.depth > SCENE_DEPTH  # a string in one of its lists
        else:
            here = max(0, layout.strings_before - scanner.values_before_scenes)
        return max(1, here + layout.free_from(0) * scenes)


class LoopWatch:
    """Notices when a string says a short phrase over and over."""

    def __init__(self) -> None:
        self._tokens: list[int] = []
        self._repeated: dict[int, int] = {}  # by period: tokens at the end that stand that many tokens before as well

    def note(self, token: int) -> bool:
        """Whether the string ends in a loop, now that it goes on with this token."""
        tokens, before = self._tokens, self._repeated
        self._repeated = {}
        if token in tokens[-MAX_PERIOD:]:  # seldom
            periods = range(1, min(MAX_PERIOD, len(tokens)) + 1)
            self._repeated = {period: before.get(period, 0) + 1 for period in periods if tokens[-period] == token}
        tokens.append(token)
        return bool(self._repeated) and any(length >= _LOOPS[period] for period, length in self._repeated.items())
