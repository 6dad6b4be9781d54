"""Rows that attend to their own texts by a kernel of their own: the same texts, and sdpa where the kernel does not fit.

torch's kernel runs on GPUs alone; here it is stood in for by the sdpa that it is held against, through the same calls.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.nn.attention.varlen import varlen_attn
from transformers import MistralConfig, MistralForCausalLM

from tests.integration.engine.conftest import PROMPTS, MakeRequest, engine_of, together
from tests.integration.engine.tiny import SIZES
from worker.engine import attention
from worker.engine.batch import BatchEngine
from worker.engine.request import SamplingParams


@pytest.fixture
def model(tiny_model: Any) -> Any:
    return copy.deepcopy(tiny_model)


def test_rows_that_attend_to_their_own_texts_write_what_masked_rows_write(
    tiny: BatchEngine, model: Any, loaded: Any, ask: MakeRequest
) -> None:
    requests = [ask(prompt, SamplingParams(1.0, 0.9, n), max_new_tokens=60) for n, prompt in enumerate(PROMPTS)]
    engine = engine_of(model, loaded, varlen=attention.one_by_one)

    texts = together(engine, requests)

    engine.stop()
    assert model.config._attn_implementation == attention.NAME
    assert texts == together(tiny, requests)
    assert (engine.batching, engine.attention) == ("transformers", attention.NAME)
    assert (tiny.batching, tiny.attention) == ("transformers", "sdpa")


def test_a_second_engine_of_the_same_model_attends_as_it_is_told(model: Any, loaded: Any, ask: MakeRequest) -> None:
    for kernel, expected in ((attention.one_by_one, attention.NAME), (None, "sdpa")):
        engine = engine_of(model, loaded, varlen=kernel)

        assert engine.submit(ask(max_new_tokens=60)).wait().finish == "closed_early"

        engine.stop()
        assert model.config._attn_implementation == expected


def test_sdpa_by_name_is_kept_and_everything_else_may_get_a_kernel() -> None:
    assert attention.kernel_of("sdpa") is None
    assert {attention.kernel_of(name) for name in ("auto", "eager", "flash_attention_2")} == {varlen_attn}


@pytest.mark.parametrize(
    ("before", "kernel", "settled"),
    [
        ("sdpa", attention.one_by_one, attention.NAME),
        ("sdpa", None, "sdpa"),
        ("eager", attention.one_by_one, "eager"),  # asked for by name
        (attention.NAME, None, "sdpa"),  # left by an engine before
    ],
)
def test_one_function_decides_which_attention_runs(
    model: Any, before: str, kernel: attention.Kernel | None, settled: str
) -> None:
    attention.adopt(model, attention.one_by_one)  # so that transformers knows the name
    model.set_attn_implementation(before)

    to_flash = attention.settle(model, kernel, lambda to_flash: to_flash)

    assert model.config._attn_implementation == settled
    assert not to_flash  # on a CPU


def test_nothing_is_computed_beside_a_kernel_that_refuses(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every CPU's start: no kernel of torch is for it."""
    computed = []
    monkeypatch.setattr(attention, "one_by_one", lambda *_, **__: computed.append(1))

    assert not attention.adopt(model, varlen_attn)
    assert computed == []


@pytest.mark.parametrize(
    ("setting", "loaded", "settled"),
    [
        ("auto", "sdpa", "flash_attention_2"),
        ("auto", attention.NAME, "flash_attention_2"),
        ("sdpa", "sdpa", "sdpa"),
        ("sdpa", attention.NAME, "sdpa"),
    ],
)
def test_on_a_gpu_with_flash_attention_only_sdpa_by_name_is_kept(setting: str, loaded: str, settled: str) -> None:
    on_gpu: Any = SimpleNamespace(
        config=SimpleNamespace(_attn_implementation=loaded),
        device=torch.device("cuda"),
        set_attn_implementation=lambda name: setattr(on_gpu.config, "_attn_implementation", name),
    )

    def manager(to_flash: bool) -> None:
        assert on_gpu.config._attn_implementation == "sdpa"  # a name that transformers' manager takes
        if to_flash:  # as it does where the package is installed
            on_gpu.set_attn_implementation("flash_attention_2")

    attention.settle(on_gpu, attention.kernel_of(setting), manager)

    assert on_gpu.config._attn_implementation == settled


def test_no_other_code_changes_a_models_attention() -> None:
    root = Path(__file__).parents[3]
    sources = [path for folder in ("models", "worker") for path in (root / folder).rglob("*.py")]

    assert [path.name for path in sources if "set_attn_implementation" in path.read_text()] == ["attention.py"]


def refuses(*_: Any, **__: Any) -> torch.Tensor:
    raise RuntimeError("FlashAttention only supports fp16 and bf16. And a long story")


def of_an_older_torch(query: Any, key: Any, value: Any, cu_q: Any, cu_k: Any, max_q: int, max_k: int) -> Any:
    return attention.one_by_one(query, key, value, cu_q, cu_k, max_q, max_k)


def without_causality(*texts: Any, **options: Any) -> torch.Tensor:
    return attention.one_by_one(*texts, **{**options, "window_size": (-1, -1)})


def aligned_at_the_first_token(
    query: Any, key: Any, value: Any, cu_q: Any, cu_k: Any, *rest: Any, **options: Any
) -> Any:
    """As kernels do that take a shorter query for the context's beginning."""
    cut = torch.cat([torch.arange(begin, begin + n) for begin, n in zip(cu_k[:-1], cu_q.diff(), strict=True)])
    return attention.one_by_one(query, key[cut], value[cut], cu_q, cu_q, *rest, **options)


@pytest.mark.parametrize("kernel", [refuses, of_an_older_torch, without_causality, aligned_at_the_first_token])
def test_a_kernel_that_refuses_or_differs_is_not_used(model: Any, kernel: Callable[..., Any]) -> None:
    assert not attention.adopt(model, kernel)
    assert model.config._attn_implementation == "sdpa"


def wrong_about_single_queries(query: Any, *texts: Any, **options: Any) -> torch.Tensor:
    """As a kernel that treats steps without prompts by itself, and gets them wrong."""
    output = attention.one_by_one(query, *texts, **options)
    return output * 1.1 if texts[4] == 1 else output


def test_a_kernel_is_tried_in_steps_without_prompts_too(model: Any) -> None:
    assert not attention.adopt(model, wrong_about_single_queries)


MISTRAL = MistralConfig(sliding_window=32, attn_implementation="sdpa", **SIZES)


@pytest.mark.parametrize(
    ("config", "windows"),
    [
        (None, {(1, (-1, -1)), (2, (-1, 0))}),  # so that torch computes the heads of a group together
        (MISTRAL, {(1, (31, 0)), (2, (31, 0))}),
    ],
)
def test_a_step_of_single_queries_has_no_window_unless_the_model_has_one(
    model: Any, loaded: Any, ask: MakeRequest, config: MistralConfig | None, windows: set[tuple[int, tuple[int, int]]]
) -> None:
    seen: set[tuple[int, tuple[int, int]]] = set()

    def noted(*texts: Any, window_size: tuple[int, int], **options: Any) -> torch.Tensor:
        seen.add((min(texts[5], 2), window_size))  # of one query, or more
        return attention.one_by_one(*texts, window_size=window_size, **options)

    if config:
        torch.manual_seed(5)
        config.vocab_size = loaded.model.config.vocab_size
        model = MistralForCausalLM(config).float().eval()
    request, texts = ask(max_new_tokens=60), []
    for kernel in (None, noted):
        engine = engine_of(model, loaded, varlen=kernel)
        texts.append(engine.submit(request).wait().token_ids)
        engine.stop()

    assert seen == windows
    assert texts[0] == texts[1]
