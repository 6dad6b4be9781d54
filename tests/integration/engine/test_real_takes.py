"""Real rewrites by the embedded model as a worker has it, side by side: what stays stays, and only what is
written is sampled."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from models.catalogue import QWEN_CODER
from scriptqueue.further_fields import fields_named
from scriptqueue.schemas import Base, JobRequest, Sampling
from shared.board.rebase import Origin, Rebased, rebased, standing
from shared.board.repeats import repeats
from shared.settings import Settings
from tests.integration.engine.test_takes_by_a_model import ELSEWHERE, count_by_scene, elsewhere, start
from tests.takes import Take, read_take
from worker.backend.model import ModelBackend
from worker.script.output import parse, validate

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # it loads the real model, and all is written at once
JOB = "0f8b3c52-6f0e-4d0a-9f5e-3f1b8a6f2f10"
SCENES = 5
TOKENS = 80  # sampled, for each scene that is written
ORIGINS: dict[str, dict[str, Any]] = {
    "雨中的猫": {},
    "A lighthouse keeper finds a message in a bottle": {"fields": ["movement", "narration"]},
}
NOTES = ("换成夜里的雪天", "at night, in the snow")
HOLES = ([1], [2], [3], [4], [5], [2, 4], [1, 5], [1, 2, 3], [3, 6], [6, 7])  # after the fifth: appended
FEW_HOLES = HOLES[:1] + HOLES[5:6] + HOLES[-2:]


@dataclass(frozen=True)
class Written:
    """A take, its text, and how many tokens were sampled for it: in all, for scenes that were dropped, and where
    nothing is to be written."""

    take: Take
    text: str
    sampled: int
    dropped: int
    elsewhere: int


@pytest.fixture(scope="module")
def backend() -> Iterator[ModelBackend]:
    backend = ModelBackend.load(Settings(model={"name": QWEN_CODER.name}, worker={"max_batch": 8}))
    yield backend
    backend.close()


@pytest.fixture(scope="module")
def origins(backend: ModelBackend) -> dict[str, Origin]:
    """Boards of the model's own."""

    def made(prompt: str) -> Origin:
        limits: dict[str, Any] = {"min_scenes": SCENES, "max_scenes": SCENES, "sampling": Sampling(seed=11)}
        request = JobRequest(prompt=prompt, **limits, **ORIGINS[prompt])
        fields = fields_named(request.fields)
        text = start(backend, Take(request, {}, "")).wait().text
        return Origin(request, validate(parse(text, fields), request, (), fields)[0])

    with ThreadPoolExecutor(len(ORIGINS)) as pool:
        return dict(zip(ORIGINS, pool.map(made, ORIGINS), strict=True))


def take_of(origin: Origin, note: str, numbers: list[int]) -> Take:
    """Those in Chinese are to last as long as their base, and 5 s more for each scene that is appended."""
    board = origin.board
    sampling = {"max_new_tokens": TOKENS * len(numbers), "seed": 3}
    value: dict[str, Any] = {"base": {"job": JOB}, "rewrite": numbers, "note": note, "sampling": sampling}
    if not origin.request.fields:
        value["target_duration_s"] = board.total_duration + 5 * sum(number > SCENES for number in numbers)
    found = rebased(value, Base.model_validate(value["base"]), origin)
    assert isinstance(found, Rebased)
    request = standing(JobRequest.model_validate(found.values))
    assert isinstance(request, JobRequest)
    kept = {place: scene for place, scene in enumerate(board.scenes) if place + 1 not in numbers}
    return Take(request, kept, board.title)


@pytest.fixture(
    scope="module", params=[FEW_HOLES, pytest.param(HOLES, marks=pytest.mark.long)], ids=["eight", "twenty"]
)
def written(request: pytest.FixtureRequest, backend: ModelBackend, origins: dict[str, Origin]) -> list[Written]:
    takes = [
        take_of(origins[prompt], note, numbers)
        for prompt, note in zip(ORIGINS, NOTES, strict=True)
        for numbers in request.param
    ]
    with pytest.MonkeyPatch.context() as patch:
        counted = count_by_scene(patch)
        started = [start(backend, take) for take in takes]
        completions = [one.wait() for one in started]
    found = []
    for take, one, completion in zip(takes, started, completions, strict=True):
        of_take = counted[one.handle.request.prompt_ids]
        dropped = sum(draft.sampled_tokens for draft in one.handle.wait().drafts)
        found.append(Written(take, completion.text, of_take.total(), dropped, elsewhere(take, of_take)))
    return found


def test_scenes_that_stay_are_the_same_and_the_board_is_valid(written: list[Written]) -> None:
    """Byte for byte, in the text that the model's tokens make as well; lengths make the sum, and the target."""
    for one in written:
        board = read_take(one.take, one.text)
        print(f"{one.take.request.rewrite}: {one.sampled} sampled, {one.elsewhere} elsewhere; {repeats(board)}")
        for number in one.take.request.rewrite:
            print(f"  {number}: {board.scenes[number - 1].description} / {board.scenes[number - 1].action}")


def test_only_what_is_written_is_sampled(written: list[Written]) -> None:
    """Of all tokens that the model chose, at most 5 % in the title and in scenes that stay."""
    assert len({id(one.take) for one in written}) == len(written) >= len(ORIGINS) * len(FEW_HOLES)
    for one in written:
        assert one.elsewhere <= ELSEWHERE * one.sampled, one


def test_a_rewrite_costs_no_more_than_its_scenes_have(written: list[Written], backend: ModelBackend) -> None:
    """Sampled tokens, but for those of dropped scenes, against all that stand in the text of the written ones."""
    for one in written:
        scenes = parse(one.text, fields_named(one.take.request.fields))["scenes"]
        texts = [json.dumps(scenes[number - 1], ensure_ascii=False) for number in one.take.request.rewrite]
        assert one.sampled - one.dropped <= sum(map(backend._tokens, texts)), one
