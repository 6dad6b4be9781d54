"""What is counted of one board: a `Tally` for each figure, by its name. Pure; knows no model and no engine.

Where no model wrote a valid board, only what was asked for is counted, and nothing of it was met.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from scriptqueue.schemas import JobRequest, Scene, Storyboard, TargetName
from shared.board.language import language_of
from shared.board.likeness import is_near, is_same, seen_in
from shared.board.prompt_words import is_found, says_back
from shared.board.targets.measure import count_words
from shared.board.targets.prompts import target_prompts
from shared.board.targets.table import TARGETS
from tests.quality.intervals import Tally
from tests.quality.measures_names import spelt
from tests.quality.measures_text import (
    has_debris,
    has_forbidden,
    in_script,
    repeated_share,
)
from tests.quality.prompts import Prompt


@dataclass(frozen=True)
class Measure:
    """`wants`: whether more or less of it is better; "": it only tells."""

    name: str
    kind: Literal["share", "mean"]
    wants: Literal["more", "less", ""]
    meaning: str


BOARD_MEASURES = (
    Measure("valid", "share", "more", "prompts that have a valid board of the model"),
    Measure("as_written", "share", "more", "prompts whose first text is that board, with nothing mended"),
    Measure("language", "share", "more", "prompts whose board is in their language"),
    Measure("script", "share", "more", "texts in the letters of that language"),
    Measure("count", "share", "more", "prompts whose text has as many scenes as were asked for, before any mending"),
    Measure("seconds", "share", "more", "prompts with a length whose text lasts so long, before any mending"),
    Measure("repeats", "share", "less", "scenes that are an earlier one but for blanks, case and punctuation"),
    Measure("near_repeats", "share", "less", "scenes that are an earlier one or nearly so"),
    Measure("action_again", "share", "less", "scenes whose action is their description again, or nearly so"),
    Measure("repeated_grams", "share", "less", "runs of characters of a text that it had before"),
    Measure("says_back", "share", "less", "texts that are a stretch of the prompt"),
    Measure("names_found", "share", "more", "named things of the prompt that the board has"),
    Measure(
        "names_spelt", "share", "more", "names in the board, near misses among them, that are spelt as in the prompt"
    ),
    Measure("cameras", "share", "more", "boards of three scenes and more with more than one camera"),
    Measure("durations", "share", "more", "of those whose length is free, boards with more than one duration"),
    Measure("in_band", "share", "more", "prompts for video models with a band of words that lie in it"),
    Measure("words", "mean", "", "words, or characters, of a scene's prompt for any model (generic)"),
    Measure("forbidden", "share", "less", "texts with words that the guides of video models forbid"),
    Measure("debris", "share", "less", "texts with marks of JSON, chat formats or our instructions"),
)
Tallies = dict[str, Tally]


def tallies_of(
    prompt: Prompt, request: JobRequest, raw: Mapping[str, Any], board: Storyboard | None, *, is_mended: bool
) -> Tallies:
    """`raw` is what the parser found in the text, before it was mended; empty: nothing."""
    counted = {
        "valid": Tally(board is not None, 1),
        "as_written": Tally(board is not None and not is_mended, 1),
        "language": Tally(board is not None and language_of(_whole(board)) == prompt.language, 1),
        "count": Tally(_has_count(prompt, request, raw), 1),
    }
    if prompt.seconds is not None:
        counted["seconds"] = Tally(_lasts(prompt.seconds, raw), 1)
    return counted | (_of_board(prompt, request, board) if board else {})


def _of_board(prompt: Prompt, request: JobRequest, board: Storyboard) -> Tallies:
    scenes = board.scenes
    texts = [text for scene in scenes for text in (scene.description, scene.action)]
    again = [repeated_share(text) for text in texts]
    whole = _whole(board)
    right, misses = spelt(prompt.names, whole)
    counted = {
        "script": _count(in_script(text, prompt.language) for text in texts),
        "repeats": _count(_comes_again(scenes, is_same)),
        "near_repeats": _count(_comes_again(scenes, is_near)),
        "action_again": _count(is_near(scene.description, scene.action) for scene in scenes),
        "repeated_grams": Tally(sum(part for part, _ in again), sum(of for _, of in again)),
        "says_back": _count(says_back(text, prompt.prompt) for text in texts),
        "names_found": _count(is_found(name, whole) for name in prompt.names),
        "names_spelt": Tally(right, right + len(misses)),
        "in_band": _count(_in_bands(board)),
        "words": Tally(sum(map(count_words, target_prompts(board, "generic"))), len(scenes)),
        "forbidden": _count(has_forbidden(text, prompt.prompt) for text in texts),
        "debris": _count(has_debris(text) for text in texts),
    }
    if len(scenes) >= 3:
        counted["cameras"] = Tally(len({scene.camera for scene in scenes}) > 1, 1)
        if request.target_duration_s is None:
            counted["durations"] = Tally(len({scene.duration for scene in scenes}) > 1, 1)
    return counted


def texts_of(board: Storyboard) -> list[str]:
    return [board.title, *(text for scene in board.scenes for text in (scene.description, scene.action))]


def _whole(board: Storyboard) -> str:
    return "\n".join(texts_of(board))


def _comes_again(scenes: Sequence[Scene], alike: Any) -> Iterator[bool]:
    """Of each scene but the first, whether an earlier one is like it."""
    shown = [seen_in(scene) for scene in scenes]
    for number in range(1, len(shown)):
        yield any(alike(shown[number], earlier) for earlier in shown[:number])


def _has_count(prompt: Prompt, request: JobRequest, raw: Mapping[str, Any]) -> bool:
    count = len(raw.get("scenes", ()))
    return count == prompt.scenes if prompt.scenes else request.min_scenes <= count <= request.max_scenes


def _lasts(seconds: float, raw: Mapping[str, Any]) -> bool:
    each = [scene.get("duration") if isinstance(scene, dict) else None for scene in raw.get("scenes", ())]
    return all(isinstance(one, (int, float)) for one in each) and sum(filter(None, each)) == seconds


def _in_bands(board: Storyboard) -> Iterator[bool]:
    for name in get_args(TargetName):
        limits = TARGETS[name].limits
        if limits.least_words and limits.most_words:
            for prompt in target_prompts(board, name):
                yield limits.least_words <= count_words(prompt) <= limits.most_words


def _count(truths: Any) -> Tally:
    listed = list(truths)
    return Tally(sum(listed), len(listed))
