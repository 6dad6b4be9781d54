"""Boards that start from boards: what stays, what is inherited, and what is refused, without a worker or a store."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scriptqueue.further_fields import fields_named
from scriptqueue.schemas import Base, JobRequest, Storyboard
from shared.board.kept import kept_board
from shared.board.rebase import BoardFault, Origin, Rebased, edited, rebased, standing
from shared.board.timing import durations
from shared.errors import OutputInvalid
from shared.eta import cost_of
from shared.repair_codes import ONLY_TELL, coded
from shared.store.dedup_key import dedup_key
from tests.takes import check_take, drawn_take, read_take
from worker.backend.stub import stub_text
from worker.script.complete import complete_scenes
from worker.script.grammar import storyboard_schema
from worker.script.output import fallback, parse, validate
from worker.script.prompt import messages

JOB = "0f8b3c52-6f0e-4d0a-9f5e-3f1b8a6f2f10"
SCENES: list[dict[str, Any]] = [
    {"description": f"画面{n}", "duration": 5, "camera": "wide shot", "action": f"动作{n}"} for n in (1, 2, 3)
]


def origin(scenes: list[dict[str, Any]] | None = None, **request: Any) -> Origin:
    wanted = JobRequest.model_validate({"prompt": "雨中的猫", "min_scenes": 1, **request})
    fields = fields_named(wanted.fields)
    board, repairs = validate({"title": "猫", "scenes": scenes or SCENES}, wanted, (), fields)
    assert all(coded(repair).code in ONLY_TELL for repair in repairs)
    return Origin(wanted, board)


def taken(value: dict[str, Any], start: Origin | None = None) -> JobRequest | list[BoardFault]:
    base = Base.model_validate(value["base"])
    found = rebased(value, base, (start or origin()) if base.job else None)
    return standing(JobRequest.model_validate(found.values)) if isinstance(found, Rebased) else found


def whole(value: dict[str, Any], start: Origin | None = None) -> JobRequest:
    request = taken(value, start)
    assert isinstance(request, JobRequest), request
    return request


def of_job(**value: Any) -> dict[str, Any]:
    return {"base": {"job": JOB}, **value}


def of_board(*scenes: Any, **value: Any) -> dict[str, Any]:
    return {"base": {"storyboard": {"title": "猫", "scenes": [*scenes]}}, **value}


def test_three_hundred_takes_keep_what_stays_byte_for_byte() -> None:
    for seed in range(300):
        take = drawn_take(seed)
        base = kept_board(take.request)
        assert base
        text = stub_text(take.request, base.until, fields_named(take.request.fields))

        board = read_take(take, text)

        published = complete_scenes(text, take.request, fields_named(take.request.fields))
        assert published == board.scenes[: len(published)]
        assert len(published) == len(board.scenes)


def test_a_fallback_and_scenes_that_were_published_keep_them_too() -> None:
    for seed in range(60):
        take = drawn_take(seed)
        fields = fields_named(take.request.fields)
        base = kept_board(take.request)
        assert base
        first = read_take(take, stub_text(take.request, base.until, fields))

        again = fallback(take.request.prompt, take.request, first.scenes[: base.until], fields)

        check_take(take, again)
        assert again.scenes == first.scenes
        check_take(take, fallback(take.request.prompt, take.request, (), fields))


def test_a_text_that_says_something_else_of_a_scene_that_stays_changes_nothing() -> None:
    request = whole(of_job(rewrite=[3]))
    text = json.dumps({"title": "x", "scenes": [SCENES[1], SCENES[1], SCENES[0]]}, ensure_ascii=False)

    board, repairs = validate(parse(text), request)

    assert [scene.description for scene in board.scenes] == ["画面1", "画面2", "画面1"]
    assert board.title == "猫"
    assert "scenes 1 stay as they are in the base" in repairs


def test_a_text_that_lacks_a_hole_is_written_once_more() -> None:
    with pytest.raises(OutputInvalid, match="2 are needed"):
        validate({"title": "x", "scenes": SCENES[:1]}, whole(of_job(rewrite=[2])))


def test_the_grammar_ends_with_the_last_hole_and_gives_the_rest() -> None:
    schema = storyboard_schema(whole(of_job(rewrite=[2])))

    first, second = schema["properties"]["scenes"]["prefixItems"]
    assert schema["properties"]["title"] == {"const": "猫"}
    assert (schema["properties"]["scenes"]["minItems"], schema["properties"]["scenes"]["maxItems"]) == (2, 2)
    assert {name: value["const"] for name, value in first["properties"].items()} == {"scene_number": 1, **SCENES[0]}
    assert "pattern" in second["properties"]["description"]


@pytest.mark.parametrize(("language", "note"), [("zh", "换成夜里"), ("en", "at night")])
def test_the_model_is_given_what_comes_later_what_stood_there_and_last_the_note(language: str, note: str) -> None:
    request = whole(of_job(rewrite=[2], note=note, language=language))

    *_, user = messages(request)

    words = user["content"]
    assert words.index("雨中的猫") < words.index("画面3") < words.index("画面2") < words.index(note)
    assert "画面1" not in words  # it stands in the text itself
    assert words.endswith(note) or language == "en"


def test_what_is_left_out_is_the_bases() -> None:
    given = {
        "fields": ["light"],
        "style": "水彩",
        "aspect_ratio": "9:16",
        "instructions": "不要人物",
        "targets": ["wan-2.2"],
        "quality_keywords": "grainy",
        "language": "zh-Hant",
        "scene_max_s": 20,
    }
    start = origin([{**SCENES[0], "light": "晨光", "duration": 15}], **given, priority="high", sampling={"seed": 3})

    request = whole(of_job(rewrite=[2]), start)

    assert {name: getattr(request, name) for name in given} == {name: getattr(start.request, name) for name in given}
    assert (request.prompt, request.priority, request.sampling.seed) == ("雨中的猫", "normal", None)
    assert (request.min_scenes, request.max_scenes, request.rewrite) == (2, 2, (2,))
    assert whole(of_job(rewrite=[2], style="油画"), start).style == "油画"
    assert whole(of_job(rewrite=[2], style=None), start).style is None


def test_a_board_alone_says_what_it_can() -> None:
    cast = [{"id": "yu", "name": "小雨", "look": "红色雨衣"}]
    scene = {**SCENES[0], "characters": ["yu"], "light": "晨光", "prompts": {"wan-2.2": "x", "unknown": "y"}}
    board = {"title": "Rain", "style": "水彩", "characters": cast, "language": "ja", "scenes": [scene, None]}

    request = whole({"base": {"storyboard": board}})

    assert request.fields == ("light", "characters")
    assert (request.style, request.language, request.prompt, request.targets) == ("水彩", "ja", "Rain", ("wan-2.2",))
    assert [one.id for one in request.characters] == ["yu"]
    assert request.rewrite == (2,)
    assert not request.writes_cast


def test_what_is_computed_is_ignored_and_computed() -> None:
    board = origin().board.model_dump(mode="json")
    board["scenes"] = [board["scenes"][2], board["scenes"][0]]
    board["total_duration"] = 99
    board["scenes"][0]["video_prompt"] = "nonsense"

    made, repairs = edited(whole({"base": {"job": JOB, "storyboard": board}}))

    assert [(scene.scene_number, scene.description) for scene in made.scenes] == [(1, "画面3"), (2, "画面1")]
    assert made.total_duration == 10
    assert made.scenes[0].video_prompt.startswith("画面3, ")
    assert repairs == []


def test_what_a_reader_may_want_to_change_is_no_fault() -> None:
    _, repairs = edited(whole(of_board(SCENES[0], SCENES[0])))

    assert repairs == ["scene 2 repeats scene 1"]


STAYS = "base", "storyboard", "scenes"


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"duration": 9}, "duration", "duration_clamped"),
        ({"duration": "5s"}, "duration", "duration_read"),
        ({"duration": None}, "duration", "duration_assumed"),
        ({"camera": "from above"}, "camera", "term_assumed"),
        ({"camera": "Close-Up"}, "camera", "term_read"),
        ({"action": ""}, "action", "taken_from"),
        ({"action": " 走 "}, "action", "trimmed"),
        ({"description": "a &amp; b"}, "description", "escapes_read"),
        ({"description": ["a", "b"]}, "description", "turned_to_text"),
        ({"mood": "sad"}, "mood", "unknown_dropped"),
        ({"时长": 5, "duration": None}, "duration", "read_from"),
        ({"size": "huge"}, "size", "term_left_out"),
        ({"narration": "很长" * 40}, "narration", "too_long_to_say"),
        ({"characters": ["bo"]}, "characters", "not_in_cast"),
    ],
)
def test_whatever_would_have_to_be_mended_is_a_fault_where_it_stands(change: Any, field: str, code: str) -> None:
    faults = taken(of_board(SCENES[0], None, {**SCENES[1], **change}))

    assert isinstance(faults, list)
    assert ((*STAYS, 2, field), code) in [(fault.at, fault.code) for fault in faults]


@pytest.mark.parametrize(
    ("value", "at", "code"),
    [
        (of_job(rewrite=[5]), ("rewrite",), "scene_gap"),
        (of_job(rewrite=[4, 6]), ("rewrite",), "scene_gap"),
        (of_board(SCENES[0], rewrite=[*range(2, 62)]), ("rewrite",), "too_long"),
        (of_job(rewrite=[1], max_scenes=2), ("max_scenes",), "scene_limits"),
        (of_job(rewrite=[1], min_scenes=4), ("min_scenes",), "scene_limits"),
        (of_job(rewrite=[1], target_duration_s=19), ("target_duration_s",), "unreachable_duration"),
        (of_job(target_duration_s=16), ("target_duration_s",), "unreachable_duration"),
        (of_job(rewrite=[1], scene_max_s=4), (*STAYS, 0, "duration"), "duration_clamped"),
        (of_job(rewrite=[1], targets=["veo-3.1"]), (*STAYS, 0, "duration"), "duration_for_target"),
        ({"base": {"storyboard": {"title": "x", "scenes": []}}}, STAYS, "no_scenes"),
        ({"base": {"storyboard": {"title": "x"}}}, STAYS, "no_scenes"),
        (
            {"base": {"storyboard": {"title": "x", "scenes": SCENES, "mood": 1}}},
            ("base", "storyboard", "mood"),
            "extra_forbidden",
        ),
        (of_board(SCENES[0], "text"), (*STAYS, 1), "no_scene"),
        (of_board(SCENES[0], {}), (*STAYS, 1), "no_scene"),
    ],
)
def test_what_cannot_be_is_a_fault(value: dict[str, Any], at: tuple[Any, ...], code: str) -> None:
    faults = taken(value)

    assert isinstance(faults, list)
    assert (faults[0].at, faults[0].code) == (at, code)


def test_the_holes_seconds_make_the_sum() -> None:
    request = whole(of_job(rewrite=[2, 4], target_duration_s=21.5))

    assert durations(request) == (5, 6, 5, 5.5)


def test_a_broken_down_script_keeps_its_words_and_its_seconds() -> None:
    """Of a scene that is written anew, too; one that is inserted is silent."""
    scenes = [
        {**SCENES[0], "narration": "清晨，面馆刚刚开门。"},
        {**SCENES[1], "narration": "老板端出第一碗面。", "duration": 4},
    ]
    start = origin(scenes, fields=["narration"])
    start = Origin(
        start.request.model_copy(update={"mode": "break_down", "prompt": "清晨，面馆刚刚开门。老板端出第一碗面。"}),
        start.board,
    )
    request = whole(of_job(rewrite=[2, 3]), start)
    fields = fields_named(request.fields)

    board, _ = validate(parse(stub_text(request, 3, fields), fields), request, (), fields)

    assert [(scene.narration, scene.duration) for scene in board.scenes] == [
        ("清晨，面馆刚刚开门。", 5),
        ("老板端出第一碗面。", 4),
        (None, 5),
    ]


def test_only_what_is_written_costs() -> None:
    many = [{**SCENES[0], "description": f"画面{n}"} for n in range(50)]
    of_one, of_all = (whole(of_board(*many, rewrite=numbers)) for numbers in ([7], [*range(1, 51)]))

    assert cost_of(of_one) < 100 < cost_of(of_all)
    assert JobRequest.model_validate({**of_one.model_dump(), "sampling": {"max_new_tokens": 25}})
    with pytest.raises(ValueError, match="at least 1000 for 50 scenes"):
        JobRequest.model_validate({**of_all.model_dump(), "sampling": {"max_new_tokens": 25}})


def test_two_takes_are_alike_only_with_a_seed_and_the_same_base() -> None:
    seeded = {"sampling": {"seed": 3}}
    first, again = (dedup_key(whole(of_job(rewrite=[2], **seeded))) for _ in range(2))
    others = [
        whole(of_job(rewrite=[1], **seeded)),
        whole(of_job(rewrite=[2], note="夜里", **seeded)),
        whole(of_job(rewrite=[2], **seeded), origin([{**SCENES[0], "action": "跑"}, *SCENES[1:]])),
        JobRequest.model_validate({"prompt": "雨中的猫", **seeded}),
    ]

    assert first == again != ""
    assert len({first, *map(dedup_key, others)}) == 5
    assert dedup_key(whole(of_job(rewrite=[2]))) == ""


def test_a_whole_request_is_read_again_as_it_was() -> None:
    request = whole(of_job(rewrite=[2, 4], note="夜里"))

    assert JobRequest.model_validate_json(request.model_dump_json()) == request


def test_an_edited_board_is_a_storyboard() -> None:
    made, _ = edited(whole(of_board(*SCENES)))

    assert Storyboard.model_validate_json(made.model_dump_json()) == made
