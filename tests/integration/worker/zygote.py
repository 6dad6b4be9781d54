"""What a worker process imports before it reads its settings, for the process that tests' workers are forked from.

Not `worker.app`, which reads them when it is imported, and no torch: the stub needs none.
"""

# ruff: noqa: F401 - that they are imported is all that they are for

import celery.__main__
import celery.apps.worker
import celery.bin.celery
import celery.worker.consumer
import kombu.transport.redis

import worker.backend.absent
import worker.backend.stub
import worker.metrics
import worker.quarantine
import worker.revoke
import worker.tasks
import worker.watchdog
