"""Candidates as rows of a tiny model's batch: the first is the board alone, and their prompt is read once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from models.load import LoadedModel
from scriptqueue.schemas import JobRequest, Sampling
from shared.board.break_down import with_shots_counted
from shared.store.executions import Claim
from tests.integration.engine import tiny
from tests.integration.engine.conftest import BY_BOTH, before_each_pass, engine_of
from worker.attempt import Attempt
from worker.backend.backend import Prefix
from worker.backend.candidates import Candidates, start
from worker.backend.model import ModelBackend
from worker.backend.storyboard import make_storyboard
from worker.engine.serving import Batching

REQUEST = JobRequest(
    prompt="森林里的猫，清晨的雾慢慢散开",
    max_scenes=3,
    candidates=3,
    sampling=Sampling(temperature=1.0, max_new_tokens=70, seed=5),
)
SCRIPT = with_shots_counted(
    JobRequest(
        prompt="\n\n".join(tiny.TEXT[1:6]),
        mode="break_down",
        candidates=2,
        sampling=Sampling(temperature=1.0, max_new_tokens=200, seed=11),
    )
)


def texts_of(generation: Any) -> list[str]:
    assert isinstance(generation, Candidates)
    return [one.partial().text() for one in generation._generations]


@BY_BOTH
def test_the_first_is_the_board_alone_and_the_prompt_is_read_once(
    loaded: LoadedModel, batching: Batching, tiny_model: Any
) -> None:
    engine = engine_of(tiny_model, loaded, batching=batching, max_batch=3)
    backend = ModelBackend(replace(loaded, model=tiny_model), engine)
    read: list[int] = []
    if batching == "loop":
        before_each_pass(engine, lambda ids: read.append(len(ids)))
    begun: dict[str, Any] = {"seed": 5, "time_left_s": 300.0, "begun": Prefix(), "on_scene": lambda: None}

    together: Any = start(backend, REQUEST, **begun)
    chosen, seen = together.wait(), sum(read)
    alone = backend.start(REQUEST, **begun).wait()

    backend.close()
    texts = texts_of(together)
    assert texts[0] == alone.text
    assert len({*texts}) == 3
    assert chosen.choice.startswith("candidate ")
    assert chosen.output_tokens > 2 * alone.output_tokens
    if batching == "loop":
        prompt = len(together._generations[0].handle.request.prompt_ids)
        assert seen < prompt + chosen.output_tokens + 3 * 2 * 32  # a page and what is less than one, of each


def test_a_script_in_parts_has_candidates_too(loaded: LoadedModel, tiny_model: Any) -> None:
    engine = engine_of(tiny_model, loaded, batching="loop", context_tokens=1400, max_batch=2)
    backend = ModelBackend(replace(loaded, model=tiny_model), engine)

    outcome = make_storyboard(Attempt(Claim("job", "token", SCRIPT, 1, 0.0)), backend)

    backend.close()
    assert len(outcome.storyboard.scenes) == SCRIPT.max_scenes
    assert outcome.choice.startswith("candidate ")
    assert "".join(scene.narration or "" for scene in outcome.storyboard.scenes).startswith(tiny.TEXT[1][:5])


@pytest.mark.parametrize("rows", [1, 2])
def test_fewer_rows_than_candidates_change_no_text(loaded: LoadedModel, tiny_model: Any, rows: int) -> None:
    texts = []
    for count in (3, rows):
        engine = engine_of(tiny_model, loaded, batching="loop", max_batch=count)
        backend = ModelBackend(replace(loaded, model=tiny_model), engine)
        generation = start(backend, REQUEST, seed=5, time_left_s=300, begun=Prefix(), on_scene=lambda: None)
        generation.wait()
        texts.append(texts_of(generation))
        backend.close()

    assert texts[0] == texts[1]
