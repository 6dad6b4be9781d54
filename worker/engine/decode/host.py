"""The layers' small operations on a CPU, in float32: few of them, and none by which a row depends on its neighbours.

Each row attends by itself, over its text's pages up to its own: alone, in a batch, within a prompt and after a resume
it takes the same operations on the same numbers. With products of which that holds (models/int8.py), texts are the same
bit for bit. Knows token-rows and pages, as twins.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention, silu

__all__ = ["RowReader", "add_norm", "gate"]


def add_norm(inputs: Tensor, residual: Tensor | None, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """The new residual, and it normed by its root mean square: all [rows, hidden]."""
    total = inputs if residual is None else residual + inputs
    length = torch.linalg.vector_norm(total, 2, -1, keepdim=True)
    return total, (total * weight).mul_(length.mul_(length).mul_(1 / total.shape[-1]).add_(eps).rsqrt_())


def gate(gate_up: Tensor) -> Tensor:
    """[rows, 2 x width] to [rows, width]: silu of the first half, times the second."""
    gates, ups = gate_up.chunk(2, dim=-1)
    return silu(gates).mul_(ups)


@dataclass(frozen=True)
class Reading:
    """Rows of one text whose positions are in one page. `places`: of its tokens, up to that page's end, in the cache;
    one slice where its pages follow one another. `mask` [rows, 1, 1, tokens]: 0 where a row sees a token, else -inf."""

    rows: slice
    places: slice | Tensor
    mask: Tensor


class RowReader:
    """Of one forward pass: what its layers have in common. `places` as worker/engine/decode/forward.py's pages."""

    def __init__(  # noqa: PLR0913, PLR0917 - the rows, where they are, and how they turn
        self,
        table: Tensor,
        slots: Tensor,
        positions: Tensor,
        page_tokens: int,
        cosines: Tensor,
        sines: Tensor,
        interleaved: bool,
        scale: float,
        windows: set[int],
    ) -> None:
        at = positions.long()
        page = table[slots.long(), at // page_tokens].long()
        place = at % page_tokens
        self._to = page * page_tokens + place
        self._begun = page[place == 0]
        self._scale = scale
        self._turn = _Turn(cosines[at], sines[at], interleaved)
        groups = [*_by_page(slots.tolist(), at.tolist(), page_tokens)]
        self._readings = {
            window: [
                Reading(rows, _places(table[slot], tokens, page_tokens), _mask(at[rows], tokens, window))
                for rows, slot, tokens in groups
            ]
            for window in windows
        }

    def __call__(self, qkv: Tensor, keys: Tensor, values: Tensor, window: int) -> Tensor:
        """Keeps the rows' keys and values, and attends. qkv [rows, (heads + 2 groups) x width]; keys, values [pages,
        groups, tokens of a page, width] of which a page's tokens lie one after another; to [rows, heads x width]."""
        groups, width = keys.shape[1], keys.shape[3]
        key_of, value_of = (cache.transpose(1, 2).flatten(0, 1) for cache in (keys, values))  # [tokens, groups, width]
        if len(self._begun):  # what an earlier text left there may be no numbers, which a weight of 0 would not undo
            for cache in (keys, values):
                cache[self._begun] = 0
        rows = qkv.view(len(qkv), -1, width)
        turned = self._turn(rows[:, :-groups])
        key_of.index_copy_(0, self._to, turned[:, -groups:])
        value_of.index_copy_(0, self._to, rows[:, -groups:])
        query = turned[:, :-groups].reshape(len(qkv), groups, -1, width)
        parts = [self._attend(query, key_of, value_of, reading) for reading in self._readings[window]]
        return (parts[0] if len(parts) == 1 else torch.cat(parts)).flatten(1)

    def _attend(self, query: Tensor, key_of: Tensor, value_of: Tensor, reading: Reading) -> Tensor:
        """The heads that share a key are one block of queries, [rows, groups, heads of a group, width]."""
        query = query[reading.rows]
        key, value = (_seen(cache, reading.places, len(query)) for cache in (key_of, value_of))
        return scaled_dot_product_attention(query, key, value, attn_mask=reading.mask, scale=self._scale)


class _Turn:
    """Turns heads [rows, heads, width] by their rows' positions."""

    def __init__(self, cosines: Tensor, sines: Tensor, interleaved: bool) -> None:
        pairs = cosines.shape[-1]
        self._turning = 2 * pairs
        if interleaved:
            self._cos, self._sin = (x.repeat_interleave(2, dim=-1) for x in (cosines, sines))
            self._sin[:, 0::2] *= -1
            self._partner = torch.arange(2 * pairs).view(-1, 2).flip(-1).flatten()
        else:
            self._cos, self._sin = torch.cat((cosines, cosines), dim=-1), torch.cat((-sines, sines), dim=-1)
            self._partner = torch.arange(2 * pairs).roll(pairs)
        self._cos, self._sin = self._cos[:, None], self._sin[:, None]

    def __call__(self, heads: Tensor) -> Tensor:
        turning = heads[..., : self._turning]
        turned = (turning * self._cos).addcmul_(turning.index_select(-1, self._partner), self._sin)
        return turned if self._turning == heads.shape[-1] else torch.cat((turned, heads[..., self._turning :]), dim=-1)


def _by_page(slots: list[int], positions: list[int], page_tokens: int) -> Iterator[tuple[slice, int, int]]:
    """Neighbouring rows of one text and page: which, its slot, its tokens up to the page's end."""
    begin = 0
    for row in range(1, len(slots) + 1):
        same = row < len(slots) and slots[row] == slots[begin]
        if not same or positions[row] // page_tokens != positions[begin] // page_tokens:
            yield slice(begin, row), slots[begin], (positions[begin] // page_tokens + 1) * page_tokens
            begin = row


def _seen(cache: Tensor, places: slice | Tensor, rows: int) -> Tensor:
    """[rows, groups, tokens, width] of [tokens, groups, width]: the same for all rows, and in place if that can be."""
    _, groups, width = cache.shape
    if not isinstance(places, slice):
        cache, places = cache[places], slice(0, len(places))
    size = (rows, groups, places.stop - places.start, width)
    begin = cache.storage_offset() + places.start * groups * width
    return cache.as_strided(size, (0, width, groups * width, 1), begin)


def _places(table: Tensor, tokens: int, page_tokens: int) -> slice | Tensor:
    pages = table[: tokens // page_tokens].long()
    first = int(pages[0])
    if torch.equal(pages, torch.arange(first, first + len(pages))):
        return slice(first * page_tokens, first * page_tokens + tokens)
    return (pages[:, None] * page_tokens + torch.arange(page_tokens)).flatten()


def _mask(positions: Tensor, tokens: int, window: int) -> Tensor:
    places = torch.arange(tokens)
    hidden = places > positions[:, None]
    if window:
        hidden |= places <= positions[:, None] - window
    return torch.zeros(hidden.shape).masked_fill_(hidden, -torch.inf)[:, None, None]
