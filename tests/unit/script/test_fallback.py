"""The fallback is a valid storyboard for any prompt; the grammar's durations always meet their target."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scriptqueue.schemas import JobRequest
from shared.board.timing import durations
from worker.script.output import fallback

PROMPTS = st.text(min_size=1, max_size=300).filter(lambda text: text.strip())
LIMITS = st.tuples(st.integers(1, 20), st.integers(1, 20)).map(sorted)


@settings(max_examples=200, deadline=None)
@given(PROMPTS, LIMITS)
def test_any_prompt_has_enough_different_scenes(prompt: str, limits: list[int]) -> None:
    request = JobRequest(prompt=prompt, min_scenes=limits[0], max_scenes=limits[1])
    storyboard = fallback(prompt, request)

    texts = [scene.description for scene in storyboard.scenes]
    assert limits[0] <= len(texts) <= limits[1]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("清晨的森林。雾散开，鹿走过！太阳升起", ["清晨的森林", "雾散开", "鹿走过", "太阳升起"]),
        ("A deer walks. The fog lifts, the sun rises", ["A deer walks", "The fog lifts", "the sun rises"]),
        ("跑了3.5公里，花了1,000元。到家", ["跑了3.5公里", "花了1,000元", "到家"]),
        ("一行\n两行；三行;四行", ["一行", "两行", "三行", "四行"]),
        ("重复。重复。别的。第三", ["重复", "别的", "第三"]),
    ],
)
def test_sentences_become_scenes(prompt: str, expected: list[str]) -> None:
    storyboard = fallback(prompt, JobRequest(prompt=prompt))

    assert [scene.description for scene in storyboard.scenes] == expected


@pytest.mark.parametrize(
    "prompt", ["猫", "🐱", "！！！", "...", "\x07", "a" * 4000, "🐱" * 4000, "，" * 4000, "猫，" * 2000]
)
def test_odd_prompts_have_three_scenes_too(prompt: str) -> None:
    storyboard = fallback(prompt, JobRequest(prompt=prompt))

    assert len({scene.description for scene in storyboard.scenes}) == len(storyboard.scenes) >= 3


def test_more_sentences_than_scenes_are_joined_and_none_is_lost() -> None:
    prompt = "。".join(f"句子{n}" for n in range(30))
    text = "".join(scene.description for scene in fallback(prompt, JobRequest(prompt=prompt)).scenes)

    assert all(f"句子{n}" in text for n in range(30))


@settings(max_examples=300, deadline=None)
@given(LIMITS, st.floats(3, 160))
def test_a_target_is_met_exactly_by_scenes_of_3_to_8_seconds(limits: list[int], target_s: float) -> None:
    least, most = limits
    if not least * 3 <= target_s <= most * 8:
        return
    request = JobRequest(prompt="x", min_scenes=least, max_scenes=most, target_duration_s=target_s)
    fixed = durations(request)

    assert fixed is not None
    assert least <= len(fixed) <= most
    assert all(3 <= seconds <= 8 for seconds in fixed)
    assert math.fsum(fixed) == pytest.approx(target_s, abs=1e-9)
    assert fallback("x", request).total_duration == pytest.approx(target_s, abs=1e-9)


@pytest.mark.parametrize(
    ("target_s", "expected"), [(15, (5, 5, 5)), (16, (6, 5, 5)), (30, (5,) * 6), (20.5, (5, 5, 5, 5.5))]
)
def test_a_target_is_spread_in_whole_seconds(target_s: float, expected: tuple[float, ...]) -> None:
    assert durations(JobRequest(prompt="x", target_duration_s=target_s)) == expected


def test_the_joiners_of_a_prompts_script_stay() -> None:
    prompt = "می\u200cخواهم به خانه بروم"

    assert fallback(prompt, JobRequest(prompt=prompt, min_scenes=1)).scenes[0].description == prompt
