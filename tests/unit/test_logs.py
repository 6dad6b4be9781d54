"""What a line of the log looks like, and how it knows its job."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from shared import logs
from shared.settings import LogSettings

JOB = "0f8b3c52-6f0e-4d0a-9f5e-3f1b8a6f2f10"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_json_line_is_one_object_even_with_a_trace_and_chinese(capsys: pytest.CaptureFixture[str]) -> None:
    logs.start(LogSettings(format="json"))

    try:
        raise ValueError("坏了")
    except ValueError:
        logging.getLogger("worker.run").exception("met %d\nfaults", 2)

    (line,) = lines(capsys)
    assert (line["level"], line["logger"], line["message"]) == ("ERROR", "worker.run", "met 2\nfaults")
    assert line["time"].endswith("+00:00")
    assert "ValueError: 坏了" in line["trace"]
    assert "job" not in line


def test_a_line_names_its_job_by_block_by_argument_and_by_what_libraries_say(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.start(LogSettings(format="json"))

    with logs.about(JOB):
        logging.getLogger("worker.run").info("begun")
    logging.getLogger("api.doorbell").warning("not rung", extra={"job": JOB})
    logging.getLogger("celery.app.trace").info("Task succeeded", extra={"data": {"id": JOB, "name": "scriptqueue.run"}})
    access = ("127.0.0.1:1", "GET", f"/jobs/{JOB.upper()}/events", "1.1", 200)
    logging.getLogger("uvicorn.access").info('%s - "%s %s HTTP/%s" %d', *access)
    logging.getLogger("worker.run").info("ended")

    told = lines(capsys)
    assert [line.get("job") for line in told] == [JOB, JOB, JOB, JOB, None]
    assert not any("data" in line for line in told)


def test_uvicorns_own_level_does_not_outlive_the_start(capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("uvicorn.access").setLevel("WARNING")  # as uvicorn.Config(log_level="warning") does
    logs.start(LogSettings())

    logging.getLogger("uvicorn.access").info("asked")

    assert "asked" in capsys.readouterr().err


def test_a_text_line_names_its_job_once(capsys: pytest.CaptureFixture[str]) -> None:
    logs.start(LogSettings())

    logging.getLogger("a").warning("not rung", extra={"job": JOB})
    logging.getLogger("a").warning("gave back %s", JOB, extra={"job": JOB})

    assert [line.count(JOB) for line in capsys.readouterr().err.splitlines()] == [1, 1]


def test_below_the_level_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    logs.start(LogSettings(level="WARNING"))

    logging.getLogger("a").info("x")

    assert capsys.readouterr().err == ""
