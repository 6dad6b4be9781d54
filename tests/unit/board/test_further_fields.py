"""The fields that a request may ask for: from the request to the board, each of them and all together."""

from __future__ import annotations

import json
import re
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from api.routes.completing import resolved
from scriptqueue.cli.arguments import arguments_of, options_of
from scriptqueue.further_fields import ALL_FIELDS, FURTHER_FIELDS, fields_named
from scriptqueue.scene_fields import SCENE_FIELDS, SceneField
from scriptqueue.schemas import MAX_NEW_TOKENS, FieldName, JobRequest, Storyboard
from shared.board.validate import validate
from shared.eta import cost_of
from shared.settings import Settings
from shared.store.dedup_key import dedup_key
from shared.store.entry import fingerprint, new_job_of
from worker.backend.stub import stub_text
from worker.script.fallback import fallback
from worker.script.grammar import storyboard_schema
from worker.script.parse import parse
from worker.script.prompt import messages

NAMES = get_args(FieldName)
PROMPT = "雨中的猫。它找到一把伞。它回家"


def wanted(**options: Any) -> JobRequest:
    return JobRequest.model_validate({"prompt": PROMPT, **options})


def board_of(request: JobRequest) -> tuple[Storyboard, list[str]]:
    fields = fields_named(request.fields)
    return validate(parse(stub_text(request, 3, fields), fields), request, fields=fields)


@pytest.mark.parametrize("field", FURTHER_FIELDS, ids=lambda field: field.name)
def test_each_that_is_asked_for_is_on_the_board_and_no_other(field: SceneField) -> None:
    names = {field.name} | ({"characters"} if field.is_list else set())  # who speaks is one of a cast
    board, repairs = board_of(wanted(fields=[*names]))

    assert repairs == []
    for scene in json.loads(board.model_dump_json())["scenes"]:
        assert set(scene) - {field.name for field in SCENE_FIELDS} == {"video_prompt", *names}
    assert Storyboard.model_validate_json(board.model_dump_json()) == board


def test_all_together_are_in_the_tables_order_whatever_the_requests() -> None:
    request = wanted(fields=[*reversed(NAMES), "light"])

    assert request.fields == NAMES
    assert fields_named(request.fields) == ALL_FIELDS
    board, repairs = board_of(request)
    assert repairs == []
    assert [*json.loads(board.model_dump_json())["scenes"][0]][-len(NAMES) :] == [*NAMES]


def test_without_any_board_prompt_and_grammar_are_those_of_before() -> None:
    plain = wanted()

    assert fields_named(plain.fields) is SCENE_FIELDS
    assert json.loads(board_of(plain)[0].model_dump_json()).keys() == {"title", "total_duration", "scenes"}
    assert messages(plain, fields_named(())) == messages(plain)
    assert storyboard_schema(plain, fields=fields_named(())) == storyboard_schema(plain)
    assert fallback(PROMPT, plain) == fallback(PROMPT, plain, fields=fields_named(()))


@pytest.mark.parametrize("name", ["narration", "sound", "on_screen_text"])
@pytest.mark.parametrize("empty", ["", " ", None, "null"])
def test_a_text_with_nothing_to_say_is_absent(name: str, empty: str | None) -> None:
    request = wanted(fields=[name], min_scenes=1)
    fields = fields_named(request.fields)
    raw = json.loads(stub_text(request, 1, fields))
    raw["scenes"][0][name] = empty

    board, _ = validate(raw, request, fields=fields)

    assert name not in board.model_dump()["scenes"][0]


def test_the_grammar_lets_a_text_be_empty_only_where_a_scene_may_have_none() -> None:
    scenes = storyboard_schema(wanted(), fields=ALL_FIELDS)["properties"]["scenes"]["prefixItems"]

    patterns = {name: value["pattern"] for name, value in scenes[0]["properties"].items() if "pattern" in value}
    assert {name for name, pattern in patterns.items() if re.fullmatch(pattern, "")} == {
        field.name for field in ALL_FIELDS if field.may_be_empty
    }
    assert all(re.fullmatch(pattern, "雨") for pattern in patterns.values())


@pytest.mark.parametrize(
    ("name", "written", "term"),
    [
        ("movement", "推近", "push in"),
        ("movement", "Push-In", "push in"),
        ("size", "近景", "close up"),
        ("angle", "主观视角", "point of view"),
        ("transition", "叠化", "dissolve"),
        ("pace", "SLOW", "slow"),
        ("pace", "brisk", None),
    ],
)
def test_a_term_is_read_in_either_language(name: str, written: str, term: str | None) -> None:
    request = wanted(fields=[name], min_scenes=1)
    fields = fields_named(request.fields)
    raw = json.loads(stub_text(request, 1, fields))
    raw["scenes"][0][name] = written

    board, repairs = validate(raw, request, fields=fields)

    assert board.model_dump()["scenes"][0].get(name) == term
    assert len(repairs) == (written != term)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_prompt_says_what_the_whole_board_wants(language: Any) -> None:
    wishes = {"style": "水彩。", "instructions": "no people {count}", "aspect_ratio": "9:16"}
    request = wanted(language=language, **wishes)

    task = messages(request)[1]["content"]

    for wish in ("水彩", "no people {count}", "9:16"):
        assert task.count(wish) == 1
    board = board_of(request)[0]
    assert (board.style, board.aspect_ratio) == ("水彩。", "9:16")
    assert "instructions" not in board.model_dump()


@pytest.mark.parametrize(
    ("options", "pointer"),
    [
        ({"fields": ["dolly"]}, ("fields", 0)),
        ({"fields": "light"}, ("fields",)),
        ({"style": " "}, ("style",)),
        ({"style": "x" * 201}, ("style",)),
        ({"instructions": ""}, ("instructions",)),
        ({"instructions": "x" * 1001}, ("instructions",)),
        ({"aspect_ratio": "2:1"}, ("aspect_ratio",)),
        ({"fields": NAMES, "sampling": {"max_new_tokens": 100}}, ("sampling",)),
    ],
)
def test_what_cannot_be_asked_for_is_refused_with_its_pointer(
    options: dict[str, Any], pointer: tuple[Any, ...]
) -> None:
    with pytest.raises(ValidationError) as raised:
        wanted(**options)

    assert raised.value.errors()[0]["loc"] == pointer


@pytest.mark.parametrize(
    "options", [{"fields": ["light"]}, {"style": "水彩"}, {"instructions": "慢"}, {"aspect_ratio": "1:1"}], ids=str
)
def test_each_makes_another_job_and_is_kept_with_it(options: dict[str, Any]) -> None:
    plain, wished = wanted(), wanted(**options)

    assert dedup_key(plain) != dedup_key(wished)
    assert fingerprint("job", [plain]) != fingerprint("job", [wished])
    assert JobRequest.model_validate_json(new_job_of(wished).text) == wished


def test_more_to_write_is_given_more_tokens_and_is_expected_to_take_longer() -> None:
    plain, rich = wanted(), wanted(fields=["narration", "light", "movement"])

    whole = resolved(rich, Settings())

    assert resolved(plain, Settings()).sampling.max_new_tokens == 1536
    assert 1536 < whole.sampling.max_new_tokens < MAX_NEW_TOKENS
    assert cost_of(whole) > 1.5 * cost_of(plain)
    own = wanted(fields=["narration"], sampling={"max_new_tokens": 900})
    assert resolved(own, Settings()).sampling.max_new_tokens == 900


def test_the_command_takes_them() -> None:
    line = ["submit", "x", "--fields", "light, movement", "--style", "ink", "--aspect-ratio", "9:16"]

    options = options_of(arguments_of(line))

    assert options == {"fields": ["light", "movement"], "style": "ink", "aspect_ratio": "9:16"}
    with pytest.raises(SystemExit):
        arguments_of(["submit", "x", "--fields", "lights"])
