"""The engine on a real GPU: same texts, valid storyboards, and memory that is free again after it ran out.

Skipped where there is none. A tiny random model: what is asked is whether the device's paths agree, not how it writes.
"""

from __future__ import annotations

import copy
import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from models.placement import gpu_id
from tests.integration.engine.conftest import (  # noqa: F401 - fixtures
    PROMPTS,
    MakeRequest,
    ask,
    engine_of,
    loaded,
    tiny_model,
    together,
)
from worker.engine import attention
from worker.engine.batch import BatchEngine
from worker.engine.request import SamplingParams

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")


@pytest.fixture
def on_gpu(tiny_model: Any) -> Any:  # noqa: F811
    return copy.deepcopy(tiny_model).to("cuda:0")


@pytest.fixture
def engine(on_gpu: Any, loaded: Any) -> Iterator[BatchEngine]:  # noqa: F811
    engine = engine_of(on_gpu, loaded)
    yield engine
    engine.stop()


def test_a_batch_writes_in_fp32_what_each_writes_alone(engine: BatchEngine, ask: MakeRequest) -> None:  # noqa: F811
    requests = [ask(prompt, max_new_tokens=60) for prompt in PROMPTS]

    batch = together(engine, requests)

    assert batch == [engine.submit(request).wait().token_ids for request in requests]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_whatever_the_precision_every_text_is_json(on_gpu: Any, loaded: Any, ask: MakeRequest, dtype: Any) -> None:  # noqa: F811
    engine = engine_of(on_gpu.to(dtype), loaded)
    requests = [ask(prompt, SamplingParams(1.0, 0.9, seed), max_new_tokens=80) for seed, prompt in enumerate(PROMPTS)]

    texts = [engine.submit(request).wait().token_ids for request in requests]

    assert all(len(json.loads(loaded.tokenizer.decode(text))["scenes"]) >= 3 for text in texts)
    engine.stop()


@pytest.mark.skipif(bool(importlib.util.find_spec("flash_attn")), reason="flash-attn goes first where it is installed")
def test_rows_attend_by_torchs_own_kernel_in_half_precision(on_gpu: Any, loaded: Any, ask: MakeRequest) -> None:  # noqa: F811
    engine = engine_of(on_gpu.half(), loaded)

    assert engine.submit(ask(max_new_tokens=60)).wait().finish == "closed_early"

    assert on_gpu.config._attn_implementation == attention.NAME
    engine.stop()


def test_after_the_device_ran_out_of_memory_the_same_texts_are_written_and_it_is_free_again(
    on_gpu: Any,
    loaded: Any,  # noqa: F811
    ask: MakeRequest,  # noqa: F811
) -> None:
    requests = [ask(prompt, max_new_tokens=60) for prompt in PROMPTS]
    engine = engine_of(on_gpu, loaded)
    undisturbed = [engine.submit(request).wait().token_ids for request in requests]
    before = torch.cuda.memory_allocated()

    def greedy_for_memory(*_: Any) -> None:
        if engine.busy > 1:
            torch.empty(1 << 50, dtype=torch.uint8, device="cuda:0")  # a petabyte: torch's own error

    hook = on_gpu.model.embed_tokens.register_forward_pre_hook(greedy_for_memory)
    texts = together(engine, requests)
    hook.remove()

    assert texts == undisturbed
    assert torch.cuda.memory_allocated() <= before * 1.1
    engine.stop()


def nvml(what: str) -> list[str]:
    """Of each card, as NVML tells it."""
    command = ["nvidia-smi", f"--query-gpu={what}", "--format=csv,noheader,nounits"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.split()


def test_a_card_has_the_name_that_nvml_gives_it() -> None:
    assert gpu_id("cuda:0") in nvml("uuid")


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
def test_a_worker_on_the_second_card_takes_nothing_of_the_first() -> None:
    before = [int(mb) for mb in nvml("memory.used")]
    script = (
        "from shared.settings import Settings\n"
        "from worker.backend.model import ModelBackend\n"
        "ModelBackend.load(Settings(model={'name': 'embedded', 'device': 'cuda:1'})).warm_up()\n"
        "print('warm', flush=True); input()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"warm\n"
        taken = [int(mb) - was for mb, was in zip(nvml("memory.used"), before, strict=True)]
        process.kill()

    assert taken[1] > 900  # the weights alone
    assert taken[0] < 50  # not even a context
