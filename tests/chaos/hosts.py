"""Several hosts: API, Redis and two workers, each on one of its own (tests/chaos/network.py) that can be cut off."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import redis

from tests.chaos.crowd import Crowd
from tests.chaos.drills import verify
from tests.chaos.network import Host, Network, impossible
from tests.chaos.report import Report, spread, words
from tests.chaos.stage import CELERY, Process, redis_command, until

LAYER = "hosts"
HOSTS = ("redis", "api", "left", "right")
API_PORT, REDIS_PORT = 8000, 6379


class Hosts:
    """`with Hosts(folder, lease_s=6) as hosts`."""

    def __init__(self, folder: Path, *, lease_s: float) -> None:
        self.lease_s = lease_s
        self._folder = folder
        self._network = Network()
        self._hosts: dict[str, Host] = {}
        self._processes: dict[str, Process] = {}

    def __enter__(self) -> Hosts:
        self._network.__enter__()
        try:
            self._hosts = {name: self._network.host() for name in HOSTS}
            self.redis_url = f"redis://{self._hosts['redis'].address}:{REDIS_PORT}/0"
            self.api_url = f"http://{self._hosts['api'].address}:{API_PORT}"
            self.direct = redis.Redis.from_url(self.redis_url, decode_responses=True, socket_timeout=5)
            self._begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes.values():
            if process.alive:
                process.kill()
        if self._hosts:
            self.direct.close()
        self._network.__exit__()

    def start_worker(self, host: str, **settings: Any) -> Process:
        environment = self._settings() | {f"SCRIPTQUEUE_{name}".upper(): str(value) for name, value in settings.items()}
        return self._start(host, host, [sys.executable, "-m", *CELERY, "-n", f"{host}@{host}"], environment)

    def ready(self, count: int) -> None:
        def are_ready() -> bool:
            with suppress(httpx.HTTPError):
                workers = httpx.get(f"{self.api_url}/queue", trust_env=False).json()["workers"]
                return bool(sum(worker["state"] == "ready" for worker in workers) >= count)
            return False

        until(are_ready, 60, f"{count} workers are ready")

    def held_by(self, process: Process) -> list[str]:
        """Ids of the jobs that run in this process."""
        for key in self.direct.scan_iter(f"sq:held:*:{process.pid}:*"):
            return sorted(str(job_id) for job_id in self.direct.smembers(key))
        return []

    def cut(self, host: str) -> None:
        self._network.cut(self._hosts[host])

    def mend(self, host: str) -> None:
        self._network.mend(self._hosts[host])

    def slow(self, host: str, rate: str) -> None:
        self._network.slow(self._hosts[host], rate)

    def quicken(self, host: str) -> None:
        self._network.quicken(self._hosts[host])

    def _begin(self) -> None:
        data = self._folder / "redis"
        data.mkdir(parents=True, exist_ok=True)
        self._start("redis", "redis", redis_command(REDIS_PORT, data, "0.0.0.0"), {})

        def answers() -> bool:
            with suppress(redis.RedisError):
                return bool(self.direct.ping())
            return False

        until(answers, 20, "Redis answers")
        serve = [sys.executable, "-m", "uvicorn", "api.app:app", "--host", "0.0.0.0", "--port", str(API_PORT)]
        self._start("api", "api", serve, self._settings())
        until(lambda: self.post_status() is not None, 30, "the API answers")

    def post_status(self) -> int | None:
        """What a health check answers."""
        with suppress(httpx.HTTPError):
            return httpx.get(f"{self.api_url}/healthz", trust_env=False).status_code
        return None

    def _start(self, host: str, name: str, command: list[str], environment: dict[str, str]) -> Process:
        process = Process(name, self._hosts[host].inside(command), self._folder / f"{name}.log", environment)
        self._processes[name] = process
        process.start()
        return process

    def _settings(self) -> dict[str, str]:
        return {
            "SCRIPTQUEUE_REDIS__URL": self.redis_url,
            "SCRIPTQUEUE_MODEL__NAME": "stub",
            "SCRIPTQUEUE_WORKER__LEASE_S": str(self.lease_s),
        }


def cut_off_worker(hosts: Hosts, crowd: Crowd, left: Process) -> dict[str, float]:
    """One of two workers is cut off, ends its jobs in the void, and is mended. How long they stood still."""
    for _ in range(12):
        crowd.submit({"seconds": hosts.lease_s * 0.75})
    ids = until(lambda: len(held := hosts.held_by(left)) >= 3 and held, 30, "jobs run on the left")
    before = crowd.attempts(ids)
    until(lambda: all(crowd.jobs[i].status == "running" for i in ids), 10, "the observer saw it")
    before = crowd.attempts(ids)
    at = time.monotonic()
    hosts.cut("left")
    try:
        waits = [seen - at for seen in crowd.await_again(before, 3 * hosts.lease_s).values()]
        crowd.await_done()
    finally:
        hosts.mend("left")
    hosts.ready(2)
    time.sleep(2)  # the loser's answers come
    verify(crowd)
    return spread(waits)


def lone(hosts: Hosts, crowd: Crowd) -> str:
    first = [crowd.submit({"seconds": 3}) for _ in range(12)]
    crowd.await_running(first[:4])
    hosts.cut("left")
    time.sleep(30)
    hosts.mend("left")
    at = time.monotonic()
    crowd.await_done()
    return f"all {len(first)} done {time.monotonic() - at:.1f} s after it was back, none answered twice"


def redis_away(hosts: Hosts, crowd: Crowd) -> str:
    ids = [crowd.submit({"seconds": 1}) for _ in range(16)]
    hosts.cut("redis")
    try:
        at = time.monotonic()
        answer = httpx.post(f"{hosts.api_url}/jobs", json={"prompt": "cut"}, timeout=10, trust_env=False)
        took_s = time.monotonic() - at
        time.sleep(max(0.0, 9 - took_s))
    finally:
        hosts.mend("redis")
    assert answer.status_code == 503, answer.text
    assert took_s < 3.5, took_s
    return f"POST answered 503 after {took_s:.1f} s; all {len(ids)} jobs finished"


def slowed(hosts: Hosts, crowd: Crowd) -> str:
    hosts.slow("left", "128kbit")
    try:
        ids = [crowd.submit({"seconds": 2}) for _ in range(30)]
        crowd.await_done(within_s=120)
    finally:
        hosts.quicken("left")
    again = sum(crowd.jobs[job_id].attempt - 1 for job_id in ids)
    return f"all {len(ids)} done, {again} extra runs"


def run(report: Report, folder: Path) -> None:
    if reason := impossible():
        report.check(LAYER, "several hosts", lambda: _skipped(reason))
        return
    with Hosts(folder / "hosts", lease_s=6) as hosts, Crowd(hosts.api_url, hosts.redis_url) as crowd:
        left = hosts.start_worker("left")
        hosts.ready(1)

        def drill(fault: str, play: Callable[[], str]) -> None:
            def checked() -> str:
                outcome = play()
                crowd.await_done()
                verify(crowd)
                return outcome

            report.check(LAYER, fault, checked)

        def one_of_two() -> str:
            waits = cut_off_worker(hosts, crowd, left)
            assert waits["max"] <= 1.5 * hosts.lease_s, waits
            report.figures["host_cut_off"] = waits
            return f"jobs run on the other: {words(waits)}; what the loser wrote later was refused"

        drill("the only worker's host cut off for 30 s", lambda: lone(hosts, crowd))
        hosts.start_worker("right")
        hosts.ready(2)
        drill("the host of one of two workers cut off", one_of_two)
        drill("Redis's host cut off for 9 s", lambda: redis_away(hosts, crowd))
        drill("a worker's link slowed to 128 kbit/s", lambda: slowed(hosts, crowd))


def _skipped(reason: str) -> str:
    """No promise was broken, unless this is CI on a machine that has all it takes."""
    if os.environ.get("CI") and os.geteuid() == 0 and shutil.which("ip"):
        raise RuntimeError(reason)
    return f"skipped: {reason}"
