"""Which batching serves a model: the engine's own loop where it can, else transformers', with a reason."""

from __future__ import annotations

import copy
import logging
from typing import Any

import pytest

from shared.errors import ModelUnavailable
from shared.settings import ModelSettings
from tests.integration.engine.conftest import MakeRequest, engine_of, together
from worker.backend.make_engine import _batching
from worker.engine import serving
from worker.engine.attention import NAME, one_by_one
from worker.engine.batch import BatchEngine
from worker.engine.serving import Batching


@pytest.fixture
def model(tiny_model: Any) -> Any:
    return copy.deepcopy(tiny_model)


@pytest.fixture
def on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The decision alone: everything else stays on the CPU."""
    monkeypatch.setattr(serving, "_is_for_the_loop", lambda model: True)


def how_of(engine: BatchEngine) -> str:
    return f"{engine.batching}, {engine.attention}"


def another_activation(model: Any) -> None:
    model.config.hidden_act = "gelu"


def scores_of_another(model: Any) -> None:
    """As a family would that scales them, and a loop that does not know it."""
    model.lm_head.register_forward_hook(lambda _, __, scores: scores * 1.5)


@pytest.mark.parametrize(
    ("batching", "how"),
    [("auto", "transformers, sdpa"), ("transformers", "transformers, sdpa"), ("loop", "loop, torch")],
)
def test_an_engine_says_what_runs(model: Any, loaded: Any, batching: Batching, how: str) -> None:
    engine = engine_of(model, loaded, batching=batching)
    engine.stop()

    assert how_of(engine) == how


@pytest.mark.usefixtures("on_a_gpu")
@pytest.mark.parametrize(
    ("change", "reason"),
    [(another_activation, "its activation is gelu"), (scores_of_another, "its scores differ from the model's")],
)
def test_a_model_that_the_loop_gets_wrong_is_served_by_transformers_batching(
    model: Any, loaded: Any, ask: MakeRequest, caplog: pytest.LogCaptureFixture, change: Any, reason: str
) -> None:
    change(model)
    with caplog.at_level(logging.INFO):
        engine = engine_of(model, loaded)
        output = engine.submit(ask(max_new_tokens=60)).wait()
        engine.stop()

    assert output.finish == "closed_early"
    assert how_of(engine).startswith("transformers, ")
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert [reason in line and "transformers' batching serves" in line for line in warnings] == [True]
    assert f"batching by {engine.batching}, attention by {engine.attention}" in caplog.messages


@pytest.mark.usefixtures("on_a_gpu")
def test_a_model_that_the_loop_knows_is_served_by_it(model: Any, loaded: Any, ask: MakeRequest) -> None:
    engine = engine_of(model, loaded)
    engine.submit(ask(max_new_tokens=60)).wait()
    engine.stop()

    assert how_of(engine) == "loop, torch"


def test_the_loop_by_name_is_refused_for_a_model_that_it_does_not_know(model: Any, loaded: Any) -> None:
    another_activation(model)

    with pytest.raises(ModelUnavailable, match="MODEL__BATCHING=loop does not know this model: its activation is gelu"):
        engine_of(model, loaded, batching="loop")


def test_a_loop_after_an_engine_with_a_kernel_is_proved_by_the_models_own_attention(
    tiny: BatchEngine, model: Any, loaded: Any, ask: MakeRequest
) -> None:
    engine_of(model, loaded, varlen=one_by_one).stop()
    assert model.config._attn_implementation == NAME

    engine = engine_of(model, loaded, batching="loop")
    texts = together(engine, [ask(max_new_tokens=60)])
    engine.stop()

    assert texts == together(tiny, [ask(max_new_tokens=60)])


@pytest.mark.parametrize(
    ("named", "batching"),
    [
        ({}, "auto"),
        ({"attention": "sdpa"}, "transformers"),
        ({"attention": "flash_attention_2"}, "transformers"),
        ({"attention": "sdpa", "batching": "loop"}, "loop"),
        ({"batching": "transformers"}, "transformers"),
    ],
)
def test_an_attention_by_name_asks_for_the_batching_that_has_it(named: dict[str, Any], batching: Batching) -> None:
    assert _batching(ModelSettings(**named)) == batching
