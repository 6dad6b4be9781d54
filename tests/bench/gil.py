"""What 64 busy task threads cost the engine's thread, which shares Python's lock with them, by the switch interval.

The engine's steps are real but for the device: masks and accepted tokens of 64 texts under the storyboard's grammar,
and a wait without the lock for as long as a GPU would compute. Beside it 64 threads do per scene and per job what the
worker does (decode, read, write JSON, ask a Redis), as often as an engine at 12,500 tokens a second would have them:
150 scenes and 21 jobs a second. One more thread wakes 20 times a second, as the heartbeats' does. What the same threads
cost in a process of their own tells the lock from the cores, which all of it shares.

`python -m tests.bench.gil 0.005 0.001` prints a table of these intervals, in seconds, and writes no file.
"""

from __future__ import annotations

import multiprocessing
import random
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from scriptqueue.schemas import Progress
from shared.settings import Settings
from shared.store.executions import Claim, Executions, Report, Resume
from tests.bench import stage
from tests.bench.gpu_model import TINY, job, tokenizer_of
from tests.bench.report import Figure
from tests.integration.desk import Desk, claimed
from worker.backend.stub import stub_text
from worker.engine.request import GenerationRequest
from worker.engine.text import Text, fill_masks
from worker.engine.vocabulary import Vocabulary
from worker.script.complete import complete_scenes
from worker.script.output import parse, validate
from worker.switching import SWITCH_S

ROWS = 64
DEVICE_S = 0.004  # of a step of so many rows on an H200, if memory were the only limit (docs/performance.md)
SCENES_PER_S, JOBS_PER_S = 150.0, 21.0
SCENES = 6
PYTHONS_S = 0.005  # its own switch interval
INTERVALS_S = (PYTHONS_S, SWITCH_S, 0.0001)
ROUNDS, SECONDS = 5, 4.0
BEAT_S = 0.05
ROOM_TOKENS = 8000


@dataclass(frozen=True)
class Seen:
    """Of one run, milliseconds: steps of the engine, how late a beat was, how long a scene took to be told; and the
    seconds that the engine's thread and each of the others computed."""

    steps: list[float] = field(default_factory=list)
    beats: list[float] = field(default_factory=list)
    scenes: list[float] = field(default_factory=list)
    engine_cpu_s: list[float] = field(default_factory=list)
    tasks_cpu_s: list[float] = field(default_factory=list)


class Steps:
    """64 texts that are written token by token; each that ends is followed by another."""

    def __init__(self) -> None:
        self._tokenizer = tokenizer_of(TINY)
        self._vocabulary = Vocabulary(self._tokenizer, TINY.vocab, (1,))
        self._draw = random.Random(0)
        self._masks = np.zeros((ROWS, self._vocabulary.words), dtype=np.int32)
        self._seeds = iter(range(10**9))
        self._texts = [self._text() for _ in range(ROWS)]
        for _ in range(20):
            self.step()

    def step(self) -> None:
        fill_masks(self._texts, self._masks)
        time.sleep(DEVICE_S)
        for row, (text, mask) in enumerate(zip(self._texts, self._masks, strict=True)):
            text.accept(self._allowed(mask))
            if text.complete:
                self._texts[row] = self._text()

    def _allowed(self, mask: Any) -> int:
        """Some token that the mask allows; on a GPU the device chooses."""
        words = np.flatnonzero(mask)
        word = int(words[self._draw.randrange(len(words))])
        bits = int(mask[word]) & 0xFFFFFFFF
        return word * 32 + self._draw.choice([bit for bit in range(32) if bits >> bit & 1])

    def _text(self) -> Text:
        request: GenerationRequest = replace(job(self._tokenizer, TINY, next(self._seeds), 1e6), max_new_tokens=480)
        return Text(self._vocabulary, request, ROOM_TOKENS, force=True, force_limit=64)


class Tasks:
    """What the worker's other threads do, by calls of the worker's own code."""

    def __init__(self, executions: Executions, claims: list[Claim]) -> None:
        self._executions, self._claims = executions, claims
        self._tokenizer = tokenizer_of(TINY)
        self._ids = self._tokenizer.encode(stub_text(claims[0].request, SCENES))

    def scene(self, number: int) -> None:
        """A scene was completed: it is read from the text so far and told to Redis, with the tokens to resume from."""
        claim = self._claims[number]
        scenes = complete_scenes(self._tokenizer.decode(self._ids, skip_special_tokens=True), claim.request)
        progress = Progress(phase="writing", tokens=len(self._ids), scenes_done=len(scenes), fraction=0.5)
        resume = Resume(0, 0, "0" * 64, tuple(self._ids))
        self._executions.renew([Report(claim, progress, scenes, resume)])

    def job(self, number: int) -> None:
        """One ends and the next begins: the text is validated, a prompt encoded, its grammar written."""
        request = self._claims[number].request
        board, _ = validate(parse(self._tokenizer.decode(self._ids, skip_special_tokens=True)), request)
        board.model_dump_json()
        job(self._tokenizer, TINY, number, 1e6)
        self.scene(number)


@contextmanager
def busy(tasks: Tasks, seen: Seen) -> Iterator[None]:
    """64 threads at work, at random moments."""
    ended = threading.Event()

    def work(number: int) -> None:
        draw = random.Random(number)
        while not ended.wait(draw.expovariate(SCENES_PER_S / ROWS)):
            begun = time.perf_counter()
            tasks.scene(number)
            seen.scenes.append((time.perf_counter() - begun) * 1e3)
            if draw.random() < JOBS_PER_S / SCENES_PER_S:
                tasks.job(number)
        seen.tasks_cpu_s.append(time.thread_time())

    threads = [threading.Thread(target=work, args=(number,)) for number in range(ROWS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def work_apart(url: str, claims: list[Claim], ready: Any, ended: Any) -> None:
    """In a process of its own."""
    executions = _executions(url)
    with busy(Tasks(executions, claims), Seen()):
        ready.set()
        ended.wait()


@contextmanager
def busy_apart(url: str, claims: list[Claim]) -> Iterator[None]:
    context = multiprocessing.get_context("spawn")
    ready, ended = context.Event(), context.Event()
    process = context.Process(target=work_apart, args=(url, claims, ready, ended), daemon=True)
    process.start()
    try:
        assert ready.wait(60), "the other process did not start"
        yield
    finally:
        ended.set()
        process.join()


@contextmanager
def beating(seen: Seen) -> Iterator[None]:
    ended = threading.Event()

    def beat() -> None:
        due = time.perf_counter()
        while not ended.is_set():
            due += BEAT_S
            time.sleep(max(0.0, due - time.perf_counter()))
            seen.beats.append((time.perf_counter() - due) * 1e3)

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def run(steps: Steps, seconds: float, beside: Callable[[Seen], AbstractContextManager[None]]) -> Seen:
    """Steps for so long, beside what this does meanwhile."""
    seen = Seen()

    def step_on() -> None:
        until = time.perf_counter() + seconds
        while (begun := time.perf_counter()) < until:
            steps.step()
            seen.steps.append((time.perf_counter() - begun) * 1e3)
        seen.engine_cpu_s.append(time.thread_time())

    engine = threading.Thread(target=step_on)
    with beating(seen), beside(seen):
        engine.start()
        engine.join()
    return seen


def _executions(url: str) -> Executions:
    return Executions(Settings(redis={"url": url}, worker={"lease_s": 600}), "bench")


def percentile(values: list[float], percent: int) -> float:
    return sorted(values)[max(0, -(-len(values) * percent // 100) - 1)] if values else 0.0


def measured(intervals_s: tuple[float, ...], rounds: int = ROUNDS, seconds: float = SECONDS) -> dict[str, list[Seen]]:
    """Steps `alone`, beside tasks in a process `apart`, and beside them in the same process, by interval; by turns, for
    what else the machine does falls on all."""
    before = sys.getswitchinterval()
    found: dict[str, list[Seen]] = {}
    steps = Steps()
    with stage.redis() as url:
        desk, executions = Desk(Settings(redis={"url": url})), _executions(url)
        fields = {"prompt": "一个程序员在咖啡店找到灵感的故事", "min_scenes": SCENES, "max_scenes": SCENES}
        claims = [claimed(executions, desk.submit(**fields)) for _ in range(ROWS)]
        tasks = Tasks(executions, claims)
        conditions: list[tuple[str, float, Callable[[Seen], AbstractContextManager[None]]]] = [
            ("alone", before, lambda _: nullcontext()),
            ("apart", before, lambda _: busy_apart(url, claims)),
            *((f"beside {interval_s:g}", interval_s, partial(busy, tasks)) for interval_s in intervals_s),
        ]
        try:
            for turn in range(rounds):
                for name, interval_s, beside in conditions if turn % 2 else reversed(conditions):
                    sys.setswitchinterval(interval_s)
                    found.setdefault(name, []).append(run(steps, seconds, beside))
        finally:
            sys.setswitchinterval(before)
            executions.close()
    return found


def shown(found: dict[str, list[Seen]]) -> str:
    """A line for each condition."""
    lines = [
        "ms, quickest round: step p50 p99, beat late p50 p99, scene told p50 p99; cores of the engine, of the tasks"
    ]
    for name, rounds in found.items():
        columns = [quickest(rounds, what, percent) for what in ("steps", "beats", "scenes") for percent in (50, 99)]
        columns += [cores(rounds, "engine_cpu_s"), cores(rounds, "tasks_cpu_s")]
        lines.append(f"{name:16}" + "".join(f"{value:8.2f}" for value in columns))
    return "\n".join(lines)


def quickest(rounds: list[Seen], what: str, percent: int) -> float:
    """Of the rounds' percentiles, the least: it met the fewest neighbours."""
    values: list[list[float]] = [getattr(seen, what) for seen in rounds]
    return min(percentile(one, percent) for one in values)


def cores(rounds: list[Seen], whose: str) -> float:
    """CPU seconds a second: what neighbours do changes little of it. Of the tasks, the most that they held the lock."""
    shares: list[float] = [sum(getattr(seen, whose)) / (sum(seen.steps) / 1e3) for seen in rounds]
    return statistics.median(shares)


def figures() -> dict[str, Figure]:
    found = measured(INTERVALS_S)
    print(shown(found), flush=True)

    def against(name: str, percent: int, meaning: str) -> Figure:
        value = quickest(found[f"beside {SWITCH_S:g}"], "steps", percent)
        baseline = quickest(found[name], "steps", percent)
        return Figure(value, "ms", baseline, value / baseline, f"{meaning}, p{percent}")

    ours = f"a step of {ROWS} rows beside {ROWS} busy task threads, the lock asked for every {SWITCH_S * 1e3:g} ms"
    beside = found[f"beside {SWITCH_S:g}"]
    tasks, engine = cores(beside, "tasks_cpu_s"), cores(beside, "engine_cpu_s")
    return {
        "gil_tasks_cores": Figure(tasks, "cores", engine, tasks / engine, "the task threads against the engine's"),
        "gil_step_p50": against(f"beside {PYTHONS_S:g}", 50, f"{ours}; against Python's 5 ms"),
        "gil_step_p99": against(f"beside {PYTHONS_S:g}", 99, f"{ours}; against Python's 5 ms"),
        "gil_apart_p50": against("apart", 50, f"{ours}; against the same threads in another process"),
        "gil_apart_p99": against("apart", 99, f"{ours}; against the same threads in another process"),
    }


if __name__ == "__main__":
    print(shown(measured(tuple(map(float, sys.argv[1:])) or INTERVALS_S)))
