"""Every repair that is told has a code, and its values stand in it."""

from __future__ import annotations

import ast
import random
import re
from pathlib import Path
from typing import Any

import pytest

from scriptqueue.further_fields import ALL_FIELDS
from scriptqueue.schemas import JobRequest, RepairCode
from shared.board.validate import validate
from shared.errors import OutputInvalid
from shared.repair_codes import OTHER, REPAIR_ROWS, coded, place_of

ROOT = Path(__file__).parents[2]
ODD: tuple[Any, ...] = (
    *(None, "", " ", "x", " padded ", "a &amp; b", "\\u4e2d", 0, 3, 7.5, 99, -1, "5s", "0:03", "3-8", "00:00-00:04"),
    *(
        "特写",
        "close-up",
        "huge",
        [],
        ["yu"],
        ["bo", "nobody"],
        {"line": "hi"},
        [{"character": "yu", "line": "很长" * 60}],
    ),
    *([{"character": "nobody", "line": "x"}], [{"yu": "hello"}], ["yu: hi"] * 5, "yu and bo", "很长的旁白" * 30, True),
)
NAMES = [field.name for field in ALL_FIELDS] + ["时长", "mood", "shot", "start", "end", "prompts"]


@pytest.mark.parametrize(
    ("repair", "code", "scene", "values"),
    [
        (
            "scene 3: duration 9 s clamped to 8 s",
            "duration_clamped",
            3,
            {"field": "duration", "seconds": "9", "to": "8"},
        ),
        (
            "scene 2: camera 'from above' read as 'wide shot'",
            "term_read",
            2,
            {"field": "camera", "what": "'from above'", "term": "'wide shot'"},
        ),
        ("title: missing, taken from the prompt", "title_from_prompt", None, {}),
        (
            "scene 1: action: blanks around it or characters that cannot be shown were removed",
            "trimmed",
            1,
            {"field": "action"},
        ),
        ("characters: 'Bo' comes twice and is one", "character_twice", None, {"field": "characters", "name": "'Bo'"}),
        ("scenes 2 to 4 repeat scene 1", "scenes_repeat", None, {"scenes": "2 to 4", "other": "1"}),
        (
            "veo-3.1 takes at most 60 words; more: scene 1 (70 the most)",
            "target_many_words",
            None,
            {"target": "veo-3.1", "most": "60", "scenes": "scene 1 (70 the most)"},
        ),
        ("what nobody ever wrote", OTHER, None, {"text": "what nobody ever wrote"}),
    ],
)
def test_a_repair_has_a_code_and_values(repair: str, code: str, scene: int | None, values: dict[str, str]) -> None:
    assert coded(repair) == RepairCode(code=code, scene=scene, values=values)


@pytest.mark.parametrize(
    ("repair", "place"),
    [
        ("scene 3: duration 9 s clamped to 8 s", (3, "duration")),
        ("scene 3: unknown fields dropped: mood, tone", (3, "mood")),
        ("scene 3: dropped: neither description nor action", (3, "description")),
        ("title: blanks around it or characters that cannot be shown were removed", (None, "title")),
        ("scenes put in the order of their numbers", (None, "scenes")),
    ],
)
def test_a_repair_is_about_a_place(repair: str, place: tuple[int | None, str]) -> None:
    assert place_of(repair) == place


def drawn_repairs(draw: random.Random) -> list[str]:
    """Of a board of nonsense."""
    request = JobRequest.model_validate(
        {
            "prompt": "雨",
            "min_scenes": 1,
            "max_scenes": 4,
            "fields": ["size", "narration", "dialogue", "light", "characters"],
            "characters": draw.choice([[], [{"id": "yu", "name": "小雨", "look": "x"}]]),
            "target_duration_s": draw.choice([None, 12]),
            "targets": draw.choice([[], ["veo-3.1"], ["wan-2.2", "kling-3"]]),
        }
    )
    scenes = [
        draw.choice(
            [
                "a text",
                None,
                {name: draw.choice(ODD) for name in draw.sample(NAMES, 8)},
                {"description": "雨", "action": "下"},
            ]
        )
        for _ in range(draw.randint(1, 6))
    ]
    cast = draw.choice([None, [{"name": "A" * 60, "look": "x"}, {"name": "yu"}, 3, {"name": "yu"}], {"yu": "yu: red"}])
    raw = {"title": draw.choice(ODD), "scenes": scenes, "characters": cast}
    fields = tuple(field for field in ALL_FIELDS if field.name in {*NAMES[:5], *request.fields})
    try:
        return validate(raw, request, (), fields)[1]
    except OutputInvalid:
        return []


def test_whatever_validation_says_of_nonsense_has_a_code() -> None:
    draw = random.Random(5)
    repairs = {repair for _ in range(150) for repair in drawn_repairs(draw)}

    assert len(repairs) > 200
    assert sorted(repair for repair in repairs if coded(repair).code == OTHER) == []
    assert len({coded(repair).code for repair in repairs}) > 20


def literal_parts(node: ast.AST) -> list[str]:
    return [
        part.value
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and len(part.value.split()) > 2
    ]


@pytest.mark.parametrize("name", ["reading", "validate", "voices", "repeats", "other_language", "timeline", "text"])
def test_every_sentence_of_a_reader_is_in_the_table(name: str) -> None:
    """What a file says as a repair: the words of `repairs.append(...)` and of `_tell(...)`."""
    table = " ".join(row.sentence for row in REPAIR_ROWS)
    calls = [
        node
        for node in ast.walk(ast.parse((ROOT / "shared/board" / f"{name}.py").read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in {"append", "_tell"}
    ]

    parts = {part for call in calls for argument in call.args for part in literal_parts(argument)}
    assert sorted(part for part in parts if re.sub(r"^[^a-zA-Z]*|[^a-zA-Z]*$", "", part) not in table) == []
