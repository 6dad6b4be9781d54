"""The decode loop's device part, on a CPU: its scores are the model's own, and its choice is the sampler's."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.integration.engine.native import VOCABULARY, WAYS, native
from worker.engine.decode.device import Device
from worker.engine.decode.proof import MAX_ERRORS, ProofFailed, prove
from worker.engine.decode.staging import Staged, padded_sizes
from worker.engine.decode.weights import Product, UnsupportedModel, read_weights
from worker.engine.row import NOT_FINITE
from worker.engine.sampling import CANDIDATES, choose

PAGE = 4
IDS = [(5 + 37 * place) % VOCABULARY for place in range(23)]
OTHERS = [(11 + 53 * place) % VOCABULARY for place in range(9)]


def device_of(model: Any, **more: Any) -> Device:
    sizes = {"rows": 3, "pages": 40, "page_tokens": PAGE, "table_width": 10, "vocabulary_size": VOCABULARY}
    return Device(model, **(sizes | more))


def close(actual: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def own_scores(model: Any, ids: Sequence[int]) -> torch.Tensor:
    """[tokens, vocabulary], by the model itself, before the loop has read it."""
    scores: torch.Tensor = model(torch.tensor([list(ids)])).logits[0].float()
    return scores


def read_rows(device: Device, slot: int, ids: Sequence[int], start: int) -> torch.Tensor:
    """Scores of the last of these tokens, all of them rows of one step."""
    count = len(ids)
    device.forward(ids, [0] * count, [slot] * count, range(start, start + count), [count - 1])
    return device.scores[0].clone()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("begin", [0, 2, 8, 22])
def test_scores_are_the_models_own_for_a_chunk_and_rows_after_it(way: str, begin: int) -> None:
    model = native(way)
    expected = own_scores(model, IDS)
    device = device_of(model)
    device.set_table(1, [7, 3, 39, 0, 12, 5])

    if begin:
        device.prefill(1, IDS[: begin // 2], 0)
        device.prefill(1, IDS[begin // 2 : begin], begin // 2)
    scores = read_rows(device, 1, IDS[begin:], begin)

    close(scores, expected[-1])


@pytest.mark.parametrize("way", WAYS)
def test_a_step_is_of_many_texts_and_of_rows_of_one(way: str) -> None:
    model = native(way)
    expected = own_scores(model, IDS), own_scores(model, OTHERS)
    device = device_of(model)
    device.set_table(0, [9, 1, 30, 2, 11, 6])
    device.set_table(2, [4, 8, 0])
    device.prefill(0, IDS[:20], 0)
    device.prefill(2, OTHERS[:8], 0)

    for _ in range(2):  # doing it again changes nothing
        device.forward([*IDS[20:], OTHERS[8]], [0] * 4, [0, 0, 0, 2], [20, 21, 22, 8], [3, 1, 2])

        close(device.scores[0], expected[1][8])
        close(device.scores[1:3], expected[0][21:23])


@pytest.mark.parametrize("way", WAYS)
def test_the_models_own_forward_still_works_on_the_joined_weights(way: str) -> None:
    model = native(way)
    expected, names = own_scores(model, IDS), {name: len(tensor) for name, tensor in model.named_parameters()}
    first = read_weights(model, 32)

    again = read_weights(model, 32)  # an engine after this one

    torch.testing.assert_close(own_scores(model, IDS), expected)
    assert {name: len(tensor) for name, tensor in model.named_parameters()} == names
    for one, other in zip(first.layers, again.layers, strict=True):
        assert isinstance(one.qkv, Product)
        assert isinstance(other.qkv, Product)
        assert one.qkv.weight.data_ptr() == other.qkv.weight.data_ptr()
        assert one.qkv.weight.shape == other.qkv.weight.shape
    assert isinstance(first.layers[0].qkv, Product)
    assert first.layers[0].qkv.weight.data_ptr() == model.model.layers[0].self_attn.q_proj.weight.data_ptr()
    assert isinstance(first.head, Product)
    assert (first.head.weight.data_ptr() == first.embedding.data_ptr()) == model.config.tie_word_embeddings


def test_what_is_left_of_another_text_in_a_page_is_never_seen() -> None:
    model = native("mistral with a window")
    expected = own_scores(model, OTHERS)
    device = device_of(model)
    device._pages.cache.fill_(torch.nan)
    device.set_table(0, [9, 1, 30])

    device.prefill(0, OTHERS[:3], 0)
    scores = read_rows(device, 0, OTHERS[3:], 3)

    close(scores, expected[-1])


def test_a_longer_table_of_the_text_before_needs_no_clearing() -> None:
    model = native("llama tied")
    expected = own_scores(model, OTHERS)
    device = device_of(model)
    device.set_table(0, range(10))
    read_rows(device, 0, IDS, 0)

    device.set_table(0, [20, 21, 22])
    scores = read_rows(device, 0, OTHERS, 0)

    close(scores, expected[-1])


def test_greedy_text_goes_on_from_the_devices_own_choice() -> None:
    model = native("glm")
    text = list(OTHERS)
    for _ in range(12):
        text.append(int(own_scores(model, text)[-1].argmax()))
    device = device_of(model)
    device.set_table(0, [0, 1, 2])
    device.set_table(1, [20, 21, 22, 23, 24, 25])
    device.prefill(1, OTHERS[:-1], 0)
    device.forward([3, OTHERS[-1]], [0, 0], [0, 1], [0, len(OTHERS) - 1], [0, 1])

    written = []
    for step in range(12):
        device.masks[:2] = -1
        tokens, whole = device.choose([0.0] * 2, [1.0] * 2, [0] * 2, [0] * 2).wait()
        written.append(int(tokens[1]))
        assert whole.all()
        device.forward([3, -1], [0, 1], [0, 1], [0, len(OTHERS) + step], [0, 1])

    assert written == text[len(OTHERS) :]


def scores_of(device: Device, scores: torch.Tensor) -> None:
    device.scores[: len(scores)] = scores


def test_a_choice_is_the_samplers_with_masks_and_penalties() -> None:
    rows, draw = 7, torch.Generator().manual_seed(3)
    model = native("qwen2", vocab_size=700)
    device = device_of(model, vocabulary_size=700, rows=rows)
    scores = torch.randn(rows, 700, generator=draw) * 6
    allowed = torch.rand(rows, 700, generator=draw) < 0.5
    bits = np.zeros((rows, 704), dtype=np.uint8)
    bits[:, :700] = allowed.numpy()
    temperature, top_p = [0.0, 0.3, 0.7, 1.0, 1.5, 0.9, 1e-9], [0.9, 0.9, 0.9, 0.5, 0.95, 0.0, 1.0]
    seed, position = [5, -7, 2**62, 0, 9, 11, 13], [0, 3, 2000, 5, 6, 7, 8]
    best = scores.masked_fill(~allowed, -torch.inf).argmax(dim=1).tolist()
    penalties = [(row, best[row], 40.0) for row in (0, 2, 6)]
    kept = scores.masked_fill(~allowed, -torch.inf)
    for row, token, amount in penalties:
        kept[row, token] -= amount
    numbers = [torch.tensor(values) for values in (temperature, top_p, seed, position)]
    expected = choose(kept, *numbers).tolist()

    for more in (penalties, [*penalties, *[(1, 0, 0.0)] * 200]):  # within the room for penalties, and beyond it
        for wide in ((), range(rows)):
            scores_of(device, scores)
            device.masks[:] = np.packbits(bits, axis=1, bitorder="little").view(np.int32)

            tokens, whole = device.choose(temperature, top_p, seed, position, more, wide).wait()

            assert tokens.tolist() == expected
            assert whole.all()


def test_a_penalty_is_for_one_choice() -> None:
    """What is left of it would be of a row that the next choice may lack: on a GPU that ends the process."""
    device = device_of(native("qwen2"))
    scores = -torch.arange(VOCABULARY).float().expand(3, -1)

    for rows, penalised in ((3, 3), (3, 3), (3, 0), (3, 1), (1, 0), (1, 1)):  # two buffers, in turns
        scores_of(device, scores)
        device.masks[:] = -1
        penalties = [(row, 0, 1.5) for row in range(penalised)]
        tokens, _ = device.choose([0.0] * rows, [1.0] * rows, [0] * rows, [0] * rows, penalties).wait()

        assert tokens.tolist() == [int(row < penalised) for row in range(rows)]


def test_the_host_fills_one_buffer_while_the_device_reads_the_other() -> None:
    staged = Staged((2, 3), torch.int32, torch.device("cpu"))
    target = torch.zeros((2, 3), dtype=torch.int32)
    first = staged.array

    first[:] = 5
    staged.send(target, 1)

    assert target.tolist() == [[5, 5, 5], [0, 0, 0]]
    assert not np.shares_memory(staged.array, first)
    staged.send(target, 1)
    assert np.shares_memory(staged.array, first)


def test_a_nucleus_wider_than_the_candidates_is_looked_for_again_where_it_is_wanted() -> None:
    size = 4 * CANDIDATES
    device = device_of(native("qwen2", vocab_size=size), vocabulary_size=size)
    scores = torch.randn(3, size, generator=torch.Generator().manual_seed(4)) * torch.tensor([[0.1], [9.0], [0.1]])
    drawn = ([1.0] * 3, [0.9] * 3, [1, 2, 3], [4, 5, 6])
    expected = choose(scores, *map(torch.tensor, drawn)).tolist()
    scores_of(device, scores)
    device.masks[:] = -1

    first = device.choose(*drawn)
    device.masks[:] = -1
    second = device.choose(*drawn, wide=[2, 0])

    assert first.wait()[1].tolist() == [False, True, False]
    assert first.wait()[0].tolist()[1] == expected[1]
    assert second.wait()[1].all()
    assert second.wait()[0].tolist() == expected


def test_a_row_without_finite_scores_says_so_and_goes_on_as_token_0() -> None:
    model = native("qwen2")
    expected = own_scores(model, [0])
    device = device_of(model)
    scores = torch.zeros(3, VOCABULARY)
    scores[1, 5], scores[2] = torch.nan, -torch.inf
    scores_of(device, scores)
    device.masks[:] = 1 << 4

    tokens, whole = device.choose([0.0, 1.0, 1.0], [0.9] * 3, [0] * 3, [0] * 3, wide=[1]).wait()

    assert tokens.tolist() == [4, NOT_FINITE, NOT_FINITE]
    assert whole.all()
    device.forward([-1], [1], [0], [0], [0])
    close(device.scores[0], expected[0])


@pytest.mark.parametrize(
    ("way", "dtype"),
    [*((way, torch.float32) for way in WAYS), ("glm", torch.float16), ("mistral with a window", torch.bfloat16)],
)
def test_the_loop_proves_itself(way: str, dtype: torch.dtype) -> None:
    model = native(way, initializer_range=0.1).to(dtype)

    assert prove(model, device_of(model, rows=1)) <= MAX_ERRORS[dtype]


def turned(device: Device) -> None:
    device._weights.sines.neg_()


def unscaled(device: Device) -> None:
    object.__setattr__(device._weights, "scale", 1.0)


def misplaced(device: Device) -> None:
    device._pages.table.fill_(0)
    device._slots_to_send.clear()
    device.set_table = lambda *_: None  # type: ignore[method-assign]


@pytest.mark.parametrize("broken", [turned, unscaled, misplaced])
def test_the_proof_sees_a_loop_that_computes_something_else(broken: Any) -> None:
    model = native("glm")
    device = device_of(model)
    broken(device)

    with pytest.raises(ProofFailed, match="differ from the model's by"):
        prove(model, device)


def quantised(model: Any) -> None:
    class Linear8bit(nn.Linear):
        pass

    model.model.layers[1].mlp.down_proj = Linear8bit(96, 64, bias=False)


def offloaded(model: Any) -> None:
    model.model.layers[1].to("meta")


def mixed(model: Any) -> None:
    model.lm_head.half()


def doubled(model: Any) -> None:
    model.double()


@pytest.mark.parametrize(
    ("way", "more", "change", "says"),
    [
        (
            "llama tied",
            {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}},
            None,
            "dynamic",
        ),
        ("qwen2", {"hidden_act": "gelu"}, None, "its activation is gelu"),
        ("qwen2", {}, quantised, "quantised .*Linear8bit"),
        ("glm", {}, offloaded, "spread over cpu, meta"),
        ("mistral", {}, mixed, "torch.float16, torch.float32"),
        ("mistral", {}, doubled, "torch.float64"),
    ],
)
def test_a_model_that_the_loop_does_not_know_is_named_in_one_line(way: str, more: Any, change: Any, says: str) -> None:
    model = native(way, **more)
    if change:
        change(model)

    with pytest.raises(UnsupportedModel, match=says) as raised:
        device_of(model)

    assert "\n" not in str(raised.value)


def test_another_class_is_not_known() -> None:
    with pytest.raises(UnsupportedModel, match="Module is none of GlmForCausalLM, Llama"):
        read_weights(nn.Module(), 8)


def test_graphs_need_a_gpu_and_a_vocabulary_must_be_the_models() -> None:
    model = native("qwen2")
    with pytest.raises(ValueError, match="CUDA device"):
        device_of(model, graphs=True)
    with pytest.raises(ValueError, match="a vocabulary of 5 for a model of 131"):
        device_of(model, vocabulary_size=5)
    device = device_of(model)
    with pytest.raises(ValueError, match="129 token-rows and 1 texts, of at most 128 and 3"):
        device.forward([0] * 129, [0] * 129, [0] * 129, range(129), [0])


@pytest.mark.parametrize("most", [1, 3, 8, 64, 100, 128, 129, 256, 512])
def test_padded_sizes_are_few_and_near(most: int) -> None:
    sizes = padded_sizes(most)

    assert sizes == sorted(set(sizes))
    assert sizes[0] == 1
    assert sizes[-1] >= most
    assert len(sizes) <= 24
    assert all(after <= max(2 * before, before + 16, before * 1.25) for before, after in pairwise(sizes))
