"""Keeps this worker's leases: heartbeats with progress, cancellations, the sweep, and the worker's own word of life.

Two threads: one renews, sweeps and beats; one listens for cancellations, so that a cancel takes milliseconds and not
a heartbeat. Knows attempts, not what they compute.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Event, Lock, Thread

from shared.errors import StoreUnavailable
from shared.rings import Ring
from shared.store.executions import Executions
from shared.store.sweep import SWEEP_EVERY_S
from shared.workers import WorkerState
from worker.attempt import Attempt

log = logging.getLogger(__name__)

BEATS_A_LEASE = 5
LISTEN_TIMEOUT_S = 1.0


class LeaseKeeper:
    """`state` tells how the worker is; `ring` rings a doorbell and may fail."""

    def __init__(
        self, executions: Executions, lease_s: float, state: Callable[[], WorkerState], ring: Callable[[Ring], None]
    ) -> None:
        self._executions = executions
        self._lease_s = lease_s
        self._state = state
        self._ring = ring
        self.doorbells: int | None = None  # that wait for some worker; None: Redis did not tell
        self._attempts: dict[str, Attempt] = {}
        self._lock = Lock()
        self._fresh: set[Attempt] = set()  # whose new scene waits to be published
        self._woken = Event()
        self._ended = Event()
        self._threads = [Thread(target=run, name=run.__name__, daemon=True) for run in (self._beats, self._listens)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop renewing and take this worker off the list."""
        self._ended.set()
        self._woken.set()
        for thread in self._threads:
            thread.join()
        try:
            self._executions.beat(self._state(), 0)
        except StoreUnavailable as error:
            log.warning("could not sign off: %s", error)

    @property
    def alive(self) -> bool:
        return all(thread.is_alive() for thread in self._threads)

    def hold(self, attempt: Attempt) -> None:
        attempt.on_scene = lambda: self._publish(attempt)
        with self._lock:
            self._attempts[attempt.claim.job_id] = attempt

    def drop(self, attempt: Attempt) -> None:
        with self._lock:
            self._attempts.pop(attempt.claim.job_id, None)
            self._fresh.discard(attempt)

    def running(self) -> list[Attempt]:
        with self._lock:
            return list(self._attempts.values())

    def stop_all(self) -> None:
        """The process drains: whatever still runs is given back."""
        for attempt in self.running():
            attempt.stop("draining")

    def _beats(self) -> None:
        every_s = min(self._lease_s / BEATS_A_LEASE, SWEEP_EVERY_S)
        due_s = time.monotonic()
        while not self._ended.is_set():
            self._woken.wait(max(0.0, due_s - time.monotonic()))
            self._woken.clear()
            try:
                with self._lock:
                    fresh, self._fresh = self._fresh, set()
                if time.monotonic() < due_s:
                    self._renew(list(fresh))
                    continue
                due_s = time.monotonic() + every_s
                self._beat()
            except StoreUnavailable as error:
                self.doorbells = None
                log.warning("heartbeat failed: %s", error)

    def _beat(self) -> None:
        self.doorbells = self._executions.beat(self._state(), self._lease_s)
        self._renew(self.running())
        for doorbell in self._executions.sweep():
            self._ring(doorbell)

    def _publish(self, attempt: Attempt) -> None:
        """Soon, on the thread of the heartbeats: the engine's must not wait for Redis."""
        with self._lock:
            if attempt.claim.job_id in self._attempts:
                self._fresh.add(attempt)
        self._woken.set()

    def _renew(self, attempts: list[Attempt]) -> None:
        if not attempts:
            return
        renewals = self._executions.renew([attempt.report() for attempt in attempts])
        for attempt, renewal in zip(attempts, renewals, strict=True):
            if renewal != "ok":
                attempt.stop(renewal)

    def _listens(self) -> None:
        while not self._ended.is_set():
            try:
                for job_id in self._executions.cancellations(LISTEN_TIMEOUT_S):
                    if self._ended.is_set():
                        return
                    if job_id:
                        self._stop(job_id)
            except StoreUnavailable as error:
                log.warning("cancellations wait for Redis: %s", error)
                self._ended.wait(1.0)

    def _stop(self, job_id: str) -> None:
        with self._lock:
            attempt = self._attempts.get(job_id)
        if attempt:
            attempt.stop("canceling")
