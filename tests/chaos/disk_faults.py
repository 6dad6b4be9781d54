"""A disk that is full or cannot sync, and a file that ends in zeros: refused by name, nothing half written, and on it
goes when that is mended. What is heard meanwhile is kept: answers to a POST, the doctor's lines, the server's last one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests.chaos.failovers import SETTLED_S, Service, accepted_since
from tests.chaos.redis_host import Machine, check, impossible, outcome, under_load
from tests.chaos.report import Report, spread
from tests.chaos.stage import until

LAYER = "disk"
MEANWHILE_S = 5.0
RESTART_S = 0.5  # whoever keeps Redis running starts it again after that


def full(folder: Path, appendfsync: str) -> dict[str, Any]:
    """The disk has room for a few kilobytes more, then none, then again."""
    return _during(folder, appendfsync, lambda machine: machine.do("fill"), lambda machine: machine.do("free"))


def failing(folder: Path, appendfsync: str) -> dict[str, Any]:
    """No flush of the disk succeeds; then it is another disk's turn, after a start of the whole machine."""

    def mend(machine: Machine) -> None:
        machine.do("off")
        machine.do("fail", fails=False)
        machine.do("on")

    return _during(folder, appendfsync, lambda machine: machine.do("fail", fails=True), mend)


def zeros(folder: Path, appendfsync: str) -> dict[str, Any]:
    """After a cut the last file ends in zeros, as some file systems leave it: the server must not guess.

    redis/redis#5177, valkey-io/valkey#1148.
    """

    def cut(machine: Machine) -> None:
        machine.cut(seed=1)
        machine.do("on", damage="zeros", seed=1)

    def mend(machine: Machine) -> None:
        machine.do("mend_file")
        machine.do("start")

    return _during(folder, appendfsync, cut, mend)


FAULTS: dict[str, tuple[Callable[[Path, str], dict[str, Any]], tuple[str, ...]]] = {
    "a file that ends in zeros": (zeros, ("always",)),
    "disk full": (full, ("always", "everysec")),
    "no sync succeeds": (failing, ("always", "everysec")),
}


def run(report: Report, folder: Path) -> None:
    if reason := impossible():
        report.check(LAYER, "disk", lambda: f"skipped: {reason}")
        return
    for fault, (play, policies) in FAULTS.items():
        for appendfsync in policies:
            check(report, LAYER, fault, appendfsync, folder, play)


def _during(
    folder: Path, appendfsync: str, break_it: Callable[[Machine], None], mend: Callable[[Machine], None]
) -> dict[str, Any]:
    with under_load(folder, appendfsync) as (machine, service):
        at = time.monotonic()
        break_it(machine)
        until(lambda: service.load.refused, SETTLED_S, "a POST is refused")
        heard = _listen(machine, service)
        mend(machine)
        mended = time.monotonic()

        def again() -> bool:
            _keep_running(machine)
            return accepted_since(service.load, mended)

        until(again, SETTLED_S, "a POST is accepted again", every_s=RESTART_S)
        back_s = time.monotonic() - mended
        figures = outcome(machine, service)
        lost_s = [abs(at - service.load.accepted[job_id]) for job_id in service.load.lost]
    return {**figures, **heard, "again": spread([back_s]), "lost_s": spread(lost_s)}


def _listen(machine: Machine, service: Service) -> dict[str, Any]:
    posts, doctor = set(), set()
    ended = time.monotonic() + MEANWHILE_S
    with httpx.Client(base_url=service.urls[0], timeout=10, trust_env=False) as client:
        while time.monotonic() < ended:
            _keep_running(machine)
            answer = client.post("/jobs", json={"prompt": "?"}, headers={"Idempotency-Key": "?" * 8})
            posts.add(f"{answer.status_code} {answer.json().get('code')}: {answer.json().get('detail')}")
            doctor.update(machine.faults())
            time.sleep(RESTART_S)
    last = machine.log.read_text(errors="replace").splitlines()[-1:]
    return {"posts": sorted(posts), "doctor": sorted(doctor), "server": last, "server runs": machine.do("alive")}


def _keep_running(machine: Machine) -> None:
    if not machine.do("alive"):
        machine.do("start")
        time.sleep(RESTART_S)
