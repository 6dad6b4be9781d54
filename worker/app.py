"""`celery -A worker.app worker`: what Celery and Flower load. Whatever keeps it from being loaded is said in one line.

Knows nothing but where the app is: worker/life.py.
"""

from __future__ import annotations

from worker.exits import fatal

with fatal("scriptqueue"):
    from worker.life import app

__all__ = ["app"]
