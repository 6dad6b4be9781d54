"""What a request may say, and what a storyboard always is."""

from __future__ import annotations

import gc
import sys
import time
import unicodedata
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from scriptqueue.schemas import Job, JobRequest, Scene, Status, Storyboard

PROMPT = {"prompt": "森林里的一天"}


def faults(body: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as refused:
        JobRequest.model_validate(body)
    return [(".".join(str(part) for part in fault["loc"]), fault["type"]) for fault in refused.value.errors()]


def test_only_the_prompt_is_required() -> None:
    request = JobRequest.model_validate(PROMPT)

    assert (request.min_scenes, request.max_scenes, request.priority, request.language) == (3, 8, "normal", "auto")
    assert (request.sampling.temperature, request.sampling.top_p, request.sampling.max_new_tokens) == (0.7, 0.9, 1536)


@pytest.mark.parametrize(
    ("change", "at", "kind"),
    [
        ({"prompt": ""}, "prompt", "string_too_short"),
        ({"prompt": " \n　"}, "prompt", "blank"),
        ({"prompt": "长" * 4001}, "prompt", "string_too_long"),
        ({"prompt": 5}, "prompt", "string_type"),
        ({"prompt": None}, "prompt", "string_type"),
        ({"prompt": "\ud800"}, "prompt", "string_unicode"),
        ({"promt": "x"}, "promt", "extra_forbidden"),
        ({"min_scenes": 0}, "min_scenes", "greater_than_equal"),
        ({"min_scenes": "3"}, "min_scenes", "int_type"),
        ({"min_scenes": True}, "min_scenes", "int_type"),
        ({"min_scenes": 3.0}, "min_scenes", "int_type"),
        ({"max_scenes": 61}, "max_scenes", "less_than_equal"),
        ({"min_scenes": 5, "max_scenes": 4}, "max_scenes", "scene_limits"),
        ({"scene_min_s": 0}, "scene_min_s", "greater_than_equal"),
        ({"scene_max_s": 61}, "scene_max_s", "less_than_equal"),
        ({"scene_min_s": 2.5}, "scene_min_s", "int_type"),
        ({"scene_min_s": 9}, "scene_max_s", "scene_limits"),
        ({"scene_max_s": 2}, "scene_max_s", "scene_limits"),
        ({"scene_min_s": 7, "target_duration_s": 20}, "target_duration_s", "unreachable_duration"),
        ({"scene_max_s": 20, "target_duration_s": 160.5}, "target_duration_s", "unreachable_duration"),
        ({"target_duration_s": 8.9}, "target_duration_s", "unreachable_duration"),
        ({"target_duration_s": 64.1}, "target_duration_s", "unreachable_duration"),
        ({"target_duration_s": float("nan")}, "target_duration_s", "finite_number"),
        ({"language": "français"}, "language", "language_tag"),
        ({"quality_keywords": " "}, "quality_keywords", "blank"),
        ({"sampling": {"temperature": 2.1}}, "sampling.temperature", "less_than_equal"),
        ({"sampling": {"top_p": 0}}, "sampling.top_p", "greater_than"),
        ({"sampling": {"seed": -1}}, "sampling.seed", "greater_than_equal"),
        ({"sampling": {"top_k": 5}}, "sampling.top_k", "extra_forbidden"),
        ({"sampling": {"max_new_tokens": 59}}, "sampling", "too_few_tokens"),
        ({"priority": "urgent"}, "priority", "literal_error"),
        ({"allow_fallback": 1}, "allow_fallback", "bool_type"),
        ({"queue_timeout_s": 0}, "queue_timeout_s", "greater_than"),
        ({"execution_timeout_s": -1}, "execution_timeout_s", "greater_than"),
        ({"result_ttl_s": 0}, "result_ttl_s", "greater_than_equal"),
        *(
            ({"deadline": text}, "deadline", "datetime_type")
            for text in ("tomorrow", "2026-01-01T00:00:00", "1764150000", "20260101", "1e9", "2026-01-01", " ")
        ),
        *(  # a day without that hour, a leap second, a zone that is none, and Python's own time without one
            ({"deadline": time}, "deadline", "datetime_type")
            for time in (
                *("2026-01-01T24:00:00Z", "2026-06-30T23:59:60Z", "2026-01-01T00:00:00+24:00"),
                datetime(2026, 1, 1),
            )
        ),
        ({"deadline": "2026-13-01T00:00:00Z"}, "deadline", "datetime_from_date_parsing"),
        ({"quality_keywords": "\x1b\n\u202e"}, "quality_keywords", "blank"),
        ({"deadline": 1700000000}, "deadline", "datetime_type"),
        ({"webhook": {"url": "ftp://x"}}, "webhook.url", "url"),
        ({"webhook": {"url": "http://a b"}}, "webhook.url", "url"),
        ({"webhook": {}}, "webhook.url", "missing"),
        ({"metadata": []}, "metadata", "dict_type"),
        ({"metadata": {"a": "x" * 4096}}, "metadata", "too_long"),
        ({"metadata": {"a": "\ud800"}}, "metadata", "json"),
    ],
)
def test_a_bad_field_is_refused_where_it_stands(change: dict[str, Any], at: str, kind: str) -> None:
    assert (at, kind) in faults({**PROMPT, **change})


def test_every_fault_is_told_at_once() -> None:
    assert len(faults({"prompt": "", "min_scenes": 0, "priority": "x", "what": 1})) == 4


def test_the_longest_prompt_is_taken() -> None:
    assert len(JobRequest(prompt="长" * 4000).prompt) == 4000


@given(st.text(min_size=1, max_size=50).filter(lambda text: text.strip()))
def test_a_request_survives_its_journey_through_the_record(prompt: str) -> None:
    request = JobRequest(prompt=prompt, metadata={"k": prompt})

    assert JobRequest.model_validate_json(request.model_dump_json()) == request


def scene(**change: Any) -> dict[str, Any]:
    return {
        "scene_number": 1,
        "description": "雨",
        "duration": 5,
        "camera": "close up",
        "action": "落下",
        "video_prompt": "雨, 4k",
        **change,
    }


def board(*scenes: dict[str, Any], total: float = 5) -> dict[str, Any]:
    return {"title": "雨天", "total_duration": total, "scenes": list(scenes)}


@pytest.mark.parametrize(
    "broken",
    [
        board(scene(duration=2.9)),
        board(scene(duration=8.1)),
        board(scene(camera="特写")),
        board(scene(description="")),
        board(scene(action=" ")),
        board(scene(video_prompt="雪, 4k")),
        board(scene(scene_number=2)),
        board(scene(), scene(scene_number=3), total=10),
        board(scene(), total=6),
        board(scene(), total=5) | {"title": " "},
        board(scene(), total=5) | {"extra": 1},
        board(),
    ],
)
def test_an_invalid_storyboard_cannot_exist(broken: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Storyboard.model_validate(broken)


def test_a_whole_duration_is_written_without_a_fraction() -> None:
    written = Storyboard.model_validate(board(scene(duration=5.0), scene(scene_number=2, duration=3.5), total=8.5))

    assert '"duration":5,' in written.model_dump_json()
    assert '"duration":3.5,' in written.model_dump_json()
    assert Scene.model_json_schema()["properties"]["duration"]["type"] == "number"


def test_done_is_true_exactly_for_the_four_ends() -> None:
    assert {status for status in Status if status.done} == {"succeeded", "failed", "canceled", "expired"}


def test_the_contract_names_every_field_of_a_job() -> None:
    contract = (
        "id status done created_at started_at finished_at expires_at attempt priority queue progress scenes result "
        "source repairs model metrics error metadata urls"
    )

    assert set(contract.split()) <= set(Job.model_fields)


def test_a_default_that_contradicts_what_was_asked_is_refused_as_a_value_would_be() -> None:
    with pytest.raises(ValidationError, match=r"max_scenes[\s\S]*must be at least min_scenes \(9\)"):
        JobRequest(prompt="x", min_scenes=9)


def test_what_was_read_is_not_kept() -> None:
    """pydantic's cache of strings would hold thousands of prompts, and grow for as long."""

    def blocks_after(count: int) -> int:
        for number in range(count):
            JobRequest.model_validate_json(f'{{"prompt": "story {time.time_ns()} {number}"}}')
        gc.collect()
        return sys.getallocatedblocks()

    before = blocks_after(100)
    assert blocks_after(5000) - before < 500


@pytest.mark.parametrize(
    "given",
    ["4k\x1b]0;title\x07", "4k\ncinematic", "4k\u2028x", "4k\x9b31m", "4k\x7f", "4k\u202egnp.exe", "4k\r\n", "\x004k"],
)
def test_quality_keywords_reach_a_terminal_without_control_characters(given: str) -> None:
    keywords = JobRequest(prompt="x", quality_keywords=given).quality_keywords

    assert len(keywords) == len(given)
    assert not any(unicodedata.category(c) in {"Cc", "Zl", "Zp"} or c == "\u202e" for c in keywords)


@pytest.mark.parametrize("given", ["高质量，电影感、4K\u3000细节", "कि\u200dया", "می\u200cخواهم", "🧑\u200d🚀, 4k"])
def test_quality_keywords_of_any_script_stay_as_they_are(given: str) -> None:
    assert JobRequest(prompt="x", quality_keywords=given).quality_keywords == given


@pytest.mark.parametrize("given", ["2026-01-31T18:00:00Z", "2026-01-31t18:00z", "2026-01-31 18:00:00.123456789+08:00"])
def test_a_deadline_is_a_time_with_its_zone(given: str) -> None:
    assert JobRequest.model_validate({"prompt": "x", "deadline": given}).deadline is not None
