"""What a stranger's folder may hold in a file's place: refused in a line, at once, by every reader."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from models import checkpoint
from models.files import JSON_BYTES, read_json, refusals_in_one_line
from models.folder import open_folder
from models.load import load, load_tokenizer
from models.verify import verify
from shared.errors import ModelUnavailable
from shared.settings import ModelSettings
from worker.doctor import findings

CONFIG = {"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 260}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "model"
    path.mkdir()
    (path / "config.json").write_text(json.dumps(CONFIG))
    (path / "generation_config.json").write_text("{}")
    began = time.monotonic()
    yield path
    assert time.monotonic() - began < 5


def refused(folder: Path, reason: str = "") -> None:
    """By all that read a folder."""
    for read in (load, load_tokenizer):
        with pytest.raises(ModelUnavailable, match=reason) as caught:
            read(folder)
        assert "\n" not in str(caught.value)
    assert not verify(folder, lambda line: None)
    assert [finding.level for finding in findings(ModelSettings(path=folder))] == ["fault"]


def pipe(path: Path) -> None:
    os.mkfifo(path)


def listening(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # a socket's path may have only 107 characters
    try:
        with socket.socket(socket.AF_UNIX) as here_only:
            here_only.bind(path.name)
    finally:
        os.chdir(here)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def nowhere(path: Path) -> None:
    path.symlink_to("gone/blob")


STRANGE: list[Callable[[Path], None]] = [pipe, listening, device, loop, nowhere]
NAMES = [
    *("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "tokenizer.model"),
    *("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "chat_template.jinja"),
]


@pytest.mark.parametrize("make", STRANGE, ids=lambda make: make.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_file_is_refused(folder: Path, name: str, make: Callable[[Path], None]) -> None:
    (folder / name).unlink(missing_ok=True)
    make(folder / name)

    refused(folder, name.replace(".", r"\."))


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "model.safetensors.index.json"])
def test_a_directory_in_a_file_s_place_is_refused(folder: Path, name: str) -> None:
    (folder / name).unlink(missing_ok=True)
    (folder / name).mkdir()

    with pytest.raises(ModelUnavailable, match=r"a directory|IsADirectory"):
        load(folder, device="cpu")


DEEP = 100_000


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "3", "null", "{", '{"a": NaN}', '{"a": Infinity}', '{"a": 1e999}', "\xff"),
        *("[" * DEEP, '{"a":' * DEEP, '{"a": ' + "[" * DEEP + "]" * DEEP + "}", '{"a": 1' + "0" * 5000 + "}"),
    ],
    ids=str.__len__,
)
@pytest.mark.parametrize("name", ["config.json", "model.safetensors.index.json", "adapter_config.json"])
def test_json_that_is_none_is_refused(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text, encoding="latin-1")

    with pytest.raises(ModelUnavailable, match=name.replace(".", r"\.")) as caught:
        load(folder, device="cpu")

    assert "\n" not in str(caught.value)


def test_a_config_of_100_megabytes_is_not_read(folder: Path) -> None:
    os.truncate(folder / "config.json", 100 << 20)

    refused(folder, f"at most {JSON_BYTES} are read")


@pytest.mark.parametrize("claim", [2**63, 10**13, 1 << 30, 17 << 20])
def test_a_header_that_claims_more_than_there_can_be_is_refused(folder: Path, claim: int) -> None:
    (folder / "model.safetensors").write_bytes(claim.to_bytes(8, "little") + b"{}")

    with pytest.raises(ModelUnavailable, match="damaged, or no model: its header claims"):
        checkpoint.tensors(folder)


def test_a_file_of_more_tensors_than_any_model_has_is_refused(folder: Path) -> None:
    entry = '"{}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'
    header = "{" + ",".join(map(entry.format, range(200_000))) + "}"
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header.encode())

    with pytest.raises(ModelUnavailable, match="holds 200000 tensors"):
        checkpoint.tensors(folder)


def test_a_pickle_of_more_tensors_than_any_model_has_is_refused(folder: Path) -> None:
    one = torch.zeros(1)
    torch.save({f"{number:0200}": one for number in range(40_000)}, folder / "pytorch_model.bin")

    with pytest.raises(ModelUnavailable, match="bytes only name its tensors"):
        checkpoint.tensors(folder)


def test_an_index_of_300000_shards_is_refused(folder: Path) -> None:
    places = {str(number): f"{number}.safetensors" for number in range(300_000)}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))

    with pytest.raises(ModelUnavailable, match="names 300000 files; at most"):
        checkpoint.tensors(folder)


@pytest.mark.parametrize(
    "error", [ValueError("a\nb\nc"), AssertionError(), KeyError("x"), RuntimeError("size\n"), OSError(5)]
)
def test_whatever_is_raised_over_a_folder_is_one_line(folder: Path, error: Exception) -> None:
    with pytest.raises(ModelUnavailable) as caught, refusals_in_one_line(folder):
        raise error

    assert str(caught.value).startswith(f"{folder}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), "does not fit the GPU's memory: use weight_bits=8 or 4"),
        (MemoryError(), "does not fit this machine's memory"),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to"),
            "does not fit this machine's memory",
        ),
    ],
)
def test_want_of_memory_is_named(folder: Path, error: Exception, words: str) -> None:
    with pytest.raises(ModelUnavailable, match=words), refusals_in_one_line(folder):
        raise error


def test_a_fault_of_the_device_is_none_of_the_folder_s(folder: Path) -> None:
    with pytest.raises(torch.AcceleratorError), refusals_in_one_line(folder):
        raise torch.AcceleratorError("CUDA error: device-side assert triggered")


@pytest.mark.parametrize("make", [pipe, device, loop, nowhere], ids=lambda make: make.__name__)
def test_a_reader_alone_does_not_wait_for_what_is_no_file(folder: Path, make: Callable[[Path], None]) -> None:
    make(folder / "extra.json")

    with pytest.raises(ModelUnavailable, match=r"extra\.json"):
        read_json(folder / "extra.json")


def test_a_plain_file_is_read(folder: Path) -> None:
    assert read_json(folder / "config.json") == CONFIG
    assert open_folder(folder).config.hidden_size == 64
