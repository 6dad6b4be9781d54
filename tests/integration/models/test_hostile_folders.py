"""A folder from a stranger: whatever it tries, it is refused in a line, nothing of it runs, nothing is left."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from models.convert import convert
from models.load import load, load_tokenizer
from shared.errors import ModelUnavailable
from tests.integration.models.conftest import CONFIGS, Write, random_weights


class RunsCode:
    """A pickle of this calls os.mkdir when it is read."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[Callable[..., None], tuple[str]]:
        return os.mkdir, (str(self.proof),)


@pytest.fixture
def proof(tmp_path: Path) -> Path:
    """Exists only if code from a checkpoint ran."""
    return tmp_path / "proof"


@pytest.fixture
def folder(write: Write) -> Path:
    return write(CONFIGS["chatglm"], random_weights(CONFIGS["chatglm"]), files=2)


def refused(folder: Path, reason: str) -> None:
    """By `load` and by `convert`, which leaves no trace."""
    before = sorted(folder.parent.iterdir())
    for read in (lambda: load(folder, device="cpu"), lambda: convert(folder, folder.parent / "converted")):
        with pytest.raises(ModelUnavailable, match=reason) as caught:
            read()
        assert "\n" not in str(caught.value)
    assert sorted(folder.parent.iterdir()) == before


def test_python_files_of_a_known_family_are_never_run(folder: Path, proof: Path) -> None:
    for name in ("modeling_chatglm.py", "tokenization_chatglm.py", "configuration_chatglm.py", "__init__.py"):
        (folder / name).write_text(f"import os; os.mkdir({str(proof)!r})")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"auto_map": {"AutoTokenizer": ["tokenization_chatglm.ChatGLMTokenizer", None]}})
    )

    load(folder, dtype="fp32", device="cpu")
    convert(folder, folder.parent / "converted")

    assert not proof.exists()
    assert not list((folder.parent / "converted").glob("*.py"))


@pytest.mark.parametrize("model_type", ["stranger", "phi3small", "RefinedWeb"])
def test_a_family_that_wants_its_own_code_is_refused(folder: Path, proof: Path, model_type: str) -> None:
    """Phi-3-small is one (vllm-project/vllm#5244)."""
    (folder / "modeling.py").write_text(f"import os; os.mkdir({str(proof)!r})")
    config = {"model_type": model_type, "auto_map": {"AutoModelForCausalLM": "modeling.Model"}}
    (folder / "config.json").write_text(json.dumps(config))

    refused(folder, "run its own code")
    with pytest.raises(ModelUnavailable, match="run its own code"):
        load_tokenizer(folder)

    assert not proof.exists()


@pytest.mark.parametrize("saved_by", ["torch", "pickle"])
@pytest.mark.parametrize("model_type", ["chatglm", "llama"])
def test_a_pickle_that_runs_code_is_refused(folder: Path, proof: Path, saved_by: str, model_type: str) -> None:
    if model_type == "llama":
        sizes = {"hidden_size": 64, "intermediate_size": 64, "num_attention_heads": 4, "num_hidden_layers": 1}
        (folder / "config.json").write_text(json.dumps({"model_type": "llama", "vocab_size": 131, **sizes}))
    hostile: Any = {"transformer.output_layer.weight": torch.zeros(2), "x": RunsCode(proof)}
    shard = sorted(folder.glob("*.bin"))[1]
    if saved_by == "torch":
        torch.save(hostile, shard)
    else:
        shard.write_bytes(pickle.dumps(hostile))

    refused(folder, "refused|damaged")

    assert not proof.exists()


@pytest.mark.parametrize("elsewhere", ["../pytorch_model.bin", "/etc/passwd", "sub/../../x.bin", "..", "a\\b.bin", ""])
def test_an_index_that_leaves_the_folder_is_refused(folder: Path, elsewhere: str) -> None:
    torch.save({"transformer.output_layer.weight": torch.zeros(2)}, folder.parent / "pytorch_model.bin")
    index = folder / "pytorch_model.bin.index.json"
    places = json.loads(index.read_text())
    places["weight_map"]["transformer.output_layer.weight"] = elsewhere
    index.write_text(json.dumps(places))

    refused(folder, "outside the folder")


@pytest.mark.parametrize("kept", [0, 1, 200, 0.5, 0.999])
@pytest.mark.parametrize("suffix", ["bin", "safetensors"])
def test_a_shard_that_is_cut_short_is_refused(write: Write, suffix: str, kept: float) -> None:
    folder = write(CONFIGS["qwen"], random_weights(CONFIGS["qwen"]), suffix, files=2)
    shard = sorted(folder.glob(f"*.{suffix}"))[0]
    content = shard.read_bytes()
    shard.write_bytes(content[: int(kept if kept >= 1 else kept * len(content))])

    refused(folder, "cut short or damaged|refused")


def test_a_shard_that_is_missing_is_named(folder: Path) -> None:
    sorted(folder.glob("*.bin"))[1].unlink()

    refused(folder, "lacks pytorch_model-00002-of-00002.bin")


def test_a_folder_without_weights_says_what_is_needed(folder: Path) -> None:
    for file in folder.glob("pytorch_model*"):
        file.unlink()

    refused(folder, "holds no weights")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"model_type": 3}', '{"weights": 1}', "[" * 100_000])
def test_a_config_that_is_none_is_refused(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text)

    refused(folder, "config.json")


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"weight_map": 3}', '{"weight_map": {"a": 3}}', '{"weight_map": {}}']
)
def test_an_index_that_is_none_is_refused(folder: Path, text: str) -> None:
    (folder / "pytorch_model.bin.index.json").write_text(text)

    refused(folder, "index")


def test_weights_that_lack_a_tensor_are_refused_by_name(write: Write) -> None:
    weights = random_weights(CONFIGS["baichuan"])
    del weights["model.layers.1.mlp.up_proj.weight"]

    refused(write(CONFIGS["baichuan"], weights), "missing: model.layers.1.mlp.up_proj.weight")


def test_weights_with_a_stray_tensor_are_refused_by_name(write: Write) -> None:
    weights = random_weights(CONFIGS["baichuan"]) | {"model.layers.0.adapter.weight": torch.zeros(2)}

    refused(write(CONFIGS["baichuan"], weights), "model.layers.0.adapter.weight")


def test_a_tensor_of_another_size_is_refused_by_name(write: Write) -> None:
    weights = random_weights(CONFIGS["chatglm"]) | {"transformer.output_layer.weight": torch.zeros(7, 64)}

    refused(write(CONFIGS["chatglm"], weights), "lm_head.weight is")


def test_a_folder_that_is_not_empty_is_never_converted_into(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")

    with pytest.raises(ModelUnavailable, match="not empty"):
        convert(folder, tmp_path / "mine")

    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_values_that_fp16_cannot_hold_stop_a_conversion_that_leaves_nothing(write: Write) -> None:
    weights = random_weights(CONFIGS["qwen"])
    weights["transformer.h.1.mlp.w1.weight"][3, 5] = 1e6
    folder = write(CONFIGS["qwen"], weights)

    with pytest.raises(ModelUnavailable, match=r"h\.1\.mlp\.w1\.weight holds values that float16 cannot"):
        convert(folder, folder.parent / "converted", "fp16")

    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
