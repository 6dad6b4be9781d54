"""The device's part of a step: its memory, and three launches that the host does not wait for.

`prefill` reads a piece of one text, `forward` computes scores for token-rows, `choose` draws tokens from them. All run
in order on one stream. Knows slots, pages, token ids; not texts, grammar or schedule.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from importlib import import_module
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from worker.engine.decode import twins
from worker.engine.decode.choice import Penalties, chosen_tokens, permitted
from worker.engine.decode.choice_inputs import ChoiceInputs, Penalty
from worker.engine.decode.forward import Pages, forward_chunk, forward_on_host, forward_rows
from worker.engine.decode.staging import Launcher, Returned, Staged, numbers, padded_sizes
from worker.engine.decode.weights import Product, read_weights
from worker.engine.row import NOT_FINITE
from worker.engine.sampling import choose_sorted

TOKEN_ROWS = 128  # a step takes at least so many
PIECE_ROWS = 64  # of a prompt at once on a CPU: more of them take more memory, and little less time


class Chosen:
    """A choice on its way to the host."""

    def __init__(self, wait: Callable[[], npt.NDArray[np.int32]], rows: int) -> None:
        self._wait = wait
        self._rows = rows

    def wait(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.bool_]]:
        """tokens [rows], `NOT_FINITE` where scores were no numbers; whole [rows], false where a nucleus was wider than
        the candidates and the token is not the row's. To be read before the second choice after this one."""
        tokens, whole = self._wait()[:, : self._rows]
        return tokens, whole.astype(bool)


class Device:
    """`rows` texts at most, in slots 0 to `rows` - 1, over `pages` pages (0 to `pages` - 1) of `page_tokens` tokens; a
    text has at most `table_width` of them. `kernels`: "triton" for CUDA, "torch" for a CPU and for proof.

    Raises `UnsupportedModel`; ValueError for `graphs` where there can be none.
    """

    def __init__(  # noqa: PLR0913 - what it holds in memory, and how it computes
        self,
        model: Any,
        *,
        rows: int,
        pages: int,
        page_tokens: int,
        table_width: int,
        vocabulary_size: int,
        graphs: bool = False,
        kernels: Literal["triton", "torch"] = "torch",
    ) -> None:
        weights = read_weights(model, table_width * page_tokens)
        device = weights.device
        if graphs and (device.type != "cuda" or kernels != "triton"):
            raise ValueError("CUDA graphs need a CUDA device and the Triton kernels")
        if vocabulary_size != weights.head.outputs:
            raise ValueError(f"a vocabulary of {vocabulary_size} for a model of {weights.head.outputs}")
        self.quantised = not isinstance(weights.head, Product)
        self.rows, self.page_tokens, self.context_tokens = rows, page_tokens, min(table_width, pages) * page_tokens
        self._sizes = padded_sizes(max(2 * rows, TOKEN_ROWS))
        self._row_sizes = [*(size for size in padded_sizes(rows) if size < rows), rows]
        self.step_tokens = self._sizes[-1]
        self._weights, self._device, self._graphs = weights, device, graphs
        self._kernels = _kernels(kernels)
        self.on_host = device.type == "cpu" and kernels == "torch" and weights.dtype == torch.float32
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        if self._stream:  # weights and buffers come from the stream that is current now
            self._stream.wait_stream(torch.cuda.current_stream(device))
        with self._on_stream():
            self._allocate(pages, table_width, vocabulary_size)
        self._forward = Launcher(self._forward_rows)
        self._choose = Launcher(self._choose_rows)

    def _allocate(self, pages: int, table_width: int, vocabulary_size: int) -> None:
        """All memory that outlives a launch. One page more, and one slot whose only page it is, for padding."""
        weights, rows, device = self._weights, self.rows, self._device
        table, inputs = (rows + 1, table_width), (4 * self.step_tokens + rows,)
        shape = (len(weights.layers), 2, pages + 1, weights.groups, self.page_tokens, weights.width)
        if self.on_host:
            cache = _untouched((*shape[:3], self.page_tokens, weights.groups, weights.width), weights.dtype)
            cache = cache.transpose(3, 4)  # a text's tokens one after another, whole
        else:
            cache = torch.zeros(shape, dtype=weights.dtype, device=device)
        self._table = np.full(table, pages, dtype=np.int32)
        self._slots_to_send = {*range(rows + 1)}
        self._staged_table = Staged(table, torch.int32, device)
        self._pages = Pages(cache, torch.zeros(table, dtype=torch.int32, device=device))
        self._staged_inputs = Staged(inputs, torch.int32, device)
        self._inputs = torch.zeros(inputs, dtype=torch.int32, device=device)
        self.scores = torch.zeros((rows, vocabulary_size), dtype=torch.float32, device=device)
        self._kept = torch.zeros_like(self.scores)  # the scores that the choice goes by
        self._settings = ChoiceInputs(rows, vocabulary_size, device)
        self._result = torch.zeros((2, rows), dtype=torch.int32, device=device)  # tokens, whole
        self._results = Returned(self._result)

    @property
    def masks(self) -> npt.NDArray[np.int32]:
        """[rows, words], what the next `choose` sends: the least bit of a word is its first token, 1: allowed. Another
        buffer after each `choose`, with old masks in it."""
        return self._settings.masks

    @torch.inference_mode()
    def start(self) -> None:
        """Compile the kernels and capture the graphs, on the thread that launches from now on. Optional: without it
        all is launched piece by piece."""
        if not self._graphs or self._stream is None:
            return
        with self._on_stream():
            self._send_table()
            pool = torch.cuda.graph_pool_handle()
            self._forward.capture(self._sizes, self._stream, pool)
            self._choose.capture(self._row_sizes, self._stream, pool)

    def set_table(self, slot: int, pages: Sequence[int]) -> None:
        """The pages of the text in a slot, in order; sent with the next launch. What was there before stays behind
        them, and is never read."""
        self._table[slot, : len(pages)] = pages
        self._slots_to_send.add(slot)

    @torch.inference_mode()
    def copy_pages(self, pairs: Sequence[tuple[int, int]]) -> None:
        """Keys and values of the first page of each pair into the second, before what is launched next."""
        with self._on_stream():
            for begun, page in pairs:  # in their order: one may be the next one's
                self._pages.cache[:, :, page] = self._pages.cache[:, :, begun]

    @torch.inference_mode()
    def prefill(self, slot: int, ids: Sequence[int], start: int) -> None:
        """Keys and values of one text's tokens from position `start` on; those before must be there."""
        with self._on_stream():
            self._send_table()
            there = numbers(ids, torch.int64, self._device)
            if self.on_host:
                places = torch.arange(start, start + len(ids))
                for some in zip(there.split(PIECE_ROWS), places.split(PIECE_ROWS), strict=True):
                    forward_on_host(self._weights, self._pages, some[0], torch.full_like(some[1], slot), some[1])
            else:
                forward_chunk(self._weights, self._kernels, self._pages, there, slot, start)

    @torch.inference_mode()
    def forward(
        self,
        ids: Sequence[int],
        source: Sequence[int],
        slots: Sequence[int],
        positions: Sequence[int],
        last: Sequence[int],
    ) -> None:
        """Scores for up to `step_tokens` token-rows, of which `last` [text-rows] are those that a token is chosen for.

        ids[i] = -1: the token that the device chose last, in its row source[i]. Doing it again changes nothing.
        """
        count, most = len(ids), self.step_tokens
        if not count or count > most or len(last) > self.rows:
            raise ValueError(f"{count} token-rows and {len(last)} texts, of at most {most} and {self.rows}")
        size = count if self.on_host else next(size for size in self._sizes if size >= count)
        packed = self._staged_inputs.array
        for row, values in zip(packed[: 4 * most].reshape(4, most), (ids, source, slots, positions), strict=True):
            row[:count], row[count:size] = values, 0
        packed[2 * most + count : 2 * most + size] = self.rows  # the slot for padding
        packed[4 * most : 4 * most + len(last)], packed[4 * most + len(last) :] = last, 0
        with self._on_stream():
            self._send_table()
            self._staged_inputs.send(self._inputs, len(packed))
            if self.on_host:
                self._forward_rows(size, len(last))
            else:
                self._forward(size)

    @torch.inference_mode()
    def choose(  # noqa: PLR0913, PLR0917 - what a row draws by
        self,
        temperature: Sequence[float],
        top_p: Sequence[float],
        seed: Sequence[int],
        position: Sequence[int],
        penalties: Sequence[Penalty] = (),
        wide: Sequence[int] = (),
    ) -> Chosen:
        """Draw a token for each text-row of the last `forward`, as worker/engine/sampling.py says; `wide`: rows whose
        nucleus is looked for in all of the vocabulary."""
        count = len(seed)
        size = count if self.on_host else next(size for size in self._row_sizes if size >= count)
        with self._on_stream():
            more = self._settings.send(temperature, top_p, seed, position, penalties)
            if more:
                self._choose_rows(size, more)
            else:
                self._choose(size)
            if wide:
                rows = numbers(wide, torch.int64, self._device)
                self._choose_wide(rows)
            return Chosen(self._results.fetch(), count)

    # -- what is captured: it reads and writes memory that stays where it is -------------------------------------------

    def _forward_rows(self, size: int, texts: int | None = None) -> None:
        """Scores for as many texts as there are rows, but where their number is given."""
        most = self.step_tokens
        ids, source, slots, positions = self._inputs[: 4 * most].view(4, most)[:, :size]
        last = self._inputs[4 * most :][: size if texts is None else texts]
        ids = torch.where(ids < 0, self._result[0, source].clamp(min=0), ids)
        if self.on_host:
            states = forward_on_host(self._weights, self._pages, ids, slots, positions)
        else:
            states = forward_rows(self._weights, self._kernels, self._pages, ids, slots, positions)
        self.scores[: len(last)].copy_(self._weights.head(states[last]))

    def _choose_rows(self, size: int, penalties: Penalties | None = None) -> None:
        settings, scores = self._settings, self.scores[:size]
        finite = scores.amax(dim=1).isfinite()  # NaN wins any maximum; a -inf among others is a score
        self._kept[:size].copy_(permitted(scores, settings.words[:size], penalties or settings.penalties))
        tokens, whole = chosen_tokens(self._kept[:size], settings.sampled(size), finite)
        self._result[0, :size].copy_(tokens)
        self._result[1, :size].copy_(whole)

    def _choose_wide(self, rows: torch.Tensor) -> None:
        """Over all of the vocabulary; a row without finite scores stays as it is."""
        kept = self._kept[rows]
        chosen = choose_sorted(kept, *self._settings.sampled(self.rows).of(rows))
        tokens = self._result[0, rows]
        self._result[0, rows] = torch.where(tokens == NOT_FINITE, tokens, chosen.int())
        self._result[1, rows] = 1

    def _send_table(self) -> None:
        if not self._slots_to_send:
            return
        staged = self._staged_table.array
        for slot in self._slots_to_send:
            staged[slot] = self._table[slot]
            self._pages.table[slot].copy_(self._staged_table.tensor[slot], non_blocking=True)
        self._staged_table.sent()
        self._slots_to_send.clear()

    def _on_stream(self) -> AbstractContextManager[Any]:
        return torch.cuda.stream(self._stream) if self._stream else nullcontext()


def _untouched(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """Zeros that take memory only once they are written: few texts fill what is reserved for them. In small pages of
    the machine's, for a text writes a little in each of a layer's places, and each would take 2 MB at once."""
    memory = mmap.mmap(-1, math.prod(shape) * dtype.itemsize, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(AttributeError, OSError):  # no Linux, or a kernel that has only small ones
        memory.madvise(mmap.MADV_NOHUGEPAGE)
    return torch.frombuffer(memory, dtype=dtype).view(shape)


def _kernels(which: str) -> Any:
    """Triton is imported only where it is wanted: torch's builds for a CPU do not bring it."""
    return import_module("worker.engine.decode.kernels") if which == "triton" else twins
