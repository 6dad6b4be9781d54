"""A text that was broken off is closed after its last whole scene; where these are too few, the job has failed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scriptqueue.schemas import JobRequest, Sampling, Scene
from shared.board.break_down import with_shots_counted
from shared.board.timing import durations
from shared.errors import ExecutionTimeout
from shared.store.executions import Claim
from worker.attempt import Attempt
from worker.backend.backend import Completion
from worker.backend.late import closed_late
from worker.backend.storyboard import make_storyboard
from worker.backend.stub import StubBackend, stub_text
from worker.script.complete import complete_scenes, cut_after_scenes
from worker.script.output import parse, validate

CAST = {"characters": [{"id": "a", "name": "A", "look": "red"}], "fields": ["dialogue"]}
SCRIPT = "清晨，面馆刚刚开门，门口的灯还亮着。\n\n老板端出第一碗面，热气往上升。\n\n客人坐下来，慢慢地吃。"


@pytest.mark.parametrize(
    ("text", "scenes"),
    [
        ("", 0),
        ('{"title":"a', 0),
        ('{"title":"a","scenes":[', 0),
        ('{"title":"a","scenes":[{"description":"{x}]', 0),
        ('{"title":"a","scenes":[{"description":"{x}]\\"}"}', 1),
        ('{"title":"a","scenes":[{"a":1},', 1),
        ('{"title":"a","scenes":[{"a":[{"b":"c"}]},{"a":[{"b":"d"}', 1),
        ('{"title":"a","characters":{"x":{"name":"n","look":"l"}},"scenes":[{"a":1},{"a":2},{"a":"', 2),
        ('{"title":"a","scenes":[{"a":1},{"a":2}]}', 2),
    ],
)
def test_a_torso_is_cut_after_its_last_whole_scene(text: str, scenes: int) -> None:
    closed, count = cut_after_scenes(text)

    assert count == scenes
    assert len(json.loads(closed)["scenes"] if closed else []) == scenes


def torso(request: JobRequest, whole: int) -> str:
    """With so many whole scenes, broken off in the next."""
    text = stub_text(request, whole + 1)
    return text[: text.rindex('"action"') + 12]


@pytest.mark.parametrize(
    ("options", "whole", "closes"),
    [
        ({}, 3, True),
        ({}, 2, False),
        ({"min_scenes": 1}, 1, True),
        ({"min_scenes": 1}, 0, False),
        ({"target_duration_s": 20}, 3, False),
        (CAST, 3, True),
        ({"mode": "break_down", "prompt": SCRIPT}, 2, False),
    ],
    ids=["enough", "too few", "one", "none", "seconds to meet", "a cast", "a script"],
)
def test_it_is_closed_where_its_scenes_make_a_board(options: dict[str, Any], whole: int, closes: bool) -> None:
    request = with_shots_counted(JobRequest(**{"prompt": "雨中的猫", "execution_timeout_s": 90, **options}))
    broken_off = Completion(torso(request, whole), "timeout", 10, 20, ("a note",))

    if not closes:
        least = len(durations(request) or ()) or request.min_scenes
        with pytest.raises(
            ExecutionTimeout, match=f"not finished within 90 s: {whole} of at least {least} scenes; retry"
        ):
            closed_late(broken_off, request, ())
        return
    closed = closed_late(broken_off, request, ())
    board, _ = validate(parse(closed.text), request)

    assert (closed.ended, len(board.scenes), closed.notes[0], closed.hurried) == ("complete", whole, "a note", True)
    assert closed.notes[1] == (
        f"closed early: the 90 s that it may run were over, and what came after scene {whole} was left out"
    )


@pytest.mark.parametrize("text", ["", '{"title":"雨', torso(JobRequest(prompt="雨中的猫"), 2)])
def test_the_scenes_of_an_earlier_attempt_suffice(text: str) -> None:
    request = JobRequest(prompt="雨中的猫")
    published: tuple[Scene, ...] = complete_scenes(stub_text(request, 3), request)

    closed = closed_late(Completion(text, "timeout", 0, 0), request, published)
    board, _ = validate(parse(closed.text), request, published)

    assert board.scenes == published


def test_the_last_report_has_the_scenes_that_no_heartbeat_was_in_time_for() -> None:
    stub: Any = {"seconds": 0.8, "scenes": 8}
    request = JobRequest(
        prompt="雨中的猫", execution_timeout_s=0.25, metadata={"stub": stub}, sampling=Sampling(seed=1)
    )
    attempt = Attempt(Claim("job", "token", request, attempt=1, queued_s=0))

    with pytest.raises(ExecutionTimeout, match="2 of at least 3"):
        make_storyboard(attempt, StubBackend(slots=1))

    assert attempt.report().scenes == ()
    assert len(attempt.report(last=True).scenes) == 2
