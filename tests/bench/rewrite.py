"""Seconds to the first token of a rewrite against those of a fresh job with as many tokens before it, least of three in
turns, by the model as a worker serves it.

What a rewrite has before it are its prompt and the scenes that stay before the first one that it writes; a fresh job
has as long a prompt instead. The template's pages are there for both, and no idea comes twice.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator
from itertools import count, product

from models.catalogue import QWEN_CODER
from scriptqueue.schemas import Base, JobRequest
from shared.board.rebase import Origin, Rebased, rebased, standing
from shared.settings import Settings
from tests.bench.report import Figure, write
from worker.backend.backend import Prefix
from worker.backend.generation import ModelGeneration
from worker.backend.model import ModelBackend
from worker.engine.text import Text
from worker.script.output import validate

JOB = "0f8b3c52-6f0e-4d0a-9f5e-3f1b8a6f2f10"
SCENES = 6
BOARDS = {  # of a usual length: an idea, a scene's description and action, a note
    "一只猫在雨夜里找到一家书店": (
        "雨夜的小巷里，一只橘猫抖落身上的水珠，抬头看见书店橱窗里暖黄色的灯光，慢慢走近。",
        "橘猫用爪子轻轻推门，探头向里张望。",
        "换成夜里的雪天",
    ),
    "A lighthouse keeper finds a message in a bottle": (
        "The old keeper kneels on the wet rocks below the lighthouse and pulls a green bottle out of the foam while "
        "the lamp turns above him and the sea grows dark.",
        "He wipes the glass with his sleeve and holds it against the light.",
        "at night, in the snow",
    ),
}
REWRITTEN = {"first": 1, "middle": 3, "last": SCENES}
ROUNDS = 3


def figures(model: str = QWEN_CODER.name) -> dict[str, Figure]:
    backend = ModelBackend.load(Settings(model={"name": model}, worker={"max_batch": 8}))
    origins, numbers = {idea: _origin(idea) for idea in BOARDS}, count(1)
    times: dict[tuple[str, str], tuple[list[float], list[float]]] = {}
    for idea, origin in origins.items():
        _first_token_s(backend, _take(origin, idea, 1))  # its language's template is there from then on
        for (place, scene), _ in product(REWRITTEN.items(), range(ROUNDS)):
            take = _take(origin, f"{next(numbers)} {idea}", scene)
            fresh = _as_long(backend, f"{next(numbers)} {idea}", _tokens_before(backend, take))
            seconds = times.setdefault((place, idea), ([], []))
            seconds[0].append(_first_token_s(backend, take))
            seconds[1].append(_first_token_s(backend, fresh))
            print(f"{place}: {seconds[0][-1]:.3f} s, {seconds[1][-1]:.3f}", file=sys.stderr, flush=True)
    backend.close()
    return {
        f"rewrite_first_token_{place}": _figure(place, [times[place, idea] for idea in origins]) for place in REWRITTEN
    }


def _figure(place: str, times: list[tuple[list[float], list[float]]]) -> Figure:
    value, baseline = (statistics.fmean(min(seconds[side]) for seconds in times) * 1000 for side in (0, 1))
    meaning = f"to the first token when the {place} of {SCENES} scenes is rewritten, against a fresh job as long"
    return Figure(value, "ms", baseline, value / baseline, meaning)


def _start(backend: ModelBackend, request: JobRequest) -> ModelGeneration:
    return backend.start(request, seed=1, time_left_s=600, begun=Prefix(), on_scene=lambda: None)


def _origin(idea: str) -> Origin:
    description, action, _ = BOARDS[idea]
    scene = {"description": description, "duration": 4, "camera": "wide shot", "action": action}
    request = JobRequest(prompt=idea, min_scenes=SCENES, max_scenes=SCENES)
    board, _ = validate({"title": idea, "scenes": [scene] * SCENES}, request)
    return Origin(request, board)


def _take(origin: Origin, idea: str, scene: int) -> JobRequest:
    value = {"prompt": idea, "base": {"job": JOB}, "rewrite": [scene], "note": BOARDS[origin.request.prompt][2]}
    found = rebased(value, Base.model_validate(value["base"]), origin)
    assert isinstance(found, Rebased)
    request = standing(JobRequest.model_validate(found.values))
    assert isinstance(request, JobRequest)
    return request


def _tokens_before(backend: ModelBackend, request: JobRequest) -> int:
    """How many are there before the first one that is sampled."""
    wanted, every = backend._engine_request(request, 1, 600, ()), 1 << 20
    text = Text(backend._engine._vocabulary, wanted, every, force=True, force_limit=every)
    return len(wanted.prompt_ids) + len(text.tokens)


def _as_long(backend: ModelBackend, idea: str, tokens: int) -> JobRequest:
    """A fresh job whose idea goes on until so many tokens are before its first."""
    *_, request = _until(backend, idea, tokens)
    return request


def _until(backend: ModelBackend, idea: str, tokens: int) -> Iterator[JobRequest]:
    for times in count(1):
        request = JobRequest(prompt=f"{idea} " * times, min_scenes=SCENES, max_scenes=SCENES)
        if _tokens_before(backend, request) > tokens:
            return
        yield request


def _first_token_s(backend: ModelBackend, request: JobRequest) -> float:
    start = time.perf_counter()
    generation = _start(backend, request)
    while not generation.handle.snapshot().sampled_tokens:
        time.sleep(0.0005)
    seconds = time.perf_counter() - start
    generation.stop()
    generation.wait()
    return seconds


if __name__ == "__main__":
    write(figures(*sys.argv[1:]), " ".join(["python -m tests.bench.rewrite", *sys.argv[1:]]))
