"""How long each Lua script holds Redis at the largest arguments that the API and the workers give it.

`make bench ARGS=scripts` prints and writes the longest run of each: the time that it lasted (SLOWLOG) or that the one
thread of Redis computed meanwhile, whichever is less, so that what else the machine does counts little; the limit is
50 ms. What a script leaves for its next piece is part of the case: the longest piece counts.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import redis

from scriptqueue.schemas import (
    MAX_SCENES,
    DeliveryAttempt,
    JobRequest,
    Metrics,
    ModelInfo,
    Progress,
    Scene,
    Storyboard,
    Webhook,
)
from shared.broker.messages import Doorbells
from shared.errors import OutputInvalid
from shared.settings import Settings
from shared.store.checks import CHUNK
from shared.store.connection import Store
from shared.store.dead_jobs import DeadJobStore
from shared.store.deliveries import DeliveryStore
from shared.store.entry import new_job_of
from shared.store.event_log import EventLog
from shared.store.executions import Claim, Executions, Report, Success
from shared.store.outbox import Outbox
from shared.store.record import failure_of
from shared.store.scripts import SCRIPT_NAMES, Name
from shared.store.stats import queue_stats
from shared.store.submissions import Submissions
from shared.workers import WorkerState
from tests.bench import stage
from tests.bench.report import RESULTS, Figure, hardware, write

BATCH, ALIKE, ROWS, DEAD = 1000, 250, 512, 1000
LIMIT_MS = 50.0
LOGGED_MS = 1.0  # what is shorter than this counts as this long; a lower limit would log each command of a script
ROUNDS = 4
PROMPT = "一个程序员在咖啡店找到灵感的故事。" * 100
WEBHOOK = Webhook(url="https://example.com/hook", events=["status", "scene", "done"])
READY = WorkerState("bench", "ready", "m", "cpu", "fp32", slots=8, serves="m", node="celery@bench")
MODEL = ModelInfo(name="bench", seed=1)
SCENES = tuple(
    Scene(
        scene_number=number,
        description="清晨的森林，雾慢慢散开，一只鹿走过",
        duration=5,
        camera="wide shot",
        action="雾散开，鹿抬头看向镜头",
        video_prompt="清晨的森林，雾慢慢散开，一只鹿走过, 4k, cinematic lighting",
    )
    for number in range(1, MAX_SCENES + 1)
)
SUCCESS = Success(
    Storyboard(title="森林", total_duration=5 * MAX_SCENES, scenes=SCENES),
    "model",
    (),
    MODEL,
    Metrics(queue_s=0, run_s=1, prompt_tokens=1, output_tokens=1, tokens_per_s=1),
)


class Bench:
    """A Redis of its own, both sides of the store on it, and the longest run of each script."""

    def __init__(self, url: str) -> None:
        self.settings = Settings(redis={"url": url, "timeout_s": 60}, api={"max_queued": 10**6})
        self.redis = redis.Redis.from_url(url, decode_responses=True)
        self.redis.config_set("slowlog-log-slower-than", int(LOGGED_MS * 1000))
        pid = self.redis.info("server")["process_id"]
        self._schedule = Path(f"/proc/{pid}/task/{pid}/schedstat")
        self.loop = asyncio.new_event_loop()
        self.store = Store(self.settings)
        self.api = Submissions(self.store, self.settings)
        self.worker = Executions(self.settings, "bench")
        self.longest_ms: dict[Name, float] = dict.fromkeys(SCRIPT_NAMES, 0.0)
        self._timed_async()
        self._timed_sync()

    def do(self, call: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(call)

    def fresh(self) -> None:
        self.redis.flushall()
        self.longest_ms = dict.fromkeys(SCRIPT_NAMES, 0.0)
        self.worker.beat(READY, 600)

    def _timed_async(self) -> None:
        call = self.store.call

        async def timed(script: Name, /, **keywords: Any) -> Any:
            before = self._cpu_ms()
            try:
                return await call(script, **keywords)
            finally:
                self._note(script, before)

        self.store.call = timed  # type: ignore[method-assign]

    def _timed_sync(self) -> None:
        call = self.worker._store.call

        def timed(script: Name, /, **keywords: Any) -> Any:
            before = self._cpu_ms()
            try:
                return call(script, **keywords)
            finally:
                self._note(script, before)

        self.worker._store.call = timed  # type: ignore[method-assign]

    def _cpu_ms(self) -> float:
        """What the one thread that runs commands has computed so far."""
        return int(self._schedule.read_text().split()[0]) / 1e6

    def _note(self, script: Name, before_ms: float) -> None:
        """Neither more than the thread computed, which reads and writes besides, nor than the script lasted."""
        computed_ms = self._cpu_ms() - before_ms
        lasted_ms = max([LOGGED_MS, *(entry["duration"] / 1000 for entry in self.redis.slowlog_get(100))])
        self.redis.slowlog_reset()
        self.longest_ms[script] = max(self.longest_ms[script], min(computed_ms, lasted_ms))

    def batch(self, count: int = BATCH, *, client: str = "ada", alike: int = 1, **fields: Any) -> list[str]:
        """`alike` jobs that follow one another, of each prompt."""
        requests = [
            JobRequest(**{"prompt": f"{number % (count // alike)} {PROMPT}", "use_cache": alike > 1, **fields})
            for number in range(count)
        ]
        self.last = self.do(self.api.submit_batch(requests, client))
        return list(self.last.job_ids)

    def claim(self, job_id: str) -> Claim:
        claim = self.worker.claim(job_id)
        assert isinstance(claim, Claim), claim
        return claim

    def sweep(self) -> None:
        self.redis.delete("sq:sweep-lock")
        self.worker.sweep()


def batches(bench: Bench) -> None:
    bench.batch(webhook=WEBHOOK)
    bench.do(bench.store.call("ring", **Doorbells(bench.settings).arguments(bench.last.ring)))
    bench.do(bench.api.page("ada", None, 100, None))
    bench.do(bench.api.batch(bench.last.batch_id, "ada"))
    bench.do(bench.api.batch(bench.last.batch_id, "ada", cancel=True))


def alike_batches(bench: Bench) -> None:
    bench.batch(alike=ALIKE, webhook=WEBHOOK)
    bench.do(bench.api.batch(bench.last.batch_id, "ada", cancel=True))


def leaders(bench: Bench) -> None:
    """Canceled by the batch, each with a followed job of other batches."""
    bench.batch(100, alike=2)
    leading = bench.last.batch_id
    for _ in range(10):
        bench.batch(1000, alike=20)
    bench.do(bench.api.batch(leading, "ada", cancel=True))


def leader_ends(bench: Bench, end: Callable[[Claim], object]) -> None:
    ids = bench.batch(ALIKE, alike=ALIKE, webhook=WEBHOOK, max_scenes=MAX_SCENES)
    claim = bench.claim(ids[0])
    end(claim)


def heartbeats(bench: Bench) -> None:
    ids = [bench.batch(ALIKE, alike=ALIKE, webhook=WEBHOOK, metadata={"stub": {"n": n}})[0] for n in range(16)]
    claims = [bench.claim(job_id) for job_id in ids]
    progress = Progress(phase="writing", tokens=900, scenes_done=MAX_SCENES)
    bench.worker.renew([Report(claim, progress, SCENES) for claim in claims])
    bench.worker.release("none")
    bench.sweep()


def many_rows(bench: Bench) -> None:
    ids = bench.batch()
    claims = [bench.claim(job_id) for job_id in ids[:ROWS]]
    progress = Progress(phase="writing", tokens=900, scenes_done=MAX_SCENES)
    bench.worker.renew([Report(claim, progress, SCENES) for claim in claims])
    bench.do(bench.api.queue())
    bench.do(queue_stats(bench.store))
    bench.worker.give_back(claims.pop())
    for job_id in ids:
        bench.redis.zadd("sq:running", {job_id: 1}, xx=True)
    for job_id in ids:
        bench.redis.zadd("sq:expiring", {job_id: 1}, xx=True)
    bench.redis.delete("sq:swept")
    bench.sweep()
    bench.worker.beat(READY, 600)
    bench.worker.release("crashes")


def many_clients(bench: Bench) -> None:
    for number in range(BATCH):
        bench.do(bench.store.call("submit", **_one(bench, f"client {number}")))
    own = [bench.batch(128, client=f"client {number}") for number in range(2)]
    bench.do(bench.api._read_all(own[0]))
    bench.do(bench.api.page("client 1", None, 100, None))
    bench.do(bench.api.queue())
    bench.claim(own[1][-1])
    bench.do(Outbox(bench.store, "bench").take(64))


def _one(bench: Bench, client: str) -> dict[str, Any]:
    entry = new_job_of(JobRequest(prompt="x", use_cache=False, webhook=WEBHOOK))
    return {
        **dict.fromkeys(("key", "fingerprint", "batch"), ""),
        "client": client,
        "max_queued": 10**6,
        "batch_ttl_s": 1,
        "rate": 0,
        "most": 0,
        "shared": False,
        "cache_ttl_ms": 0,
        "weight": 1,
        "jobs": [entry.arguments(0)],
    }


def results(bench: Bench) -> None:
    ids = bench.batch(2 * BATCH // 10, webhook=WEBHOOK)
    for job_id in ids:
        bench.worker.succeed(bench.claim(job_id), SUCCESS)
    bench.do(bench.api._read_all(ids[:128]))
    bench.do(bench.api.page("ada", None, 100, None))
    bench.do(EventLog(bench.store, bench.api.replication).after(ids[0], "ada", 0))
    deliveries = DeliveryStore(bench.store)
    number = len(bench.do(deliveries.of(ids[0], "ada")))
    bench.do(deliveries._read(ids[0], "ada", list(range(1, number + 1))))
    letters = bench.do(Outbox(bench.store, "bench").take(64))
    gone = DeliveryAttempt(at=datetime.now(UTC), took_s=1, status=410)
    bench.do(Outbox(bench.store, "bench").settle(letters[0], gone, None, unwanted=True))
    bench.do(bench.api.delete(ids[1], "ada"))
    for begun in range(0, len(ids), CHUNK):
        bench.do(bench.store.call("reconcile", repair=True, ids=ids[begun : begun + CHUNK]))


def long_lists(bench: Bench) -> None:
    for _ in range(3):
        for job_id in bench.batch():
            bench.redis.zadd("sq:expiring", {job_id: 1}, xx=True)
    bench.do(bench.api.page("ada", "failed", 100, None))  # type: ignore[arg-type]
    for _ in range(12):
        bench.sweep()


def dead(bench: Bench) -> None:
    for begun in range(0, DEAD, BATCH):
        ids = bench.batch(min(BATCH, DEAD - begun))
        for job_id in ids:
            for _ in range(3):
                bench.claim(job_id)
                bench.worker.release("crashes")
                bench.worker.beat(READY, 600)
    store = DeadJobStore(bench.store, bench.api)
    bench.do(store.list("ada"))
    bench.do(bench.store.call("exhume", id=ids[0]))


def _fail(bench: Bench, claim: Claim) -> None:
    bench.worker.fail(claim, failure_of(OutputInvalid()), MODEL)


def _canceled(bench: Bench, claim: Claim) -> None:
    bench.do(bench.api.cancel(claim.job_id, "ada"))
    bench.worker.confirm_cancel(claim)


CASES: dict[str, Callable[[Bench], None]] = {
    "batches": batches,
    "alike batches": alike_batches,
    "leaders": leaders,
    "a leader succeeds": lambda bench: leader_ends(bench, lambda claim: bench.worker.succeed(claim, SUCCESS)),
    "a leader fails": lambda bench: leader_ends(bench, lambda claim: _fail(bench, claim)),
    "a leader is canceled": lambda bench: leader_ends(bench, lambda claim: _canceled(bench, claim)),
    "a leader is given back": lambda bench: leader_ends(bench, bench.worker.give_back),
    "heartbeats": heartbeats,
    "many rows": many_rows,
    "many clients": many_clients,
    "results": results,
    "long lists": long_lists,
    "dead": dead,
}


def measured(case: str) -> dict[Name, float]:
    """The longest run (ms) of each script in this case; of several rounds, the quickest counts: it met the fewest
    neighbours."""
    rounds = []
    with stage.redis() as url:
        bench = Bench(url)
        for _ in range(ROUNDS):
            bench.fresh()
            CASES[case](bench)
            rounds.append(bench.longest_ms)
    least = {name: min(one[name] for one in rounds) for name in SCRIPT_NAMES}
    print(f"{case}: " + ", ".join(f"{name} {ms:.1f}" for name, ms in least.items() if ms), flush=True)
    return least


def figures() -> dict[str, Figure]:
    """That of the longest; bench/results/scripts.json has all."""
    cases = [measured(case) for case in CASES]
    longest = {name: round(max(case[name] for case in cases), 1) for name in SCRIPT_NAMES}
    content = {"hardware": hardware(), "limit_ms": LIMIT_MS, "longest_ms": longest}
    (RESULTS / "scripts.json").write_text(json.dumps(content, indent=2) + "\n")
    name = max(longest, key=lambda script: longest[script])
    meaning = f"{name}.lua at its largest arguments, the longest of all scripts, against the limit"
    return {"longest_script": Figure(longest[name], "ms", LIMIT_MS, longest[name] / LIMIT_MS, meaning)}


if __name__ == "__main__":
    write(figures(), "python -m tests.bench.scripts")
