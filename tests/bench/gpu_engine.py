"""The service's own engine under load: streams that start together, and jobs that arrive at a rate."""

from __future__ import annotations

import random
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

from tests.bench.gpu_model import Shape, job

LOOK_S = 0.01  # until each stream has begun,
CALM_S = 0.04  # and then: each look takes Python's lock from the engine
WARM_TOKENS = 8
KV_TOKENS_A_ROW = 2048


class Cut(RuntimeError):
    """A job was stopped, or had no time left."""


@dataclass(frozen=True)
class Load:
    """What one burst of streams showed. Steady: while every stream writes and none has ended."""

    engine: str
    attention: str
    tokens_per_s: float
    step_ms: float
    first_token_s: list[float]
    first_scene_s: list[float]
    job_s: list[float]
    tokens: int
    prompt_tokens: int

    @property
    def context_tokens(self) -> float:
        """A text's context halfway."""
        return self.prompt_tokens + self.tokens / len(self.job_s) / 2


@contextmanager
def running(model: Any, tokenizer: Any, shape: Shape, rows: int, **options: Any) -> Iterator[Any]:
    """A started engine; its cache is freed at the end."""
    import gc

    import torch

    from tests.bench import torch_211
    from worker.engine.batch import BatchEngine

    on_card = model.device.type == "cuda"
    defaults: dict[str, Any] = {"kv_tokens": KV_TOKENS_A_ROW * rows, "varlen": torch_211.kernel()}
    if not on_card:  # the paths of a GPU: an engine on a CPU would take transformers' batching
        defaults |= {"kv_tokens": 1024 * rows, "batching": "loop"}
    engine = BatchEngine(
        model,
        tokenizer,
        eos_token_ids=(tokenizer.eos_token_id,),
        context_tokens=shape.context_tokens,
        max_batch=rows,
        **(defaults | options),
    )
    engine.start()
    try:
        yield engine
    finally:
        engine.stop()
        del engine
        gc.collect()
        if on_card:
            torch.cuda.empty_cache()


def ran(engine: Any) -> tuple[str, str]:
    """Which batching and which attention."""
    if hasattr(engine, "batching"):
        return engine.batching, engine.attention
    batching, _, attention = engine.how.partition(", ")
    return batching, attention


def burst(engine: Any, tokenizer: Any, shape: Shape, rows: int, time_left_s: float) -> Load:
    """`rows` jobs of six scenes at once, after as many that only warm up."""
    _warm_up(engine, tokenizer, shape, rows, time_left_s)
    jobs = [job(tokenizer, shape, seed, time_left_s) for seed in range(rows)]
    started = time.perf_counter()
    watched = [Watched(engine, request, started) for request in jobs]
    steady: list[tuple[float, int, int]] = []  # time, tokens, engine steps
    while any(not one.ended_s for one in watched):
        tokens = [one.look() for one in watched]
        if all(tokens) and not any(one.ended_s for one in watched):
            steady.append((time.perf_counter(), sum(tokens), engine.steps))
        time.sleep(CALM_S if all(tokens) else LOOK_S)
    for one in watched:
        one.check()
    if len(steady) < 2 or steady[-1][2] == steady[0][2]:
        raise RuntimeError("the streams were never all at work together")
    seconds, written, steps = (last - first for first, last in zip(steady[0], steady[-1], strict=True))
    batching, attention = ran(engine)
    return Load(
        engine=batching,
        attention=attention,
        tokens_per_s=written / seconds,
        step_ms=seconds / steps * 1e3,
        first_token_s=[one.first_token_s for one in watched],
        first_scene_s=[one.first_scene_s for one in watched if one.first_scene_s],
        job_s=[one.ended_s for one in watched],
        tokens=sum(one.tokens for one in watched),
        prompt_tokens=len(jobs[0].prompt_ids),
    )


def arrivals(engine: Any, tokenizer: Any, shape: Shape, *, rate: float, jobs: int, time_left_s: float) -> list[float]:
    """Seconds from arrival to the last token of `jobs` jobs that arrive at random, `rate` a second."""
    draw = random.Random(0)
    requests = [job(tokenizer, shape, seed, time_left_s) for seed in range(jobs)]
    due, watched = time.perf_counter(), []
    for request in requests:
        time.sleep(max(0.0, due - time.perf_counter()))
        watched.append(Watched(engine, request, due))
        due += draw.expovariate(rate)
    for one in watched:
        one.check()
    return [one.ended_s for one in watched]


def percentile(values: list[float], percent: int) -> float:
    """By the nearest rank: a value that was seen."""
    return sorted(values)[max(0, -(-len(values) * percent // 100) - 1)]


def median(values: list[float]) -> float | None:
    return statistics.median(values) if values else None


@contextmanager
def no_grammar() -> Iterator[None]:
    """The engine without masks and forced tokens: each text is as long as its budget. Swaps the engine's `Text`."""
    from worker.engine import batch, step
    from worker.engine.decode import loop

    class FreeText(batch.Text):  # type: ignore[misc,name-defined]
        @property
        def complete(self) -> bool:
            return bool(len(self.tokens) >= self._max_new_tokens)

        def accept(self, token: int) -> list[int]:
            self.tokens.append(token)
            self.sampled_tokens += 1
            return [token]

        def force(self) -> list[int]:
            return []

        def fill(self, mask: Any) -> None:
            mask[:] = -1

    def allow_all(_texts: Any, masks: Any, *_: Any) -> None:
        masks[:] = -1

    with ExitStack() as patches:
        patches.enter_context(mock.patch.object(batch, "Text", FreeText))
        for home in (step, loop):
            if hasattr(home, "fill_masks"):  # of all texts at once
                patches.enter_context(mock.patch.object(home, "fill_masks", allow_all))
        yield


def _warm_up(engine: Any, tokenizer: Any, shape: Shape, rows: int, time_left_s: float) -> None:
    watched = [Watched(engine, job(tokenizer, shape, 10_000 + row, time_left_s), 0.0) for row in range(rows)]
    while any(one.look() < WARM_TOKENS and not one.ended_s for one in watched):
        time.sleep(LOOK_S)
    for one in watched:
        one.leave()


class Watched:
    """One job in the engine and when it came how far; a thread waits for its end."""

    def __init__(self, engine: Any, request: Any, started: float) -> None:
        self.first_token_s = self.first_scene_s = self.ended_s = 0.0
        self.tokens = 0
        self._fault: Exception | None = None
        self._started = started
        self._generation = engine.submit(request)
        self._thread = threading.Thread(target=self._wait, daemon=True)
        self._thread.start()

    def look(self) -> int:
        """How many tokens it has; 0 before the first that the model chose."""
        text, now = self._generation.text, time.perf_counter() - self._started
        if text is None or not text.sampled_tokens:
            return 0
        self.first_token_s = self.first_token_s or now
        if text.scanner.scenes_done and not self.first_scene_s:
            self.first_scene_s = now
        return len(text.tokens)

    @property
    def writing(self) -> bool:
        """Whether the model has chosen a token of it, and not the last one."""
        text = self._generation.text
        return text is not None and text.sampled_tokens > 0 and not text.complete

    def leave(self) -> None:
        """Stop the job, which then counts for nothing; raises what else went wrong."""
        self._generation.stop()
        self._thread.join()
        if self._fault and not isinstance(self._fault, Cut):
            raise self._fault

    def check(self) -> None:
        """Wait for the end; raises what went wrong."""
        self._thread.join()
        if self._fault:
            raise self._fault

    def _wait(self) -> None:
        try:
            output = self._generation.wait()
            self.tokens = len(output.token_ids)
            if output.finish not in ("complete", "closed_early"):
                self._fault = Cut(f"a job ended as {output.finish}")
        except Exception as error:  # told to whoever measures
            self._fault = error
        self.ended_s = time.perf_counter() - self._started
