"""Whether a model fits is known before it is loaded, and the answer names what would fit."""

from __future__ import annotations

import pytest
import torch

from models.catalogue import Parameters, find
from models.memory import fitting, needed_bytes, parameters_of, require_room
from shared.errors import ModelUnavailable

GB = 10**9
(MODEL,) = find("chatglm3-6b")
CHATGLM3 = MODEL.parameters


def test_what_stays_at_16_bits_is_found_by_name_whatever_the_layout() -> None:
    legacy = {"transformer.embedding.word_embeddings.weight": (10, 4), "transformer.encoder.x.weight": (4, 4)}
    native = {"model.embed_tokens.weight": (10, 4), "lm_head.weight": (10, 4), "model.layers.0.x.weight": (4, 4)}

    found = [
        parameters_of({name: torch.empty(shape, device="meta") for name, shape in tensors.items()})
        for tensors in (legacy, native)
    ]

    assert found == [Parameters(56, 40), Parameters(96, 80)]


@pytest.mark.parametrize(
    ("free_gb", "bits"), [(80, [16, 8, 4]), (14, [16, 8, 4]), (13, [8, 4]), (8, [8, 4]), (5, [4]), (4, [])]
)
def test_the_bits_that_fit_follow_the_free_memory(free_gb: float, bits: list[int]) -> None:
    assert fitting(CHATGLM3, int(free_gb * GB)) == bits


@pytest.mark.parametrize(
    ("free_gb", "bits", "dtype", "words"),
    [
        (12, 16, "fp16", r"needs 13.7 GB and cuda:1 has 12.0 GB free: weight_bits=8 \(7.5 GB\) or weight_bits=4"),
        (6, 8, "fp16", r"weight_bits=4 \(4.7 GB\) would fit"),
        (16, 16, "fp32", r"dtype=fp16 \(13.7 GB\) or weight_bits=8"),
        (2, 16, "fp16", "nothing smaller fits either"),
    ],
)
def test_a_model_that_does_not_fit_is_refused_naming_what_would(
    free_gb: float, bits: int, dtype: str, words: str
) -> None:
    with pytest.raises(ModelUnavailable, match=words):
        require_room(CHATGLM3, bits, dtype, int(free_gb * GB), "cuda:1")


def test_a_model_that_fits_is_let_in() -> None:
    require_room(CHATGLM3, 16, "fp16", needed_bytes(CHATGLM3, 16), "cuda:0")


def test_weights_that_are_quantised_already_are_counted_as_they_were() -> None:
    packed = {
        "model.embed_tokens.weight": torch.empty(10, 64),
        "model.layers.0.x.weight": torch.empty(32 * 64 // 2, 1, dtype=torch.uint8),
        "model.layers.0.x.weight.absmax": torch.empty(32),
        "model.layers.0.x.weight.quant_map": torch.empty(16),
        "model.layers.0.x.weight.quant_state.bitsandbytes__nf4": torch.empty(90, dtype=torch.uint8),
        "model.layers.0.x.bias": torch.empty(32),
    }
    whole = {
        "model.layers.0.x.weight": torch.empty(32, 64, dtype=torch.int8),
        "model.layers.0.x.SCB": torch.empty(32),
        "model.layers.0.x.weight_format": torch.empty((), dtype=torch.uint8),
    }

    assert parameters_of(packed) == Parameters(32 * 64 + 640 + 32, 640 + 32)
    assert parameters_of(whole) == Parameters(32 * 64, 0)


def test_weights_that_are_quantised_already_are_offered_no_other_bits() -> None:
    with pytest.raises(ModelUnavailable, match="nothing smaller fits either"):
        require_room(CHATGLM3, 8, "fp16", 6 * GB, "cuda:0", held_bits=8)
