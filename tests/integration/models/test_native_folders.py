"""Folders that transformers loads natively, as people have them: which weights count, where a text ends, what is left
over from training, quantisation and other inputs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForCausalLM,
    BitsAndBytesConfig,
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    LlavaConfig,
    LlavaForConditionalGeneration,
    Mistral3Config,
    Mistral3ForConditionalGeneration,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
)

from models import checkpoint
from models.load import load
from models.memory import parameters_of
from models.verify import verify
from shared.errors import ModelUnavailable
from tests.integration.models.tiny import END, SIZES, change, write_llama, write_tokenizer

IDS = torch.tensor([[65, 66, 67, 68, 69]])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_llama(tmp_path / "llama", vocabulary=True)


def loaded(folder: Path, **options: Any) -> Any:
    return load(folder, **{"dtype": "fp32", "device": "cpu"} | options)


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        values: torch.Tensor = model.eval()(IDS).logits
    return values


def refused(folder: Path, reason: str, **options: Any) -> None:
    with pytest.raises(ModelUnavailable, match=reason) as caught:
        loaded(folder, **options)
    assert "\n" not in str(caught.value)


def rewrite(folder: Path, **tensors: torch.Tensor | None) -> None:
    file = folder / "model.safetensors"
    held = load_file(file) | {name: tensor for name, tensor in tensors.items() if tensor is not None}
    save_file({name: tensor for name, tensor in held.items() if tensors.get(name, tensor) is not None}, file)


# Shapes


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("lm_head.weight", (261, 64)),
        ("lm_head.weight", (259, 64)),
        ("model.embed_tokens.weight", (320, 64)),
        ("model.layers.1.mlp.down_proj.weight", (64, 128)),
        ("model.layers.0.self_attn.k_proj.weight", (64, 64)),
        ("model.norm.weight", (63,)),
        ("model.layers.0.mlp.up_proj.weight", (64, 96)),
    ],
)
def test_a_tensor_of_another_shape_is_named_with_both(folder: Path, name: str, shape: tuple[int, ...]) -> None:
    """What "ignore_mismatched_sizes" hides (huggingface/transformers#35084, huggingface/peft#2415)."""
    wanted = tuple(load_file(folder / "model.safetensors")[name].shape)
    rewrite(folder, **{name: torch.zeros(shape)})

    refused(folder, f"{name} is {shape}; the config asks for {wanted}".replace("(", r"\(").replace(")", r"\)"))


def test_a_tensor_that_is_missing_is_named(folder: Path) -> None:
    rewrite(folder, **{"model.layers.1.mlp.up_proj.weight": None})

    refused(folder, r"one that is missing is model\.layers\.1\.mlp\.up_proj\.weight")


def test_a_tensor_too_many_is_named(folder: Path) -> None:
    rewrite(folder, **{"model.layers.0.adapter.weight": torch.zeros(2)})

    refused(folder, r"model\.layers\.0\.adapter\.weight")


# Which files count


def test_of_several_files_the_same_one_counts_for_every_reader(folder: Path) -> None:
    """A whole file before an index, safetensors before .bin, as transformers reads them; the rest is never opened
    (ggml-org/llama.cpp#17286, Blaizzy/mlx-vlm#1464, Neph0s/CoSER#3, huggingface/transformers#26729)."""
    wanted = logits(loaded(folder).model)
    for name in ("consolidated.safetensors", "model-00001-of-00002.safetensors", "pytorch_model.bin"):
        (folder / name).write_bytes(b"nothing that can be read")
    for name in ("model.safetensors.index.json", "pytorch_model.bin.index.json"):
        change(folder / name, weight_map={"lm_head.weight": "model-00001-of-00030.safetensors"})

    assert torch.equal(logits(loaded(folder).model), wanted)
    assert list(checkpoint.shards(folder)) == [folder / "model.safetensors"]


def test_an_index_counts_before_another_format(folder: Path) -> None:
    wanted = logits(loaded(folder).model)
    (folder / "model.safetensors").rename(folder / "weights-of-mine.safetensors")
    names = load_file(folder / "weights-of-mine.safetensors")
    change(folder / "model.safetensors.index.json", weight_map=dict.fromkeys(names, "weights-of-mine.safetensors"))
    (folder / "pytorch_model.bin").write_bytes(b"nothing that can be read")

    assert torch.equal(logits(loaded(folder).model), wanted)


# Code that is left in a folder


@pytest.mark.parametrize(
    "auto_map", [{"AutoModelForCausalLM": "modeling_llama.Mine"}, {"AutoConfig": "no--repo.X"}, {}, 3]
)
def test_a_folder_with_code_of_which_there_is_a_native_class_is_loaded_without_it(folder: Path, auto_map: Any) -> None:
    """As Phi-3's and many finetunes' (openvinotoolkit/openvino.genai#2270, InternLM/lmdeploy#434)."""
    wanted = logits(loaded(folder).model)
    (folder / "modeling_llama.py").write_text("import os; os.mkdir('proof')")
    change(folder / "config.json", auto_map=auto_map)

    assert torch.equal(logits(loaded(folder).model), wanted)
    assert not Path("proof").exists()


def test_a_type_that_transformers_does_not_know_says_so_and_what_to_do(folder: Path) -> None:
    """huggingface/transformers#36709."""
    change(folder / "config.json", model_type="gemma99")

    refused(folder, r"transformers 5\.\S+ has no class for 'gemma99': update transformers")


# Where a text ends


@pytest.mark.parametrize(
    ("generation", "config", "ends"),
    [
        ({"eos_token_id": [END, 257]}, 258, (END, 257)),
        ({"eos_token_id": None}, 258, (258,)),
        ({"eos_token_id": []}, [257, 258], (257, 258)),
        ({"eos_token_id": 99_999}, 257, (257,)),
        ({"eos_token_id": [99_999, 258, -1, "x", True]}, None, (258,)),
        ({}, None, (END,)),
        ({"eos_token_id": []}, [], (END,)),
        ({"eos_token_id": {"a": 1}}, 260, (END,)),
    ],
)
def test_a_text_ends_with_the_first_source_that_names_a_token(
    folder: Path, generation: dict[str, Any], config: Any, ends: tuple[int, ...]
) -> None:
    """JustVugg/colibri#1478, Blaizzy/mlx-vlm#2112, alibaba/ChatLearn#263, QwenLM/Qwen3#927."""
    (folder / "generation_config.json").write_text(json.dumps(generation))
    change(folder / "config.json", eos_token_id=config)

    assert loaded(folder).eos_token_ids == ends


def test_a_folder_in_which_nothing_ends_a_text_is_refused(folder: Path) -> None:
    (folder / "generation_config.json").unlink()
    change(folder / "config.json", eos_token_id=None)
    write_tokenizer(folder, eos=None)

    refused(folder, "names no token that ends a text: set eos_token_id")


# Tokens without a row


@pytest.mark.parametrize("more", [1, pytest.param(8, marks=pytest.mark.slow)])
def test_added_tokens_without_a_row_are_text(folder: Path, more: int) -> None:
    """Gemma 3 1B has one, Llama 3.2 and CodeLlama 34B too (vllm-project/vllm#33509, mlc-ai/xgrammar#237,
    unslothai/unsloth#1215)."""
    write_tokenizer(folder, *(f"<x{number}>" for number in range(more)))

    model = loaded(folder)

    assert len(model.tokenizer) == 260
    ids = model.chat([{"role": "user", "content": "<x0> and <|end|>"}])
    assert max(ids) < 260
    assert "<x0> and" in model.tokenizer.decode(ids)
    assert verify(folder, lambda line: None)


@pytest.mark.parametrize("more", [9, 20])
def test_many_added_tokens_without_a_row_are_another_checkpoint_s(folder: Path, more: int) -> None:
    write_tokenizer(folder, *(f"<x{number}>" for number in range(more)))

    refused(folder, f"{more} added tokens have no row of the model's 260")


def test_a_vocabulary_that_is_larger_than_the_model_is_another_model_s(tmp_path: Path) -> None:
    folder = write_llama(tmp_path / "llama", vocabulary=True, vocab_size=200, eos_token_id=1)

    refused(folder, r"goes up to the id 255 and the model has 200 rows")
    assert not verify(folder, lambda line: None)


# Quantised weights


def quantise(folder: Path, bits: int, **more: Any) -> Path:
    target = folder.parent / f"bnb-{bits}bit"
    shutil.copytree(folder, target)
    config = BitsAndBytesConfig(**{f"load_in_{bits}bit": True}, **more)
    model = AutoModelForCausalLM.from_pretrained(folder, quantization_config=config, device_map={"": "cpu"})
    model.save_pretrained(target)
    return target


@pytest.mark.parametrize(
    ("bits", "more"),
    [
        (4, {"bnb_4bit_quant_type": "nf4"}),
        pytest.param(4, {"bnb_4bit_quant_type": "fp4"}, marks=pytest.mark.slow),
        (4, {"bnb_4bit_use_double_quant": True, "bnb_4bit_compute_dtype": "bfloat16"}),
        (4, {"bnb_4bit_quant_type": "nf4", "llm_int8_skip_modules": ["lm_head", "model.layers.1.mlp.up_proj"]}),
        (8, {}),
    ],
    ids=["nf4", "fp4", "double", "dynamic", "int8"],
)
def test_weights_that_bitsandbytes_quantised_are_loaded_as_they_are(folder: Path, bits: int, more: Any) -> None:
    """As unsloth's *-bnb-4bit, also its dynamic ones (unslothai/unsloth#1596, vllm-project/vllm#15959)."""
    quantised = quantise(folder, bits, **more)
    plain = AutoModelForCausalLM.from_pretrained(quantised, dtype=torch.float32, device_map={"": "cpu"})
    model = loaded(quantised)

    assert (model.weight_bits, model.dtype) == (bits, "fp32")
    again = {name: value for name, value in plain.state_dict().items() if name.endswith("weight")}
    assert all(torch.equal(value, again[name]) for name, value in model.model.state_dict().items() if name in again)
    assert torch.isfinite(logits(model.model)).all()
    layers = [module for module in model.model.modules() if hasattr(module, "compute_dtype")]
    assert {module.compute_dtype for module in layers} == ({torch.float32} if bits == 4 else set())
    assert parameters_of(checkpoint.tensors(quantised)).total == parameters_of(checkpoint.tensors(folder)).total
    assert loaded(quantised, weight_bits=bits).weight_bits == bits
    refused(quantised, f"quantised to {bits} bits already, not {12 - bits}", weight_bits=12 - bits)


def test_a_quantised_checkpoint_without_its_config_s_entry_is_refused(folder: Path) -> None:
    """unslothai/unsloth#1597."""
    quantised = quantise(folder, 4)
    values = json.loads((quantised / "config.json").read_text())
    del values["quantization_config"]
    (quantised / "config.json").write_text(json.dumps(values))

    refused(quantised, "quantised to 4 bits by bitsandbytes, and config.json says 16 bits")


@pytest.mark.parametrize("key", ["load_in_4bit", "_load_in_4bit", "load_in_8bit"])
def test_merged_weights_under_the_config_of_quantised_ones_are_refused(folder: Path, key: str) -> None:
    change(folder / "config.json", quantization_config={"quant_method": "bitsandbytes", key: True})

    refused(folder, "are not quantised, and config.json says . bits: remove quantization_config")


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "gptq"),
        ({"quantization_config": {"quant_method": "awq", "bits": 4}}, "awq"),
        ({"quantization_config": {"quant_method": "fp8", "activation_scheme": "dynamic"}}, "fp8"),
        ({"quantization_config": {"quant_method": "compressed-tensors"}}, "compressed-tensors"),
        ({"compression_config": {"quant_method": "compressed-tensors"}}, "compressed-tensors"),
        ({"quantization_config": {"quant_method": "eetq"}}, "eetq"),
        ({"quantization_config": {"quant_method": "hqq"}}, "hqq"),
        ({"quantization_config": {"quant_method": "mxfp4"}}, "mxfp4"),
        ({"quantization_config": {"quant_method": "modelopt"}}, "modelopt"),
        ({"quantization": {"bits": 4, "group_size": 64}, "quantization_config": {"bits": 4, "group_size": 64}}, "MLX"),
        ({"quantization_config": {"bits": 4}}, "without a name"),
        ({"quantization_config": "int4"}, "int4"),
        ({"quantization_config": [4]}, "4"),
    ],
)
def test_weights_quantised_in_another_way_are_refused_by_its_name(
    folder: Path, entry: dict[str, Any], name: str
) -> None:
    change(folder / "config.json", **entry)

    refused(folder, f"quantised by .*{name}.* not served: use the checkpoint that it was made from")


@pytest.mark.parametrize(
    ("name", "tensor", "reason"),
    [
        ("model.layers.0.mlp.up_proj.qweight", torch.zeros(8, 96, dtype=torch.int32), "GPTQ or AWQ"),
        ("model.layers.0.mlp.up_proj.weight", torch.zeros(96, 64, dtype=torch.float8_e4m3fn), "float8_e4m3fn"),
        ("model.layers.0.mlp.up_proj.weight", torch.zeros(96, 64, dtype=torch.int8), "int8"),
        ("model.layers.0.mlp.up_proj.weight", torch.zeros(96, 16, dtype=torch.uint32), "uint32"),
    ],
)
def test_quantised_tensors_are_seen_without_a_word_in_the_config(
    folder: Path, name: str, tensor: torch.Tensor, reason: str
) -> None:
    rewrite(folder, **{name: tensor})

    refused(folder, f"{reason}.*quantised|quantised.*{reason}")


# Models of text and images

VISION = {
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 28,
    "patch_size": 14,
}
TEXT = SIZES | {"vocab_size": 260, "head_dim": 16, "eos_token_id": END, "bos_token_id": None, "pad_token_id": 0}
SEEING: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "gemma3": (Gemma3Config, Gemma3ForConditionalGeneration, {"model_type": "gemma3_text"}),
    "llava": (LlavaConfig, LlavaForConditionalGeneration, {"model_type": "llama"}),
    "mistral3": (Mistral3Config, Mistral3ForConditionalGeneration, {"model_type": "mistral"}),
}
VISION_TYPES = {"gemma3": "siglip_vision_model", "llava": "clip_vision_model", "mistral3": "pixtral"}


def write_seeing(folder: Path, kind: str) -> Any:
    torch.manual_seed(0)
    config_class, model_class, text = SEEING[kind]
    vision = VISION | {"model_type": VISION_TYPES[kind]}
    model = model_class(config_class(text_config=TEXT | text, vision_config=vision, image_token_index=259)).eval()
    model.save_pretrained(folder)
    write_tokenizer(folder)
    return model


@pytest.mark.parametrize(
    ("kind", "layout"),
    [
        ("gemma3", "published"),
        ("mistral3", "new"),
        *(
            pytest.param(kind, layout, marks=pytest.mark.slow)
            for kind, layout in (("gemma3", "new"), ("mistral3", "published"), ("llava", "new"), ("llava", "published"))
        ),
    ],
)
def test_a_model_of_text_and_images_is_served_by_its_text_part(tmp_path: Path, kind: str, layout: str) -> None:
    """Gemma 3 4B, LLaVA, Mistral Small 3.1 (huggingface/transformers#36741, #45953, unslothai/unsloth#5816)."""
    folder = tmp_path / kind
    whole = write_seeing(folder, kind)
    with torch.no_grad():
        wanted = whole(input_ids=IDS).logits
    tensors = load_file(folder / "model.safetensors")
    if layout == "published":
        tensors = {
            name.replace("model.language_model.", "language_model.model.")
            .replace("model.vision_tower.", "vision_tower.")
            .replace("model.multi_modal_projector.", "multi_modal_projector."): tensor
            for name, tensor in tensors.items()
        }
        if "lm_head.weight" in tensors:
            tensors["language_model.lm_head.weight"] = tensors.pop("lm_head.weight")
    save_file(tensors, folder / "model.safetensors")

    model = loaded(folder)

    assert not [name for name, _ in model.model.named_parameters() if "vision" in name or "projector" in name]
    torch.testing.assert_close(logits(model.model), wanted, atol=1e-5, rtol=1e-5)


def test_a_text_part_that_lacks_a_tensor_is_refused(tmp_path: Path) -> None:
    write_seeing(tmp_path / "gemma3", "gemma3")
    names = load_file(tmp_path / "gemma3" / "model.safetensors")
    rewrite(tmp_path / "gemma3", **{next(name for name in names if name.endswith("1.mlp.up_proj.weight")): None})

    refused(tmp_path / "gemma3", r"missing is model\.layers\.1\.mlp\.up_proj\.weight")


def test_a_model_whose_text_part_has_no_class_is_refused(tmp_path: Path) -> None:
    """Qwen2.5-VL."""
    vision = {"depth": 1, "hidden_size": 32, "num_heads": 2, "intermediate_size": 32, "out_hidden_size": 64}
    config = Qwen2_5_VLConfig(text_config=TEXT, vision_config=vision)
    Qwen2_5_VLForConditionalGeneration(config).save_pretrained(tmp_path / "vl")

    refused(tmp_path / "vl", "no class that writes text for qwen2_5_vl without its other inputs: use a model of text")
