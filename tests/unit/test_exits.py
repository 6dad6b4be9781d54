"""Which exit code an exception before `ready` means, and the one line that says it."""

from __future__ import annotations

import errno
import os
import re
import socket
from contextlib import suppress

import pytest

from shared.errors import (
    DownloadFailed,
    EngineBroken,
    ModelUnavailable,
    OutOfMemory,
    RedisUnfit,
    SettingsInvalid,
    StoreUnavailable,
)
from shared.workers import WorkerState
from worker import exits
from worker.exits import EXIT_BROKEN, EXIT_INTERRUPTED, EXIT_UNUSABLE, exit_code_of, fatal, line_of


class AcceleratorError(RuntimeError):
    """Named as torch's own."""


def caused(by: BaseException) -> ModelUnavailable:
    error = ModelUnavailable("tiny: it cannot be loaded")
    error.__cause__ = by
    return error


MAY_PASS = [
    *(EngineBroken("CUDA error"), OutOfMemory(), StoreUnavailable(), DownloadFailed("the hub did not answer")),
    *(MemoryError(), RuntimeError("CUDA driver error"), AcceleratorError("device-side assert"), TimeoutError("x")),
    *(OSError(number, "x") for number in (errno.ENOSPC, errno.EIO, errno.ETIMEDOUT, errno.EADDRINUSE, errno.ENOMEM)),
    *(OSError(number, "x") for number in (errno.ESTALE, errno.EMFILE, errno.EAGAIN, errno.EDQUOT)),
    *(ConnectionResetError("x"), BlockingIOError(errno.EAGAIN, "x"), socket.gaierror(socket.EAI_AGAIN, "x")),
    *(caused(error) for error in (MemoryError(), OSError(errno.EIO, "x"), AcceleratorError("x"), OutOfMemory())),
    caused(caused(OSError(errno.ENOSPC, "x"))),
]
STAYS = [
    *(ModelUnavailable("no model"), SettingsInvalid("x"), RedisUnfit("x"), ImportError("no torch"), ValueError("x")),
    *(TypeError("x"), AssertionError(), KeyError("x"), AttributeError("x"), ZeroDivisionError("x"), EOFError()),
    *(RecursionError("deep JSON"), NotImplementedError("x"), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x")),
    *(FileNotFoundError(errno.ENOENT, "x"), PermissionError(errno.EACCES, "x"), IsADirectoryError(errno.EISDIR, "x")),
    *(OSError("libcudart.so.12: cannot open shared object file"), SystemExit(0), SystemExit("no licence"), Exception()),
    *(caused(error) for error in (RuntimeError("size mismatch"), ValueError("x"), FileNotFoundError(2, "x"))),
]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        *((error, EXIT_BROKEN) for error in MAY_PASS),
        *((error, EXIT_UNUSABLE) for error in STAYS),
        (KeyboardInterrupt(), EXIT_INTERRUPTED),
    ],
    ids=repr,
)
def test_what_may_pass_is_tried_again_and_what_cannot_is_not(error: BaseException, code: int) -> None:
    assert exit_code_of(error) == code


def test_a_circle_of_causes_has_an_end() -> None:
    first, second = ModelUnavailable("a"), ModelUnavailable("b")
    first.__cause__, second.__cause__ = second, first

    assert exit_code_of(first) == EXIT_UNUSABLE


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ModelUnavailable("tiny has no vocabulary file"), "tiny has no vocabulary file"),
        (
            RuntimeError("CUDA error: x\nCompile with `TORCH_USE_CUDA_DSA`\n"),
            "RuntimeError: CUDA error: x Compile with",
        ),
        (MemoryError(), "MemoryError"),
        (SystemExit(3), "a library ended the process: 3"),
        (KeyboardInterrupt(), "interrupted"),
    ],
    ids=repr,
)
def test_it_is_said_in_one_line(error: BaseException, line: str) -> None:
    assert line_of(error).startswith(line)
    assert "\n" not in line_of(error)


def test_an_endless_message_is_cut_and_shows_it() -> None:
    line = line_of(ValueError("x" * 100_000))

    assert len(line) < exits.LINE_CHARACTERS + 10
    assert line.endswith(" ...")


def test_an_error_of_a_librarys_is_told_with_the_place_in_our_code_that_met_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended, fatal("scriptqueue worker"):
        WorkerState.from_json("worker-a", "no JSON")

    assert ended.value.code == EXIT_UNUSABLE
    assert re.fullmatch(
        r"scriptqueue worker: JSONDecodeError: .* \(shared/workers\.py:\d+\)\n", capsys.readouterr().err
    )


def test_an_end_that_nobody_can_read_is_one_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the exception of the broken pipe would go where the first one must not."""
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as broken:
        monkeypatch.setattr("sys.stderr", broken)
        with pytest.raises(SystemExit) as ended, fatal("scriptqueue worker"):
            raise ValueError("x" * 100_000)
        monkeypatch.undo()
        with suppress(BrokenPipeError):
            broken.close()

    assert ended.value.code == EXIT_UNUSABLE


def test_what_goes_well_ends_nothing() -> None:
    with fatal("scriptqueue worker"):
        pass
