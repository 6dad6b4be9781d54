"""The third layer: everything at once. A thousand jobs under a steady stream of faults that overlap, in a seeded order.

Two supervised workers, one of them behind a wire, one without a supervisor, and the API behind a wire too.
"""

from __future__ import annotations

import json
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Timer
from typing import Any

import redis
from kombu.exceptions import OperationalError

from shared.broker import celery_app
from shared.rings import broker_lists
from shared.settings import Settings
from tests.chaos.crowd import CACHE, Crowd
from tests.chaos.drills import verify
from tests.chaos.report import Report, spread
from tests.chaos.stage import Stage, Worker, signal_to, until

LAYER = "storm"
JOBS = 1000
POISON = 5
SECONDS = 150.0
SUBMITTERS = 4
LEASE_S = 6.0
AFTER_S = 120.0  # longest until everything is done, once the last fault is over
COUNTS = {
    "kill -9 of a supervised worker": 14,
    "kill -9 of a supervisor": 3,
    "kill -9 of a worker without supervisor": 4,
    "SIGTERM to a worker": 5,
    "SIGSTOP of a worker for 1.3 leases": 5,
    "kill -9 of the API": 6,
    "kill -9 of Redis": 3,
    "SIGSTOP of Redis for 3 s": 2,
    "CLIENT PAUSE for 3 s": 2,
    "connections refused for 2 s": 5,
    "link black-holed for 8 s": 4,
    "doorbells lost": 6,
    "doorbells doubled": 4,
    "garbage in the broker lists": 4,
    "Redis out of memory for 3 s": 3,
}


class Storm:
    def __init__(self, stage: Stage, chance: random.Random) -> None:
        self._stage, self._chance = stage, chance
        self._app = celery_app.make_app(Settings(redis={"url": stage.redis_url}), patient=False)
        self._faults: dict[str, Callable[[], object]] = {
            "kill -9 of a supervised worker": lambda: self._supervised().send_worker(signal.SIGKILL),
            "kill -9 of a supervisor": lambda: self._supervised().send(signal.SIGKILL),
            "kill -9 of a worker without supervisor": lambda: stage.workers["bare"].send(signal.SIGKILL),
            "SIGTERM to a worker": lambda: chance.choice(list(stage.workers.values())).send(signal.SIGTERM),
            "SIGSTOP of a worker for 1.3 leases": self._freeze,
            "kill -9 of the API": self._kill_api,
            "kill -9 of Redis": lambda: stage.redis.send(signal.SIGKILL),
            "SIGSTOP of Redis for 3 s": self._freeze_redis,
            "CLIENT PAUSE for 3 s": lambda: self._ask("CLIENT", "PAUSE", 3000, "ALL"),
            "connections refused for 2 s": lambda: self._link(frozen=False, for_s=2),
            "link black-holed for 8 s": lambda: self._link(frozen=True, for_s=8),
            "doorbells lost": lambda: self._ask("DEL", *broker_lists()),
            "doorbells doubled": self._double,
            "garbage in the broker lists": self._litter,
            "Redis out of memory for 3 s": self._fill,
        }
        assert self._faults.keys() == COUNTS.keys()

    def blow(self) -> Counter[str]:
        """All faults, evenly over the time; returns how many of each there were."""
        order = [name for name, count in COUNTS.items() for _ in range(count)]
        self._chance.shuffle(order)
        done: Counter[str] = Counter()
        for name in order:
            time.sleep(SECONDS / len(order) * self._chance.uniform(0.5, 1.5))
            self._faults[name]()
            done[name] += 1
        return done

    def _supervised(self) -> Worker:
        return self._stage.workers[self._chance.choice(["near", "far"])]

    def _kill_api(self) -> None:
        if self._stage.api:
            self._stage.api.send(signal.SIGKILL)

    def _freeze(self) -> None:
        worker = self._chance.choice(list(self._stage.workers.values()))
        if pid := worker.worker_pid:
            signal_to(pid, signal.SIGSTOP)
            Timer(1.3 * LEASE_S, signal_to, [pid, signal.SIGCONT]).start()

    def _freeze_redis(self) -> None:
        self._stage.redis.send(signal.SIGSTOP)
        time.sleep(3)
        self._stage.redis.send(signal.SIGCONT)

    def _link(self, *, frozen: bool, for_s: float) -> None:
        wire = self._stage.wires[self._chance.choice(["far", "api"])]
        wire.freeze() if frozen else wire.cut()
        Timer(for_s, wire.mend).start()

    def _double(self) -> None:
        with suppress(redis.RedisError, OperationalError):
            for name in broker_lists():
                for message in self._stage.direct.lrange(name, 0, -1):
                    self._stage.direct.lpush(name, message)
            for job_id in self._stage.direct.zrange("sq:running", 0, -1):  # a second doorbell for what runs
                celery_app.ring(self._app, str(job_id), "high")

    def _litter(self) -> None:
        for name in broker_lists():
            self._ask("LPUSH", name, "\x00garbage", "{}", '{"body": "!!!", "headers": {}, "properties": {}}')

    def _fill(self) -> None:
        self._ask("CONFIG", "SET", "maxmemory", 1_000_000)
        Timer(3, lambda: until(lambda: self._ask("CONFIG", "SET", "maxmemory", 0), 30, "memory")).start()

    def _ask(self, *command: object) -> object:
        """A fault that finds Redis away has happened already."""
        with suppress(redis.RedisError):
            return self._stage.direct.execute_command(*command)
        return None


def run(report: Report, folder: Path, seed: int) -> None:
    with (
        Stage(folder / "storm", lease_s=LEASE_S, drain_s=2) as stage,
        Crowd(stage.api_url, stage.redis_url, every_s=0.25) as crowd,
    ):
        stage.start_api(wired=True)
        stage.watch()
        stage.start_worker("near")
        stage.start_worker("far", wired=True)
        stage.start_worker("bare", supervised=False)
        stage.ready(3)
        report.check(LAYER, f"{sum(COUNTS.values())} faults, {JOBS} jobs", lambda: _play(report, stage, crowd, seed))


def _play(report: Report, stage: Stage, crowd: Crowd, seed: int) -> str:
    chance = random.Random(seed)
    plans = [_plan(number, chance) for number in range(JOBS)]
    started = time.monotonic()

    def submit(share: int) -> None:
        for number in range(share, JOBS, SUBMITTERS):
            time.sleep(max(0.0, started + number * SECONDS / JOBS - time.monotonic()))
            plan = plans[number]
            job_id = crowd.submit(plan["stub"], expected=plan["expected"], **plan["body"])
            if plan["cancel_after_s"] is not None:
                time.sleep(plan["cancel_after_s"])
                crowd.cancel(job_id)

    with ThreadPoolExecutor(SUBMITTERS) as pool:
        sent = [pool.submit(submit, share) for share in range(SUBMITTERS)]
        faults = Storm(stage, chance).blow()
        for future in sent:
            future.result()
    over = time.monotonic()
    with suppress(TimeoutError):  # `verify` says which is not
        crowd.await_done(within_s=AFTER_S)
    calm_s = time.monotonic() - over
    with suppress(TimeoutError):
        until(lambda: not stage.direct.exists("sq:running"), 5, "nothing runs")
    records = len(list(stage.direct.scan_iter("sq:job:*", count=1000)))
    again = sum(seen.attempt - 1 for seen in crowd.jobs.values() if seen.attempt)
    report.figures["storm"] = {
        "seed": seed,
        "jobs": len(crowd.jobs),
        "faults": sum(faults.values()),
        "by_kind": dict(faults),
        "unfinished": len(crowd.unfinished()),
        "answers_changed": len(crowd.violations),
        "innocent_failed": sum("failed" not in crowd.jobs[w.split()[0]].expected for w in crowd.unexpected()),
        "twice_in_the_store": records - len(crowd.jobs),
        "posts_sent_again": crowd.refused,
        "extra_runs": again,
        "ended": dict(Counter(seen.status for seen in crowd.jobs.values())),
        "done_after_the_last_fault_s": round(calm_s, 1),
        "runs": spread([seen.attempt for seen in crowd.jobs.values()]),
    }
    verify(crowd)
    assert records == len(crowd.jobs), f"{records} records of {len(crowd.jobs)} jobs"
    left = [key for key in stage.direct.scan_iter("sq:*") if key.startswith(("sq:queued", "sq:running", "sq:held:"))]
    assert left == [], left
    dead = [json.loads(seen.record["error"])["code"] for seen in crowd.jobs.values() if seen.status == "failed"]
    assert dead == ["worker_lost"] * POISON, dead
    return (
        f"0 unfinished, 0 answers changed, 0 innocent failed; {again} extra runs, "
        f"{crowd.refused} POSTs sent again, all done {calm_s:.0f} s after the last fault"
    )


def _plan(number: int, chance: random.Random) -> dict[str, Any]:
    """What one client asks for, and what it must get."""
    seconds = chance.choice([0.1, 0.5, 1, 2, 4])
    plan: dict[str, Any] = {"stub": {"seconds": seconds}, "expected": ["succeeded"], "body": {}, "cancel_after_s": None}
    plan["body"] = {"priority": chance.choice(["low", "normal", "normal", "high"])}
    if number % (JOBS // POISON) == 50:
        return {**plan, "stub": {"crash": True, "seconds": 0.3}, "expected": ["failed"]}
    kind = chance.random()
    if kind < 0.04:
        return {**plan, "expected": ["succeeded", "canceled"], "cancel_after_s": chance.uniform(0, 1)}
    if kind < 0.07:  # identical to others: may share their work or their answer
        return {**plan, "body": {"prompt": "同一只猫", "sampling": {"seed": 7}, **dict.fromkeys(CACHE, True)}}
    if kind < 0.10:  # what the model writes is nonsense: the prompt is split instead
        return {**plan, "stub": {"invalid": True}}
    return plan
