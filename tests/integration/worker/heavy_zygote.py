"""A process that has imported torch and all that a model needs, out of which workers are forked one after another."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from tests.integration.worker.processes import WORKER, work

WITHIN_S = 60.0
POLL_S = 0.02

Harm = Callable[[], None]
End = Callable[[Mapping[str, str], Path, Harm | None], int]


@contextmanager
def heavy_zygote() -> Iterator[End]:
    """`end(environment, log, harm)`: the exit code of a worker; one that lives longer than `WITHIN_S` is killed."""
    ours, its = multiprocessing.Pipe()
    zygote = multiprocessing.get_context("spawn").Process(target=_serve, args=(its,))
    zygote.start()

    def end(environment: Mapping[str, str], log: Path, harm: Harm | None) -> int:
        ours.send((dict(environment), log, harm))
        return int(ours.recv())

    try:
        yield end
    finally:
        ours.send(None)
        zygote.join()


def _serve(orders: Connection) -> None:
    import transformers.models.qwen2.modeling_qwen2

    import worker.backend.model  # noqa: F401 - that they are imported is all that they are for

    assert transformers.models.qwen2.modeling_qwen2.Qwen2ForCausalLM
    while order := orders.recv():
        environment, log, harm = order
        pid = os.fork()
        if pid == 0:
            log.touch()
            work(WORKER, {**os.environ, **environment}, log, harm)
            os._exit(0)
        orders.send(_end_of(pid))


def _end_of(pid: int) -> int:
    until = time.monotonic() + WITHIN_S
    while time.monotonic() < until:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(POLL_S)
    os.kill(pid, 9)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
