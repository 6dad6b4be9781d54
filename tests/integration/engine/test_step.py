"""A step's forward pass, however it is run and in whatever precision, gives what transformers gives by itself."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from tests.integration.engine.conftest import PROMPTS, MakeRequest, batch_of, engine_of, together
from worker.engine.batch import BatchEngine
from worker.engine.request import SamplingParams

DEVICE = "cuda:0" if torch.cuda.is_available() else "cpu"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch's compiler about torch itself
@pytest.mark.parametrize(
    "options",
    [
        {"compiled": True},
        pytest.param({"graphs": True}, marks=pytest.mark.skipif(DEVICE == "cpu", reason="needs an NVIDIA GPU")),
    ],
)
def test_captured_or_compiled_steps_write_the_same_texts(
    tiny: BatchEngine, tiny_model: Any, loaded: Any, ask: MakeRequest, options: dict[str, bool]
) -> None:
    requests = [ask(prompt, SamplingParams(1.0, 0.9, n), max_new_tokens=60) for n, prompt in enumerate(PROMPTS)]
    # On a CPU all of it but the C++ compiler, which takes two minutes: steps are padded, and warmed up.
    with torch.compiler.set_stance("force_eager" if DEVICE == "cpu" else "default"):
        engine = engine_of(copy.deepcopy(tiny_model).to(DEVICE), loaded, max_batch=4, **options)
        texts = together(engine, requests)
        engine.stop()

    assert texts == together(tiny, requests)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_logits_in_half_precision_are_as_near_to_fp32_as_transformers_own(
    tiny_model: Any, loaded: Any, ask: MakeRequest, dtype: torch.dtype
) -> None:
    half = copy.deepcopy(tiny_model).to(DEVICE, dtype)
    engine = engine_of(copy.deepcopy(half), loaded)
    seen: dict[int, torch.Tensor] = {}  # by the place in the text: forced tokens are in it and were not asked for
    choice = batch_of(engine).choice
    plain = choice.mask

    def noted(scores: torch.Tensor) -> torch.Tensor:
        (row,) = choice._rows
        seen[len(request.prompt_ids) + len(row.text.tokens) - 1] = scores[0].cpu().clone()
        return plain(scores)

    choice.mask = noted  # type: ignore[method-assign]
    request = ask(max_new_tokens=60)

    text = engine.submit(request).wait().token_ids

    engine.stop()
    ids, places = torch.tensor([[*request.prompt_ids, *text]]), list(seen)
    with torch.no_grad():
        exact = tiny_model(ids).logits[0, places]
        own = half(ids.to(DEVICE)).logits[0, places].float().cpu()
    assert len(places) > 20
    assert 0 < _error(torch.stack(list(seen.values())), exact) <= 1.5 * _error(own, exact)


def _error(logits: torch.Tensor, exact: torch.Tensor) -> float:
    return float((logits - exact).norm() / exact.norm())
