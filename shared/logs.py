"""How every process logs: one line an event on stderr, as text or as JSON, with the job that it is about.

A line names its job by `extra={"job": id}`, by `about` for all lines of a block, or by being Celery's or the access
log's, whose own words for it are read here.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from shared.settings import LogSettings

_about: ContextVar[str | None] = ContextVar("job", default=None)
_PATH = re.compile(r"/jobs/([0-9a-f-]{36})", re.IGNORECASE)
_NAMES = {"levelname": "level", "name": "logger", "exc_info": "trace"}


def start_logs(settings: LogSettings) -> None:
    """Once, at the start of a process. uvicorn's loggers, which bring a form of their own, take ours; what
    its command was told of them (`--no-access-log`, `--log-level`) stands."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_name_job)
    handler.setFormatter(_json() if settings.format == "json" else _Text())
    logging.basicConfig(level=settings.level, handlers=[handler], force=True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        if logger.propagate or logger.handlers:  # neither: it was switched off
            logger.handlers.clear()
            logger.propagate = True


@contextmanager
def about(job_id: str) -> Iterator[None]:
    """Lines of this thread or task that are written meanwhile are about this job."""
    token = _about.set(job_id)
    try:
        yield
    finally:
        _about.reset(token)


class _Text(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        line = super().formatMessage(record)
        job = getattr(record, "job", None)
        return f"{line} (job {job})" if job and job not in line else line


def _json() -> logging.Formatter:
    return JsonFormatter(
        ["levelname", "name", "message"],
        timestamp="time",
        rename_fields=_NAMES,
        reserved_attrs=[*RESERVED_ATTRS, "data", "color_message"],  # what Celery and uvicorn say twice
        json_ensure_ascii=False,
    )


def _name_job(record: logging.LogRecord) -> bool:
    if not hasattr(record, "job") and (job := _about.get() or _job_named_in(record)):
        record.job = job
    return True


def _job_named_in(record: logging.LogRecord) -> str | None:
    """The job in what a library says."""
    data = getattr(record, "data", None)  # Celery's: {"id": ..., "name": ...}
    if isinstance(data, dict) and "id" in data:
        return str(data["id"])
    if record.name == "uvicorn.access" and (found := _PATH.search(record.getMessage())):
        return found[1].lower()
    return None
