"""Several texts of one job: written side by side, one chosen, whatever becomes of the others."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event
from typing import Any

import pytest
from pydantic import ValidationError

from scriptqueue.schemas import JobRequest, Sampling, Source
from shared.errors import EngineBroken, ExecutionTimeout, NotFinite, OutputInvalid
from shared.eta import cost_of
from shared.store.dedup_key import dedup_key
from shared.store.entry import fingerprint
from shared.store.executions import Claim
from worker.attempt import Attempt
from worker.backend.backend import Completion, Prefix
from worker.backend.storyboard import Stopped, StoryboardOutcome, make_storyboard
from worker.backend.stub import StubBackend, StubGeneration

SCENE = {"duration": 5, "camera": "wide shot", "action": "散开"}
CAMERAS = ("wide shot", "close up", "medium shot")
SHOWN = ("清晨的雾里走来一只猫", "石阶上积着水", "邮差推着自行车")


def text(*shown: str) -> str:
    scenes = [
        {"scene_number": number, **SCENE, "description": one, "camera": CAMERAS[number % 3]}
        for number, one in enumerate(shown, 1)
    ]
    return json.dumps({"title": "雾", "scenes": scenes}, ensure_ascii=False)


GOOD, REPEATS, SHORT = text(*SHOWN), text(SHOWN[0], SHOWN[1], SHOWN[0]), text(*SHOWN[:2])
Ending = Completion | BaseException


def ends(written: str, ended: Any = "complete", **more: Any) -> Completion:
    return Completion(written, ended, 10, 20, **more)


class Chorus(StubBackend):
    """A backend whose texts end so, one for each that is begun."""

    source: Source = "model"

    def __init__(self, *endings: Ending, after: Event | None = None) -> None:
        super().__init__(slots=4)
        self.seeds: list[int] = []
        self.begun: list[StubGeneration] = []
        self._endings = [*endings]
        self._after = after

    def start(
        self, request: JobRequest, *, seed: int, time_left_s: float, begun: Prefix, on_scene: Callable[[], None]
    ) -> StubGeneration:
        generation = super().start(request, seed=seed, time_left_s=time_left_s, begun=begun, on_scene=on_scene)
        ending = self._endings.pop(0)

        def wait() -> Completion:
            if self._after:
                assert self._after.wait(10)
            if isinstance(ending, BaseException):
                raise ending
            return replace(ending, ended="stopped") if generation._stop.is_set() else ending

        generation.wait = wait  # type: ignore[method-assign]
        self.seeds.append(seed)
        self.begun.append(generation)
        return generation


def request_of(count: int, **options: Any) -> JobRequest:
    sampling = Sampling(seed=7)
    return JobRequest.model_validate({"prompt": "雾", "candidates": count, "sampling": sampling, **options})


def attempt_of(request: JobRequest) -> Attempt:
    return Attempt(Claim("job", "token", request, attempt=1, queued_s=0))


def made(*endings: Ending, **options: Any) -> StoryboardOutcome:
    return make_storyboard(attempt_of(request_of(len(endings), **options)), Chorus(*endings))


def test_the_best_is_chosen_and_the_tokens_of_all_are_counted() -> None:
    outcome = made(ends(REPEATS), ends(GOOD, notes=("its note",)), ends("nothing"), ends(REPEATS))

    assert [scene.description for scene in outcome.storyboard.scenes] == [*SHOWN]
    assert (outcome.source, outcome.repairs, outcome.output_tokens) == ("model", ("its note",), 80)
    assert outcome.choice == (
        "candidate 2 of 4 was chosen: candidate 3 has no valid board; "
        "0 scenes that repeat another (candidate 1: 1, candidate 4: 1)"
    )


def test_each_draws_by_a_seed_of_its_own_and_the_first_by_that_of_the_job() -> None:
    backend = Chorus(*[ends("nothing")] * 6)
    with pytest.raises(OutputInvalid):
        make_storyboard(attempt_of(request_of(3, allow_fallback=False)), backend)

    assert backend.seeds[0] == 7
    assert len({*backend.seeds}) == 6  # the second texts among them


def test_one_that_failed_is_not_chosen_and_all_that_did_fail_the_job() -> None:
    assert made(NotFinite(), ends(GOOD)).choice.startswith("candidate 2 of 2")
    with pytest.raises(NotFinite):
        made(NotFinite(), NotFinite())


@pytest.mark.parametrize("broken", [EngineBroken("x"), MemoryError()])
def test_what_is_no_candidates_own_fault_is_not_hidden(broken: BaseException) -> None:
    with pytest.raises(type(broken)):
        made(ends(GOOD), broken)


def test_those_whose_time_was_over_take_part_as_far_as_they_came() -> None:
    whole, closed = ends(GOOD), ends(GOOD + "{", "timeout")

    assert made(closed, whole).choice.endswith("0 early ends (candidate 1: 1)")
    outcome = made(ends(SHORT, "timeout"), closed)
    assert outcome.hurried
    assert "what came after scene 3 was left out" in outcome.repairs[0]


def test_where_no_time_sufficed_the_scenes_of_the_longest_stay() -> None:
    attempt = attempt_of(request_of(2))
    backend = Chorus(ends("", "timeout"), ends(SHORT, "timeout"))
    with pytest.raises(ExecutionTimeout, match="2 of at least 3 scenes"):
        make_storyboard(attempt, backend)

    assert attempt._generation is not None
    chosen = backend.begun[1].partial()
    assert attempt._generation.partial().text() == chosen.text()
    assert attempt._generation.partial().resume is None


def test_nothing_is_seen_before_the_choice_and_a_stop_reaches_all() -> None:
    go = Event()
    request = request_of(3, metadata={"stub": {"tokens": 90}})
    attempt, backend = attempt_of(request), Chorus(*[ends(GOOD)] * 3, after=go)
    with ThreadPoolExecutor() as threads:
        ended = threads.submit(make_storyboard, attempt, backend)
        while (seen := attempt.report()).progress.phase == "starting":
            Event().wait(0.005)
        attempt.stop("canceling")
        go.set()
        with pytest.raises(Stopped):
            ended.result(10)

    assert (seen.scenes, seen.resume) == ((), None)
    assert (seen.progress.tokens, seen.progress.scenes_done) == (270, 3)
    assert all(generation._stop.is_set() for generation in backend.begun)


def test_one_that_cannot_begin_stops_those_that_did() -> None:
    backend = Chorus(ends(GOOD))
    with pytest.raises(IndexError):
        make_storyboard(attempt_of(request_of(2)), backend)

    assert backend.begun[0]._stop.is_set()


@pytest.mark.parametrize(
    ("options", "pointer"),
    [
        ({"candidates": 0}, "candidates"),
        ({"candidates": 5}, "candidates"),
        ({"candidates": 1.5}, "candidates"),
        ({"candidates": True}, "candidates"),
        ({"candidates": 2, "sampling": {"do_sample": False}}, "candidates"),
        ({"candidates": 2, "sampling": {"temperature": 0}}, "candidates"),
    ],
)
def test_candidates_that_could_not_differ_are_refused(options: dict[str, Any], pointer: str) -> None:
    with pytest.raises(ValidationError) as caught:
        JobRequest.model_validate_json(json.dumps({"prompt": "雾", **options}))

    assert [error["loc"] for error in caught.value.errors()] == [(pointer,)]


def test_one_candidate_changes_no_request_and_several_make_another() -> None:
    plain = JobRequest(prompt="雾", sampling=Sampling(seed=7))
    one, three = (JobRequest(prompt="雾", sampling=Sampling(seed=7), candidates=count) for count in (1, 3))

    assert dedup_key(plain) == dedup_key(one) != dedup_key(three)
    assert fingerprint("job", [plain]) == fingerprint("job", [one]) != fingerprint("job", [three])
    assert cost_of(three) == 3 * cost_of(one)
    assert dedup_key(JobRequest(prompt="雾", candidates=3)) == ""  # without a seed it wants new ones
    assert dedup_key(JobRequest(prompt="雾"))
