"""A model of any family loads with 8-bit weights on a CPU, stays near itself, and is quantised once."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch

from models.int8 import Kernel8, exact, kernel8_here
from models.int8_file import HOME
from models.load import load
from tests.integration.models.conftest import CONFIGS, Write, random_weights
from tests.integration.models.tiny import write_llama

IDS = torch.arange(3, 43)[None]
KERNELS: list[Kernel8] = ["onednn", "fbgemm"]


@torch.no_grad()
def scores(loaded: Any) -> torch.Tensor:
    logits: torch.Tensor = loaded.model(IDS).logits[0].float()
    return logits


def load8(folder: Path, kernel: Kernel8 | None, bits: Any = "auto") -> Any:
    return load(
        folder,
        dtype="auto",
        weight_bits=bits,
        device="cpu",
        cache_dir=folder.parent / "cache",
        kernel=lambda: kernel,
    )


def made(folder: Path) -> list[Path]:
    return [*(folder.parent / "cache" / HOME).glob("*.safetensors")]


@pytest.mark.skipif(kernel8_here() is None, reason="this processor has no quick products with 8 bits")
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("family", [*CONFIGS, "llama"])
def test_a_family_is_near_itself(family: str, kernel: Kernel8, write: Write, tmp_path: Path) -> None:
    if not exact(kernel):
        pytest.skip("this processor's products of digits are not exact")
    if family == "llama":
        folder = write_llama(tmp_path / "llama")
    else:
        config = CONFIGS[family]
        folder = write(config, {name: value.bfloat16() for name, value in random_weights(config).items()})
    expected = scores(load(folder, dtype="fp32", device="cpu")).log_softmax(dim=-1)

    first = load8(folder, kernel)
    found = scores(first).log_softmax(dim=-1)
    second = scores(load8(folder, kernel)).log_softmax(dim=-1)

    assert (first.weight_bits, first.dtype) == (8, "fp32")
    assert float((expected.exp() * (expected - found)).sum(dim=-1).mean()) < 2e-3
    assert torch.equal(found, second)
    assert len(made(folder)) == 1


@pytest.mark.parametrize(("bits", "held"), [("auto", 16), (16, 16)])
def test_without_a_quick_kernel_weights_stay_at_16_bits(
    bits: Any, held: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    loaded = load8(write_llama(tmp_path / "llama"), None, bits)

    assert loaded.weight_bits == held
    assert ("this processor has no quick products with 8" in caplog.text) is (bits == "auto")
    assert not made(tmp_path / "llama")


def spoilt(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def overwritten(file: Path) -> None:
    file.write_bytes(b"\xff" * file.stat().st_size)


def removed(file: Path) -> None:
    file.unlink()


@pytest.mark.skipif(kernel8_here() is None, reason="this processor has no quick products with 8 bits")
@pytest.mark.parametrize("harm", [spoilt, emptied, overwritten, removed])
def test_a_spoilt_file_is_made_again(harm: Any, tmp_path: Path) -> None:
    folder = write_llama(tmp_path / "llama")
    expected = scores(load8(folder, "fbgemm"))
    harm(made(folder)[0])

    assert torch.equal(scores(load8(folder, "fbgemm")), expected)
    assert len(made(folder)) == 1


@pytest.mark.skipif(kernel8_here() is None, reason="this processor has no quick products with 8 bits")
def test_other_weights_in_the_same_folder_are_quantised_anew(tmp_path: Path) -> None:
    folder = write_llama(tmp_path / "llama")
    before = scores(load8(folder, "fbgemm"))
    file = folder / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-40_000:] = content[-80_000:-40_000]
    file.write_bytes(content)

    after = scores(load8(folder, "fbgemm"))

    assert not torch.equal(before, after)
    assert len(made(folder)) == 1


@pytest.mark.skipif(kernel8_here() is None, reason="this processor has no quick products with 8 bits")
def test_where_nothing_can_be_kept_they_are_made_in_memory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = write_llama(tmp_path / "llama")
    expected = scores(load8(folder, "fbgemm"))
    other = tmp_path / "other"
    other.mkdir()
    moved = folder.rename(other / "llama")
    (other / "cache").write_text("no folder")

    assert torch.equal(scores(load8(moved, "fbgemm")), expected)
    assert "cannot be kept" in caplog.text
