"""A worker that cannot serve ends with one line and the right code, and never says that it is ready.

celery/celery#2738: what a signal's handler raises is only logged since 4.0. Haidra-Org/horde-worker-reGen#73: an
exception at the start leaves a worker that hangs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import httpx

from tests.integration.worker import harms
from tests.integration.worker.conftest import Words
from tests.integration.worker.processes import Fork, forked_worker

WITHIN_S = 30  # of the whole start, on a machine with other work; the fault itself takes none of it
LISTED_S = 120  # without a leave
COMMON: dict[str, object] = {"worker__metrics_port": 0, "worker__lease_s": LISTED_S}
MODEL = {"model__name": "any"} | COMMON
STUB = {"model__name": "stub"} | COMMON


class Way(NamedTuple):
    harm: Callable[[Path], Callable[[], None]]
    code: int
    line: str
    settings: dict[str, object] = MODEL


def torch_that(code: str) -> Callable[[Path], Callable[[], None]]:
    return lambda folder: partial(harms.torch_that, folder, code)


def raising(module: str, name: str, error: BaseException) -> Callable[[Path], Callable[[], None]]:
    return lambda _: partial(harms.raising, module, name, error)


WAITS = "import threading; threading.Event().wait()"
NO_WORD = raising("shared.store.executions", "Executions.beat", TypeError("no word"))
WAYS = {
    "a shared library of torch is missing": Way(
        torch_that("raise OSError('libcudart.so.12: cannot open shared object file')"), 78, "libcudart.so.12"
    ),
    "a library ends the process": Way(torch_that("import sys; sys.exit('no licence')"), 78, "no licence"),
    "a library ends the process as if all was well": Way(torch_that("import sys; sys.exit(0)"), 78, "SystemExit|ended"),
    "a bug": Way(torch_that("assert 1 == 2, 'two\\nlines'"), 78, r"AssertionError: two lines"),
    "a value that is refused": Way(torch_that("int('x')"), 78, "ValueError: invalid literal"),
    "no memory": Way(torch_that("raise MemoryError"), 70, "MemoryError"),
    "a driver": Way(torch_that("raise RuntimeError('CUDA driver initialization failed')"), 70, "CUDA driver init"),
    "a disk that fails": Way(torch_that("raise OSError(5, 'Input/output error')"), 70, "Input/output error"),
    "an import that waits for ever": Way(torch_that(WAITS), 70, "stood still", MODEL | {"worker__stall_s": 1}),
    "Ctrl-C": Way(torch_that("raise KeyboardInterrupt"), 130, "interrupted"),
    "a script for Redis is missing": Way(lambda folder: partial(harms.without_scripts, folder), 78, "lua", STUB),
    "a module of ours is missing": Way(
        lambda _: partial(harms.without_module, "worker.tasks"), 78, "worker.tasks", STUB
    ),
    "the last step before ready": Way(
        raising("shared.store.executions", "Executions.rivals", TypeError("no worker")), 78, "TypeError: no work", STUB
    ),
    "a thread cannot be started": Way(
        raising("worker.lease", "LeaseKeeper.start", RuntimeError("can't start new thread")), 70, "new thread", STUB
    ),
    "a watchdog that ends": Way(
        raising("worker.watchdog", "Watchdog._run", TypeError("no look")), 70, "nobody watches this worker", STUB
    ),
    "a heartbeat that ends": Way(NO_WORD, 70, "heartbeats has ended", STUB),
    "a heartbeat that ends while a model is loaded": Way(
        lambda folder: partial(harms.both, torch_that(WAITS)(folder), NO_WORD(folder)), 70, "heartbeats has ended"
    ),
}


def test_whatever_is_raised_before_a_worker_is_ready_ends_it_with_its_code_and_one_line(
    api: httpx.Client, redis_url: str, tmp_path: Path, words: Words
) -> None:
    forks: dict[str, Fork] = {}
    try:
        for number, (name, way) in enumerate(WAYS.items()):
            harm = way.harm(tmp_path / f"harm{number}")
            forks[name] = forked_worker(redis_url, tmp_path / f"way{number}.log", harm, **way.settings)
        ended = {name: (fork.wait(WITHIN_S), lines_of(fork, WAYS[name].line)) for name, fork in forks.items()}
    finally:
        for fork in forks.values():
            fork.close()

    assert ended == {name: (way.code, 1) for name, way in WAYS.items()}
    assert words() == {"loading", "broken"}
    assert [worker["state"] for worker in api.get("/queue").json()["workers"]] == [
        "broken"
    ]  # the watchdog's; others left
    assert [name for name, fork in forks.items() if "Traceback" in fork.log_text] == [
        "a watchdog that ends",  # a bug of ours, in a thread
        "a heartbeat that ends",
        "a heartbeat that ends while a model is loaded",
    ]


def test_a_worker_that_is_told_to_end_while_it_starts_never_says_ready(
    redis_url: str, tmp_path: Path, words: Words
) -> None:
    harm = partial(harms.terminated_before, "celery.worker.consumer.tasks", "Tasks")
    fork = forked_worker(redis_url, tmp_path / "worker.log", harm, **STUB)
    try:
        assert fork.wait(WITHIN_S) == 0
    finally:
        fork.close()

    assert words() & {"loading", "ready", "draining"} == {"loading", "draining"}
    assert "ready: " not in fork.log_text


def lines_of(fork: Fork, pattern: str) -> int:
    return len(
        [line for line in fork.log_text.splitlines() if re.search(f"(scriptqueue|leaves).*: .*({pattern})", line)]
    )
