"""The fields that a request leaves out are filled from its prompt; those that it gives bound what can be met."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scriptqueue.schemas import DECIDING_LATER, JobRequest
from shared.board.filled import filled
from shared.board.timing import durations
from shared.store.dedup_key import dedup_key
from shared.store.entry import fingerprint, new_job_of

Values = tuple[int, int, float | None]


def values(request: JobRequest) -> Values:
    return request.min_scenes, request.max_scenes, request.target_duration_s


@pytest.mark.parametrize(
    ("prompt", "given", "expected", "notes"),
    [
        # a length alone: as few scenes more, or less, as it takes
        ("60秒的广告", {}, (3, 8, 60), ["target_duration_s is 60"]),
        ("64秒的广告", {}, (3, 8, 64), ["target_duration_s is 64"]),
        ("90秒的广告", {}, (3, 12, 90), ["max_scenes is 12, target_duration_s is 90"]),
        ("160秒的广告", {}, (3, 20, 160), ["max_scenes is 20"]),
        ("A 6-second ad", {}, (2, 8, 6), ["min_scenes is 2, target_duration_s is 6"]),
        ("5秒的广告", {}, (1, 8, 5), ["min_scenes is 1"]),
        # a number alone
        ("分5个镜头", {}, (5, 5, None), ["min_scenes is 5, max_scenes is 5"]),
        ("3-5 scenes about autumn", {}, (3, 5, None), ["max_scenes is 5"]),
        ("3-8 scenes about autumn", {}, (3, 8, None), ["nothing had to change"]),
        ("至少10个镜头", {}, (10, 10, None), ["min_scenes is 10, max_scenes is 10"]),
        ("最多2个镜头", {}, (2, 2, None), ["min_scenes is 2, max_scenes is 2"]),
        # both
        ("60秒的广告，分10个镜头", {}, (10, 10, 60), ["min_scenes is 10", "target_duration_s is 60"]),
        ("30秒，3到5个镜头", {}, (3, 5, 30), ["max_scenes is 5", "target_duration_s is 30"]),
        # what cannot be met: the nearest, and why
        ("70 scenes about autumn", {}, (60, 60, None), ["cannot be met: at most 60 are allowed; min_scenes is 60"]),
        ("10分钟的纪录片", {}, (3, 60, 480), ["1 to 60 scenes of 3 to 8 s last 3 to 480 s; max_scenes is 60"]),
        ("2秒的广告", {}, (1, 8, 3), ["cannot be met: 1 to 60 scenes"]),
        (
            "60秒的广告，2个镜头",
            {},
            (8, 8, 60),
            ['cannot be met beside "60秒": 2 scenes', "min_scenes is 8, max_scenes is 8"],
        ),
        ("30秒的广告，15个镜头", {}, (10, 10, 30), ["15 scenes of 3 to 8 s last 45 to 120 s", "max_scenes is 10"]),
        (
            "10分钟的纪录片，5个场景",
            {},
            (5, 5, 40),
            ["min_scenes is 5", "5 scenes of 3 to 8 s last 15 to 40 s; target_duration_s is 40"],
        ),
        ("分18个镜头", {"sampling": {"max_new_tokens": 200}}, (10, 18, None), ["max_new_tokens suffices for 10"]),
        # values that contradict each other
        ("A 30-second ad and a 60-second ad", {}, (3, 8, None), ['"30-second", "60-second" in the prompt contradict']),
        ("用三个镜头讲告别，用五个镜头讲重逢", {}, (3, 8, None), ["contradict each other: none was heeded"]),
        # what is given wins, and bounds the rest
        (
            "60秒的广告",
            {"max_scenes": 4},
            (3, 4, 32),
            ["1 to 4 scenes of 3 to 8 s last 3 to 32 s; target_duration_s is 32"],
        ),
        ("9秒的广告", {"min_scenes": 5}, (5, 8, 15), ["5 to 60 scenes of 3 to 8 s last 15 to 480 s"]),
        ("60秒的广告", {"min_scenes": 3, "max_scenes": 8}, (3, 8, 60), ["target_duration_s is 60"]),
        ("60秒的广告", {"target_duration_s": 30}, (3, 8, 30), []),
        ("60秒的广告", {"target_duration_s": None}, (3, 8, None), []),
        ("10分钟的纪录片", {"scene_max_s": 30}, (3, 20, 600), ["max_scenes is 20, target_duration_s is 600"]),
        (
            "20秒的广告",
            {"scene_min_s": 7},
            (3, 8, 21),
            ["1 to 60 scenes of 7 to 8 s cannot last 20 s; target_duration_s is 21"],
        ),
        ("分5个镜头", {"min_scenes": 3, "max_scenes": 8}, (3, 8, None), []),
        ("分5个镜头", {"max_scenes": 4}, (4, 4, None), ["cannot be met: max_scenes 4 was given; min_scenes is 4"]),
        ("分5个镜头", {"max_scenes": 10}, (5, 10, None), ["min_scenes is 5"]),
        ("分5个镜头", {"min_scenes": 4}, (4, 5, None), ["max_scenes is 5"]),
        ("分5个镜头", {"min_scenes": 7}, (7, 7, None), ["cannot be met: min_scenes 7 was given; max_scenes is 7"]),
        (
            "分2个镜头",
            {"target_duration_s": 60},
            (8, 8, 60),
            ["cannot be met: target_duration_s 60 was given; min_scenes is 8"],
        ),
        ("分9个镜头", {"target_duration_s": 20}, (6, 6, 20), ["target_duration_s 20 was given"]),
        (
            "60秒的广告，2个镜头",
            {"max_scenes": 4},
            (2, 4, 32),
            ["min_scenes is 2", "2 to 4 scenes of 3 to 8 s last 6 to 32 s"],
        ),
        (
            "60秒，共2个镜头",
            {"min_scenes": 2},
            (2, 8, 60),
            ['beside "60秒"', "max_scenes is 8, target_duration_s is 60"],
        ),
        # nothing is read
        ("他等了30秒，三个朋友都没来", {}, (3, 8, None), []),
        ("60秒的广告，分10个镜头", {"read_prompt": False}, (3, 8, None), []),
    ],
)
def test_what_a_prompt_asks_for_fills_what_is_left_out(
    prompt: str, given: dict[str, Any], expected: Values, notes: list[str]
) -> None:
    request, written = filled(JobRequest.model_validate({"prompt": prompt, **given}))

    assert values(request) == expected
    assert len(written) == len(notes)
    assert [note for note, part in zip(written, notes, strict=True) if part not in note] == []


PROMPTS = ["{}秒的广告，分{}个镜头", "{}秒的广告", "共{1}个场景", "至少{1}个镜头", "不超过{1}个镜头"]
AMOUNTS = st.one_of(st.integers(1, 700), st.floats(0.5, 200).map(lambda value: round(value, 1)))
GIVEN = st.fixed_dictionaries(
    {},
    optional={
        "min_scenes": st.integers(1, 60),
        "max_scenes": st.integers(1, 60),
        "scene_min_s": st.integers(1, 20),
        "scene_max_s": st.integers(1, 60),
        "target_duration_s": st.one_of(st.none(), st.floats(3, 160)),
        "sampling": st.integers(20, 600).map(lambda most: {"max_new_tokens": most}),
    },
)


@settings(max_examples=150, deadline=None)
@given(AMOUNTS, st.integers(1, 60), st.sampled_from(PROMPTS), GIVEN)
def test_what_comes_of_it_is_a_valid_request_that_keeps_what_was_given(
    seconds: float, count: int, prompt: str, given: dict[str, Any]
) -> None:
    try:
        request = JobRequest.model_validate({"prompt": prompt.format(seconds, count), **given})
    except ValueError:
        return
    whole, _ = filled(request)

    assert JobRequest.model_validate(whole.model_dump()) == whole
    assert {name: getattr(whole, name) for name in given} == {name: getattr(request, name) for name in given}
    if fixed := durations(whole):
        assert whole.min_scenes <= len(fixed) <= whole.max_scenes
        assert all(whole.scene_min_s <= each <= whole.scene_max_s for each in fixed)


def test_a_prompt_that_asks_for_nothing_leaves_the_request_as_it_is() -> None:
    request = JobRequest(prompt="雨中的猫")

    assert filled(request) == (request, [])
    assert filled(request)[0] is request


def test_records_and_keys_of_requests_without_anything_new_are_those_of_before() -> None:
    request = JobRequest(prompt="雨中的猫")
    later = {"read_prompt", *DECIDING_LATER}
    without = {name: value for name, value in request.model_dump(mode="json").items() if name not in later}

    assert json.loads(new_job_of(request).text) == without
    # as the version before `read_prompt` computed them
    assert fingerprint("job", [request]) == "384f18aadb31a4997a81c576d2d24efdd38ecead2ab5ddda97693ea762895637"
    assert dedup_key(request) == "8f28bf211e68799758819df7ca07366a964e2c64207a6c1396d0b9f5cb1c1c9e"


def test_what_is_filled_is_like_what_is_spelt_out() -> None:
    words, _ = filled(JobRequest(prompt="60秒的广告，分10个镜头"))
    fields = JobRequest(prompt=words.prompt, min_scenes=10, max_scenes=10, target_duration_s=60)

    assert dedup_key(words) == dedup_key(fields) == dedup_key(fields.model_copy(update={"read_prompt": False}))
    assert fingerprint("job", [fields]) != fingerprint("job", [fields.model_copy(update={"read_prompt": False})])
