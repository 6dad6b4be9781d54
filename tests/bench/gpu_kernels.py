"""One layer's attention of single tokens over texts of 430 tokens (a storyboard halfway), by each kernel there is; and
sorting the scores. Times the number of layers it is the step's share.

Each kernel is made by a function that returns the call to time and the bytes it must read; it raises `NotOffered` where
there is no such kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import torch

from tests.bench import torch_211
from tests.bench.gpu_model import Shape
from tests.bench.gpu_sheet import NEEDS_GPU, NotOffered

CONTEXT_TOKENS = 430
FORCED = (4, 9, 4)  # tokens that the first texts of a mixed step bring
PAGE_TOKENS = 32
FLASH_PAGE_TOKENS = 256  # the least that flash attention reads in place
Call = tuple[Callable[[], Any], int]


@dataclass(frozen=True)
class Texts:
    """`rows` texts of random keys and values, one after another."""

    shape: Shape
    device: str
    rows: int
    context: int = CONTEXT_TOKENS

    @property
    def options(self) -> dict[str, Any]:
        return {"dtype": torch.float16 if self.device == "cuda" else torch.float32, "device": self.device}

    def queries(self, tokens: int) -> Any:
        return torch.randn(tokens, self.shape.heads, self.shape.head_dim, **self.options)

    def keys_and_values(self, *places: int) -> Any:
        return torch.randn(2, *places, self.shape.groups, self.shape.head_dim, **self.options)

    @property
    def read_bytes(self) -> int:
        """Keys and values, each read once."""
        size = 2 if self.device == "cuda" else 4
        return 2 * self.rows * self.context * self.shape.groups * self.shape.head_dim * size


def sdpa(texts: Texts) -> Call:
    """Torch's own choice of kernel over padded rows."""
    query = texts.queries(texts.rows)[:, :, None]
    key, value = texts.keys_and_values(texts.rows, texts.context).transpose(2, 3)
    attend = torch.nn.functional.scaled_dot_product_attention
    return lambda: attend(query, key, value, enable_gqa=True), texts.read_bytes


def flash(texts: Texts) -> Call:
    """Flash attention, keys of the texts one after another; no window, so a group's heads are packed."""
    return _flash(texts, [1] * texts.rows, (-1, -1))


def flash_window(texts: Texts) -> Call:
    """With a causal window, that changes nothing for single tokens but forbids packing."""
    return _flash(texts, [1] * texts.rows, (-1, 0))


def flash_mixed(texts: Texts) -> Call:
    """As a step looks in which some texts bring forced tokens along."""
    return _flash(texts, [*FORCED, *[1] * texts.rows][: texts.rows], (-1, 0))


def gather(texts: Texts) -> Call:
    """What transformers' batching does before: the texts' keys and values out of their pages."""
    cache = texts.keys_and_values(2 * texts.rows * texts.context)
    index = torch.randperm(cache.shape[1])[: texts.rows * texts.context].to(texts.device)
    return lambda: (cache[0].index_select(0, index), cache[1].index_select(0, index)), 2 * texts.read_bytes


def flash_pages(texts: Texts) -> Call:
    """Torch's varlen kernel over pages that it reads in place."""
    if texts.device == "cpu":
        raise NotOffered(NEEDS_GPU)
    if (kernel := torch_211.kernel()) is torch_211.flash:
        raise NotOffered(f"torch {torch.__version__}'s varlen kernel knows no pages")
    table, pages = _table(texts, FLASH_PAGE_TOKENS)
    key, value = texts.keys_and_values(pages, FLASH_PAGE_TOKENS)
    starts = torch.arange(texts.rows + 1, dtype=torch.int32, device=texts.device)
    used = torch.full((texts.rows,), texts.context, dtype=torch.int32, device=texts.device)
    paged = {"enable_gqa": True, "seqused_k": used, "block_table": table}
    query = texts.queries(texts.rows)
    return lambda: kernel(query, key, value, starts, None, 1, texts.context, **paged), texts.read_bytes


def paged(texts: Texts) -> Call:
    """The decode loop's own kernel, over pages that lie anywhere."""
    kernels = import_module(f"worker.engine.decode.{'kernels' if texts.device == 'cuda' else 'twins'}")
    table, pages = _table(texts, PAGE_TOKENS)
    keys, values = torch.randn(2, pages, texts.shape.groups, PAGE_TOKENS, texts.shape.head_dim, **texts.options)
    slots = torch.arange(texts.rows, dtype=torch.int32, device=texts.device)
    positions = torch.full_like(slots, texts.context - 1)
    query, scale = texts.queries(texts.rows), texts.shape.head_dim**-0.5
    return lambda: kernels.attend(query, keys, values, table, slots, positions, scale, 0), texts.read_bytes


def topk(texts: Texts) -> Call:
    """The best candidates of each row's scores."""
    scores = torch.randn(texts.rows, texts.shape.vocab, device=texts.device)
    return lambda: scores.topk(min(256, texts.shape.vocab), dim=1), scores.nbytes


def topk_all(texts: Texts) -> Call:
    """Each row's scores sorted in full, which a nucleus wider than the candidates takes."""
    scores = torch.randn(texts.rows, texts.shape.vocab, device=texts.device)
    return lambda: scores.topk(texts.shape.vocab, dim=1), scores.nbytes


def _flash(texts: Texts, new: list[int], window: tuple[int, int]) -> Call:
    if texts.device == "cpu":
        raise NotOffered(NEEDS_GPU)
    counts = (new, [texts.context] * texts.rows)
    ends = [torch.tensor([0, *each], device=texts.device).cumsum(0).int() for each in counts]
    query, (key, value) = texts.queries(sum(new)), texts.keys_and_values(texts.rows * texts.context)
    kernel, options = torch_211.kernel(), {"window_size": window, "enable_gqa": True}
    return lambda: kernel(query, key, value, *ends, max(new), texts.context, **options), texts.read_bytes


def _table(texts: Texts, page_tokens: int) -> tuple[Any, int]:
    """A block table of pages that lie anywhere, int32 [rows, pages of a text], and how many there are."""
    width = -(-texts.context // page_tokens)
    pages = texts.rows * width
    return torch.randperm(pages).int().view(texts.rows, width).to(texts.device), pages


KERNELS: dict[str, Callable[[Texts], Call]] = {
    "paged": paged,
    "sdpa": sdpa,
    "flash": flash,
    "flash_window": flash_window,
    "flash_mixed": flash_mixed,
    "gather": gather,
    "flash_pages": flash_pages,
    "topk": topk,
    "topk_all": topk_all,
}
