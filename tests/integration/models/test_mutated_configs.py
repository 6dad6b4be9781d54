"""A config.json with one value that is none: a model or `ModelUnavailable`, never anything else, and at once."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.folder import open_folder
from models.load import load
from shared.errors import ModelUnavailable
from tests.integration.models.conftest import CONFIGS, Write, random_weights
from tests.integration.models.tiny import write_llama

VALUES: tuple[Any, ...] = (0, -1, None, "x", [], {}, 1e30, [[[]]], 10**9, 10**19, True, 2.5)
# Beside those that the folders have: keys by which transformers' classes compute, nest or count.
MORE = (
    *("head_dim", "id2label", "layer_types", "max_length", "num_labels", "per_layer_config", "pruned_heads"),
    *("quantization_config", "rope_parameters", "rope_scaling", "sliding_window", "text_config", "tie_word_embeddings"),
    *("torch_dtype", "vocab_size"),
)


@pytest.fixture(params=["llama", "chatglm"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, write: Write) -> Path:
    if request.param == "llama":
        return write_llama(tmp_path / "llama", num_hidden_layers=1)
    return write(CONFIGS["chatglm"], random_weights(CONFIGS["chatglm"]))


def is_loaded(folder: Path, config: dict[str, Any]) -> bool:
    (folder / "config.json").write_text(json.dumps(config))
    try:
        load(folder, dtype="fp32", device="cpu")
    except ModelUnavailable as error:
        reason = str(error)
    else:
        return True
    assert "\n" not in reason
    assert len(reason) < 600
    return False


@pytest.mark.slow
def test_every_value_replaced_by_one_that_is_none_is_refused_or_does_not_matter(folder: Path) -> None:
    """heads 0, sizes below nothing, a billion layers, lists for numbers."""
    published = json.loads((folder / "config.json").read_text())
    slowest = 0.0
    for key in (*published, *MORE):
        for value in VALUES:
            began = time.monotonic()
            is_loaded(folder, published | {key: value})
            slowest = max(slowest, time.monotonic() - began)
    assert is_loaded(folder, published)
    assert slowest < 5


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_json_in_a_value_s_place_is_refused_or_does_not_matter(folder: Path, data: st.DataObject) -> None:
    published = json.loads((folder / "published.json").read_text()) if (folder / "published.json").exists() else None
    if published is None:
        published = json.loads((folder / "config.json").read_text())
        (folder / "published.json").write_text(json.dumps(published))
    keys = data.draw(st.sets(st.sampled_from((*published, *MORE)), min_size=1, max_size=3))

    is_loaded(folder, published | {key: data.draw(JUNK) for key in keys})


@pytest.mark.parametrize("model_type", ["qwen2", "gpt2", "mixtral", "gemma3", "falcon", "phi3"])
@pytest.mark.parametrize(
    "key", ["num_hidden_layers", "n_layer", "num_local_experts", "num_labels", "num_attention_heads"]
)
@pytest.mark.parametrize("folder", ["llama"], indirect=True)
def test_a_count_of_a_billion_takes_neither_time_nor_memory(folder: Path, model_type: str, key: str) -> None:
    began = time.monotonic()

    with pytest.raises(ModelUnavailable):
        load_as(folder, {"model_type": model_type, key: 10**9})
    with pytest.raises(ModelUnavailable):
        load_as(folder, {"model_type": model_type, "text_config": {key: 10**9}})

    assert time.monotonic() - began < 5


def load_as(folder: Path, config: dict[str, Any]) -> None:
    (folder / "config.json").write_text(json.dumps(config))
    open_folder(folder)
    load(folder, dtype="fp32", device="cpu")
