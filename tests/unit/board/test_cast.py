"""The cast of a board: who may be named, how models name them, and where their looks and lines stand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from api.routes.completing import resolved
from scriptqueue.cli.arguments import arguments_of, options_of
from scriptqueue.further_fields import fields_named
from scriptqueue.schemas import FieldName, JobRequest, Storyboard, TargetName
from shared.board.cast import Cast
from shared.board.targets.fit import unmet
from shared.board.targets.room import written_ids, written_limits
from shared.settings import Settings
from shared.store.dedup_key import dedup_key
from shared.store.entry import fingerprint, new_job_of
from worker.backend.stub import stub_text
from worker.script.complete import complete_scenes
from worker.script.fallback import fallback
from worker.script.grammar import storyboard_schema
from worker.script.output import parse, validate
from worker.script.prompt import messages

YU = {"id": "yu", "name": "小雨", "look": "十岁的女孩，红色雨衣"}
TOM = {"id": "old_tom", "name": "Old Tom", "look": "a keeper with a white beard, a blue coat"}
SPOKEN = {"prompt": "小雨和 Old Tom 在灯塔", "min_scenes": 1, "fields": ["dialogue"], "characters": [YU, TOM]}
SCENE = {"description": "灯塔", "duration": 6, "camera": "wide shot", "action": "走"}


def wanted(**options: Any) -> JobRequest:
    return JobRequest.model_validate({**SPOKEN, **options})


def read(scene: dict[str, Any], request: JobRequest | None = None, **raw: Any) -> tuple[Storyboard, list[str]]:
    request = request or wanted()
    return validate({"title": "t", **raw, "scenes": [{**SCENE, **scene}]}, request, fields=fields_named(request.fields))


def line(character: str, text: str) -> dict[str, str]:
    return {"character": character, "line": text}


@pytest.mark.parametrize(
    ("options", "pointer", "kind"),
    [
        ({"characters": [YU, {**TOM, "id": "yu"}]}, ("characters",), "same_id"),
        ({"characters": [{**YU, "id": "Yu"}]}, ("characters", 0, "id"), "string_pattern_mismatch"),
        ({"characters": [{**YU, "id": "yu\n"}]}, ("characters", 0, "id"), "string_pattern_mismatch"),
        ({"characters": [YU, {**TOM, "look": " "}]}, ("characters", 1, "look"), "blank"),
        ({"characters": [{**YU, "look": "x" * 301}]}, ("characters", 0, "look"), "string_too_long"),
        ({"characters": [{**YU, "name": "x" * 41}]}, ("characters", 0, "name"), "string_too_long"),
        ({"characters": [{**YU, "id": f"c{n}"} for n in range(9)]}, ("characters",), "too_long"),
        ({"characters": []}, ("fields",), "no_cast"),
        ({"characters": [{**YU, "voice": "low"}]}, ("characters", 0, "voice"), "extra_forbidden"),
    ],
)
def test_what_is_no_cast_is_refused_with_its_pointer(
    options: dict[str, Any], pointer: tuple[Any, ...], kind: str
) -> None:
    with pytest.raises(ValidationError) as raised:
        wanted(**options)

    (fault,) = raised.value.errors()
    assert (fault["loc"], fault["type"]) == (pointer, kind)


def test_a_cast_that_is_given_is_seen_in_each_scene_and_on_the_board() -> None:
    request = wanted(fields=[])
    fields = fields_named(request.fields)
    board, repairs = validate(parse(stub_text(request, 3, fields), fields), request, fields=fields)

    assert request.fields == ("characters",)
    assert repairs == []
    assert [scene.characters for scene in board.scenes] == [("yu", "old_tom")] * 3
    assert board.model_dump(mode="json")["characters"] == [YU, TOM]
    assert JobRequest.model_validate_json(new_job_of(request).text) == request
    assert Storyboard.model_validate_json(board.model_dump_json()) == board
    assert resolved(request, Settings()).characters == request.characters
    plain = wanted(characters=[], fields=[])
    assert dedup_key(plain) != dedup_key(request)
    assert fingerprint("job", [plain]) != fingerprint("job", [request])


@pytest.mark.parametrize(
    ("seen", "ids", "mends"),
    [
        (["yu"], ("yu",), 0),
        ([], (), 0),
        (["小雨", "Old Tom"], ("yu", "old_tom"), 1),
        ("小雨、Old Tom", ("yu", "old_tom"), 1),
        ("yu and old_tom", ("yu", "old_tom"), 1),
        (["yu", "yu", "YU"], ("yu",), 1),
        (["old_tom (the keeper)"], ("old_tom",), 1),
        ([{"id": "yu"}, {"name": "old tom"}], ("yu", "old_tom"), 1),
        (["yu", "a dog"], ("yu",), 2),
        (None, (), 0),
        ("nobody", (), 2),
        ([3, None, True, ["yu"]], (), 5),
    ],
)
def test_who_is_seen_is_read_however_it_is_written(seen: Any, ids: tuple[str, ...], mends: int) -> None:
    board, repairs = read({"characters": seen})

    assert board.scenes[0].characters == ids
    assert len(repairs) == mends, repairs


@pytest.mark.parametrize(
    ("dialogue", "lines", "mends"),
    [
        ([line("yu", "你好。")], [("yu", "你好。")], 0),
        ([], [], 0),
        ("", [], 0),
        (None, [], 0),
        ({"character": "小雨", "line": "你好。"}, [("yu", "你好。")], 1),
        ({"yu": "你好。", "old_tom": "Hello."}, [("yu", "你好。"), ("old_tom", "Hello.")], 1),
        ("小雨：“你好。”", [("yu", "你好。")], 1),
        ("Old Tom: Hello.\n小雨：你好。", [("old_tom", "Hello."), ("yu", "你好。")], 1),
        (["yu: 你好。"], [("yu", "你好。")], 1),
        ([{"speaker": "Old Tom", "text": "Hello."}], [("old_tom", "Hello.")], 1),
        ([line("mother", "Come in."), line("yu", "好。")], [("yu", "好。")], 2),
        ([line("yu", ""), line("yu", "好。")], [("yu", "好。")], 1),
        ([line("yu", "好。")] * 4, [("yu", "好。")] * 3, 2),
        ("Hello.", [], 1),
    ],
)
def test_who_says_what_is_read_however_it_is_written(dialogue: Any, lines: list[tuple[str, str]], mends: int) -> None:
    board, repairs = read({"dialogue": dialogue})

    assert [(one.character, one.line) for one in board.scenes[0].dialogue or ()] == lines
    assert len(repairs) == mends, repairs


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["yu", "小雨", "c1", "Tom: Hi", "a, b"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "name", "look", "character", "line", "c1", "yu"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(cast=JSON, seen=JSON, dialogue=JSON, is_written=st.booleans())
def test_whatever_is_written_makes_a_board_that_is_read_again_as_it_is(
    cast: Any, seen: Any, dialogue: Any, is_written: bool
) -> None:
    request = wanted(**({"characters": [], "fields": ["dialogue", "characters"]} if is_written else {}))

    board, _ = read({"characters": seen, "dialogue": dialogue}, request, characters=cast)
    again, repairs = validate(json.loads(board.model_dump_json()), request, fields=fields_named(request.fields))

    assert again == board
    assert [repair for repair in repairs if "no cast was written" not in repair] == []


def test_very_many_who_are_nobody_are_few_repairs() -> None:
    strangers = [f"stranger {n}" for n in range(5000)]

    _, repairs = read({"characters": strangers, "dialogue": [line(who, who) for who in strangers]})

    assert len(repairs) < 30


def test_own_ids_of_a_model_are_read_as_it_meant_them() -> None:
    cast = {
        "c1": {"name": "小雨", "look": "红"},
        "c2": {"name": "小雨", "look": "红"},
        "c3": {"name": "Tom", "look": "x"},
    }
    board, _ = read({"characters": ["c2", "c3"]}, wanted(characters=[], fields=["characters"]), characters=cast)

    assert [one.name for one in board.characters or ()] == ["小雨", "Tom"]
    assert board.scenes[0].characters == ("c1", "c2")


def test_lines_are_left_out_as_a_whole_and_before_them_the_narration() -> None:
    lines = [line("yu", "灯亮了，船回来了。"), line("old_tom", "They came back, all of them, before the night.")]
    request = wanted(fields=["dialogue", "narration"])

    board, repairs = read({"dialogue": lines, "narration": "雨停了，她笑了。远处的灯塔亮了一整夜。"}, request)

    scene = board.scenes[0]
    assert [one.line for one in scene.dialogue or ()] == [
        "灯亮了，船回来了。",
        "They came back, all of them, before the night.",
    ]
    assert scene.narration is None
    board, repairs = read(
        {"dialogue": [*lines, line("yu", "我们去看看吧，快一点。")], "narration": "雨停了。"}, request
    )
    assert len(board.scenes[0].dialogue or ()) == 2
    assert any("我们去看看吧，快一点。" in repair for repair in repairs)


@pytest.mark.parametrize(
    ("cast", "people"),
    [
        ({"c1": {"name": "小雨", "look": "红色雨衣"}}, [("c1", "小雨", "红色雨衣")]),
        ([{"id": "girl", "name": "小雨", "look": "红色雨衣"}], [("c1", "小雨", "红色雨衣")]),
        (
            [{"name": "小雨", "appearance": "红色雨衣"}, "Tom: a white beard"],
            [("c1", "小雨", "红色雨衣"), ("c2", "Tom", "a white beard")],
        ),
        (["小雨"], [("c1", "小雨", "小雨")]),
        ({"name": "小雨", "look": "红色雨衣"}, [("c1", "小雨", "红色雨衣")]),
        ([{"look": "red"}, {"name": "小雨", "look": "红"}], [("c1", "小雨", "红")]),
        ([{"name": f"n{n}", "look": "x"} for n in range(6)], [(f"c{n + 1}", f"n{n}", "x") for n in range(4)]),
        ([{"name": "小雨", "look": "红，" * 200}], [("c1", "小雨", ("红，" * 150)[:-1])]),
        (None, []),
    ],
)
def test_a_cast_that_a_model_wrote_is_read_however_it_is_written(cast: Any, people: list[tuple[str, str, str]]) -> None:
    request = wanted(characters=[], fields=["characters"])
    own = cast[0].get("id", "c1") if isinstance(cast, list) and isinstance(cast[0], dict) else "c1"

    board, _ = read({"characters": [own]}, request, characters=cast)

    assert [(one.id, one.name, one.look) for one in board.characters or ()] == people
    assert board.scenes[0].characters == (("c1",) if people and own else ())


@pytest.mark.parametrize("target", get_args(TargetName))
def test_looks_and_lines_stand_word_for_word_in_each_prompt(target: TargetName) -> None:
    scene = {"characters": ["yu"], "dialogue": [line("old_tom", "No."), line("old_tom", "No.")]}
    board, _ = read(scene, wanted(targets=[target]))

    prompt = (board.scenes[0].prompts or {})[target]
    assert YU["look"] in prompt
    assert TOM["look"] in prompt, "who speaks is shown"
    assert prompt.count("No.") == (0 if target in {"wan-2.2", "hunyuan-1.5"} else 2)
    nobody = read({"characters": []}, wanted(targets=[target]))[0].scenes[0].prompts or {}
    assert YU["look"] not in nobody[target]


@pytest.mark.parametrize(
    ("target", "form"),
    [
        ("generic", "Old Tom说：“Hello.”"),
        ("veo-3.1", 'Old Tom says: "Hello."'),
        ("sora-2", 'Dialogue:\n- Old Tom: "Hello."'),
        ("minimax-h3", "Old Tom (S3) 说：<d>[English] Hello.</d>"),
    ],
)
def test_a_line_has_the_targets_form(target: str, form: str) -> None:
    board, _ = read({"dialogue": [line("old_tom", "Hello.")]}, wanted(targets=[target]))

    assert form in (board.scenes[0].prompts or {})[target]


def test_a_cast_that_a_target_has_no_room_for_is_refused_by_name() -> None:
    many = [{"id": f"c{n}", "name": f"人{n}", "look": "红色雨衣" * 12} for n in range(8)]

    assert unmet(wanted(characters=many)) is None
    assert unmet(wanted(characters=many, targets=["generic"])) is None
    field, code, words = unmet(wanted(characters=many, targets=["generic", "veo-3.1"])) or ("", "", "")
    assert (field, code) == ("characters", "target_limits")
    assert "veo-3.1" in words


@pytest.mark.parametrize("target", get_args(TargetName))
@pytest.mark.parametrize("names", [("characters",), ("characters", "dialogue", "narration"), get_args(FieldName)])
def test_a_cast_that_is_written_has_room_in_every_target(target: TargetName, names: tuple[FieldName, ...]) -> None:
    request = wanted(characters=[], fields=names, targets=[target])

    assert unmet(request) is None
    ids = written_ids(request)
    assert 1 <= len(ids) <= 4
    cast = storyboard_schema(request, fields=fields_named(names))["properties"]["characters"]
    assert (list(cast["properties"]), cast["required"]) == ([*ids], ["c1"])
    assert written_limits(request, is_spaced=False)[1] >= 8


def test_scenes_of_a_given_cast_are_published_as_they_come_and_those_of_a_written_one_at_the_end() -> None:
    for options in ({}, {"characters": [], "fields": ["dialogue", "characters"]}):
        request = wanted(**options)
        fields = fields_named(request.fields)
        text = stub_text(request, 3, fields)
        board, repairs = validate(parse(text, fields), request, fields=fields)

        published = complete_scenes(text, request, fields)
        assert repairs == []
        assert published == (() if request.writes_cast else board.scenes)
        assert validate(parse(text, fields), request, published, fields)[0] == board


def test_nobody_is_invented_where_no_model_wrote() -> None:
    for options in ({}, {"characters": [], "fields": ["dialogue", "characters"]}):
        request = wanted(**options)
        board = fallback(request.prompt, request, fields=fields_named(request.fields))

        assert {(scene.characters, scene.dialogue) for scene in board.scenes} == {((), ())}
        assert len(board.characters or ()) == len(request.characters)
        assert json.loads(board.model_dump_json())["scenes"][0]["dialogue"] == []


def test_the_writer_knows_the_cast() -> None:
    task = messages(wanted(), fields_named(("dialogue", "characters")))[1]["content"]
    assert "yu 是小雨（十岁的女孩，红色雨衣）" in task
    written = wanted(prompt="A girl finds a cat", characters=[], fields=["characters"])
    assert "First write the characters, at most 4" in messages(written, fields_named(written.fields))[1]["content"]
    plain = JobRequest(prompt="雨")
    assert "characters" not in json.dumps(messages(plain)) + json.dumps(storyboard_schema(plain))


def test_a_board_names_only_who_is_in_its_cast() -> None:
    board, _ = read({"characters": ["yu"]})
    stranger = json.loads(board.model_dump_json()) | {"characters": [TOM]}

    with pytest.raises(ValidationError, match="scene 1: yu not in the cast"):
        Storyboard.model_validate(stranger)
    assert Cast(board.characters or ()).id_of("OLD TOM") == "old_tom"


def test_the_command_takes_a_cast(tmp_path: Path) -> None:
    file = tmp_path / "cast.json"
    file.write_text(json.dumps([YU]), encoding="utf-8-sig")

    for text in (str(file), json.dumps([YU])):
        assert options_of(arguments_of(["submit", "x", "--characters", text])) == {"characters": [YU]}
    for wrong in (str(tmp_path / "none.json"), "[", str(tmp_path)):
        with pytest.raises(SystemExit):
            arguments_of(["submit", "x", "--characters", wrong])
