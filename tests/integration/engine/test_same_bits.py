"""Weights of 8 bits on a CPU: a text's scores are the same bit for bit alone, in any batch, and read again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from models.cpu import cores
from models.int8 import Embedding16, Kernel8, Linear8, exact, kernel8_here, quantised8
from tests.integration.engine import tiny as tiny_language_model
from tests.integration.engine.conftest import MakeRequest, engine_of, resumed, together
from tests.integration.engine.native import VOCABULARY, native
from tests.threads import computing_with
from worker.backend.load import READ_ONCE
from worker.engine.batch import BatchEngine
from worker.engine.decode.device import Device
from worker.engine.request import GenerationRequest

TOKENS = 130
PAGE_TOKENS = 32
WAYS = ["glm", "qwen2 tied", "llama of one head a group", "llama yarn", "mistral with a window"]
LIKE_EMBEDDED = {"hidden_size": 896, "intermediate_size": 4864, "num_attention_heads": 14, "initializer_range": 0.05}
KERNELS: list[Kernel8] = ["onednn", "fbgemm"]

pytestmark = pytest.mark.skipif(kernel8_here() is None, reason="this processor has no quick products with 8 bits")


@pytest.fixture(autouse=True, scope="module")
def _all_threads() -> Iterator[None]:
    """A worker's; a test run beside another has one."""
    with computing_with(cores()):
        yield


def with_8_bits(model: Any, kernel: Kernel8) -> Any:
    if not exact(kernel):
        pytest.skip("this processor's products of digits are not exact")
    for name, module in [*model.named_modules()]:
        if type(module) is nn.Linear:
            bias = None if module.bias is None else module.bias.data
            model.set_submodule(name, Linear8(*quantised8(module.weight.data), bias, kernel))
        if type(module) is nn.Embedding:
            model.set_submodule(name, Embedding16(module.weight.data.bfloat16(), torch.float32))
    return model


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("way", [*WAYS, pytest.param("like the embedded model", marks=pytest.mark.slow)])
def test_scores_are_the_same_bits_however_a_text_is_read(way: str, kernel: Kernel8) -> None:
    model = native("qwen2", **LIKE_EMBEDDED) if way not in WAYS else native(way)
    device = Device(
        with_8_bits(model, kernel),
        rows=8,
        pages=40,
        page_tokens=PAGE_TOKENS,
        table_width=8,
        vocabulary_size=VOCABULARY,
    )
    ids = torch.randint(0, VOCABULARY, (TOKENS,), generator=torch.Generator().manual_seed(1)).tolist()
    for slot, pages in enumerate(([0, 1, 2, 3, 4], [20, 21, 22, 23, 24], [0, 1, 12, 8, 30])):
        device.set_table(slot, pages)  # the last begins with pages of the first, and has others here and there
    alone = []
    for place, token in enumerate(ids):
        device.forward([token], [0], [0], [place], [0])
        alone.append(device.scores[0].clone())

    for place in (5, 31, 32, 33, 90, TOKENS - 1):
        device.prefill(1, ids[:place], 0)  # as after a restart
        device.forward([7, ids[place], 9], [0] * 3, [3, 1, 4], [0, place, 0], [0, 1, 2])
        assert torch.equal(device.scores[1], alone[place])
    for begin in range(2 * PAGE_TOKENS, TOKENS - 7, 7):
        device.forward(ids[begin : begin + 7], [0] * 7, [2] * 7, range(begin, begin + 7), range(7))
        assert all(torch.equal(device.scores[row], alone[begin + row]) for row in range(7))


@pytest.fixture(scope="module")
def engine(loaded: Any) -> Iterator[BatchEngine]:
    kernel = kernel8_here()
    assert kernel is not None
    model = with_8_bits(tiny_language_model.model(loaded.model.config.vocab_size), kernel)
    engine = engine_of(model, loaded, max_batch=4)
    yield engine
    engine.stop()


@pytest.fixture(scope="module")
def requests(ask: MakeRequest) -> list[GenerationRequest]:
    return [ask(prompt, max_new_tokens=40) for prompt in ("雨中的猫", "a robot learns to paint", "灯塔")]


def test_the_loop_serves_them(engine: BatchEngine) -> None:
    assert (engine.batching, engine.attention) == ("loop", "torch")


def test_a_text_is_the_same_alone_in_any_batch_and_gone_on_with(
    engine: BatchEngine, requests: list[GenerationRequest]
) -> None:
    alone = [engine.submit(request).wait().token_ids for request in requests]

    assert together(engine, requests) == alone
    assert together(engine, reversed(requests)) == alone[::-1]
    begun = [resumed(request, text[: len(text) // 2]) for request, text in zip(requests, alone, strict=True)]
    assert together(engine, begun) == alone
    first = replace(requests[0], sampling=replace(requests[0].sampling, temperature=1.0, top_p=0.9))
    assert engine.submit(first).wait() == engine.submit(first).wait()


ATTENTION = """
import torch
from torch.nn.functional import scaled_dot_product_attention as attend
from shared.settings import ModelSettings
from worker.backend import load

load._model_backend(ModelSettings())
draw = torch.Generator().manual_seed(1)
for groups, heads, width in ((4, 1, 8), (2, 7, 8), (2, 7, 64), (8, 1, 64)):
    query = torch.randn(7, groups, heads, width, generator=draw)
    key, value = torch.randn(2, 1, groups, 96, width, generator=draw).expand(2, 7, groups, 96, width)
    together = attend(query, key, value)
    for row in range(7):
        part = slice(row, row + 1)
        assert torch.equal(attend(query[part], key[part], value[part])[0], together[row]), (groups, heads, width, row)
"""


def test_a_worker_attends_to_rows_together_as_to_each_alone() -> None:
    """MKL, unless told otherwise, adds up by where in memory the numbers lie on processors of other makers."""
    environment = {name: value for name, value in os.environ.items() if name not in {*READ_ONCE, "OMP_NUM_THREADS"}}

    subprocess.run([sys.executable, "-c", ATTENTION], env=environment, check=True)
