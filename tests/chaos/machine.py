"""The state machine behind `tests/integration/test_store_machine.py` and the first layer of `make chaos`.

Hypothesis picks what API, workers, supervisors and the sweep do to one store, in any order, with tokens that may be
outdated by then; each answer and, after each step, the whole of Redis are held against the oracle.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import redis
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from scriptqueue.schemas import JobRequest, Metrics, ModelInfo, Priority, Progress, Scene, Storyboard
from shared.errors import JobGone, JobNotFinished, JobNotFound, OutputInvalid
from shared.eta import cost_of
from shared.settings import Settings
from shared.store.connection import Store as Connection
from shared.store.executions import Claim, Executions, Refused, Report, Success
from shared.store.record import failure_of
from shared.store.submissions import Submissions
from shared.store.sweep import Sweeps
from shared.workers import WorkerState
from tests.chaos.oracle import FINAL, HELD, LEASE_S, MAX_ATTEMPTS, PRIORITIES, TICK_S, WEIGHTS, Job, Oracle

WORKERS = ("ada", "bob", "cyd")
CLIENTS = tuple(WEIGHTS)
STEP = 1000 * cost_of(JobRequest(prompt="1"))  # of each job here, in virtual time
MODEL = ModelInfo(name="machine", seed=1)
METRICS = Metrics(queue_s=0, run_s=1, prompt_tokens=1, output_tokens=1, tokens_per_s=1)
STILL_MS = 2000  # as lua/claim.lua
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
WEEKS_LATER_S = 20 * 86400
FOLDER = Path(__file__).parent
LISTS = ("sq:jobs-of:", "sq:dead")  # may name jobs that are gone; both are kept short (lua/prelude.lua)


class Store:
    """The store's two sides on one Redis, kept for all cases."""

    def __init__(self, url: str) -> None:
        settings = Settings(
            redis={"url": url},
            worker={"lease_s": LEASE_S, "max_attempts": MAX_ATTEMPTS},
            api={
                "keys": ",".join(f"{client}:key of {client}" for client in CLIENTS),
                "weights": ",".join(f"{client}:{weight}" for client, weight in WEIGHTS.items()),
            },
        )
        self.redis = redis.Redis.from_url(url, decode_responses=True)
        self.passed_s = 0.0  # by travelling, which is time and no jump of a clock
        self.sweeps = Sweeps(settings, lambda: time.monotonic() + self.passed_s)
        self.workers = {name: Executions(settings, name, sweeps=self.sweeps) for name in WORKERS}
        self.loop = asyncio.new_event_loop()
        self.connection = Connection(settings)
        self.api = Submissions(self.connection, settings)
        self.travel = self.redis.register_script((FOLDER / "timemachine.lua").read_text())
        self.snapshot = self.redis.register_script((FOLDER / "snapshot.lua").read_text())

    def do(self, call: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(call)

    def close(self) -> None:
        self.do(self.connection.close())
        self.loop.close()
        for worker in self.workers.values():
            worker.close()
        self.redis.close()


class StoreMachine(RuleBasedStateMachine):
    jobs = Bundle("jobs")
    claims = Bundle("claims")

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store
        self.oracle = Oracle()
        self.answers: dict[str, str] = {}  # of each job that ended, as it was told first
        self.requests = 0
        store.redis.flushall()

    # What clients do.

    @rule(
        target=jobs,
        client=st.sampled_from(CLIENTS),
        priority=st.sampled_from(PRIORITIES),
        queue_timeout_s=st.sampled_from([15, 45, 1005]),
        ttl_s=st.sampled_from([25, 125]),
    )
    def submit(self, client: str, priority: Priority, queue_timeout_s: float, ttl_s: float) -> str:
        self.requests += 1
        request = JobRequest(
            prompt=f"{self.requests}",
            priority=priority,
            queue_timeout_s=queue_timeout_s,
            result_ttl_s=ttl_s,
        )
        job = self.store.do(self.store.api.submit(request, client)).job
        assert job.queue.position == self.oracle.submit(str(job.id), client, priority, queue_timeout_s, ttl_s)
        return str(job.id)

    @rule(job_id=jobs)
    def read(self, job_id: str) -> None:
        try:
            job = self.store.do(self.store.api.read(job_id)).job
        except JobGone:
            assert job_id not in self.oracle.jobs
            assert job_id in self.oracle.tombs
            return
        except JobNotFound:
            assert job_id not in self.oracle.jobs
            assert job_id not in self.oracle.tombs
            return
        expected = self.oracle.jobs[job_id]
        assert (job.status, job.attempt) == (expected.status, expected.attempt)
        assert (job.queue.position if job.queue else None) == (
            self.oracle.position(job_id) if expected.status == "queued" else None
        )
        assert (job.result.title if job.result else None) == expected.answer

    @rule(job_id=jobs, client=st.sampled_from(CLIENTS))
    def cancel(self, job_id: str, client: str) -> None:
        known = self.oracle.jobs.get(job_id)
        expected = self.oracle.cancel(job_id) if known is None or known.client == client else ("unknown",)
        try:
            before, job = self.store.do(self.store.api.cancel(job_id, client))
            stands: tuple[str, ...] = str(before), str(job.status)
        except (JobNotFound, JobGone):
            stands = ("unknown",)
        assert stands == expected

    @rule(job_id=jobs, client=st.sampled_from(CLIENTS))
    def delete(self, job_id: str, client: str) -> None:
        owner = self.store.redis.get(f"sq:gone:{job_id}")
        expected = self.oracle.delete(job_id, client)
        try:
            self.store.do(self.store.api.delete(job_id, client))
            outcome = "ok"
        except JobNotFound:
            outcome = "unknown"
        except JobGone:
            outcome = "gone"
        except JobNotFinished:
            outcome = "not_finished"
        assert outcome == ("unknown" if expected == "gone" and owner != client else expected)

    # What workers do, and what is left of them.

    @rule(target=claims, job_id=jobs, worker=st.sampled_from(WORKERS))
    def claim(self, job_id: str, worker: str) -> Claim | None:
        """A doorbell names this job; which one runs is a matter of turns."""
        claim = self.store.workers[worker].claim(job_id)
        expected, runs = self.oracle.claim(job_id, worker)
        if isinstance(claim, Refused):
            assert claim.reason == expected
            return None
        job = self.oracle.jobs[runs]
        assert (expected, runs, job.attempt) == ("ok", claim.job_id, claim.attempt)
        assert claim.token.startswith(f"{job.token}/")  # and the time
        job.token = claim.token
        assert len(claim.scenes) == job.scenes
        return claim

    @rule(claim=claims, more=st.integers(0, 2))
    def renew(self, claim: Claim | None, more: int) -> None:
        if claim is None:
            return
        count = len(claim.scenes) + more
        report = Report(claim, Progress(phase="writing", tokens=more), scenes(count))
        answers = self.store.workers[worker_of(claim)].renew([report])
        assert answers == [self.oracle.renew(claim.job_id, claim.token, count)]

    @rule(claim=claims)
    def succeed(self, claim: Claim | None) -> None:
        if claim is None:
            return
        job = self.oracle.jobs.get(claim.job_id)
        published = scenes(max(3, job.scenes if job else 0))
        title = f"{claim.job_id} by {claim.token}"
        board = Storyboard(title=title, total_duration=5 * len(published), scenes=published)
        status = self.store.workers[worker_of(claim)].succeed(claim, Success(board, "stub", (), MODEL, METRICS))
        assert status == self.oracle.finish(claim.job_id, claim.token, "succeeded", title)

    @rule(claim=claims)
    def fail(self, claim: Claim | None) -> None:
        if claim is None:
            return
        status = self.store.workers[worker_of(claim)].fail(claim, failure_of(OutputInvalid()), MODEL)
        assert status == self.oracle.finish(claim.job_id, claim.token, "failed")

    @rule(claim=claims)
    def confirm_cancel(self, claim: Claim | None) -> None:
        if claim is None or (self.oracle.owns(claim.job_id, claim.token) and not self._canceling(claim)):
            return  # a worker says so only when it was told to stop
        status = self.store.workers[worker_of(claim)].confirm_cancel(claim)
        assert status == self.oracle.finish(claim.job_id, claim.token, "canceled")

    @rule(claim=claims)
    def give_back(self, claim: Claim | None) -> None:
        if claim is None:
            return
        status = self.store.workers[worker_of(claim)].give_back(claim)
        assert status == self.oracle.give_back(claim.job_id, claim.token)

    @rule(worker=st.sampled_from(WORKERS))
    def beat(self, worker: str) -> None:
        self.store.workers[worker].beat(WorkerState(worker, "ready", "m", "cpu", "fp32", slots=8), LEASE_S)
        self.oracle.beat(worker)

    @rule(worker=st.sampled_from(WORKERS), blame=st.sampled_from(["crashes", "crashes", "lapses", "none"]))
    def end_worker(self, worker: str, blame: Any) -> None:
        rings = self.store.workers[worker].release(blame)
        assert sorted(ring.job_id for ring in rings) == sorted(self.oracle.release(worker, blame))

    @rule(worker=st.sampled_from(WORKERS), job_id=jobs, times=st.integers(1, 3))
    def crash(self, worker: str, job_id: str, times: int) -> None:
        """A poison's part, in one step: hypothesis would seldom find the whole way to a suspect or a dead job."""
        for _ in range(times):
            self.claim(job_id, worker)
            self.end_worker(worker, "crashes")

    @rule(target=claims, claim=claims, worker=st.sampled_from(WORKERS))
    def take_over(self, claim: Claim | None, worker: str) -> Claim | None:
        """The next attempt elsewhere, in one step: else an outdated one that still writes is seldom met."""
        if claim is None:
            return None
        self.end_worker(worker_of(claim), "none")
        return self.claim(claim.job_id, worker)  # type: ignore[return-value]  # a rule, typed as what fills its bundle

    # Time, and what mends.

    @rule(ticks=st.sampled_from([1, 1, 2, 4, 400]))
    def pass_time(self, ticks: int) -> None:
        self._travel(ticks * TICK_S)

    @rule()
    def sweep(self) -> None:
        self._sweep()

    @rule()
    def lease_ends(self) -> None:
        """As many ticks as a lease lasts, with sweeps between: no outage."""
        for _ in range(LEASE_S // TICK_S + 1):
            self._sweep()
            self._travel(TICK_S)
        self._sweep()

    # What must hold after every step.

    @invariant()
    def the_store_is_as_the_oracle_says(self) -> None:
        found = {key: (kind, ttl, content) for key, kind, ttl, content in self._snapshot()}
        self._records(found)
        self._indexes(found)
        self._no_leak(found)

    def teardown(self) -> None:
        """Every job can still reach its end, by the sweep's doorbells alone; and time takes all that is left."""
        for _ in range(60):
            open_jobs = [job for job in self.oracle.jobs.values() if job.status not in FINAL]
            if not open_jobs:
                break
            for job_id in self._sweep():
                self.succeed(self.claim(job_id, WORKERS[0]))
            for worker in WORKERS[1:]:
                self.end_worker(worker, "none")
            self._travel(TICK_S)
        assert not [job for job in self.oracle.jobs.values() if job.status not in FINAL]
        self._travel(WEEKS_LATER_S)
        left = [key for key, *content in self._snapshot() if UUID.search(f"{key} {content}")]
        assert [key for key in left if not key.startswith(LISTS)] == []

    def _canceling(self, claim: Claim) -> bool:
        return self.oracle.jobs[claim.job_id].status == "canceling"

    def _travel(self, seconds: float) -> None:
        self.store.travel(args=[int(seconds * 1000)])
        self.store.passed_s += seconds
        if self.store.sweeps._last_ms is not None:
            self.store.sweeps._last_ms -= int(seconds * 1000)
        self.oracle.pass_time(seconds)

    def _sweep(self) -> list[str]:
        self.store.redis.delete("sq:sweep-lock")
        rung = [ring.job_id for ring in self.store.workers["ada"].sweep()]
        lapsed = self.oracle.sweep()
        self.oracle.ring(rung)
        assert set(lapsed) <= set(rung)
        # Twice at most: for its turn, and because it has waited so long that it rises.
        assert all(rung.count(job_id) <= 2 for job_id in rung)
        assert all(self.oracle.jobs[job_id].status == "queued" for job_id in rung)
        return rung

    def _snapshot(self) -> list[Any]:
        return list(json.loads(self.store.snapshot(args=[STILL_MS])))

    def _records(self, found: dict[str, Any]) -> None:
        records = {key[7:]: pairs(content) for key, (_, _, content) in found.items() if key.startswith("sq:job:")}
        assert records.keys() == self.oracle.jobs.keys()
        for job_id, job in self.oracle.jobs.items():
            record = records[job_id]
            stored = (record["status"], int(record["attempt"]), int(record["crashes"]), int(record["lapses"]))
            assert stored == (job.status, job.attempt, job.crashes, job.lapses), job
            assert (record.get("token") if job.status in HELD else job.token) == job.token
            events = [event for _, event in found[f"sq:events:{job_id}"][2]]
            statuses = [json.loads(value)["status"] for kind, value in events if kind == "status"]
            assert statuses[-1] == job.status
            assert [kind for kind, _ in events].count("done") == (job.status in FINAL)
            if job.status in FINAL:
                assert events[-1][0] == "done"
                answer = json.dumps([record.get(name) for name in ("status", "result", "error", "ended_by")])
                assert self.answers.setdefault(job_id, answer) == answer, "a final state changed"
            assert [int(value) for kind, value in events if kind == "scene"] == list(
                range(1, 1 + max(job.scenes, 3 if job.answer else 0))
            )

    def _indexes(self, found: dict[str, Any]) -> None:
        jobs = self.oracle.jobs.values()
        for priority in PRIORITIES:
            assert members(found, f"sq:queued:{priority}") == ids(self.oracle.arrived(priority))
            self._turns(found, priority)
        assert set(members(found, "sq:running")) == {job.job_id for job in jobs if job.status in HELD}
        ends = pairs(found.get("sq:running", ("", 0, []))[2])
        for job_id in ends:
            left_s = (float(ends[job_id]) - found["now"][2]) / 1000
            assert abs(left_s - (self.oracle.jobs[job_id].lease_ends - self.oracle.now)) < TICK_S / 2, "a lease is off"
        assert set(members(found, "sq:expiring")) == {
            job.job_id for job in jobs if job.status == "queued" and job.attempt == 0
        }
        for worker in WORKERS:
            held = found.get(f"sq:held:{worker}", ("", 0, []))[2]
            assert set(held) == {job.job_id for job in self.oracle.held(worker)}
            alone = found.get(f"sq:alone:{worker}")
            expected = self.oracle.alone.get(worker)
            assert (alone and (alone[2], alone[1] >= 0)) == (expected and (expected.job_id, expected.waits))
        assert set(members(found, "sq:dead")) == self.oracle.dead
        assert set(pairs(found.get("sq:dead-jobs", ("", 0, []))[2])) == self.oracle.dead
        counts = pairs(found.get("sq:counts", ("", 0, []))[2])
        assert {status: int(counts[status]) for status in counts if status in FINAL} == self.oracle.ended

    def _turns(self, found: dict[str, Any], priority: str) -> None:
        clients = self.oracle.clients(priority)
        for client in CLIENTS:
            assert members(found, f"sq:queued-of:{priority}:{client}") == ids(self.oracle.line(priority, client))
        assert members(found, f"sq:back:{priority}") == ids(self.oracle.back(priority))
        due = {name: float(at) / STEP for name, at in pairs(found.get(f"sq:turns:{priority}", ("", 0, []))[2]).items()}
        assert due == {client: self.oracle.shares[priority].due[client] for client in clients}
        assert set(found.get(f"sq:owed:{priority}", ("", 0, []))[2]) == self.oracle.owed[priority]
        assert int(found.get(f"sq:in-vain:{priority}", ("", 0, 0))[2]) == self.oracle.in_vain[priority]

    def _no_leak(self, found: dict[str, Any]) -> None:
        """Whatever is named after a job that has ended or is gone ends by itself."""
        for key, (_, ttl, _) in found.items():
            for job_id in UUID.findall(key):
                job = self.oracle.jobs.get(job_id)
                assert ttl > 0 or (job and job.status not in FINAL), f"{key} would stay for ever"


def ids(jobs: list[Job]) -> list[str]:
    return [job.job_id for job in jobs]


def worker_of(claim: Claim) -> str:
    return claim.token.partition("/")[0]


def scenes(count: int) -> tuple[Scene, ...]:
    return tuple(
        Scene(scene_number=n, description=f"{n}", duration=5, camera="wide shot", action="a", video_prompt=f"{n}, 4k")
        for n in range(1, count + 1)
    )


def members(found: dict[str, Any], key: str) -> list[str]:
    """Of a sorted set, in its order."""
    return list(found.get(key, ("", 0, []))[2][::2])


def pairs(flat: list[str] | dict[str, Any]) -> dict[str, str]:
    """An empty Lua table is an empty JSON object."""
    return dict(zip(flat[::2], flat[1::2], strict=True)) if isinstance(flat, list) else {}


def run(url: str, *, cases: int, steps: int, seeded: bool = False, shrink: bool = True) -> None:
    """Raises what a violation raises, with the shortest way to it. `seeded`: the same cases each time. Without
    `shrink` the first violation is enough, however long the way."""
    store = Store(url)
    try:
        run_state_machine_as_test(
            lambda: StoreMachine(store),  # type: ignore[arg-type]  # any factory will do
            settings=hypothesis_settings(
                max_examples=cases,
                stateful_step_count=steps,
                derandomize=seeded,
                deadline=None,
                database=None,
                print_blob=True,
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
                phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
            ),
        )
    finally:
        store.close()
