"""The clients: they submit until they are heard, and know what each of their jobs must become.

And the observer, who reads every record again and again, and notes each answer or published scene that changes. It
reads Redis itself: an API that is down, or wrong, must not hide what stands there.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import Any

import httpx
import redis

from scriptqueue.schemas import JobRequest
from tests.chaos.stage import until

FINAL = frozenset({"succeeded", "failed", "canceled", "expired"})
ANSWER = ("status", "result", "error", "source", "metrics", "finished", "ended_by")  # together: who answered what, when
FIELDS = (*ANSWER, "scenes", "attempt", "version", "token")
CACHE = {"use_cache": False} if "use_cache" in JobRequest.model_fields else {}
HEARD_S = 90.0


@dataclass
class Seen:
    """One job as it was last seen. `changes`: when it was first seen in a status of an attempt."""

    expected: frozenset[str]
    record: dict[str, str] = field(default_factory=dict)
    answer: tuple[str | None, ...] | None = None
    changes: dict[tuple[str, int], float] = field(default_factory=dict)

    @property
    def status(self) -> str:
        return self.record.get("status", "unknown")

    @property
    def attempt(self) -> int:
        return int(self.record.get("attempt", 0))

    @property
    def done(self) -> bool:
        return self.answer is not None


class Crowd:
    """`with Crowd(url of the API, direct connection to Redis) as crowd`."""

    def __init__(self, api_url: str, redis_url: str, every_s: float = 0.02) -> None:
        self._http = httpx.Client(base_url=api_url, timeout=10, trust_env=False)
        self._redis = redis.Redis.from_url(redis_url, decode_responses=True, socket_timeout=1, socket_connect_timeout=1)
        self._every_s = every_s
        self._lock = Lock()
        self._ended = Event()
        self._observer = Thread(target=self._observe, name="observer", daemon=True)
        self.jobs: dict[str, Seen] = {}
        self.violations: list[str] = []
        self.refused = 0  # POSTs that were answered by 503, or not at all, and sent again

    def __enter__(self) -> Crowd:
        self._observer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._observer.join()
        self._redis.close()
        self._http.close()

    def submit(
        self, stub: dict[str, Any] | None = None, *, expected: Iterable[str] = ("succeeded",), **body: Any
    ) -> str:
        """The id of an accepted job. A client that was not heard sends its POST again with the same key."""
        key = str(uuid.uuid4())
        body = {"prompt": f"猫 {key}", "metadata": {"stub": stub or {}}, **CACHE, **body}
        deadline = time.monotonic() + HEARD_S
        while True:
            try:
                answer = self._http.post("/jobs", json=body, headers={"Idempotency-Key": key})
                if answer.status_code in (200, 202):
                    break
                if answer.status_code != 503:
                    raise AssertionError(f"{answer.status_code}: {answer.text}")
            except httpx.HTTPError:
                pass
            self.refused += 1
            if time.monotonic() > deadline:
                raise TimeoutError("no job was accepted for so long")
            time.sleep(0.2)
        job_id = str(answer.json()["id"])
        with self._lock:
            assert job_id not in self.jobs, "one id for two jobs"
            self.jobs[job_id] = Seen(frozenset(expected))
        return job_id

    def cancel(self, job_id: str) -> None:
        """Until the API has said what became of it."""
        deadline = time.monotonic() + HEARD_S
        while time.monotonic() < deadline:
            try:
                if self._http.post(f"/jobs/{job_id}/cancel").status_code in (200, 202):
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.2)
        raise TimeoutError("no cancel was heard for so long")

    def await_running(self, job_ids: Iterable[str], within_s: float = 30) -> None:
        wanted = list(job_ids)
        until(lambda: all(self.jobs[i].status == "running" for i in wanted), within_s, "all run")

    def await_again(self, before: dict[str, int], within_s: float) -> dict[str, float]:
        """When each job of `before` (id -> attempt) was first seen running in a later attempt."""
        until(lambda: all(self._again(i, n) for i, n in before.items()), within_s, "all run again")
        return {i: self._again(i, n) or 0.0 for i, n in before.items()}

    def await_done(self, job_ids: Iterable[str] | None = None, within_s: float = 60) -> None:
        wanted = list(self.jobs if job_ids is None else job_ids)
        until(lambda: all(self.jobs[i].done for i in wanted), within_s, f"{len(wanted)} jobs are done")

    def attempts(self, job_ids: Iterable[str]) -> dict[str, int]:
        return {job_id: self.jobs[job_id].attempt for job_id in job_ids}

    def unfinished(self) -> list[str]:
        return [job_id for job_id, seen in self.jobs.items() if not seen.done]

    def unexpected(self) -> list[str]:
        """Jobs that became something else than they must."""
        return [f"{i} {s.status}" for i, s in self.jobs.items() if s.done and s.status not in s.expected]

    def _again(self, job_id: str, attempt: int) -> float | None:
        changes = list(self.jobs[job_id].changes.items())
        return min((at for (status, n), at in changes if status == "running" and n > attempt), default=None)

    def _observe(self) -> None:
        turn = 0
        while not self._ended.wait(self._every_s):
            turn += 1
            with self._lock:
                # What is done is looked at again too, a tenth of it each time.
                wanted = [i for n, (i, seen) in enumerate(self.jobs.items()) if not seen.done or n % 10 == turn % 10]
            try:
                with self._redis.pipeline(transaction=False) as pipe:
                    for job_id in wanted:
                        pipe.hmget(f"sq:job:{job_id}", FIELDS)
                    records = pipe.execute()
            except (redis.RedisError, OSError):
                continue  # away; what stands there is read when it is back
            now = time.monotonic()
            for job_id, values in zip(wanted, records, strict=True):
                record = {name: value for name, value in zip(FIELDS, values, strict=True) if value is not None}
                self._look(job_id, record, now)

    def _look(self, job_id: str, record: dict[str, str], now: float) -> None:
        seen = self.jobs[job_id]
        if "status" not in record:
            self._violated(f"{job_id}: an accepted job has no record")
            return
        before = published(seen.record)
        after = published(record)
        if after[: len(before)] != before:
            self._violated(f"{job_id}: a published scene changed")
        seen.record = record
        seen.changes.setdefault((record["status"], int(record["attempt"])), now)
        answer = tuple(record.get(name) for name in ANSWER)
        if seen.answer is not None and answer != seen.answer:
            self._violated(f"{job_id}: the answer changed: {seen.answer} became {answer}")
        if record["status"] in FINAL and seen.answer is None:
            seen.answer = answer

    def _violated(self, what: str) -> None:
        if what not in self.violations:
            self.violations.append(what)


def published(record: dict[str, str]) -> list[Any]:
    if "result" in record:
        return list(json.loads(record["result"])["scenes"])
    return list(json.loads(record.get("scenes", "[]")))
