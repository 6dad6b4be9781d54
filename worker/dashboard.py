"""Flower, where `celery -A worker.app flower` runs it, with its metrics behind its login as everything else of it.

They name every task and worker, and Flower itself gives them to anybody. Knows Flower's one handler and how it reads
its options; not what a job is.
"""

from __future__ import annotations

import os
import sys

from shared.environment import service_links


def guard_metrics() -> None:
    """Before Flower starts; nothing where the command that runs is another one."""
    monitor = sys.modules.get("flower.views.monitor")  # Celery's command line has imported it, if it is installed
    if monitor is None:
        return
    from tornado.web import authenticated

    monitor.Metrics.get = authenticated(monitor.Metrics.get)


def pass_over_service_links() -> None:
    """Before Flower reads FLOWER_PORT: of a Service called `flower`, it is Kubernetes' tcp://... and no number."""
    for name in service_links(os.environ, "FLOWER_"):
        del os.environ[name]
