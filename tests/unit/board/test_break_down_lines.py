"""The lines of a finished script in its board: constants of the grammar, put back, kept, said by the cast alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from scriptqueue.further_fields import fields_named
from scriptqueue.schemas import JobRequest, Storyboard
from shared.board.break_down import given_fields, script_shots, unsayable, with_shots_counted
from shared.board.budget import tokens_a_scene
from shared.board.targets.fit import unmet
from shared.board.targets.measure import count_words
from shared.board.targets.room import written_ids
from worker.backend.stub import stub_text
from worker.script.complete import begun_cast, complete_scenes
from worker.script.grammar import layout, storyboard_schema
from worker.script.output import fallback, parse, validate
from worker.script.prompt import messages

SCRIPT = (
    "清晨，面馆刚刚开门。\n\n老板（低声）：您要点什么？\n客人：一碗面。\n\n客人放下一张照片。\n"
    "老板笑着说：“这是你？”\n\n旁白：夜里，灯一盏一盏灭了。\n客人：谢谢。"
)
CAST = [
    {"id": "chef", "name": "老板", "look": "六十岁，白围裙"},
    {"id": "guest", "name": "客人", "look": "三十岁，灰大衣"},
]


def broken_down(prompt: str = SCRIPT, **given: Any) -> JobRequest:
    whole = {"prompt": prompt, "mode": "break_down", "fields": ["dialogue"], "characters": CAST, **given}
    return with_shots_counted(JobRequest.model_validate(whole))


GIVEN = broken_down()
WRITTEN = broken_down(characters=[], fields=["dialogue", "characters"])


def heard(board: Storyboard) -> list[tuple[str | None, str]]:
    return [
        voice
        for scene in board.scenes
        for voice in ((None, scene.narration or ""), *((one.character, one.line) for one in scene.dialogue or ()))
        if voice[1]
    ]


def meant(chef: str, guest: str) -> list[tuple[str | None, str]]:
    return [
        (None, "清晨，面馆刚刚开门。"),
        (chef, "（低声）您要点什么？"),
        (guest, "一碗面。"),
        (None, "客人放下一张照片。 老板笑着说："),
        (chef, "这是你？"),
        (None, "夜里，灯一盏一盏灭了。"),
        (guest, "谢谢。"),
    ]


@pytest.mark.parametrize(("request_", "ids"), [(GIVEN, ("chef", "guest")), (WRITTEN, ("c1", "c2"))])
def test_stub_fallback_and_validation_have_each_voice_in_order(request_: JobRequest, ids: tuple[str, str]) -> None:
    fields, shots = fields_named(request_.fields), script_shots(request_) or ()
    board, repairs = validate(parse(stub_text(request_, len(shots), fields)), request_, (), fields)

    assert heard(board) == heard(fallback(SCRIPT, request_, (), fields)) == meant(*ids)
    assert not [repair for repair in repairs if "put back" in repair or "look" in repair], repairs
    assert [one.name for one in board.characters or ()] == ["老板", "客人"]
    assert all(scene.dialogue is not None for scene in board.scenes)
    assert [scene.duration for scene in board.scenes] == [shot.duration_s for shot in shots]


@pytest.mark.parametrize("change", ["other words", "none", "another speaker", "one more", "another name", "no list"])
def test_lines_that_are_not_the_scripts_are_put_back_and_told(change: str) -> None:
    fields = fields_named(GIVEN.fields)
    raw = json.loads(stub_text(GIVEN, len(script_shots(GIVEN) or ()), fields))
    number, scene = next((n, each) for n, each in enumerate(raw["scenes"], 1) if each["dialogue"])
    if change == "other words":
        scene["dialogue"][0]["line"] = "完全不同的话"
    elif change == "none":
        scene["dialogue"] = []
    elif change == "another speaker":
        scene["dialogue"][0]["character"] = "guest" if scene["dialogue"][0]["character"] == "chef" else "chef"
    elif change == "one more":
        scene["dialogue"].append({"character": "chef", "line": "再来一碗。"})
    elif change == "another name":
        scene["台词"] = scene.pop("dialogue")[:0]
    else:
        del scene["dialogue"]

    board, repairs = validate(raw, GIVEN, (), fields)

    assert heard(board) == meant("chef", "guest")
    assert [repair for repair in repairs if repair.startswith(f"scene {number}: ") and "put back" in repair], repairs


def test_the_grammar_gives_lines_and_names_and_the_model_writes_the_looks() -> None:
    shots = script_shots(WRITTEN) or ()
    fields = fields_named(WRITTEN.fields)
    schema = storyboard_schema(WRITTEN, (), fields)["properties"]
    cast = schema["characters"]

    assert cast["required"] == ["c1", "c2"]
    assert [*cast["properties"]] == ["c1", "c2"]
    assert cast["properties"]["c1"]["properties"]["name"] == {"const": "老板"}
    assert "pattern" in cast["properties"]["c1"]["properties"]["look"]
    for scene, shot in zip(schema["scenes"]["prefixItems"], shots, strict=True):
        assert scene["properties"]["dialogue"] == {"const": shot.given["dialogue"]}
        assert scene["properties"]["narration"] == {"const": shot.words}
    assert given_fields(WRITTEN) == {"narration", "dialogue"}
    assert layout(fields, given_fields(WRITTEN)).speech is None
    silent = broken_down(fields=[])
    assert layout(fields, given_fields(WRITTEN)).fixed_tokens == layout(fields_named(silent.fields)).fixed_tokens
    assert tokens_a_scene(GIVEN) == tokens_a_scene(silent)


def test_the_prompt_has_each_voice_once_and_an_earlier_parts_cast() -> None:
    fields = fields_named(WRITTEN.fields)
    content = messages(WRITTEN, fields)[1]["content"]
    cast = begun_cast(stub_text(WRITTEN, 1, fields), WRITTEN).members
    later = messages(WRITTEN, fields, range(1, 2), "门前。", cast)[1]["content"]

    assert content.count("老板：（低声）您要点什么？\n客人：一碗面。") == 1
    assert "dialogue）" in content
    assert "先写 characters" in content
    assert "先写 characters" not in later
    assert "c1 是老板（stub look" in later
    assert "characters" not in storyboard_schema(WRITTEN, (), fields, range(1, 2), cast)["properties"]


def test_scenes_are_published_with_their_lines_where_the_cast_is_known() -> None:
    fields = fields_named(GIVEN.fields)
    text = stub_text(GIVEN, len(script_shots(GIVEN) or ()), fields)
    board, _ = validate(parse(text, fields), GIVEN, (), fields)
    of_written = stub_text(WRITTEN, len(script_shots(WRITTEN) or ()), fields)
    cast = begun_cast(of_written, WRITTEN)

    assert complete_scenes(text, GIVEN, fields) == board.scenes
    assert validate(parse(text, fields), GIVEN, board.scenes[:2], fields)[0] == board
    assert complete_scenes(of_written, WRITTEN, fields) == ()
    assert complete_scenes(of_written, WRITTEN, fields, cast) == validate(
        parse(of_written, fields), WRITTEN, (), fields
    )[0].scenes  # fmt: skip


@pytest.mark.parametrize(
    ("written", "looks"),
    [
        ({"c1": {"name": "老板", "look": "白围裙"}, "c2": {"name": "客人", "look": "灰大衣"}}, ["白围裙", "灰大衣"]),
        ({"c2": {"name": "客人", "look": "灰大衣"}}, ["老板", "灰大衣"]),
        ({"c1": {"name": "猫", "look": "黑猫"}}, ["老板", "客人", "黑猫"]),
        ({}, ["老板", "客人"]),
    ],
)
def test_whoever_speaks_is_of_the_cast_by_name_whatever_was_written(written: dict[str, Any], looks: list[str]) -> None:
    fields = fields_named(WRITTEN.fields)
    raw = json.loads(stub_text(WRITTEN, len(script_shots(WRITTEN) or ()), fields))
    first = next(iter(written), None)
    for scene in raw["scenes"]:
        scene["characters"] = [first] if first else []

    board, repairs = validate({**raw, "characters": written}, WRITTEN, (), fields)
    cast = {one.id: one for one in board.characters or ()}

    assert heard(board) == meant("c1", "c2")
    assert [one.look for one in cast.values()] == looks
    assert bool(repairs) == (looks != ["白围裙", "灰大衣"])
    if first:  # whom the model meant by an id of its own
        assert [cast[one].name for scene in board.scenes for one in scene.characters or ()] == [
            written[first]["name"]
        ] * len(board.scenes)


def test_a_script_without_labels_has_no_lines_and_a_cast_of_the_models_own() -> None:
    request = broken_down("清晨，面馆刚刚开门。老板端出一碗面。", characters=[], fields=["dialogue", "characters"])
    fields = fields_named(request.fields)
    board = fallback(request.prompt, request, (), fields)

    assert storyboard_schema(request, (), fields)["properties"]["characters"]["required"] == ["c1"]
    assert [scene.dialogue for scene in board.scenes] == [()] * len(board.scenes)
    assert board.characters == ()


def test_without_dialogue_every_word_is_told_labels_among_them() -> None:
    request = broken_down(fields=[])
    board = fallback(SCRIPT, request, (), fields_named(request.fields))

    assert "老板（低声）：您要点什么？" in "".join(scene.narration or "" for scene in board.scenes)
    assert {scene.dialogue for scene in board.scenes} == {None}


def test_dialogue_needs_a_cast_of_a_script_too() -> None:
    with pytest.raises(ValidationError, match="dialogue needs a cast") as caught:
        broken_down(characters=[])

    assert [fault["loc"] for fault in caught.value.errors()] == [("fields",)]


def test_a_shot_in_which_nothing_is_told_and_one_in_which_nobody_speaks() -> None:
    request = broken_down("老板：好。", min_scenes=2, max_scenes=2)
    fields = fields_named(request.fields)
    board, repairs = validate(parse(stub_text(request, 2, fields), fields), request, (), fields)

    assert [scene.model_dump(mode="json").get("narration") for scene in board.scenes] == [None, None]
    assert [len(scene.dialogue or ()) for scene in board.scenes] == [1, 0]
    assert not [repair for repair in repairs if "put back" in repair]


@pytest.mark.parametrize("given", [{}, {"characters": [], "fields": ["dialogue", "characters"]}])
def test_lines_leave_what_is_seen_room_in_a_prompt_for_a_video_model(given: dict[str, Any]) -> None:
    request = broken_down(SCRIPT.replace("一碗面", "一碗面" * 5), targets=["veo-3.1"], **given)
    fields = fields_named(request.fields)
    board, _ = validate(
        parse(stub_text(request, len(script_shots(request) or ()), fields), fields), request, (), fields
    )

    assert unsayable(request) is None
    assert unmet(request) is None
    assert written_ids(request) in {(), ("c1", "c2")}
    prompts = [(scene.prompts or {})["veo-3.1"] for scene in board.scenes]
    assert all(
        one.line in prompt for scene, prompt in zip(board.scenes, prompts, strict=True) for one in scene.dialogue or ()
    )
    assert all(count_words(prompt) <= 200 for prompt in prompts)
