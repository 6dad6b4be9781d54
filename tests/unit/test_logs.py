"""What a line of the log looks like, and how it knows its job."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from shared import logs
from shared.settings import LogSettings

JOB = "0f8b3c52-6f0e-4d0a-9f5e-3f1b8a6f2f10"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """The loggers that a process has one of; a server that ran before in this one has told them of its own wishes."""
    loggers = [logging.getLogger(name) for name in (None, "uvicorn", "uvicorn.error", "uvicorn.access")]
    states = [(logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    for logger in loggers[1:]:
        logger.setLevel(logging.NOTSET)
        logger.propagate = True
    yield
    for logger, (handlers, level, propagate) in zip(loggers, states, strict=True):
        logger.handlers[:] = handlers
        logger.setLevel(level)
        logger.propagate = propagate


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_json_line_is_one_object_even_with_a_trace_and_chinese(capsys: pytest.CaptureFixture[str]) -> None:
    logs.start_logs(LogSettings(format="json"))

    try:
        raise ValueError("坏了")
    except ValueError:
        logging.getLogger("worker.tasks").exception("met %d\nfaults", 2)

    (line,) = lines(capsys)
    assert (line["level"], line["logger"], line["message"]) == ("ERROR", "worker.tasks", "met 2\nfaults")
    assert line["time"].endswith("+00:00")
    assert "ValueError: 坏了" in line["trace"]
    assert "job" not in line


def test_a_line_names_its_job_by_block_by_argument_and_by_what_libraries_say(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.start_logs(LogSettings(format="json"))

    with logs.about(JOB):
        logging.getLogger("worker.tasks").info("begun")
    logging.getLogger("api.doorbell").warning("not rung", extra={"job": JOB})
    logging.getLogger("celery.app.trace").info("Task succeeded", extra={"data": {"id": JOB, "name": "scriptqueue.run"}})
    access = ("127.0.0.1:1", "GET", f"/jobs/{JOB.upper()}/events", "1.1", 200)
    logging.getLogger("uvicorn.access").info('%s - "%s %s HTTP/%s" %d', *access)
    logging.getLogger("worker.tasks").info("ended")

    records = lines(capsys)
    assert [line.get("job") for line in records] == [JOB, JOB, JOB, JOB, None]
    assert not any("data" in line for line in records)


@pytest.mark.parametrize(
    ("options", "written"),
    [({}, True), ({"access_log": False}, False), ({"log_level": "warning"}, False)],
    ids=["nothing", "--no-access-log", "--log-level warning"],
)
def test_what_uvicorns_command_was_told_of_its_access_log_stands(
    options: dict[str, Any], written: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    uvicorn.Config("api.app:app", **options)
    logs.start_logs(LogSettings())

    access = logging.getLogger("uvicorn.access")
    if access.hasHandlers():  # as uvicorn asks before it writes
        access.info('%s - "%s %s HTTP/%s" %d', "127.0.0.1:1", "GET", "/", "1.1", 200)

    assert ("GET" in capsys.readouterr().err) is written


def test_a_text_line_names_its_job_once(capsys: pytest.CaptureFixture[str]) -> None:
    logs.start_logs(LogSettings())

    logging.getLogger("a").warning("not rung", extra={"job": JOB})
    logging.getLogger("a").warning("gave back %s", JOB, extra={"job": JOB})

    assert [line.count(JOB) for line in capsys.readouterr().err.splitlines()] == [1, 1]


def test_below_the_level_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    logs.start_logs(LogSettings(level="WARNING"))

    logging.getLogger("a").info("x")

    assert capsys.readouterr().err == ""
