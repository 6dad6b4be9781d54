"""How many scenes and how long: 1 to 60 of each, as the request has it, in whatever is written, read and told."""

from __future__ import annotations

import random
from typing import Any, get_args

import pytest
from fastapi.exceptions import RequestValidationError

from api.routes.completing import completed
from scriptqueue.cli.arguments import arguments_of, options_of
from scriptqueue.schemas import MAX_NEW_TOKENS, FieldName, JobRequest, Storyboard, min_tokens_a_scene
from shared.board.filled import filled
from shared.board.targets.fit import misfits
from shared.board.timing import durations
from shared.eta import cost_of
from shared.settings import Settings
from worker.backend.stub import stub_text
from worker.script.fallback import fallback
from worker.script.grammar import storyboard_schema
from worker.script.output import parse, validate
from worker.script.prompt import messages

SETTINGS = Settings()
FURTHER = get_args(FieldName)


def wanted(**options: Any) -> JobRequest:
    return JobRequest.model_validate({"prompt": "雨中的猫", **options})


def stub_board(request: JobRequest) -> Storyboard:
    count = len(durations(request) or ()) or request.min_scenes
    board, repairs = validate(parse(stub_text(request, count)), request)
    assert repairs == []
    return board


def limits(chance: random.Random) -> dict[str, Any]:
    """An exact number of scenes, each of so many seconds, and at times so many together."""
    count, shortest_s = chance.randint(1, 60), chance.randint(1, 60)
    longest_s = chance.randint(shortest_s, 60)
    options: dict[str, Any] = {
        "min_scenes": count,
        "max_scenes": count,
        "scene_min_s": shortest_s,
        "scene_max_s": longest_s,
    }
    if chance.random() < 0.5:
        options["target_duration_s"] = chance.choice(
            [
                chance.uniform(count * shortest_s, count * longest_s),
                chance.randint(count * shortest_s, count * longest_s),
            ]
        )
    return options


@pytest.mark.parametrize("times", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_exact_numbers_of_scenes_and_limits_of_their_lengths_are_kept(times: int) -> None:
    chance = random.Random(19)
    for _ in range(times):
        request = wanted(**limits(chance))
        board = stub_board(request)

        assert len(board.scenes) == request.min_scenes
        assert all(request.scene_min_s <= scene.duration <= request.scene_max_s for scene in board.scenes)
        assert request.target_duration_s in {None, board.total_duration}


@pytest.mark.parametrize("seed", range(20))
def test_the_fallback_keeps_them_too(seed: int) -> None:
    request = wanted(**limits(random.Random(seed)))

    board = fallback(request.prompt, request)

    assert len(board.scenes) == request.min_scenes
    assert all(request.scene_min_s <= scene.duration <= request.scene_max_s for scene in board.scenes)
    assert request.target_duration_s in {None, board.total_duration}


@pytest.mark.parametrize(
    ("limits", "duration", "becomes", "repair"),
    [
        ({}, 60, 8, "60 s clamped to 8 s"),
        ({"scene_max_s": 60}, 60, 60, None),
        ({"scene_max_s": 60}, "1分钟", 60, "'1分钟' read as 60 s"),
        ({"scene_min_s": 1}, 1, 1, None),
        ({"scene_min_s": 10, "scene_max_s": 20}, 5, 10, "5 s clamped to 10 s"),
        ({"scene_min_s": 10, "scene_max_s": 20}, None, 10, "missing, 10 s assumed"),
        ({"scene_max_s": 4}, None, 4, "missing, 4 s assumed"),
    ],
    ids=str,
)
def test_what_a_model_writes_is_mended_within_the_requests_limits(
    limits: dict[str, Any], duration: Any, becomes: float, repair: str | None
) -> None:
    scenes = [{"description": f"雨 {n}", "action": "走", "camera": "wide shot", "duration": duration} for n in range(3)]

    board, repairs = validate({"title": "雨", "scenes": scenes}, wanted(**limits))

    assert {scene.duration for scene in board.scenes} == {becomes}
    assert all(repair and repair in mend for mend in repairs)
    assert bool(repairs) == bool(repair)


@pytest.mark.parametrize(
    ("limits", "grammar", "words"),
    [
        ({}, {"type": "integer", "minimum": 3, "maximum": 8}, ("3 到 8 秒", "lasts 3 to 8 seconds")),
        (
            {"scene_min_s": 1, "scene_max_s": 60},
            {"type": "integer", "minimum": 1, "maximum": 60},
            ("1 到 60 秒", "lasts 1 to 60 seconds"),
        ),
        (
            {"scene_min_s": 6, "scene_max_s": 6},
            {"type": "integer", "minimum": 6, "maximum": 6},
            ("每个场景 6 秒", "lasts 6 seconds"),
        ),
        ({"scene_max_s": 30, "target_duration_s": 180, "max_scenes": 6}, {"const": 30}, ("3 到 30 秒", "3 to 30 sec")),
        (
            {"scene_min_s": 5, "scene_max_s": 20, "targets": ["sora-2"]},
            {"enum": [8, 12, 16, 20]},
            ("8、12、16 或 20 秒", "lasts 8, 12, 16 or 20 seconds"),
        ),
    ],
    ids=str,
)
def test_grammar_and_prompt_speak_of_the_same_seconds(
    limits: dict[str, Any], grammar: dict[str, Any], words: tuple[str, str]
) -> None:
    for language, expected in zip(("zh", "en"), words, strict=True):
        request = wanted(language=language, **limits)
        scene = storyboard_schema(request)["properties"]["scenes"]["prefixItems"][0]

        assert scene["properties"]["duration"] == grammar
        assert expected in messages(request)[1]["content"]


@pytest.mark.parametrize(
    ("options", "field", "words"),
    [
        ({"targets": ["veo-3.1"], "scene_min_s": 9, "scene_max_s": 20}, "scene_min_s", "none from 9 to 20 s"),
        ({"targets": ["veo-3.1"], "scene_min_s": 1, "scene_max_s": 3}, "scene_max_s", "shots of 4, 6 or 8 s"),
        ({"targets": ["sora-2"], "scene_min_s": 5, "scene_max_s": 7}, "scene_max_s", "none from 5 to 7 s"),
    ],
    ids=str,
)
def test_limits_that_a_target_cannot_meet_are_refused(options: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(RequestValidationError) as raised:
        completed(wanted(**options), SETTINGS)

    (fault,) = raised.value.errors()
    assert fault["loc"] == ("body", field)
    assert words in fault["msg"]


def test_a_call_that_is_too_short_for_its_model_is_told() -> None:
    targets = ["generic", "kling-3", "ltx-2"]
    second, two = (
        fallback("雨", wanted(scene_min_s=seconds, scene_max_s=seconds, targets=targets)) for seconds in (1, 2)
    )

    assert misfits(second) == ["ltx-2 makes calls of at least 2 s; shorter: scenes 1, 2, 3"]
    assert misfits(two) == []  # three scenes are one call of kling-3


@pytest.mark.parametrize("fields", [(), ("size", "angle"), FURTHER], ids=len)
@pytest.mark.parametrize("count", [3, 20, 21, 60])
def test_a_budget_that_is_left_out_suffices_for_what_is_wanted(fields: tuple[str, ...], count: int) -> None:
    request = wanted(min_scenes=count, max_scenes=count, fields=fields)

    whole, _ = completed(request, SETTINGS)

    tokens = whole.sampling.max_new_tokens
    assert count * min_tokens_a_scene(whole.fields) < cost_of(whole) <= tokens <= MAX_NEW_TOKENS
    assert (tokens == 1536) == (count <= 20 and not fields)


@pytest.mark.parametrize("fields", [(), ("size", "angle", "movement", "pace", "transition")], ids=len)
def test_a_number_of_scenes_in_the_prompt_is_given_its_tokens(fields: tuple[str, ...]) -> None:
    words, notes = completed(wanted(prompt="分60个镜头", fields=fields), SETTINGS)
    numbers, _ = completed(wanted(min_scenes=60, max_scenes=60, fields=fields), SETTINGS)

    assert (words.min_scenes, words.max_scenes) == (60, 60)
    assert words.sampling == numbers.sampling
    assert "cannot be met" not in notes[0]


def test_a_budget_that_is_given_stays_and_bounds_what_the_prompt_asks_for() -> None:
    whole, notes = completed(wanted(prompt="分60个镜头", sampling={"max_new_tokens": 300}), SETTINGS)

    assert (whole.min_scenes, whole.max_scenes, whole.sampling.max_new_tokens) == (15, 60, 300)
    assert "max_new_tokens suffices for 15" in notes[0]
    with pytest.raises(ValueError, match="at least 1200 for 60 scenes"):
        wanted(min_scenes=60, max_scenes=60, sampling={"max_new_tokens": 300})


def test_a_length_that_no_number_of_scenes_lasts_becomes_the_nearest() -> None:
    request, notes = filled(wanted(prompt="A 20-second ad", scene_min_s=7))

    assert request.target_duration_s == 21
    assert durations(request) == (7, 7, 7)
    assert "scenes of 7 to 8 s cannot last 20 s" in notes[0]


def test_the_command_takes_both_limits_at_once() -> None:
    options = options_of(arguments_of(["submit", "x", "--scene-seconds", "5-20"]))

    assert options == {"scene_min_s": 5, "scene_max_s": 20}
