"""A native transformers model as the loop reads it: plain tensors by layer, and the few numbers that shape a step.

Products that share their input are joined: the modules' own weights become views of the joined one, so nothing is in
memory twice and the model's own forward still works. Knows the native classes below; not what a step is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

# By native class: whether rotary pairs are neighbours (0, 1), (2, 3), ... or the two halves of a head.
INTERLEAVED = {
    "GlmForCausalLM": True,
    "LlamaForCausalLM": False,
    "MistralForCausalLM": False,
    "Qwen2ForCausalLM": False,
}
STATIC_ROPES = ("default", "linear", "llama3", "yarn")  # others change their frequencies with the text's length
SERVED_DTYPES = (torch.float32, torch.float16, torch.bfloat16)


class UnsupportedModel(ValueError):
    """The loop does not know how to run this model; says why, in one line."""


@dataclass(frozen=True)
class Product:
    """`weight` [outputs, inputs]; `bias` [outputs]."""

    weight: Tensor
    bias: Tensor | None

    def __call__(self, inputs: Tensor) -> Tensor:
        return nn.functional.linear(inputs, self.weight, self.bias)

    @property
    def outputs(self) -> int:
        return len(self.weight)


class AnyProduct(Protocol):
    """Of layers that read the same inputs; inputs [rows, inputs] to [rows, outputs]."""

    @property
    def outputs(self) -> int: ...

    def __call__(self, inputs: Tensor, /) -> Tensor: ...


@dataclass(frozen=True)
class LayerWeights:
    """`window`: how many tokens a query sees, its own among them; 0: all."""

    input_norm: Tensor
    qkv: AnyProduct
    output: AnyProduct
    post_norm: Tensor
    gate_up: AnyProduct
    down: AnyProduct
    window: int


@dataclass(frozen=True)
class Weights:
    """`cosines`, `sines` [positions, rotary pairs] in the model's dtype, the rope's attention scaling in them."""

    embedding: Tensor
    layers: tuple[LayerWeights, ...]
    norm: Tensor
    head: AnyProduct
    eps: float
    heads: int
    groups: int
    width: int
    scale: float
    interleaved: bool
    cosines: Tensor
    sines: Tensor

    @property
    def device(self) -> torch.device:
        return self.embedding.device

    @property
    def dtype(self) -> torch.dtype:
        """Of states, keys and values; the embedding may be held in another."""
        return self.norm.dtype


def read_weights(model: Any, positions: int) -> Weights:
    """`positions`: of the longest text. Raises `UnsupportedModel`, before anything is joined."""
    if reason := unsupported(model):
        raise UnsupportedModel(reason)
    config, inner = model.config, model.model
    attention = inner.layers[0].self_attn
    with torch.no_grad():
        cosines, sines = _rope(model, positions)
        head = _product(
            model.lm_head
        )  # first: while 8-bit weights are arranged they are there twice, and it is the largest
        layers = tuple(_layer(layer, _window(model, layer)) for layer in inner.layers)
    return Weights(
        embedding=inner.embed_tokens.weight.detach(),
        layers=layers,
        norm=inner.norm.weight.detach(),
        head=head,
        eps=inner.norm.variance_epsilon,
        heads=config.num_attention_heads,
        groups=config.num_key_value_heads,
        width=attention.head_dim,
        scale=attention.scaling,
        interleaved=INTERLEAVED[type(model).__name__],
        cosines=cosines,
        sines=sines,
    )


def unsupported(model: Any) -> str | None:
    """Why the loop cannot run this model; None: it can."""
    name = type(model).__name__
    if name not in INTERLEAVED or not type(model).__module__.startswith("transformers."):
        return f"{name} is none of {', '.join(INTERLEAVED)}"
    if (act := model.config.hidden_act) not in ("silu", "swish"):
        return f"its activation is {act}, not silu"
    if (rope := model.model.rotary_emb.rope_type) not in STATIC_ROPES:
        return f"its rope is {rope}, none of {', '.join(STATIC_ROPES)}"
    linears = [model.lm_head, *(module for layer in model.model.layers for module in _linears(layer))]
    if others := {type(module).__name__ for module in linears} - {
        "Linear",
        "Linear8",
    }:  # by name: models/cpu.py has its own
        return f"its weights are quantised or arranged for a device ({', '.join(sorted(others))})"
    tensors = list(model.parameters())
    if len(devices := {str(tensor.device) for tensor in tensors}) > 1 or "meta" in devices:
        return f"its weights are spread over {', '.join(sorted(devices))}"
    if len(dtypes := {tensor.dtype for tensor in tensors}) > 1 or not dtypes <= set(SERVED_DTYPES):
        return f"its weights are {', '.join(sorted(map(str, dtypes)))}"
    return None


def _linears(layer: Any) -> list[Any]:
    return [module for part in (layer.self_attn, layer.mlp) for name, module in part.named_children() if "proj" in name]


def _layer(layer: Any, window: int) -> LayerWeights:
    attention, mlp = layer.self_attn, layer.mlp
    joined = hasattr(mlp, "gate_up_proj")  # GLM's own way
    return LayerWeights(
        input_norm=layer.input_layernorm.weight.detach(),
        qkv=_product(attention.q_proj, attention.k_proj, attention.v_proj),
        output=_product(attention.o_proj),
        post_norm=layer.post_attention_layernorm.weight.detach(),
        gate_up=_product(mlp.gate_up_proj) if joined else _product(mlp.gate_proj, mlp.up_proj),
        down=_product(mlp.down_proj),
        window=window,
    )


def _window(model: Any, layer: Any) -> int:
    """As each class's own forward decides: Mistral by its config, Qwen2 by layer, the others never."""
    if type(model).__name__ == "MistralForCausalLM":
        return model.config.sliding_window or 0
    return getattr(layer.self_attn, "sliding_window", None) or 0


def _product(*modules: Any) -> AnyProduct:
    """One product for all that read the same input; layers of 8 bits make their own (models/int8.py)."""
    if join := getattr(modules[0], "joined", None):
        return join(modules)  # type: ignore[no-any-return]
    biases = [module.bias for module in modules]
    return Product(
        _joined([module.weight for module in modules]),
        None if biases[0] is None else _joined(biases),
    )


def _joined(parts: list[Any]) -> Tensor:
    """One tensor of which the parameters are views from now on; as it is where they are already."""
    first: Tensor = parts[0].data
    rows = [len(part) for part in parts]
    if _follow_one_another([part.data for part in parts]):
        return first.as_strided((sum(rows), *first.shape[1:]), first.stride())
    joined = torch.cat([part.data for part in parts])
    for part, view in zip(parts, joined.split(rows), strict=True):
        part.data = view
    return joined


def _follow_one_another(parts: list[Tensor]) -> bool:
    at = parts[0].data_ptr()
    for part in parts:
        if part.untyped_storage().data_ptr() != parts[0].untyped_storage().data_ptr() or part.data_ptr() != at:
            return False
        at += part.numel() * part.element_size()
    return all(part.is_contiguous() for part in parts)


def _rope(model: Any, positions: int) -> tuple[Tensor, Tensor]:
    """As the model's own module computes and rounds them; its second half repeats the first."""
    places = torch.arange(positions, device=model.device)[None]
    cosines, sines = model.model.rotary_emb(torch.empty(0, dtype=model.dtype, device=model.device), places)
    pairs = cosines.shape[-1] // 2
    return cosines[0, :, :pairs].contiguous(), sines[0, :, :pairs].contiguous()
