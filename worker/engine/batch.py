"""Continuous batching over token ids.

One thread owns the model and its KV cache; other threads only `submit`, `stop` and wait. Jobs join and leave the batch
at any step. Knows token ids: not prompts, jobs, Redis or Celery; and of the batch only its face (batching.py).
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from threading import Event, Lock, Thread
from typing import Any

import torch
from torch.nn.attention.varlen import varlen_attn

from shared.errors import EngineBroken, JobError, NotFinite, OutOfMemory, PromptTooLong
from worker.engine import attention
from worker.engine.batching import RunningBatch, is_out_of_memory
from worker.engine.handle import Handle
from worker.engine.rate import Rate
from worker.engine.request import GenerationRequest
from worker.engine.row_limit import RowLimit
from worker.engine.running import Running
from worker.engine.serving import Batching, BatchSizes, Serving, wanted_tokens
from worker.engine.text import TOKENS_A_SAMPLED, Text
from worker.engine.vocabulary import Vocabulary

log = logging.getLogger(__name__)

FORCED_A_SAMPLED = 2  # KV space that is reserved for a text: its forced tokens at most as many as its sampled ones
IDLE_S = 0.5


class BatchEngine:
    """`max_batch` rows over one loaded model, `kv_tokens` of context for all of them together. `batching`: "loop", the
    engine's own; "transformers"; "auto", the loop for 16 bits on one CUDA device, or 8 on a CPU, if it knows the model
    and computes what the model does, else transformers'. `force=False` samples what the grammar forces (for
    benchmarks). The other switches are those of `BatchSizes`. Raises what `Serving` raises."""

    def __init__(  # noqa: PLR0913 - what a loaded model is, and how much of the device it may take
        self,
        model: Any,
        tokenizer: Any,
        *,
        eos_token_ids: tuple[int, ...],
        context_tokens: int,
        max_batch: int,
        kv_tokens: int | None = None,
        force: bool = True,
        batching: Batching = "auto",
        overlap: bool | None = None,
        graphs: bool | None = None,
        compiled: bool = False,
        varlen: attention.Kernel | None = varlen_attn,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.max_batch = max_batch
        kv_tokens = kv_tokens or wanted_tokens(max_batch, context_tokens)
        self.context_tokens = min(context_tokens, kv_tokens)
        self.broken: Exception | None = None
        self.steps = 0
        self.tokens = 0  # ever written, forced ones included
        self._model = model
        self._vocabulary = Vocabulary(tokenizer, model.config.vocab_size, eos_token_ids)
        self._force = force
        self._clock = clock
        self._waiting: deque[Handle] = deque()
        self._rows = Running()
        self._room = RowLimit(max_batch)
        self._lock = Lock()
        self._wake = Event()
        self._ending = False
        self._rate = Rate()
        self._rewinds: deque[tuple[Handle, int]] = deque()
        sizes = BatchSizes(max_batch, kv_tokens, self.context_tokens, overlap, graphs, compiled, varlen)
        self._serving = Serving(model, self._vocabulary, batching, sizes)
        self._thread = Thread(target=self._loop, name="engine", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread; what still runs ends as `stopped`."""
        self._ending = True
        self._wake.set()
        self._thread.join()

    def submit(self, request: GenerationRequest, on_scene: Callable[[], None] | None = None) -> Handle:
        """Join the batch at the next step; `on_scene` is called on the engine's thread, which it must not hold up.
        Raises `PromptTooLong`, `EngineBroken`, ValueError for a bad schema."""
        room = self.context_tokens - len(request.prompt_ids) - request.given_tokens
        needed = TOKENS_A_SAMPLED * request.layout.min_tokens * request.least_written
        if room < needed:
            raise PromptTooLong(
                f"{len(request.prompt_ids)} prompt tokens and at least {needed + request.given_tokens} for the answer "
                f"do not fit the model's context of {self.context_tokens}"
            )
        self._vocabulary.prepare(request.schema, request.layout.speech, request.outline)  # on the thread at fault
        generation = Handle(request, on_scene, self._clock)
        with self._lock:  # which the thread takes at its end: nobody waits for it in vain
            if self.broken or self._ending:
                raise EngineBroken(f"the engine has ended: {self.broken or 'shut down'}")
            self._waiting.append(generation)
        self._wake.set()
        return generation

    def rewind(self, generation: Handle, tokens: int) -> None:
        """From the next step on the text goes on from its first `tokens` tokens, with the budget that it had there, if
        it has not ended. Raises ValueError where it is shorter than that."""
        if not 0 <= tokens <= (most := len(generation.tokens)):
            raise ValueError(f"a text of {most} tokens cannot go on from its first {tokens}")
        with self._lock:
            self._rewinds.append((generation, tokens))
        self._wake.set()

    @property
    def batching(self) -> str:
        return self._batch.batching

    @property
    def attention(self) -> str:
        return self._batch.attention

    @property
    def busy(self) -> int:
        return len(self._rows)

    @property
    def kv_share(self) -> float:
        """How much of the KV cache is reserved for the running texts."""
        return self._rows.pages / self._serving.pages

    @property
    def _batch(self) -> RunningBatch:
        return self._serving.batch

    @property
    def unfinished(self) -> int:
        """Texts in the batch or waiting for it."""
        return len(self._rows) + len(self._waiting)

    @property
    def tokens_per_s(self) -> float:
        """Over the last ten seconds, forced tokens included."""
        return self._rate.tokens_per_s

    # -- the engine's thread ------------------------------------------------------------------------------------------

    def _loop(self) -> None:
        try:
            if self._model.device.type == "cuda":
                torch.cuda.set_device(self._model.device)  # a thread's own
            with torch.no_grad():
                self._serving.start()
                while not self._ending:
                    self._turn_back()
                    self._admit()
                    self._drop()
                    self._step()
        except Exception as error:  # the process is wrong: whoever waits must hear it, and the worker ends
            log.exception("the engine's thread ended")
            self.broken = error
        with self._lock:
            for generation in [*self._waiting, *self._rows]:
                if self.broken:
                    generation.fail(EngineBroken(f"the engine has ended: {type(self.broken).__name__}: {self.broken}"))
                else:
                    generation.finish("stopped")

    def _step(self) -> None:
        try:
            if not self._batch.step():
                self._wake.wait(IDLE_S)
                self._wake.clear()
                return
            fitted = True
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            fitted = False
        if not fitted:  # outside the handler: its traceback holds the step's tensors
            self._make_room()
            return
        self.steps += 1
        self._room.fitted(len(self._rows))
        self._count()
        self._write_anew()
        if not self._rows.finite:
            self._separate()
        for generation in self._rows:
            assert generation.text is not None
            generation.notify_scenes()
            if generation.text.complete:
                generation.finish(generation.text.ending)
                self._rows.remove(generation)

    def _count(self) -> None:
        written = self._rows.count()
        self.tokens += written
        self._rate.note(written)

    def _turn_back(self) -> None:
        """What was rewound leaves the batch and joins it again, with a text that has replayed what is left of it."""
        while self._rewinds:
            with self._lock:
                generation, tokens = self._rewinds.popleft()
            if generation not in self._rows and generation not in self._waiting:
                continue
            self._count()
            text = generation.text or self._text(generation)
            again = text.rewound(min(tokens, len(text.tokens)))  # which an earlier one may have shortened
            self._go_on_with(generation, again)

    def _write_anew(self) -> None:
        """A text whose last scene repeats another goes on from before it; that was counted."""
        for generation in self._rows:
            if generation.text and generation.text.dropped:
                self._go_on_with(generation, generation.text.written_anew())

    def _go_on_with(self, generation: Handle, text: Text) -> None:
        generation.text = text
        if generation in self._rows:
            self._batch.leave(generation)
            self._join(generation, self._rows.remove(generation))

    def _join(self, generation: Handle, pages: int) -> None:
        self._rows.add(generation, pages)
        self._batch.join(generation, pages * self._batch.page_tokens)

    def _text(self, generation: Handle) -> Text:
        request, limit, left = generation.request, self._batch.force_limit, generation.time_left
        room = self.context_tokens - len(request.prompt_ids) - request.given_tokens
        return Text(self._vocabulary, request, room, force=self._force, force_limit=limit, time_left=left)

    def _admit(self) -> None:
        """Waiting requests become rows while there is room, so that a running text never lacks a page."""
        while self._waiting and len(self._rows) < self._room.rows:
            request = (generation := self._waiting[0]).request
            most = FORCED_A_SAMPLED * request.max_new_tokens + request.given_tokens + self._batch.force_limit
            tokens = min(self.context_tokens, len(request.prompt_ids) + most)
            pages = -(-tokens // self._batch.page_tokens)
            if self._rows and (
                self._rows.pages + pages > self._serving.pages or generation.suspect or self._rows.alone
            ):
                return
            with self._lock:
                self._waiting.popleft()
            generation.text = text = generation.text or self._text(generation)
            if text.complete:  # resumed at its very end
                generation.finish(text.ending)
                continue
            self._join(generation, pages)

    def _drop(self) -> None:
        """What was stopped or is out of time leaves the batch, or the wait for it."""
        for generation in [each for each in (*self._waiting, *self._rows) if each.is_over]:
            if generation in self._rows:
                self._batch.leave(generation)
                self._rows.remove(generation)
            else:
                with self._lock:
                    self._waiting.remove(generation)
            generation.finish("stopped" if generation.stopping else "timeout")

    def _make_room(self) -> None:
        """The step did not fit the device's memory. Its rows leave the batch and come again, each from where its text
        is, fewer at a time; one that was alone fails."""
        self._count()  # what was written before it did not fit
        self._write_anew()
        rows = len(self._rows)
        self._room.overflowed(rows)
        log.warning("out of memory with %d rows; from now on %d", rows, self._room.rows)
        self._start_over(OutOfMemory())
        if self._model.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.synchronize()  # raises what broke the device for good
        if self._room.hopeless:
            raise EngineBroken("not even one row fits the device's memory any more")

    def _separate(self) -> None:
        """A row had no finite scores. It may have spoilt its neighbours: where attention reads all rows' pages at once,
        NaN reaches every row through a weight of 0. So all leave, and the suspects come again one by one."""
        self._rows.suspect()
        log.error("no finite scores in a step of %d rows", len(self._rows))
        self._start_over(NotFinite())
        self._batch.forget()  # no text is to begin with spoilt pages

    def _start_over(self, error: JobError) -> None:
        """All rows leave the batch to come again from where their texts are; one that was alone fails."""
        for generation in (generations := list(self._rows)):
            self._batch.leave(generation)
            self._rows.remove(generation)
        if len(generations) == 1:
            generations.pop().fail(error)
        with self._lock:
            self._waiting.extendleft(reversed(generations))
