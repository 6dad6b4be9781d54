"""Twenty real rewrites by the embedded model: what stays stays, and only what is written is sampled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from scriptqueue.schemas import Base, JobRequest
from shared.board.rebase import Origin, Rebased, rebased, standing
from shared.board.repeats import repeats
from tests.integration.engine.conftest import engine_of
from tests.integration.engine.test_takes_by_a_model import ELSEWHERE, count_by_scene, elsewhere, start
from tests.takes import Take, read_take
from worker.backend.backend import Prefix
from worker.backend.model import ModelBackend
from worker.script.output import parse, validate

if TYPE_CHECKING:
    from models.load import LoadedModel

pytestmark = pytest.mark.slow
JOB = "0f8b3c52-6f0e-4d0a-9f5e-3f1b8a6f2f10"
PROMPTS = ("雨中的猫", "A lighthouse keeper finds a message in a bottle")
NOTES = ("换成夜里的雪天", "at night, in the snow")
TAKES = [
    (prompt, numbers, note)
    for prompt, note in zip(PROMPTS, NOTES, strict=True)
    for numbers in ([1], [2], [3], [4], [5], [2, 4], [1, 5], [3], [5, 6], [4])
]


@pytest.fixture(scope="module")
def backend(embedded: LoadedModel) -> Iterator[ModelBackend]:
    backend = ModelBackend(embedded, engine_of(embedded.model, embedded))
    yield backend
    backend.close()


def write(backend: ModelBackend, request: JobRequest) -> str:
    return backend.start(request, seed=3, time_left_s=600, begun=Prefix(), on_scene=lambda: None).wait().text


@pytest.fixture(scope="module")
def origins(backend: ModelBackend) -> dict[str, Origin]:
    made = {}
    for prompt in PROMPTS:
        request = JobRequest(prompt=prompt, min_scenes=5, max_scenes=5)
        board, _ = validate(parse(write(backend, request)), request)
        made[prompt] = Origin(request, board)
    return made


@pytest.mark.parametrize(("prompt", "numbers", "note"), TAKES)
def test_a_real_rewrite(
    backend: ModelBackend,
    origins: dict[str, Origin],
    monkeypatch: pytest.MonkeyPatch,
    prompt: str,
    numbers: list[int],
    note: str,
) -> None:
    origin, value = origins[prompt], {"base": {"job": JOB}, "rewrite": numbers, "note": note}
    found = rebased(value, Base.model_validate(value["base"]), origin)
    assert isinstance(found, Rebased)
    request = standing(JobRequest.model_validate(found.values))
    assert isinstance(request, JobRequest)
    kept = {place: scene for place, scene in enumerate(origin.board.scenes) if place + 1 not in numbers}
    take, counted = Take(request, kept, origin.board.title), count_by_scene(monkeypatch)

    board = read_take(take, start(backend, take).wait().text)

    sampled = sum(counted.values())
    print(f"{numbers}: {sampled} sampled, {elsewhere(take, counted)} elsewhere; {len(repeats(board))} repeat")
    for number in numbers:
        scene = board.scenes[number - 1]
        print(f"  {number}: {scene.description} / {scene.action}")
    assert elsewhere(take, counted) <= ELSEWHERE * sampled
