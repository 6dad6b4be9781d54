"""What a worker writes before it says that it is ready."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from scriptqueue.schemas import MIN_TOKENS_A_SCENE
from shared.errors import EngineBroken, ModelUnavailable
from shared.settings import Settings
from tests.integration.engine.conftest import engine_of
from tests.integration.worker.processes import until
from worker.backend.model import ModelBackend

if TYPE_CHECKING:
    from models.load import LoadedModel

MAX_PROOF_STEPS = 12  # a prompt's, a few characters' (each of up to four bytes), and what ends the text


def test_a_warm_up_writes_in_both_languages_and_leaves_the_batch_empty(tiny_model: Any, loaded: LoadedModel) -> None:
    engine = engine_of(tiny_model, loaded)
    backend = ModelBackend(replace(loaded, model=tiny_model), engine)

    backend.warm_up()

    assert engine.tokens > 2 * MIN_TOKENS_A_SCENE
    assert engine.steps < engine.tokens  # side by side, not one after the other
    until(lambda: engine.busy == 0, what="the batch is empty")
    backend.close()


def test_a_model_that_cannot_write_at_all_is_told_before_the_worker_is_ready(
    tiny_model: Any, loaded: LoadedModel
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    model = copy(tiny_model)
    model.forward = broken
    backend = ModelBackend(replace(loaded, model=model), engine_of(model, loaded))

    with pytest.raises(EngineBroken, match="illegal memory access"):  # which another start may not meet
        backend.prove()


def test_a_proof_is_a_few_tokens(tiny_model: Any, loaded: LoadedModel) -> None:
    engine = engine_of(tiny_model, loaded)
    backend = ModelBackend(replace(loaded, model=tiny_model), engine)

    backend.prove()

    assert 0 < engine.steps <= MAX_PROOF_STEPS
    backend.close()


def test_a_model_without_room_for_a_proof_is_unavailable(tiny_model: Any, loaded: LoadedModel) -> None:
    backend = ModelBackend(replace(loaded, model=tiny_model), engine_of(tiny_model, loaded, context_tokens=64))

    with pytest.raises(ModelUnavailable, match=r"wrote nothing.*context of 64"):
        backend.prove()

    backend.close()


def test_an_engine_that_ends_before_its_proof_is_unavailable(tiny_model: Any, loaded: LoadedModel) -> None:
    engine = engine_of(tiny_model, loaded)
    backend = ModelBackend(replace(loaded, model=tiny_model), engine)
    engine.stop()

    with pytest.raises(EngineBroken):
        backend.prove()


def test_graphs_without_a_gpu_are_refused_before_a_model_is_loaded() -> None:
    settings = Settings(model={"name": "no such model", "device": "cpu", "cuda_graphs": True})

    with pytest.raises(ModelUnavailable, match="MODEL__CUDA_GRAPHS needs a GPU"):
        ModelBackend.load(settings)
