"""A job's record as Redis holds it (a flat hash of text) and the `Job` that clients see.

The field names here and in lua/ are one format; `format` in the record is its version.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from scriptqueue.schemas import PRIORITIES, Durability, Failure, Job, JobRequest, QueuePlace, Status, Urls
from shared.errors import ExecutionTimeout, JobError, JobGone, JobNotFound, RecordNewer, WorkerLost
from shared.eta import Line, QueueLoad, Rated, RunningJob
from shared.repair_codes import all_coded
from shared.url_prefix import URL_PREFIX
from shared.workers import WorkerState

FORMAT = "1"  # as lua/submit.lua writes it and lua/claim.lua asks; another one means other fields
TOMBSTONE_S = 7 * 86400  # for so long is a job that is gone told from one that never was
PROMPT_START_CHARACTERS = 80
TEXT_KEPT_CHARACTERS = 2000  # of what a job that failed had written
_JSON_FIELDS = ("progress", "scenes", "result", "repairs", "notes", "model", "metrics", "error")


def record_of(flat: Iterable[str]) -> dict[str, str]:
    """HGETALL's flat answer as a dictionary."""
    pairs = iter(flat)
    return dict(zip(pairs, pairs, strict=True))


def known_to(client: str | None, answer: str, found: Any) -> dict[str, str]:
    """The record of a script's answer `ok, flat hash`, `gone, client` or `unknown`; None: whoever's it is.

    Raises `JobNotFound` for an id that never was or is another client's, and `JobGone` past its lifetime.
    """
    if answer == "unknown":
        raise JobNotFound()
    record = record_of(found) if answer == "ok" else {"client": found}
    if client not in (None, record["client"]):
        raise JobNotFound()
    if answer == "gone":
        raise JobGone()
    return record


def job_of(job_id: str, record: dict[str, str], place: QueuePlace | None, durability: Durability | None = None) -> Job:
    """What a client is told; `place` is given for a queued job only. Raises `RecordNewer`."""
    if record.get("format", FORMAT) != FORMAT:
        raise RecordNewer()
    status, request = Status(record["status"]), json.loads(record["request"])
    # Given, for pydantic makes a deep copy of each default.
    fields: dict[str, Any] = {"scenes": [], "repairs": [], "notes": []}
    fields |= {name: json.loads(record[name]) for name in _JSON_FIELDS if name in record}
    if "choice" in record:
        fields["notes"] = [*fields["notes"], record["choice"]]
    if "progress" in fields and record.get("writing"):  # not in its events, which are kept
        fields["progress"]["text"] = record["writing"]
    if "result" in fields:
        fields["scenes"] = fields["result"]["scenes"]
    return Job(
        id=job_id,
        status=status,
        done=status.done,
        created_at=_time(record["created"]),
        started_at=_time(record.get("started")),
        finished_at=_time(record.get("finished")),
        expires_at=_time(record.get("expires")),
        attempt=int(record["attempt"]),
        priority=record["priority"],
        queue=place,
        source=record.get("source"),
        metadata=request["metadata"],
        retry_of=record.get("retry_of"),
        batch=record.get("batch"),
        base_of=(request.get("base") or {}).get("job"),
        prompt_start=request["prompt"][:PROMPT_START_CHARACTERS],
        repair_codes=all_coded(fields["repairs"]),
        durability=durability,
        urls=Urls.of(job_id, URL_PREFIX.get()),
        **fields,
    )


def queue_load_of(answer: Mapping[str, Any]) -> QueueLoad:
    """The answer of lua/queue.lua."""
    return QueueLoad(
        depth=dict(zip(PRIORITIES, answer["depths"], strict=True)),
        work=dict(zip(PRIORITIES, answer["works"], strict=True)),
        running=[
            RunningJob(float(cost), ran_ms / 1000, float(fraction), int(rows), worker)
            for cost, ran_ms, fraction, rows, worker in _in_groups(answer["running"], 5)
        ],
        rated=[
            Rated(WorkerState.from_json(name, word), float(ms) / 1000 / float(cost) if float(cost) else None)
            for name, word, ms, cost in _in_groups(answer["workers"], 4)
        ],
        senders=answer["senders"],
        began_s=answer["began"] / 1000 if answer["began"] else None,
        changed_s=answer["server_since"] / 1000 if answer["server_since"] else None,
        named={unquote(model): waiting for model, waiting in _in_groups(answer["named"], 2)},
        minutes={
            minute: {what: int(count) for what, count in record_of(counts).items()}
            for minute, counts in answer["minutes"]
        },
        lines={
            priority: [
                Line(client, int(start), int(weight), int(jobs), float(cost))
                for client, start, weight, jobs, cost in _in_groups(flat, 5)
            ]
            for priority, flat in zip(PRIORITIES, answer["lines"], strict=True)
        },
    )


def seeded_request(record: Mapping[str, str]) -> JobRequest:
    """What is to be generated: as asked, with the seed that was drawn if none was given."""
    request = JobRequest.model_validate_json(record["request"])
    sampling = request.sampling.model_copy(update={"seed": int(record["seed"])})
    return request.model_copy(update={"sampling": sampling})


def failure_of(error: JobError, text: str = "") -> Failure:
    """What is stored of an error, and of the text that the model had written."""
    end = text[-TEXT_KEPT_CHARACTERS:] or None
    return Failure(code=error.code, title=error.title(), detail=error.detail, retryable=error.retryable, text=end)


WORKER_LOST = failure_of(WorkerLost()).model_dump_json()
TIMED_OUT = failure_of(
    ExecutionTimeout(
        "its time was up before the job that writes for it was done; retry it with a longer execution_timeout_s"
    )
).model_dump_json()


def _in_groups(flat: list[Any], size: int) -> Iterable[tuple[Any, ...]]:
    parts = iter(flat)
    return zip(*[parts] * size, strict=True)


def _time(milliseconds: str | None) -> Any:
    return None if milliseconds is None else datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
