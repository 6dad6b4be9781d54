"""What the grammar lets a model write is read as it stands: nothing is mended, whatever the texts say.

Three kinds of text are mended all the same, each told: HTML's entities and line breaks and doubled escapes, which are
read as what they mean; blanks at the end and characters that cannot be shown; and words like `null`, which are none.
"""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scriptqueue.schemas import JobRequest
from shared.board.text import folded
from shared.board.timing import durations
from worker.script.grammar import storyboard_schema
from worker.script.output import parse, validate

REQUESTS = [
    JobRequest(prompt="雾", max_scenes=5),
    JobRequest(prompt="fog", min_scenes=1, max_scenes=1),
    JobRequest(prompt="雾", target_duration_s=20.3),
]
ARTEFACTS = ("HTML entities", "blanks around it or characters that cannot be shown", "is no text", "missing")

VISIBLE = st.characters(exclude_categories=["C", "Z"], exclude_characters='{}[]&<\\"')
TEXT = st.tuples(VISIBLE, st.text(VISIBLE | st.sampled_from('  "'), max_size=30), VISIBLE).map("".join)
ANY_TEXT = st.tuples(
    VISIBLE | st.sampled_from("&<"),
    st.text(
        VISIBLE | st.sampled_from('&#;<>/\\ "\u200b\u200d\u3000\ufeff') | st.sampled_from("amp;quot3nbr"), max_size=30
    ),
).map("".join)


STANDING = [  # texts that only look like something else
    *("AT&T & sons", "R&D;", "a &unknownentity; stays", "1 < 2 > 0", "<b>bold</b>", "<think>雾</think>", "<|im_end|>"),
    *(
        "```json",
        "// a remark",
        "第3镜",
        "Scene 2: fog",
        "镜头：特写",
        "3-8秒",
        "00:05",
        "5",
        "None",
        "true",
        "...",
        "，",
    ),
    *(
        'he says "hi"',
        "“雾”散开",
        "C:\\new\\table.txt",
        r"the regex \d+\n",
        "a back\\slash",
        "she is sorry",
        "他说：对不起，我不能",
    ),
    *("می\u200cخواهم", "שלום\u200f!", "👨\u200d👩\u200d👧", "夕焼け", "กลางคืน", "ﬁn", "ｅｎｄ"),
]


def board(draw: st.DataObject, text: st.SearchStrategy[str]) -> tuple[JobRequest, dict[str, Any]]:
    """A storyboard as the grammar of the request lets it be written, no text of it twice."""
    request = draw.draw(st.sampled_from(REQUESTS))
    fixed = durations(request)
    count = len(fixed) if fixed else draw.draw(st.integers(request.min_scenes, request.max_scenes))
    title, *texts = draw.draw(st.lists(text, min_size=1 + 2 * count, max_size=1 + 2 * count, unique_by=folded))
    scenes = [
        {
            "scene_number": index + 1,
            "description": texts[2 * index],
            "duration": fixed[index] if fixed else draw.draw(st.integers(3, 8)),
            "camera": draw.draw(st.sampled_from(["close up", "medium shot", "wide shot"])),
            "action": texts[2 * index + 1],
        }
        for index in range(count)
    ]
    raw = {"title": title, "scenes": scenes}
    jsonschema.validate(raw, storyboard_schema(request))
    return request, raw


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_any_visible_texts_are_read_as_they_stand(draw: st.DataObject) -> None:
    request, raw = board(draw, TEXT)

    storyboard, repairs = validate(parse(json.dumps(raw, ensure_ascii=False)), request)

    assert repairs == []
    read = storyboard.model_dump()
    assert read["title"] == raw["title"]
    assert [{name: scene[name] for name in raw["scenes"][0]} for scene in read["scenes"]] == raw["scenes"]


@pytest.mark.parametrize("text", STANDING)
def test_what_only_looks_like_something_else_stands(text: str) -> None:
    scenes = [
        {"scene_number": n, "description": text, "duration": 5, "camera": "wide shot", "action": f"{text} {n}"}
        for n in (1, 2, 3)
    ]
    raw = {"title": text, "scenes": scenes}
    jsonschema.validate(raw, storyboard_schema(REQUESTS[0]))

    storyboard, repairs = validate(parse(json.dumps(raw, ensure_ascii=False)), REQUESTS[0])

    assert repairs == []
    assert (storyboard.title, storyboard.scenes[0].description) == (text, text)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_only_artefacts_of_texts_are_mended(draw: st.DataObject) -> None:
    request, raw = board(draw, ANY_TEXT)

    storyboard, repairs = validate(parse(json.dumps(raw, ensure_ascii=False)), request)

    assert [repair for repair in repairs if not any(artefact in repair for artefact in (*ARTEFACTS, "repeat"))] == []
    assert len(storyboard.scenes) == len(raw["scenes"])
