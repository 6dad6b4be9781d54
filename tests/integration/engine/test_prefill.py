"""How prompts enter the batch: in pieces beside the running rows, and the template's prefix only once.

Counted in tokens of each forward pass, which is what a step costs.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from threading import Event
from typing import Any

import pytest

from tests.integration.engine.conftest import MakeRequest, engine_of
from worker.engine.batch import BatchEngine
from worker.engine.handle import Handle


class Steps:
    """The tokens of each forward pass, and how many tokens a watched text had sampled before it."""

    def __init__(self) -> None:
        self.tokens: list[int] = []
        self.sampled: list[int] = []
        self.watched: Handle | None = None

    def note(self, _: Any, __: Any, inputs: dict[str, Any]) -> None:
        self.tokens.append(inputs["input_ids"].shape[1])
        self.sampled.append(self.watched.snapshot().sampled_tokens if self.watched else 0)


@pytest.fixture
def steps(tiny_model: Any) -> Iterator[Steps]:
    steps = Steps()
    hook = tiny_model.register_forward_pre_hook(steps.note, with_kwargs=True)
    yield steps
    hook.remove()


@pytest.fixture
def engine(tiny_model: Any, loaded: Any) -> Iterator[BatchEngine]:
    engine = engine_of(tiny_model, loaded, max_batch=2)
    yield engine
    engine.stop()


def begun(generation: Handle) -> Handle:
    while not generation.snapshot().sampled_tokens:
        Event().wait(0.002)
    return generation


def test_a_long_prompt_never_stalls_what_runs(engine: BatchEngine, steps: Steps, ask: MakeRequest) -> None:
    steps.watched = begun(engine.submit(ask(max_new_tokens=400, min_scenes=20, max_scenes=20)))
    request, first = ask("很长的故事，" * 666, max_new_tokens=60), len(steps.tokens)

    late = begun(engine.submit(request))
    tokens, sampled = steps.tokens[first:], steps.sampled[first:]
    for generation in (steps.watched, late):
        generation.stop()
        generation.wait()

    pieces = [count for count in tokens if count > 400]
    assert len(request.prompt_ids) > 1500
    assert len(pieces) >= 2
    assert max(tokens) <= 2 * 64 + 512
    gained = [after - before for before, after in pairwise(sampled)]
    assert set(gained) == {1}  # a token a step, whatever is prefilled beside it


def test_the_templates_prefix_is_prefilled_once(engine: BatchEngine, steps: Steps, ask: MakeRequest) -> None:
    prefilled, whole = [], []
    for prompt in ("森林里的猫", "海边的老人", "月球上的树"):
        request, first = ask(prompt, max_new_tokens=60), len(steps.tokens)
        generation = begun(engine.submit(request))
        generation.stop()
        generation.wait()
        prefilled.append(steps.tokens[first])
        whole.append(len(request.prompt_ids))

    assert prefilled[0] >= whole[0]
    assert prefilled[1] < whole[1] / 2
    assert prefilled[2] < whole[2] / 2
