"""What goes into the engine and what comes out: token ids, a grammar, a budget. Frozen; shared between threads."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from worker.engine.layout import Layout, Outline


@dataclass(frozen=True)
class SamplingParams:
    """How one request's tokens are chosen; a seed draws the same noise at the same position, alone or in a batch."""

    temperature: float  # 0 is greedy
    top_p: float
    seed: int


Why = Literal["repeats", "loops", "speech"]


class Draft(NamedTuple):
    """What was written and dropped: from which token on, how many, the sampled ones of them. A scene from its first
    text on, with the word that this began with, for it repeats another or a text of it went round; or the end of a
    spoken text that was cut."""

    at: int
    tokens: int
    sampled_tokens: int
    first: str
    why: Why = "repeats"


@dataclass(frozen=True)
class GenerationRequest:
    """One text to write.

    `schema` is a JSON schema (text) whose root object holds a list of objects, the scenes, of that `layout`; those at
    the places `kept`, from 0, are given by it. `max_new_tokens` counts sampled tokens: those that the grammar forces
    are free. `generated_ids` resumes a text that another process began, and `drafts` are those that it dropped, in
    their order. `own_words`: a text whose words may come again as often as they like. `earlier`: what is seen in scenes
    outside this text or given by it, which its own are not to repeat. An `outline` is written before the JSON. The text
    leaves the batch after `time_left_s`, finished or not, and is closed before that or, if it is to be sooner,
    `close_in_s`.
    """

    prompt_ids: tuple[int, ...]
    schema: str
    layout: Layout = field(repr=False)  # follows from the schema; requests are told apart by their repr
    sampling: SamplingParams
    max_new_tokens: int
    min_scenes: int
    time_left_s: float
    generated_ids: tuple[int, ...] = ()
    given_tokens: int = field(default=0, repr=False)  # forced, of texts that the schema gives; they follow from it
    kept: frozenset[int] = field(default=frozenset(), repr=False)  # these follow from it, too
    own_words: str = ""
    earlier: tuple[str, ...] = ()
    drafts: tuple[Draft, ...] = ()
    close_in_s: float = field(default=math.inf, repr=False)  # no part of what is written, as `time_left_s`
    outline: Outline | None = None

    @property
    def least_written(self) -> int:
        """How many scenes must be sampled."""
        return self.min_scenes - len(self.kept)


@dataclass(frozen=True)
class TextState:
    """How far a text is. What is to be written anew is no part of it any more."""

    started: bool
    token_ids: tuple[int, ...]
    sampled_tokens: int
    scenes_done: int
    drafts: tuple[Draft, ...] = ()


Finish = Literal["complete", "closed_early", "stopped", "timeout"]


@dataclass(frozen=True)
class Output:
    """A finished text. `complete` and `closed_early` are valid JSON of the schema; the other two are torsos. `hurried`:
    it was closed early for the sake of its time."""

    token_ids: tuple[int, ...]
    finish: Finish
    sampled_tokens: int
    loops_stopped: int
    drafts: tuple[Draft, ...] = ()
    hurried: bool = False
