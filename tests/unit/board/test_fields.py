"""A field of a scene is one row of the table: a row that is added here at run time is met everywhere."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime
from typing import Any, get_args
from uuid import UUID

import pytest

from api.routes.page import scene_fields
from scriptqueue.cli import sheet
from scriptqueue.further_fields import ALL_FIELDS, FURTHER_FIELDS
from scriptqueue.scene_fields import SCENE_FIELDS, Fields, SceneField, Spoken, Wording, labelled, names
from scriptqueue.schemas import (
    MIN_TOKENS_A_FIELD,
    MIN_TOKENS_A_SCENE,
    FieldName,
    Job,
    JobRequest,
    Scene,
    Status,
    Storyboard,
    Urls,
)
from shared.board.scenes import COMPUTED, columns, rows, scene_type
from shared.board.validate import validate
from worker.backend.stub import stub_text
from worker.engine.layout import Layout
from worker.script.complete import complete_scenes
from worker.script.fallback import fallback
from worker.script.grammar import layout, storyboard_schema
from worker.script.parse import parse
from worker.script.prompt import messages

LIGHT = SceneField(
    "light",
    "text",
    zh=Wording("光线", placeholder="光从哪里来", note="光线不超过十个字。", fallback="自然光"),
    en=Wording("light", placeholder="where the light comes from", note="Light is a few words.", fallback="daylight"),
    max_characters=60,
    aliases=("光线", "lighting"),
    column="Light",
)
MOVEMENT = SceneField(
    "movement",
    "term",
    zh=Wording("运镜", terms=("固定", "推近", "拉远")),
    en=Wording("movement"),
    terms=("static", "push in", "pull out"),
    default="static",
    aliases=("运镜",),
)
FIELDS: Fields = (*SCENE_FIELDS, LIGHT, MOVEMENT)
REQUEST = JobRequest(prompt="雨中的猫。它找到一把伞。它回家", max_scenes=3)


def entry(number: int, **change: Any) -> dict[str, Any]:
    scene = {
        "scene_number": number,
        "description": f"雾{number}",
        "duration": 5,
        "camera": "wide shot",
        "action": "散开",
        "light": "逆光",
        "movement": "push in",
    }
    return {name: value for name, value in {**scene, **change}.items() if value is not ...}


def written(*scenes: dict[str, Any]) -> tuple[Storyboard, list[str]]:
    """The storyboard of a model's text that holds these scenes."""
    text = json.dumps({"title": "雾", "scenes": [*scenes, entry(2), entry(3)]}, ensure_ascii=False)
    return validate(parse(text, FIELDS), REQUEST, fields=FIELDS)


def test_every_row_is_a_field_of_a_scene_and_every_field_is_a_row_or_computed() -> None:
    names = [field.name for field in FURTHER_FIELDS]
    assert [*(field.name for field in SCENE_FIELDS), *COMPUTED, *names, "prompts"] == list(Scene.model_fields)
    assert names == list(get_args(FieldName))
    assert scene_type() is scene_type(ALL_FIELDS) is Scene


def test_every_row_says_what_its_kind_needs() -> None:
    for field in (*FIELDS, *FURTHER_FIELDS):
        called = {field.name, *field.aliases}
        assert set(field.distinctive) <= called
        assert bool(field.terms) == (field.kind == "term")
        assert field.default in {"", *field.terms}
        for wording in (field.zh, field.en):
            assert wording.label
            assert bool(wording.placeholder) == (field.kind in {"text", "lines"})
            assert len(wording.terms) in {0, len(field.terms)}
        assert len(field.zh.terms) == len(field.terms)


def test_the_grammar_has_it() -> None:
    scenes = storyboard_schema(REQUEST, fields=FIELDS)["properties"]["scenes"]["prefixItems"]

    for scene in scenes:
        assert list(scene["properties"]) == scene["required"] == [field.name for field in FIELDS]
        assert scene["properties"]["movement"] == {"enum": ["static", "push in", "pull out"]}
        assert re.fullmatch(scene["properties"]["light"]["pattern"], "逆" * 60)
        assert not re.fullmatch(scene["properties"]["light"]["pattern"], "逆" * 61)


def test_a_published_scene_is_constant_in_the_grammar_with_it() -> None:
    published = written(entry(1), entry(2))[0].scenes[:1]

    first = storyboard_schema(REQUEST, published, FIELDS)["properties"]["scenes"]["prefixItems"][0]

    assert first["properties"]["light"] == {"const": "逆光"}
    assert first["properties"]["movement"] == {"const": "push in"}


@pytest.mark.parametrize(
    ("spoken", "phrases"),
    [
        (
            "zh",
            (
                '"action":"动作描述","light":"光从哪里来","movement":"static"}',
                'movement 只能是 "static"、"push in" 或 "pull out"。',
                "描述、动作和光线用中文写",
                "光线不超过十个字。",
            ),
        ),
        (
            "en",
            (
                '"action":"what happens","light":"where the light comes from","movement":"static"}',
                'movement is "static", "push in" or "pull out". ',
                "Light is a few words. ",
            ),
        ),
    ],
)
def test_the_prompt_asks_for_it(spoken: Spoken, phrases: tuple[str, ...]) -> None:
    task = messages(REQUEST.model_copy(update={"language": spoken}), FIELDS)[1]["content"]

    assert [phrase for phrase in phrases if phrase not in task] == []


def test_the_prompts_own_example_is_no_storyboard_with_it_either() -> None:
    example = messages(REQUEST, FIELDS)[1]["content"]
    only_light = '{"title":"标题","scenes":[{"description":"猫","light":"光从哪里来"}]}'
    answer = json.dumps({"title": "雾", "scenes": [entry(1)]}, ensure_ascii=False)

    for text in (example, only_light):
        assert parse(f"{text}\n{answer}", FIELDS)["title"] == "雾"


def test_a_models_text_becomes_a_storyboard_with_it() -> None:
    storyboard, repairs = written(entry(1))

    assert repairs == []
    for value in (storyboard.model_dump(mode="json"), json.loads(storyboard.model_dump_json())):
        assert value["scenes"][0]["light"] == "逆光"
        assert value["scenes"][0]["movement"] == "push in"
    assert storyboard.scenes[0].video_prompt == "雾1, high quality, cinematic, detailed, 4k, professional"
    assert validate(storyboard.model_dump(), REQUEST, fields=FIELDS) == (storyboard, [])


@pytest.mark.parametrize(
    ("change", "light", "movement", "mend"),
    [
        ({"light": ..., "光线": "烛光"}, "烛光", "push in", "light read from '光线'"),
        ({"movement": "Pull-Out"}, "逆光", "pull out", "movement 'Pull-Out' read as 'pull out'"),
        ({"movement": "fast"}, "逆光", "static", "movement 'fast', 'static' assumed"),
        ({"movement": ...}, "逆光", "static", "movement missing, 'static' assumed"),
        ({"light": ["左", "右"]}, "左，右", "push in", "light: list turned to text"),
    ],
)
def test_it_is_mended_and_every_mend_is_in_the_repairs(
    change: dict[str, Any], light: str, movement: str, mend: str
) -> None:
    storyboard, repairs = written(entry(1, **change))

    first = storyboard.scenes[0].model_dump()
    assert (first["light"], first["movement"]) == (light, movement)
    assert repairs == [repair for repair in repairs if mend in repair] != []


def test_without_anything_to_say_it_is_absent_and_never_null() -> None:
    storyboard, repairs = written(entry(1, light=...))

    assert repairs == []
    assert "light" not in storyboard.model_dump()["scenes"][0]
    assert "null" not in storyboard.model_dump_json()
    assert next(rows(storyboard.scenes, FIELDS))[5] == ""


def test_a_term_without_a_default_that_cannot_be_read_is_left_out_and_said_to_be() -> None:
    fields = (*SCENE_FIELDS, SceneField("pace", "term", Wording("节奏"), Wording("pace"), terms=("slow", "fast")))
    raw = {"title": "雾", "scenes": [{**entry(1, light=..., movement=...), "pace": "odd"}]}

    storyboard, repairs = validate(raw, JobRequest(prompt="x", min_scenes=1), fields=fields)

    assert "pace" not in storyboard.scenes[0].model_dump()
    assert repairs == ["scene 1: pace 'odd' is no term of it and was left out"]


def test_an_alias_that_another_row_has_for_its_name_is_that_rows() -> None:
    assert "movement" in names(SCENE_FIELDS)["action"]
    assert "movement" not in names(FIELDS)["action"]


def test_the_fallback_and_the_stub_have_it() -> None:
    for scene in fallback(REQUEST.prompt, REQUEST, fields=FIELDS).model_dump()["scenes"]:
        assert (scene["light"], scene["movement"]) == ("自然光", "static")

    storyboard, repairs = validate(parse(stub_text(REQUEST, 3, FIELDS), FIELDS), REQUEST, fields=FIELDS)
    assert repairs == []
    assert [scene["light"] for scene in storyboard.model_dump()["scenes"]] == [f"stub light {n}" for n in (1, 2, 3)]


def test_a_scene_that_is_complete_is_published_with_it_and_kept() -> None:
    text = json.dumps({"title": "雾", "scenes": [entry(1), entry(2), entry(3)]}, ensure_ascii=False)

    published = complete_scenes(text[: text.index("雾3")], REQUEST, FIELDS)

    assert [scene.model_dump()["light"] for scene in published] == ["逆光", "逆光"]
    assert fallback("别的。话", REQUEST, published, FIELDS).scenes[:2] == published


def test_a_csv_has_its_column_and_a_row_a_scene() -> None:
    storyboard, _ = written(entry(1, light='a "quoted", 光'))
    text = io.StringIO()
    csv.writer(text).writerows([columns(FIELDS), *rows(storyboard.scenes, FIELDS)])

    first, *_ = records = list(csv.DictReader(io.StringIO(text.getvalue())))

    assert len(records) == 3
    assert (first["Light"], first["movement"], first["duration"]) == ('a "quoted", 光', "push in", "5")
    assert list(first) == [*(field.column or field.name for field in FIELDS), "video_prompt"]


def test_a_job_and_a_sheet_show_it_in_the_readers_words() -> None:
    storyboard, _ = written(entry(1))

    assert labelled(storyboard.scenes[0], "en", FIELDS) == ("light: 逆光", "movement: push in")
    for drawn in (sheet.svg(storyboard, fields=FIELDS), sheet.html(storyboard, fields=FIELDS)):
        assert "光线: 逆光" in drawn
        assert "运镜: 推近" in drawn
    job = Job(
        id=UUID(int=1),
        status=Status.SUCCEEDED,
        done=True,
        created_at=datetime.now(UTC),
        priority="normal",
        scenes=list(storyboard.scenes),
        urls=Urls.of("1"),
    )
    assert json.loads(job.model_dump_json())["scenes"] == storyboard.model_dump(mode="json")["scenes"]


def test_the_page_knows_its_name_and_kind() -> None:
    table = re.search(r"SCENE_FIELDS = (.*);", scene_fields(FIELDS).decode())

    assert table
    known = json.loads(table[1])
    assert [(field["name"], field["kind"]) for field in known[-2:]] == [("light", "text"), ("movement", "term")]
    assert [field["name"] for field in known[:-2]] == [field.name for field in SCENE_FIELDS]


@pytest.mark.parametrize(("language", "size"), [("en", "close up"), ("zh", "近景")])
def test_the_page_has_words_for_every_row(language: str, size: str) -> None:
    words = re.search(r"FIELD_WORDS = (.*);", scene_fields().decode())

    assert words
    keys = json.loads(words[1])[language]
    assert {f"scene.{field.name}" for field in ALL_FIELDS} <= keys.keys()
    assert keys["size.close_up"] == size


def test_the_engine_is_given_its_layout() -> None:
    assert layout() == Layout((True, False, True), fixed_tokens=7)
    assert layout().min_tokens == MIN_TOKENS_A_SCENE == 20
    assert layout(FIELDS).strings == (True, False, True, True, False)
    assert layout(FIELDS).min_tokens == MIN_TOKENS_A_SCENE + 3 + 3  # the light, and the longest movement
    for field in FURTHER_FIELDS:
        assert layout((*SCENE_FIELDS, field)).min_tokens <= MIN_TOKENS_A_SCENE + MIN_TOKENS_A_FIELD


def test_a_layout_reads_the_same_in_every_process() -> None:
    """By what it reads a worker knows whether it may go on with another's text: a function's address is another's."""
    assert layout(ALL_FIELDS, distinct=True).speech
    assert " at 0x" not in repr(layout(ALL_FIELDS, distinct=True))
