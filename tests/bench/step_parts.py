"""Where the engine's thread spends a step: seconds by part, each function's own without those that it calls.

Times are taken by wrapping the functions that `PARTS` names, where this version of the engine has them. Knows nothing
of whether the card is real.
"""

from __future__ import annotations

import functools
import importlib
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

CARD = "card"  # what a GPU computes, or the host while it waits for one
_CB = "transformers.generation.continuous_batching."
_LOOP = "worker.engine.decode."
# Part -> functions, "module:name in it". What is named in no part counts for the part that calls it.
PARTS: dict[str, tuple[str, ...]] = {
    "masks: fill": ("worker.engine.text:Text.fill", "worker.engine.vocabulary:Vocabulary.fill"),
    "masks: narrow": ("worker.engine.closing:Closing.narrow",),
    "repetition: penalties": (
        "worker.engine.repetition:Repetition.penalties",
        "worker.engine.step:Sampler._without_repeating",
    ),
    "choice: inputs": (
        "worker.engine.step:Sampler._sent",
        "worker.engine.step:Sampler.prepare_tensor_args",
        f"{_LOOP}loop:DecodeLoop._choose",
    ),
    "choice: launch": (f"{_LOOP}device:Device.choose",),
    "accept: token": ("worker.engine.text:Text.accept", "worker.engine.row:Row.update_and_check_completion"),
    "accept: forced tokens": ("worker.engine.text:Text.force",),
    "accept: closing": ("worker.engine.closing:Closing.note", "worker.engine.closing:Closing.follow"),
    "accept: repetition": ("worker.engine.repetition:Repetition.note",),
    "accept: scanner": ("worker.engine.scanner:Scanner.feed",),
    "plan: schedule": (
        f"{_CB}continuous_api:ContinuousBatchProcessor.prepare_next_batch",
        f"{_CB}scheduler:FIFOScheduler.schedule_batch",
        f"{_LOOP}loop:DecodeLoop._run",
    ),
    "plan: inputs": (f"{_CB}input_outputs:ContinuousBatchingIOs.prepare_batch_tensors",),
    "plan: index lists": (f"{_CB}cache:PagedAttentionCache.extend_read_and_write_indices",),
    "launch": (
        "worker.engine.step:StepRunner.compute_batch",
        f"{_LOOP}device:Device.forward",
        f"{_LOOP}device:Device.set_table",
    ),
    "update": (
        f"{_CB}continuous_api:ContinuousBatchProcessor.update_batch",
        f"{_LOOP}loop:DecodeLoop._postprocess",
    ),
    "engine": (
        "worker.engine.batch:BatchEngine._step",
        "worker.engine.batch:BatchEngine._admit",
        "worker.engine.batch:BatchEngine._drop",
    ),
    CARD: (
        "worker.engine.step:StepRunner._forward_process_and_sample",
        "worker.engine.step:Sampler.tokens",
        "worker.engine.step:Sampler.finite",
        "worker.engine.step:Sampler.mask",
        "worker.engine.step:choose",
        f"{_CB}input_outputs:ContinuousBatchingIOs.retrieve_device_outputs",
        f"{_LOOP}device:Device.prefill",
        f"{_LOOP}device:Device._forward_rows",
        f"{_LOOP}device:Device._choose_rows",
        f"{_LOOP}device:Device._choose_wide",
        f"{_LOOP}device:Chosen.wait",
    ),
}
# Of one step, in order: the launch of its forward pass, that of its choice, and the wait for what was chosen.
FORWARDS = ("worker.engine.step:StepRunner._forward_process_and_sample", f"{_LOOP}device:Device.forward")
CHOICES = ("worker.engine.step:Sampler.tokens", f"{_LOOP}device:Device.choose")
WAITS = (f"{_CB}input_outputs:ContinuousBatchingIOs.retrieve_device_outputs", f"{_LOOP}device:Chosen.wait")
MASKS = ("masks: fill", "masks: narrow")
TRIED = 20_000  # calls by which a clock's own cost is found


class Stopwatch:
    """Seconds by part, on the thread `thread_id` alone and from when that is set. While the card has a forward pass to
    run, whatever the host does costs no time if the pass is long enough; `serial_s` is the rest."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._busy = False
        self._ahead = False  # a forward pass was launched after the last choice
        self.thread_id: int | None = None
        self._clock = clock
        self._stack: list[str] = []
        self._last = 0.0
        self._own_s = self._outer_s = 0.0
        self._forget()
        self._price()

    def seconds(self) -> dict[str, float]:
        """By part, less what the measuring itself took."""
        return dict(self._spent)

    @property
    def serial_s(self) -> float:
        """Of all parts but the card's, while the card had nothing to do."""
        return sum(seconds for part, seconds in self._rest.items() if part != CARD)

    def timed(self, plain: Callable[..., Any], part: str, after: Callable[[], None] | None = None) -> Any:
        """`plain`, whose time counts for `part`; `after` is called at its end."""

        @functools.wraps(plain)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != self.thread_id:
                return plain(*args, **kwargs)
            self.enter(part)
            try:
                return plain(*args, **kwargs)
            finally:
                if after:
                    after()
                self.leave()

        return wrapper

    def launched(self) -> None:
        """A forward pass was."""
        self._busy = self._ahead = True

    def chose(self) -> None:
        """The choice from the forward passes so far was launched."""
        self._ahead = False

    def waited(self) -> None:
        """Until a choice was there, and so all that was launched before it: what is ahead of it is still to be done."""
        self._busy = self._ahead

    def enter(self, part: str) -> None:
        now = self._clock()
        if self._stack:
            self._count(now, self._outer_s)
        self._stack.append(part)
        self._last = now

    def leave(self) -> None:
        now = self._clock()
        self._count(now, self._own_s)
        self._stack.pop()
        self._last = now

    def _count(self, now: float, measuring_s: float) -> None:
        spent, part = now - self._last - measuring_s, self._stack[-1]
        self._spent[part] += spent
        if not self._busy:
            self._rest[part] += spent

    def _forget(self) -> None:
        self._spent: dict[str, float] = defaultdict(float)
        self._rest: dict[str, float] = defaultdict(float)  # of it, while the card was at rest

    def _price(self) -> None:
        """What one timed call adds to its own part, and to the part that calls it."""

        def nothing() -> None:
            pass

        empty = self.timed(nothing, "inner")
        self.thread_id = threading.get_ident()
        self.enter("outer")
        for _ in range(TRIED):
            empty()
        self.leave()
        begun = self._clock()
        for _ in range(TRIED):
            nothing()
        bare = (self._clock() - begun) / TRIED
        own_s, outer_s = self._spent["inner"] / TRIED, self._spent["outer"] / TRIED - bare
        self._own_s, self._outer_s = own_s, max(0.0, outer_s)
        self.thread_id = None
        self._forget()


@contextmanager
def measuring(clock: Callable[[], float]) -> Iterator[Stopwatch]:
    """A stopwatch over the functions of `PARTS`. Raises RuntimeError for a part of which none is there."""
    stopwatch = Stopwatch(clock)
    events = (FORWARDS, stopwatch.launched), (CHOICES, stopwatch.chose), (WAITS, stopwatch.waited)
    with ExitStack() as patches:
        for part, names in PARTS.items():
            found = {name: owner for name in names if (owner := _owner_of(name))}
            if not found:
                raise RuntimeError(f"none of the functions of {part} is there any more")
            for name, (owner, last) in found.items():
                after = next((note for those, note in events if name in those), None)
                timed = stopwatch.timed(getattr(owner, last), part, after)
                patches.enter_context(mock.patch.object(owner, last, timed))
        yield stopwatch


def _owner_of(name: str) -> tuple[Any, str] | None:
    """The object that has this function, and its name there; None if it is not there."""
    module, _, path = name.partition(":")
    *owners, last = path.split(".")
    owner: Any = importlib.import_module(module)
    for inner in owners:
        owner = getattr(owner, inner, None)
    return (owner, last) if hasattr(owner, last) else None


@dataclass(frozen=True)
class Steps:
    """Means over steps in which every text was at work, in seconds."""

    count: int
    tokens: float  # a step, forced ones included
    parts: dict[str, float]
    serial_s: float
    clock_s: float  # of the whole step, by the stopwatch's clock

    @property
    def host_s(self) -> float:
        return sum(seconds for part, seconds in self.parts.items() if part != CARD)

    @property
    def mask_s(self) -> float:
        return sum(self.parts[part] for part in MASKS)


class Laps:
    """What a stopwatch showed after each step in which every text was at work."""

    def __init__(self, stopwatch: Stopwatch, clock: Callable[[], float]) -> None:
        self._stopwatch, self._clock = stopwatch, clock
        self._at_work: Callable[[], bool] = lambda: False
        self._seen: list[tuple[int, int, float, float, dict[str, float]]] = []  # steps, tokens, clock, serial, parts

    @contextmanager
    def kept(self) -> Iterator[None]:
        from worker.engine.batch import BatchEngine

        plain = BatchEngine._step

        def step(engine: Any, *rest: Any) -> Any:
            done = plain(engine, *rest)
            if self._at_work():
                now, parts = self._clock(), self._stopwatch.seconds()
                self._seen.append((engine.steps, engine.tokens, now, self._stopwatch.serial_s, parts))
            return done

        with mock.patch.object(BatchEngine, "_step", step):
            yield

    def follow(self, engine: Any, at_work: Callable[[], bool]) -> None:
        self._stopwatch.thread_id, self._at_work = engine._thread.ident, at_work

    @property
    def count(self) -> int:
        return len(self._seen)

    def mean(self) -> Steps:
        """Between the first such step and the last; raises RuntimeError if there were none, or none with masks."""
        if len(self._seen) < 2:
            raise RuntimeError("the texts were never all at work together")
        first, last = self._seen[0], self._seen[-1]
        count, tokens, clock_s, serial_s = (after - before for before, after in zip(first[:4], last[:4], strict=True))
        parts = {part: (seconds - first[4].get(part, 0.0)) / count for part, seconds in last[4].items()}
        if not all(parts.get(part) for part in MASKS):
            raise RuntimeError("no mask was seen: PARTS names functions that are not called")
        return Steps(int(count), tokens / count, parts, serial_s / count, clock_s / count)
