"""Flower's revoke and terminate, made cooperative: a thread cannot be killed, but its job can be canceled."""

from __future__ import annotations

from typing import Any

from celery.worker.request import Request


class CooperativeRequest(Request):  # type: ignore[misc]
    def terminate(self, pool: Any, signal: Any = None) -> None:
        """`revoke(terminate=True)` of a running job."""
        from worker.app import runner

        runner().cancel(self.id)

    def cancel(self, pool: Any, signal: Any = None, emit_retry: bool = True) -> None:
        """A cold shutdown: the lease lapses and the job runs elsewhere."""
