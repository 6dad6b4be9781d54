"""The host's part of a step: CPU milliseconds by part, with all rows at work, where the card is a stand-in.

A GPU waits for whatever of it cannot run beside its forward pass. Real are the engine, the storyboard's grammar, a
vocabulary of ChatGLM3's size and the texts' lengths; the forward pass is noise, so texts are random allowed tokens.
CPU time of the whole process, in which nothing else works, so that what is given to other threads counts; beside it a
loop of empty Python iterations, because machines differ.

`python -m tests.bench.host [ROWS ...]`
"""

from __future__ import annotations

import json
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from rich.console import Console
from rich.table import Table

from tests.bench import gpu_model
from tests.bench.gpu_engine import KV_TOKENS_A_ROW, Watched, running
from tests.bench.report import Figure
from tests.bench.step_parts import CARD, Laps, Steps, measuring

ROWS = (1, 8, 64, 128)
JUDGED = 64
BATCHINGS = ("transformers", "loop")  # the last is what a GPU runs
MOST_ROWS = {"transformers": 64}  # more of them would take minutes
ITERATIONS = 5_000_000
# What surrounds the model is its real size; the model itself is never asked.
SHAPE = replace(gpu_model.REAL, layers=2, hidden=16, heads=2, groups=1, head_dim=8, ffn=16)
VOCABULARY = Path(__file__).parents[3] / "shared" / "tokenizers" / "chatglm3"
TIME_LEFT_S = 3600.0
TURN = 7919  # scores from one row to the next
SPREAD = 20.0  # of them: a nucleus wider than the sampler's candidates takes long, which is not what is measured


@dataclass(frozen=True)
class Host:
    steps: Steps
    loop_s: float  # of the empty loop, right before and after

    @property
    def parts(self) -> dict[str, float]:
        return {part: seconds for part, seconds in self.steps.parts.items() if part != CARD}


def measure(
    rows: int,
    batching: str,
    tokenizer: Any,
    shape: gpu_model.Shape = SHAPE,
    clock: Callable[[], float] = time.process_time,
) -> Host:
    """`rows` storyboards of six scenes written together to the first one's end. What `clock` counts stands where the
    answer says seconds."""
    loops = [_empty_loop_s()]
    with ExitStack() as stack:
        stack.enter_context(_stand_in())
        stopwatch = stack.enter_context(measuring(clock))
        laps = Laps(stopwatch, clock)
        stack.enter_context(laps.kept())
        model = gpu_model.random_model(shape, "cpu")
        engine = stack.enter_context(running(model, tokenizer, shape, rows, **_options(batching, rows)))
        watched = [Watched(engine, gpu_model.job(tokenizer, shape, n, TIME_LEFT_S), 0.0) for n in range(rows)]
        laps.follow(engine, lambda: all(one.writing for one in watched))
        while not any(one.ended_s for one in watched):
            time.sleep(0.05)
        for one in watched:
            one.leave()
    loops.append(_empty_loop_s())
    return Host(laps.mean(), statistics.mean(loops))


@contextmanager
def _stand_in() -> Iterator[None]:
    """A card that computes next to nothing. To transformers' batching it gives scores that were drawn once and are
    turned a little further each step; to the loop, whose host side of the device is real, tokens that the masks
    allow."""
    from worker.engine import serving, step
    from worker.engine.decode.device import Device

    noise, draw, turned = SPREAD * torch.randn(2 * SHAPE.vocab), random.Random(0), 0

    def forward(runner: Any, *_: Any) -> None:
        nonlocal turned
        scores = runner._choice.scores
        for row in scores:
            turned = (turned + TURN) % SHAPE.vocab
            row.copy_(noise[turned : turned + scores.shape[1]])

    def choose_rows(device: Any, size: int, *_: Any) -> None:
        words = device._settings.words[:size].numpy()
        device._result[0, :size] = torch.tensor([_allowed(row, draw) for row in words], dtype=torch.int32)
        device._result[1, :size] = 1

    def nothing(*_: Any) -> None:
        pass

    with ExitStack() as patches:
        for owner, name, instead in (
            (step.StepRunner, "_forward_process_and_sample", forward),
            (serving, "prove", nothing),
            (Device, "_forward_rows", nothing),
            (Device, "prefill", nothing),
            (Device, "_choose_rows", choose_rows),
        ):
            patches.enter_context(mock.patch.object(owner, name, instead))
        yield


def _allowed(words: Any, draw: random.Random) -> int:
    """A token whose bit is set in a row's mask."""
    places = words.nonzero()[0]
    if not len(places):
        return 0  # of a row that nobody chooses for
    place = int(places[draw.randrange(len(places))])
    bits = [bit for bit in range(32) if int(words[place]) >> bit & 1]
    return 32 * place + draw.choice(bits)


def _options(batching: str, rows: int) -> dict[str, Any]:
    from worker.engine import attention

    return {
        "batching": batching,
        "varlen": attention.one_by_one,
        "kv_tokens": rows * KV_TOKENS_A_ROW,
        "overlap": True,  # as beside a card
    }


def tokenizer() -> tuple[Any, str]:
    """ChatGLM3's own where its vocabulary lies beside the checkout, else one of its size made up; and which it is."""
    if not VOCABULARY.is_dir():
        return gpu_model.tokenizer_of(SHAPE), "a made-up vocabulary of ChatGLM3's size"
    from models.folder import open_folder
    from models.tokenizers.folder import tokenizer_of
    from tests.bench.chatglm3_full import CONFIG

    with tempfile.TemporaryDirectory(prefix="scriptqueue-") as name:
        folder = Path(name) / "chatglm3"
        shutil.copytree(VOCABULARY, folder)
        (folder / "config.json").write_text(json.dumps(CONFIG))
        return tokenizer_of(open_folder(folder)), "ChatGLM3's vocabulary"


def figures(*rows: int) -> dict[str, Figure]:
    """Of the engine's last batching at 64 rows, or the most of `rows`."""
    torch.set_num_threads(1)
    words, which = tokenizer()
    seen: dict[str, dict[int, Host]] = {}
    for batching in BATCHINGS:
        for count in rows or ROWS:
            if count <= MOST_ROWS.get(batching, count):
                seen.setdefault(batching, {})[count] = measure(count, batching, words)
    _print(seen, which)
    count = JUDGED if JUDGED in (rows or ROWS) else max(rows)
    return judged(seen[BATCHINGS[-1]][count], count, which)


def judged(host: Host, rows: int, which: str) -> dict[str, Figure]:
    """What the summary keeps; `ratio` is milliseconds to the empty loop's seconds."""
    loop = f"beside {ITERATIONS // 1_000_000} million empty Python iterations"

    def figure(seconds: float, meaning: str) -> Figure:
        return Figure(seconds * 1e3, "ms", host.loop_s * 1e3, seconds * 1e3 / host.loop_s, meaning)

    return {
        f"host_step_{rows}_ms": figure(host.steps.host_s, f"host CPU of a step of {rows} rows, {which}; {loop}"),
        f"host_serial_{rows}_ms": figure(
            host.steps.serial_s, f"of it what runs while the card has nothing to do; {loop}"
        ),
        f"mask_{rows}_ms": figure(host.steps.mask_s, f"of it masks; {loop}"),
    }


def _print(seen: dict[str, dict[int, Host]], which: str) -> None:
    """One column for each batching and number of rows."""
    columns = [(batching, rows, host) for batching, hosts in seen.items() for rows, host in hosts.items()]
    table = Table("ms of host CPU a step", *(f"{batching} {rows}" for batching, rows, _ in columns), title=which)
    parts = dict.fromkeys(part for _, _, host in columns for part in host.parts)
    for part in sorted(parts):
        table.add_row(part, *(_ms(host.parts.get(part)) for _, _, host in columns))
    table.add_section()
    table.add_row("whole", *(_ms(host.steps.host_s) for _, _, host in columns))
    table.add_row("masks", *(_ms(host.steps.mask_s) for _, _, host in columns))
    table.add_row("serial: not beside the card's forward", *(_ms(host.steps.serial_s) for _, _, host in columns))
    table.add_row("tokens a step", *(f"{host.steps.tokens:.1f}" for _, _, host in columns))
    table.add_row("steps", *(str(host.steps.count) for _, _, host in columns))
    table.add_row("empty loop, ms", *(f"{host.loop_s * 1e3:.0f}" for _, _, host in columns))
    Console(width=160).print(table)


def _ms(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1e3:.2f}"


def _empty_loop_s() -> float:
    """CPU seconds of so many empty iterations, as a module's own statement: the median of three."""
    loop, seconds = compile(f"for i in range({ITERATIONS}): pass", "loop", "exec"), []
    for _ in range(3):
        begun = time.thread_time()
        exec(loop, {})  # within a function the variable would be a local one, and the loop twice as quick
        seconds.append(time.thread_time() - begun)
    return statistics.median(seconds)


if __name__ == "__main__":
    for name, figure in figures(*map(int, sys.argv[1:])).items():
        print(f"{name}: {figure.value:.3g} {figure.unit}, ratio {figure.ratio:.4g}")
