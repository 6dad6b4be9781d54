"""Boards as files: every text and every time is read back by another reader than what wrote it."""

from __future__ import annotations

import csv
import html
import io
import json
import os
import re
import subprocess
import sys
import unicodedata
import zipfile
from collections.abc import Callable
from importlib import import_module
from itertools import accumulate, pairwise
from typing import Any, get_args
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from scriptqueue.further_fields import ALL_FIELDS, FURTHER_FIELDS
from scriptqueue.scene_fields import SCENE_FIELDS, written
from scriptqueue.schemas import (
    AspectRatio,
    Character,
    ExportFormat,
    FrameRate,
    JobRequest,
    Scene,
    Storyboard,
    TargetName,
)
from shared.board.exports.archive import WITHOUT, Archive
from shared.board.exports.file_names import file_name
from shared.board.exports.formats import EXPORTS
from shared.board.exports.speech import MAX_CAPTION_S, MAX_LINES, captions, max_columns
from shared.board.scenes import assemble
from shared.board.targets.prompts import target_prompts
from shared.board.targets.table import TARGETS

READERS = {
    "edl": "pycmx",
    "srt": "webvtt",
    "vtt": "webvtt",
    "fountain": "screenplay_tools.fountain.parser",
    "otio": "opentimelineio",
}
HOSTILE = (
    *(
        "他推开门，走进雨里。",
        "Rain. Nothing but rain on the tin roof.",
        "傘をさす、子ども。",
        "비가 온다",
        "שלום עולם",
        "مرحبا",
    ),
    *(
        "👩‍👩‍👧‍👦🎬",
        "👍🏽",
        "e\u0301\u0323",
        "\u200f",
        "\u2060",
        "\x00\x1b[2J",
        "\ufeff",
        "C:\\new\\table",
        "\\n",
        "\n\n",
        "\r\n",
    ),
    *("\t", "\u2028", "\u3000", '"', "'", "''=1", '=HYPERLINK("x")', "+1", "-1", "@sum", "＝1", " =1", "a,b;c"),
    *("-->", "00:00:01,000 --> 00:00:02,000", "7", "WEBVTT", "NOTE x", "<i>x</i>", "</v>", "{\\an8}", "&amp;", "&lt;"),
    *(
        "]]>",
        "<![CDATA[",
        "<!--",
        "|",
        "\\|",
        "`|`",
        "**b**",
        "_u_",
        "[x](y)",
        "![i](y)",
        "# h",
        "---",
        "<b>",
        "$x$",
        "~~s~~",
    ),
    *(
        "[[n]]",
        "]]",
        "]",
        "[",
        "/*",
        "*/",
        "\\*",
        "\\",
        ".HEADING #9#",
        "#7#",
        "INT. HOUSE",
        "FADE IN:",
        "CUT TO:",
        "> X <",
        "(low)",
    ),
    *(
        "@BOB",
        "!",
        "~la",
        "= s",
        "===",
        "TITLE: x",
        "* FROM CLIP NAME: x",
        "ASC_SOP (1)",
        "M2   AX 024",
        "x" * 130,
        "字" * 70,
    ),
)


def visible(text: str) -> bool:
    return bool(flat(text))


def flat(text: str) -> str:
    """What formats of one line a text keep: not blanks, and not what no text file may hold."""
    kept = (c for c in text if not c.isspace() and c not in "\u2060\ufffd\ufffe\uffff")
    return "".join(c for c in kept if unicodedata.category(c) not in {"Cc", "Cs"})


TEXTS = st.lists(st.sampled_from(HOSTILE) | st.text(max_size=8), min_size=1, max_size=3).map("".join).filter(visible)


IDS = ("yu", "old_tom", "v_o")
CAST = tuple(Character(id=one, name=one, look=f"{one} in a _red_ [coat]") for one in IDS)  # named as their ids are


def scene_values(draw: st.DrawFn) -> dict[str, Any]:
    chosen = draw(st.sets(st.sampled_from(FURTHER_FIELDS)))
    values: dict[str, Any] = {"duration": draw(st.integers(30, 80)) / 10}
    for field in (*written(SCENE_FIELDS), *(field for field in FURTHER_FIELDS if field in chosen)):
        if field.kind == "ids":
            values[field.name] = draw(st.lists(st.sampled_from(IDS), max_size=2, unique=True))
        elif field.kind == "lines":
            lines = draw(st.lists(st.tuples(st.sampled_from(IDS), TEXTS), max_size=3))
            values[field.name] = [{"character": one, "line": text} for one, text in lines]
        elif field.kind != "seconds":
            values[field.name] = draw(st.sampled_from(field.terms) if field.terms else TEXTS)
    return values


@st.composite
def boards(draw: st.DrawFn) -> Storyboard:
    ratio, style = draw(st.sampled_from([None, *get_args(AspectRatio)])), draw(st.none() | TEXTS)
    language = draw(st.sampled_from(["auto", "zh", "ja"]))
    request = JobRequest(prompt="x", style=style, aspect_ratio=ratio, characters=CAST, language=language)
    scenes = [scene_values(draw) for _ in range(draw(st.integers(1, 4)))]
    return assemble(draw(TEXTS), scenes, request, ALL_FIELDS, CAST)


def board(*narrations: str | None, **options: Any) -> Storyboard:
    scenes = [
        {"description": "雨中的猫", "duration": 5, "camera": "close up", "action": "猫抬头", "narration": text}
        for text in narrations
    ]
    return assemble(options.pop("title", "猫"), scenes, JobRequest(prompt="x", **options), ALL_FIELDS)


def content(storyboard: Storyboard, name: ExportFormat, fps: int = 24) -> str:
    return EXPORTS[name].content(storyboard, {"fps": fps, "target": "generic"}).decode()


def reader(module: str) -> Any:
    """A package of the `dev` extra. Without it a developer may go on; what guards the main branch may not."""
    return import_module(module) if os.environ.get("CI") else pytest.importorskip(module)


def ends(storyboard: Storyboard) -> list[float]:
    return list(accumulate(scene.duration for scene in storyboard.scenes))


# -- read back, a function a format: the texts of each scene by field, and the times ----------------------------------


def fields(scene: Scene, *without: str) -> dict[str, str]:
    """The texts and terms of a scene."""
    values = scene.model_dump()
    there = [field for field in ALL_FIELDS if field.is_words and field.name not in without and values.get(field.name)]
    return {f.name: flat(f.shown("en", values[f.name]) if f.is_list else values[f.name]) for f in there}


def shown(scene: Scene, storyboard: Storyboard, *without: str) -> dict[str, str]:
    """The same by label, in the reader's words."""
    title = storyboard.title + storyboard.scenes[0].description
    zh = storyboard.language == "zh" if storyboard.language else any("\u3400" <= c <= "\u9fff" for c in title)
    by_name = {field.name: field for field in ALL_FIELDS}
    return {
        flat(by_name[name].wording("zh" if zh else "en").label): flat(by_name[name].shown("zh" if zh else "en", text))
        for name, text in ((n, scene.model_dump()[n]) for n in fields(scene, *without))
    }


def frames(storyboard: Storyboard, fps: int) -> list[tuple[int, int]]:
    bounds = [0, *(round(end * fps) for end in ends(storyboard))]
    return list(pairwise(bounds))


def json_back(text: str, storyboard: Storyboard, _: int) -> None:
    assert Storyboard.model_validate_json(text) == storyboard
    assert json.loads(text) == json.loads(storyboard.model_dump_json())


def csv_back(text: str, storyboard: Storyboard, _: int) -> None:
    assert text.startswith("\ufeff")
    rows = list(csv.DictReader(io.StringIO(text[1:], newline=""), strict=True))
    by_name = {field.name: field for field in FURTHER_FIELDS}
    for row, scene in zip(rows, storyboard.scenes, strict=True):
        values = {name: value for name, value in scene.model_dump().items() if value != ()}
        for name, cell in row.items():
            begin = unicodedata.normalize("NFKC", cell.lstrip()[:1])
            assert begin not in {*"=+-@"}, "a spreadsheet would compute it"
            hidden = cell.startswith("'") and unicodedata.normalize("NFKC", cell.lstrip("'").lstrip()[:1]) in {*"=+-@"}
            bare, field = cell[1:] if hidden else cell, by_name.get(name)
            if field and field.is_list:  # with the reader's commas and colons
                assert bare in {field.shown("zh", values.get(name, ())), field.shown("en", values.get(name, ()))}, name
            else:
                assert bare == str(values.get(name, "")), name
        assert set(fields(scene)) <= set(row)


def heard(scene: Scene, *, with_names: bool) -> str:
    lines = scene.dialogue or ()
    texts = [(f"{one.character}:" if with_names else "") + one.line for one in lines if flat(one.line)]
    return flat("".join([scene.narration or "", *texts])).replace("：", ":")


def captions_back(found: list[tuple[float, float, str]], storyboard: Storyboard, *, with_names: bool = False) -> None:
    assert all(start < end for start, end, _ in found)
    assert all(before[1] <= after[0] for before, after in pairwise(found))
    for scene, end_s in zip(storyboard.scenes, ends(storyboard), strict=True):
        start_s = end_s - scene.duration
        own = [cue for cue in found if start_s - 0.001 <= cue[0] < end_s - 0.001]
        assert flat("".join(text for _, _, text in own)).replace("：", ":") == heard(scene, with_names=with_names)
        assert all(cue[1] <= end_s + 0.001 for cue in own)
    for _, _, text in found:
        assert 1 <= len(text.split("\n")) <= MAX_LINES


def srt_back(text: str, storyboard: Storyboard, _: int) -> None:
    webvtt = reader(READERS["srt"])
    cues = webvtt.from_buffer(io.StringIO(text), format="srt") if text else []
    assert text.count("-->") == len(cues)
    assert not re.search(r"<[A-Za-z/]|\{\\", text), "a player would take it for a tag and not show it"
    captions_back(timed(cues), storyboard, with_names=True)


def vtt_back(text: str, storyboard: Storyboard, _: int) -> None:
    voices = re.findall(r"^<v ([^>]*)>", text, re.MULTILINE)
    assert {*voices} <= {one.character for scene in storyboard.scenes for one in scene.dialogue or ()}
    text = re.sub(r"^<v [^>]*>", "", text, flags=re.MULTILINE)
    cues = timed(reader(READERS["vtt"]).from_string(text))
    assert (text.count("-->"), text.count("<")) == (len(cues), 0)
    captions_back([(start, end, html.unescape(text)) for start, end, text in cues], storyboard)


def timed(cues: Any) -> list[tuple[float, float, str]]:
    """With fractions: the reader's own seconds are whole."""

    def seconds(clock: str) -> float:
        hours, minutes, rest = clock.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(rest)

    return [(seconds(cue.start), seconds(cue.end), cue.raw_text) for cue in cues]


READ_OTIO = """
import json, sys
import opentimelineio as otio
def plain(value):
    if hasattr(value, "items"):
        return {name: plain(inner) for name, inner in value.items()}
    return value if isinstance(value, (str, int, float)) else [plain(inner) for inner in value]
for line in sys.stdin:
    timeline = otio.adapters.read_from_string(json.loads(line), "otio_json")
    clips = [
        (
            clip.name,
            [[time.value, time.rate] for time in (span.start_time, span.end_time_exclusive())],
            [marker.name for marker in clip.markers],
            plain(clip.metadata["scriptqueue"]),
        )
        for clip in timeline.find_clips()
        for span in [clip.transformed_time_range(clip.trimmed_range(), timeline.tracks)]
    ]
    print(json.dumps([timeline.name, clips]))
"""


def otio_back(found: list[tuple[str, Storyboard, int]]) -> None:
    """By OpenTimelineIO, in a process of its own: it may abort the one that read metadata by it (its issue 1474)."""
    lines = "".join(json.dumps(text) + "\n" for text, _, _ in found)
    answer = subprocess.run([sys.executable, "-c", READ_OTIO], input=lines, capture_output=True, text=True, check=False)
    answers = [json.loads(line) for line in answer.stdout.splitlines()]
    assert len(answers) == len(found), answer.stderr
    for (title, clips), (_, storyboard, fps) in zip(answers, found, strict=True):
        assert flat(title) == flat(storyboard.title)
        for clip, scene, span in zip(clips, storyboard.scenes, frames(storyboard, fps), strict=True):
            name, times, markers, metadata = clip
            assert (name, times) == (f"Shot {scene.scene_number}", [[frame, fps] for frame in span])
            assert [flat(marker) for marker in markers] == [flat(scene.description)]
            assert flat_values(metadata) == flat_values(json.loads(scene.model_dump_json()))


def flat_values(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: flat_values(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [flat_values(inner) for inner in value]
    return flat(value) if isinstance(value, str) else value


def edl_back(text: str, storyboard: Storyboard, fps: int) -> None:
    edl = reader(READERS["edl"]).parse_cmx3600(io.StringIO(text))
    assert (flat(edl.title), edl.format) == (flat(storyboard.title), "3600")

    def frame(clock: str) -> int:
        hours, minutes, seconds, rest = map(int, clock.split(":"))
        return ((hours * 60 + minutes) * 60 + seconds) * fps + rest

    for event, scene, span in zip(edl.events, storyboard.scenes, frames(storyboard, fps), strict=True):
        (edit,) = event.edits
        assert (event.number, edit.clip_name) == (scene.scene_number, f"Shot {scene.scene_number}")
        assert (frame(edit.record_in), frame(edit.record_out)) == span
        assert (frame(edit.source_in), frame(edit.source_out)) == (0, span[1] - span[0])
        remarks = [s.text.partition(": ") for s in event.statements if type(s).__name__ == "StmtRemark"]
        assert {name.lower().replace(" ", "_"): flat(value) for name, _, value in remarks} == fields(scene)


def fcpxml_back(text: str, storyboard: Storyboard, fps: int) -> None:
    root = ElementTree.fromstring(text)
    (sequence,) = root.iter("sequence")

    def frame(time: str) -> int:
        value, _, rate = time.removesuffix("s").partition("/")
        assert rate == str(fps) or (value, rate) == ("0", "")
        return int(value)

    assert frame(sequence.attrib["duration"]) == frames(storyboard, fps)[-1][1]
    for gap, scene, span in zip(sequence.iter("gap"), storyboard.scenes, frames(storyboard, fps), strict=True):
        assert (frame(gap.attrib["offset"]), frame(gap.attrib["duration"])) == (span[0], span[1] - span[0])
        (marker,) = gap.iter("marker")
        lines = [line.partition(": ") for line in marker.attrib["note"].split("\n")]
        back = {name: flat(value) for name, _, value in lines}
        assert {"description": flat(marker.attrib["value"]), **back} == fields(scene)
    (project,) = root.iter("project")
    assert flat(project.attrib["name"]) == flat(storyboard.title)


def fountain_back(text: str, storyboard: Storyboard, _: int) -> None:
    parser = reader(READERS["fountain"]).Parser()
    parser.mergeActions = False
    parser.add_text(text)

    def plain(raw: str) -> str:
        return flat(re.sub(r"\\([*_])", r"\1", raw))

    notes = iter(note.text_raw for note in parser.script.notes)
    elements = [e for e in parser.script.elements if e.text_raw or e.type.value == "CHARACTER"]
    assert plain(parser.script.titleEntries[0].text_raw) == flat(storyboard.title)
    scenes: list[dict[str, Any]] = []
    for element in elements:
        raw, kind = element.text_raw, element.type.value
        if kind == "HEADING":
            scenes.append({"number": element.scene_number, "heading": raw, "ACTION": [], "NOTES": {}})
        elif re.fullmatch(r"\[\[\d+\]\]", raw):
            label, _, value = next(notes).partition(": ")
            scenes[-1]["NOTES"][flat(label)] = plain(value)
        elif kind == "ACTION":
            scenes[-1]["ACTION"].append(plain(raw))
        elif kind == "DIALOGUE":
            scenes[-1].setdefault(kind, []).append(plain(raw))
        elif kind != "CHARACTER":
            assert scenes[-1].setdefault(kind, plain(raw)) == plain(raw)
    for back, scene in zip(scenes, storyboard.scenes, strict=True):
        place = f"-{scene.setting}" if scene.setting else ""
        assert (back["number"], plain(back["heading"])) == (
            str(scene.scene_number),
            flat(f"SHOT{scene.scene_number}{place}"),
        )
        lines = [one for one in scene.dialogue or () if flat(one.line)]
        assert back["ACTION"] == [flat(scene.description), flat(scene.action)]
        assert "".join(back.get("DIALOGUE", [])) == flat("".join([scene.narration or "", *[one.line for one in lines]]))
        assert back.get("TRANSITION", "") == (flat(f"{scene.transition.upper()} TO:") if scene.transition else "")
        elsewhere = ("setting", "description", "action", "narration", "dialogue", "transition")
        assert back["NOTES"] == {f"{scene.duration:g}s": "", **shown(scene, storyboard, *elsewhere)}
    assert next(notes, None) is None
    speakers = [plain(name) for name in re.findall(r"^@(.+)$", text, re.MULTILINE) if "(V.O.)" not in name]
    assert speakers == [flat(one.character) for s in storyboard.scenes for one in s.dialogue or () if flat(one.line)]


def md_back(text: str, storyboard: Storyboard, _: int) -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    inline = [token for token in tokens if token.type == "inline"]
    for token in inline:
        assert {child.type for child in token.children or []} <= {"text"}, "a text became a mark"
    texts = [flat("".join(child.content for child in token.children or [])) for token in inline]
    heading, _facts, *cells = texts
    assert heading == flat(storyboard.title)
    width = sum(token.type == "th_open" for token in tokens)
    head, rows = cells[:width], [cells[i : i + width] for i in range(width, len(cells), width)]
    for row, scene in zip(rows, storyboard.scenes, strict=True):
        number, duration = (
            flat(field.wording("zh" if "场景编号" in head else "en").label) for field in SCENE_FIELDS[:3:2]
        )
        back = {label: cell for label, cell in zip(head, row, strict=True) if cell}
        assert (back.pop(number), float(back.pop(duration))) == (str(scene.scene_number), scene.duration)
        assert back == shown(scene, storyboard)


def prompts_back(text: str, storyboard: Storyboard, _: int) -> None:
    *shot_lines, empty, negative = text.splitlines()

    assert [flat(line) for line in shot_lines] == [flat(prompt) for prompt in target_prompts(storyboard, "generic")]
    assert (empty, negative) == ("", f"Negative prompt: {TARGETS['generic'].negative_prompt}")


BACK: dict[ExportFormat, Callable[[str, Storyboard, int], None]] = {
    "json": json_back,
    "csv": csv_back,
    "srt": srt_back,
    "vtt": vtt_back,
    "edl": edl_back,
    "fcpxml": fcpxml_back,
    "fountain": fountain_back,
    "md": md_back,
    "prompts": prompts_back,
}


def test_every_format_of_a_request_is_written_and_read_back() -> None:
    assert [*EXPORTS] == [*get_args(ExportFormat)]
    assert {*EXPORTS} == {*BACK, "otio"}
    assert len({row.media_type for row in EXPORTS.values()}) == len(EXPORTS)


def test_every_hostile_text_comes_back_from_every_field_of_every_format() -> None:
    timelines = []
    for text in filter(visible, HOSTILE):
        values: dict[str, Any] = {"duration": 3.7, "camera": "close up"}
        values |= {field.name: text for field in written(ALL_FIELDS) if field.kind == "text"}
        storyboard = assemble(text, [values, values], JobRequest(prompt="x"), ALL_FIELDS)
        for name, read_back in BACK.items():
            read_back(content(storyboard, name), storyboard, 24)
        timelines.append((content(storyboard, "otio"), storyboard, 24))
    otio_back(timelines)


@pytest.mark.parametrize("number", [30, pytest.param(300, marks=pytest.mark.slow)])
def test_texts_and_times_of_any_board_come_back_from_every_format(number: int) -> None:
    for module in READERS.values():
        reader(module)
    timelines = []

    @settings(max_examples=number, deadline=None, suppress_health_check=list(HealthCheck))
    @given(boards(), st.sampled_from(get_args(FrameRate)))
    def come_back(storyboard: Storyboard, fps: int) -> None:
        for name, read_back in BACK.items():
            read_back(content(storyboard, name, fps), storyboard, fps)
        timelines.append((content(storyboard, "otio", fps), storyboard, fps))

    come_back()
    otio_back(timelines)


@pytest.mark.parametrize("name", get_args(ExportFormat))
def test_a_board_that_says_only_what_every_board_does_is_written_too(name: ExportFormat) -> None:
    text = content(board(None, None), name)

    spoken = name in {"srt", "vtt"}
    assert text == {"srt": "", "vtt": "WEBVTT\n"}[name] if spoken else text.count("雨中的猫") >= 2


# -- captions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "most"),
    [
        ("The keeper climbs the stairs, one hand on the cold iron rail, and counts each step as he did as a boy", 42),
        ("守灯人爬上楼梯，一只手扶着冰冷的铁栏杆，像小时候那样一级一级地数着台阶，数到一百零八", 32),
        ("灯台守は冷たい鉄の手すりに片手を置き、子どもの頃のように一段ずつ数えながら階段を上る", 26),
        ("등대지기는 차가운 쇠 난간에 한 손을 얹고 어린 시절처럼 한 계단씩 세며 올라간다 그리고 또", 32),
        ("OPPO手机，" * 20, 32),
        ("x" * 200, 42),
        ("שומר המגדלור מטפס במדרגות, יד אחת על המעקה הקר, וסופר כל מדרגה כמו פעם", 42),
    ],
)
def test_no_line_is_wider_than_streaming_services_take(text: str, most: int) -> None:
    shown_lines = [line for caption in captions(board(text)) for line in caption.lines]

    assert max_columns(text) == most
    for line in shown_lines:
        wide = sum(unicodedata.east_asian_width(c) in "WF" for c in line)
        assert len(line) + wide <= most
        assert not set(line[:1]) & set("，。、,.)"), "a line begins with what closes the one before"
    assert flat("".join(shown_lines)) == flat(text)


def test_the_lines_of_a_caption_are_about_as_long_as_each_other() -> None:
    (caption,) = captions(board("The keeper climbs the stairs with one hand on the rail"))

    assert caption.lines == ("The keeper climbs the stairs", "with one hand on the rail")


def test_a_shots_captions_follow_each_other_within_it_for_at_most_seven_seconds_each() -> None:
    first, second = board("她说：" + "很长的话，" * 20, "短。").scenes

    found = list(captions(board(first.narration, second.narration)))

    assert (found[0].start_ms, found[-2].end_ms, found[-1].start_ms, found[-1].end_ms) == (0, 5000, 5000, 10000)
    assert [c.end_ms for c in found[:-1]] == [c.start_ms for c in found[1:]]
    assert max(c.end_ms - c.start_ms for c in found) <= MAX_CAPTION_S * 1000
    slow = board("x").model_copy(update={"scenes": (first.model_copy(update={"duration": 30.0, "narration": "x"}),)})
    assert [(c.start_ms, c.end_ms) for c in captions(slow)] == [(0, 7000)]


# -- frames -----------------------------------------------------------------------------------------------------------


def test_cuts_do_not_drift_where_seconds_are_no_whole_frames() -> None:
    """DozaVisuals/doza-assist pull request 34: offsets summed from rounded lengths left gaps between the clips."""
    scenes = [{"description": "x", "duration": 3.3, "camera": "close up", "action": "y"}] * 20
    text = content(assemble("x", scenes, JobRequest(prompt="x"), ALL_FIELDS), "edl", 25)

    *_, last = re.findall(r"(\S+)$", "\n".join(line for line in text.splitlines() if " AX " in line), re.MULTILINE)
    assert last == "00:01:06:00"  # 20 lengths of 82.5 frames, rounded each, were 00:01:05:15 or 00:01:06:10


@pytest.mark.parametrize(
    ("ratio", "size"),
    [
        *((None, (1920, 1080)), ("16:9", (1920, 1080)), ("9:16", (1080, 1920)), ("1:1", (1080, 1080))),
        *(("4:3", (1440, 1080)), ("3:4", (1080, 1440)), ("21:9", (2520, 1080))),
    ],
)
def test_an_editors_project_has_the_boards_shape(ratio: str | None, size: tuple[int, int]) -> None:
    root = ElementTree.fromstring(content(board(None, aspect_ratio=ratio), "fcpxml"))

    (shape,) = root.iter("format")
    assert (int(shape.attrib["width"]), int(shape.attrib["height"])) == size


# -- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "name"),
    [
        *(
            ("雨中的猫", "雨中的猫"),
            ("a/b\\c", "a b c"),
            ('who? "me": <no>|*', "who me no"),
            ("../../etc/passwd", "etc passwd"),
        ),
        *(("CON", "storyboard CON"), ("nul.txt", "storyboard nul.txt"), ("...", "storyboard"), ("a. ", "a")),
        *(("\u202egpj.exe", "gpj.exe"), ("x\x00y\nz", "x y z"), ("-rf", "rf"), ("100%", "100"), ("e\u0301", "\u00e9")),
        *(("字" * 100, "字" * 50), ("🎬" * 99, "🎬" * 37), ("console", "console")),
    ],
)
def test_a_files_name_is_one_on_every_system(title: str, name: str) -> None:
    assert file_name(title) == name


def test_an_archive_numbers_its_files_and_names_what_is_missing() -> None:
    archive = Archive()
    archive.add(1, "雨中的猫", "csv", b"one")
    archive.lack(2, "the job is failed")
    archive.add(3, "雨中的猫", "csv", b"three")
    packed = zipfile.ZipFile(io.BytesIO(archive.content()))

    assert [entry.filename for entry in packed.infolist()] == ["0001 雨中的猫.csv", "0003 雨中的猫.csv", WITHOUT]
    assert packed.read(WITHOUT).decode() == "0002 the job is failed\n"
    assert {entry.external_attr >> 16 for entry in packed.infolist()} == {0o644}


# -- prompts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", get_args(TargetName))
def test_prompts_are_a_text_a_shot_in_the_targets_own_form(target: TargetName) -> None:
    written_for = board(None, "她说：“走吧。”", None, targets=[target], style="水彩")
    without = board(None, "她说：“走吧。”", None, style="水彩")
    row = TARGETS[target]

    text, later = (EXPORTS["prompts"].content(one, {"target": target}).decode() for one in (written_for, without))

    assert text == later  # made when it is wanted
    shown_part, _, negative = text.partition("\nNegative prompt: ")
    assert negative == (f"{row.negative_prompt}\n" if row.negative_prompt else "")
    texts = shown_part.removesuffix("\n").split("\n---\n" if row.has_lines else "\n")
    assert texts == [(scene.prompts or {})[target] for scene in written_for.scenes]


def test_prompts_stay_as_they_were_published() -> None:
    old = board("一", "二", targets=["generic"])
    scenes = tuple(
        scene.model_copy(update={"prompts": {"generic": f"as published {scene.scene_number}"}}) for scene in old.scenes
    )

    text = content(old.model_copy(update={"scenes": scenes}), "prompts")

    assert text.splitlines()[:2] == ["as published 1", "as published 2"]
