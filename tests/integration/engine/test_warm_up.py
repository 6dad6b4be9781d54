"""What a worker on a GPU writes before it says that it is ready."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from scriptqueue.schemas import MIN_TOKENS_A_SCENE
from shared.errors import ModelUnavailable
from shared.settings import Settings
from tests.integration.engine.conftest import engine_of
from tests.integration.worker.processes import until
from worker.backend.model import ModelBackend

if TYPE_CHECKING:
    from models.load import LoadedModel


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

    with pytest.raises(ModelUnavailable, match="wrote nothing"):
        backend.warm_up()


def test_graphs_without_a_gpu_are_refused_before_a_model_is_loaded() -> None:
    settings = Settings(model={"name": "no such model", "device": "cpu", "cuda_graphs": True})

    with pytest.raises(ModelUnavailable, match="MODEL__CUDA_GRAPHS needs a GPU"):
        ModelBackend.load(settings)
