"""What a repair is called, and what stands in it: a table of all sentences that tell of one.

Whoever mends writes the sentence; programs read its code and its values here, also those of boards that were made
before there were codes. A sentence that no row knows is `other`, with its text. Knows no board.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from scriptqueue.schemas import RepairCode

OTHER = "other"
# What stands in a sentence's braces: a scene and a field of it or of the board, and parts of any length.
_PARTS = {
    "scene": r"(?P<scene>\d+)",
    "at": r"(?:scene (?P<scene>\d+): |(?!scene \d))(?P<field>[a-z_]+)(?:: (?:name|look))?",
    "count": r"(?P<count>\d+)",
    "most": r"(?P<most>\d+)",
    "seconds": r"(?P<seconds>\S+)",
    "to": r"(?P<to>\S+)",
    "target": r"(?P<target>[a-z0-9.-]+)",
}
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


class RepairPlace(NamedTuple):
    """Of a repair: the number of a scene, None for the board itself, and the name of a field, empty for all of it."""

    scene: int | None
    field: str


@dataclass(frozen=True)
class RepairRow:
    code: str
    sentence: str
    at: str = ""  # the field that it is about, where the sentence does not name it

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        pattern, end = "", 0
        for found in _PLACEHOLDER.finditer(self.sentence):
            pattern += re.escape(self.sentence[end : found.start()])
            pattern += _PARTS.get(found[1], f"(?P<{found[1]}>.+?)")
            end = found.end()
        return re.compile(pattern + re.escape(self.sentence[end:]), re.DOTALL)


# The first that fits counts: the more a sentence says, the earlier it stands.
REPAIR_ROWS: tuple[RepairRow, ...] = (
    RepairRow("scenes_cut", "{count} scenes above the maximum of {most} were cut", "scenes"),
    RepairRow("published_kept", "the first {count} scenes stay as they were published"),
    RepairRow("base_kept", "scenes {scenes} stay as they are in the base"),
    RepairRow("title_from_prompt", "title: missing, taken from the prompt", "title"),
    RepairRow("refusals_dropped", "{count} scenes dropped: a refusal and no scene", "scenes"),
    RepairRow("refusals_dropped", "{count} texts dropped: a refusal and no scenes", "scenes"),
    RepairRow("entries_unread", "{count} entries above {most} were not read", "scenes"),
    RepairRow("entries_dropped", "{count} entries among the scenes dropped, no scenes: {what}", "scenes"),
    RepairRow("scenes_ordered", "scenes put in the order of their numbers", "scenes"),
    RepairRow("durations_set", "durations set so that they sum to {seconds} s"),
    RepairRow("script_put_back", "scene {scene}: its words and its {seconds} s are the script's and were put back"),
    RepairRow("script_put_back", "{at} is the script's and was put back"),
    RepairRow("duration_for_target", "{at} {seconds} s set to {to} s, for {target}"),
    RepairRow("text_as_description", "scene {scene}: a bare text was taken as its description", "description"),
    RepairRow("scene_dropped", "scene {scene}: dropped: neither description nor action", "description"),
    RepairRow("board_fields_dropped", "unknown fields of the board dropped: {names}"),
    RepairRow("unknown_dropped", "scene {scene}: unknown fields dropped: {names}"),
    RepairRow("taken_from", "{at} missing, taken from the {other}"),
    RepairRow("duration_assumed", "{at} missing, {seconds} s assumed"),
    RepairRow("duration_from_timeline", "{at} {what} read as {seconds} s, by its place on a timeline"),
    RepairRow("duration_read", "{at} {what} read as {seconds} s"),
    RepairRow("duration_clamped", "{at} {seconds} s clamped to {to} s"),
    RepairRow("term_assumed", "{at} {what}, {term} assumed"),
    RepairRow("term_left_out", "{at} {what} is no term of it and was left out"),
    RepairRow("too_long_to_say", "{at} shortened to what {seconds} s can say, without {what}"),
    RepairRow("read_from", "{at} read from {name}"),
    RepairRow("lines_read", "{at} read as {count} lines"),
    RepairRow("lines_read", "{at} read as {count} line"),
    RepairRow("list_read", "scene {scene}: characters read as {names}", "characters"),
    RepairRow("term_read", "{at} {what} read as {term}"),
    RepairRow("number_set", "{at} {what} set to its place"),
    RepairRow("not_in_cast", "{at}: {name} is not in the cast and was left out"),
    RepairRow("line_says_nothing", "{at}: {what} left out: it says nothing"),
    RepairRow("line_of_nobody", "{at}: {what} left out: {name} is not in the cast"),
    RepairRow("lines_cut", "{at}: {what} left out: more than {most} lines"),
    RepairRow("cast_cut", "{at}: {name} left out: a cast of at most {most} is written"),
    RepairRow("cast_missing", "characters: no cast was written", "characters"),
    RepairRow("character_unnamed", "{at}: {what} says no name and was left out"),
    RepairRow("character_twice", "{at}: {name} comes twice and is one"),
    RepairRow("look_missing", "{at}: {name} has no look; the name stands for it"),
    RepairRow("look_shortened", "{at}: {what} was shortened to {count} characters"),
    RepairRow("more_of_this", "{at}: {count} more of this kind"),
    RepairRow("left_out_beside", "{at}: {name} left out beside {other}"),
    RepairRow("turned_to_text", "{at}: {kind} turned to text"),
    RepairRow("escapes_read", "{at}: HTML entities or doubled escapes were read as what they mean"),
    RepairRow("trimmed", "{at}: blanks around it or characters that cannot be shown were removed"),
    RepairRow("no_text", "{at}: {what} is no text"),
    RepairRow("other_name_left_out", "{count} scenes under another name were left out"),
    RepairRow("around_list_left_out", "what was said of a scene around its own list of scenes was left out"),
    RepairRow("version_left_out", "{count} scenes of another version were left out"),
    RepairRow("board_left_out", "another storyboard of {count} scenes in the text was left out"),
    RepairRow("no_json", "the text is no JSON and was read as it may be meant"),
    RepairRow("lists_joined", "the scenes of {count} lists were joined"),
    RepairRow("values_unread", "the text has more than {most} values, and the rest was not read"),
    RepairRow("scene_repeats", "scene {scene} repeats scene {other}"),
    RepairRow("scenes_repeat", "scenes {scenes} repeat scene {other}"),
    RepairRow("scene_nearly_repeats", "scene {scene} nearly repeats scene {other}"),
    RepairRow("scenes_nearly_repeat", "scenes {scenes} nearly repeat scene {other}"),
    RepairRow("second_text", "the first text held no storyboard; this is the second"),
    RepairRow("from_sentences", "the prompt was split into sentences: {why}"),
    RepairRow("gone_on_with", "the first {count} scenes stand from an earlier text"),
    RepairRow("closed_early", "closed early: the budget of {count} sampled tokens was nearly used up"),
    RepairRow("closed_in_time", "closed early: the {seconds} s that it may run were nearly over"),
    RepairRow("loops_ended", "{count} texts that began to repeat themselves were ended"),
    RepairRow(
        "written_anew",
        "scenes written anew, as they repeated another: {count}, for {tokens} sampled tokens more",
    ),
    RepairRow(
        "loops_written_anew",
        "scenes written anew, as a text went round in a loop: {count}, for {tokens} sampled tokens more",
    ),
    RepairRow("other_language", "written in {language}, not in {wanted}"),
    RepairRow("target_short_call", "{target} makes calls of at least {seconds} s; shorter: {scenes}"),
    RepairRow("target_other_seconds", "{target} makes shots of {what}; not so: {scenes}"),
    RepairRow("target_long_shot", "{target} makes shots of {what}; longer: {scenes}"),
    RepairRow("target_few_words", "{target} wants at least {count} words; fewer: {scenes}"),
    RepairRow("target_many_words", "{target} takes at most {most} words; more: {scenes}"),
    RepairRow("target_long_prompt", "{target} takes at most {most} characters; more: {scenes}"),
)
# Of a board that stays as it is: they tell what a reader may want to change.
ONLY_TELL = frozenset(
    row.code for row in REPAIR_ROWS if row.code.endswith(("_repeats", "_repeat")) or row.code.startswith("target_")
)


def coded(repair: str) -> RepairCode:
    """The code of a sentence, and its parts by their names."""
    row, values = _read(repair)
    scene = values.pop("scene", None)
    return RepairCode(code=row.code if row else OTHER, scene=int(scene) if scene else None, values=values)


def all_coded(repairs: Iterable[str]) -> list[RepairCode]:
    return [coded(repair) for repair in repairs]


def place_of(repair: str) -> RepairPlace:
    """Which value of a board it is about."""
    row, values = _read(repair)
    scene = values.get("scene")
    names = values.get("names", "").split(", ") if row and row.code == "unknown_dropped" else ()
    field = next(iter(names), values.get("field") or (row.at if row else ""))
    return RepairPlace(int(scene) if scene else None, field)


def _read(repair: str) -> tuple[RepairRow | None, dict[str, str]]:
    row, values = _found(repair)
    return row, dict(values)


@lru_cache(maxsize=4096)
def _found(repair: str) -> tuple[RepairRow | None, tuple[tuple[str, str], ...]]:
    """A job is read again and again."""
    for row in REPAIR_ROWS:
        if found := row.pattern.fullmatch(repair):
            return row, tuple((name, value) for name, value in found.groupdict().items() if value is not None)
    return None, (("text", repair),)
