"""Scores that are no numbers are never served: the job fails, and the worker too where its model is to blame.

Such models have been reported: QwenLM/Qwen3 761 and XiaomiMiMo/MiMo-VL 8 (in fp16 every answer is a row of exclamation
marks), vllm-project/vllm 48231 (NaN logits after a fallback from bf16 to fp16).
"""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from scriptqueue.schemas import JobRequest, Sampling
from shared.errors import EngineBroken, ModelUnavailable, NotFinite
from shared.settings import Settings
from tests.integration.engine import tiny as tiny_language_model
from tests.integration.engine.conftest import BY_BOTH, MakeRequest, engine_of, together
from worker.backend.backend import Prefix
from worker.backend.model import ModelBackend
from worker.engine.serving import Batching

if TYPE_CHECKING:
    from models.load import LoadedModel

POISON = "Z"


@pytest.fixture
def poisoned(tiny_model: Any, loaded: LoadedModel) -> Any:
    """One token of it is no number; all others are as they were."""
    model = copy.deepcopy(tiny_model)
    (token,) = loaded.tokenizer.encode(POISON)
    model.get_input_embeddings().weight.data[token] = torch.nan
    return model


def backend_of(model: Any, loaded: LoadedModel, batching: Batching) -> ModelBackend:
    return ModelBackend(replace(loaded, model=model), engine_of(model, loaded, batching=batching))


def write(backend: ModelBackend, prompt: str) -> str:
    request = JobRequest(prompt=prompt, sampling=Sampling(max_new_tokens=60, temperature=0.0))
    generation = backend.start(request, seed=1, time_left_s=60, begun=Prefix((), None), on_scene=lambda: None)
    return generation.wait().text


@BY_BOTH
def test_a_job_without_finite_scores_fails_and_its_neighbours_write_on(
    poisoned: Any, loaded: LoadedModel, ask: MakeRequest, batching: Batching
) -> None:
    engine = engine_of(poisoned, loaded, batching=batching)
    healthy = [ask(prompt, max_new_tokens=60) for prompt in ("森林里的猫", "A robot learns to paint")]
    alone = [engine.submit(request).wait().token_ids for request in healthy]

    running = [engine.submit(request) for request in [healthy[0], ask(POISON, max_new_tokens=60), healthy[1]]]

    with pytest.raises(NotFinite):
        running[1].wait()
    assert [running[0].wait().token_ids, running[2].wait().token_ids] == alone
    assert together(engine, healthy) == alone  # in the pages that the poisoned text has left
    assert engine.broken is None
    engine.stop()


@BY_BOTH
def test_a_job_that_alone_is_to_blame_takes_no_worker_with_it(
    poisoned: Any, loaded: LoadedModel, batching: Batching
) -> None:
    backend = backend_of(poisoned, loaded, batching)
    backend.prove()

    with pytest.raises(NotFinite):
        write(backend, f"a cat {POISON}")

    assert write(backend, "a cat").startswith("{")
    backend.close()


@BY_BOTH
def test_a_model_that_loses_its_numbers_takes_its_worker_with_it(
    tiny_model: Any, loaded: LoadedModel, batching: Batching
) -> None:
    model = copy.deepcopy(tiny_model)
    backend = backend_of(model, loaded, batching)
    backend.prove()
    model.model.norm.weight.data[:] = torch.nan

    with pytest.raises(EngineBroken, match="not finite"):
        write(backend, "a cat")

    backend.close()


@pytest.mark.parametrize(
    "damage",
    [
        lambda model: model.model.norm.weight.data.fill_(torch.nan),
        lambda model: model.model.norm.weight.data.fill_(torch.inf),
        lambda model: model.lm_head.weight.data[3].fill_(torch.nan),  # of a token that no grammar allows, perhaps
        lambda model: model.lm_head.weight.data.fill_(-torch.inf),
        lambda model: model.model.layers[1].self_attn.v_proj.weight.data[0].fill_(torch.nan),
        lambda model: model.model.layers[0].mlp.down_proj.weight.data.mul_(1e38),  # finite, until it is multiplied
    ],
    ids=["nan norm", "infinite norm", "nan row of the head", "all scores -inf", "nan value", "overflow"],
)
def test_a_damaged_model_is_never_ready(tmp_path: Path, damage: Any) -> None:
    tiny_language_model.save(tmp_path)
    model = tiny_language_model.loaded().model
    damage(model)
    model.save_pretrained(tmp_path)
    settings = Settings(model={"path": tmp_path, "device": "cpu", "dtype": "fp32"}, worker={"max_batch": 2})

    with pytest.raises(ModelUnavailable, match="MODEL__DTYPE"):
        ModelBackend.load(settings)
