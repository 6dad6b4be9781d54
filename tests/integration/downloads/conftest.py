"""A small repository of a model as hubs have them: weights twice, code, and files that no model needs."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.downloads.servers import Hub, HuggingFace, ModelScope, serve

SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
INDEX = "model.safetensors.index.json"
LARGE = {*SHARDS, "tokenizer.model", "pytorch_model.bin", "consolidated.safetensors"}
NEEDED = {
    "LICENSE",
    "config.json",
    "tokenizer.model",
    "tokenizer_config.json",
    INDEX,
    *SHARDS,
}


@pytest.fixture
def files() -> dict[str, bytes]:
    noise = random.Random(7)
    return {
        "config.json": b'{"model_type": "chatglm"}\n',
        "tokenizer_config.json": b"{}\n",
        "tokenizer.model": noise.randbytes(5_000),
        INDEX: json.dumps({"weight_map": dict(zip("ab", SHARDS, strict=True))}).encode(),
        SHARDS[0]: noise.randbytes(300_000),
        SHARDS[1]: noise.randbytes(200_000),
        "pytorch_model.bin": noise.randbytes(1_000),
        "consolidated.safetensors": noise.randbytes(1_000),
        "modeling_chatglm.py": b"raise SystemExit('ran')\n",
        "tokenization_chatglm.py": b"raise SystemExit('ran')\n",
        "README.md": b"read me\n",
        "LICENSE": b"terms\n",
        ".gitattributes": b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n",
        "assets/config.json": b"{}\n",
    }


@pytest.fixture
def hub(files: dict[str, bytes]) -> Iterator[Hub]:
    with serve(HuggingFace, Hub(files, LARGE)) as hub:
        yield hub


@pytest.fixture
def modelscope(files: dict[str, bytes]) -> Iterator[Hub]:
    with serve(ModelScope, Hub(files, LARGE)) as hub:
        yield hub


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No token, mirror or git configuration of whoever runs the tests."""
    for name in ("HF_TOKEN", "HF_ENDPOINT", "HF_HUB_OFFLINE", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setattr("models.fetch.RETRIES_S", (0.01, 0.01, 0.01))


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}
