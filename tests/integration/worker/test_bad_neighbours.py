"""A Redis that cannot be trusted with jobs, met by real processes at their start."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.integration.worker.processes import ROOT, until, worker


@pytest.fixture
def server(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("appendonly", "yes")


@pytest.mark.parametrize("supervised", [True, False])
def test_a_worker_refuses_a_redis_that_evicts(
    server: redis.Redis, redis_url: str, tmp_path: Path, supervised: bool
) -> None:
    server.config_set("maxmemory-policy", "allkeys-lru")
    process = worker(redis_url, tmp_path / "worker.log", supervised=supervised, model__name="stub")

    assert process.wait() == 78
    assert "set maxmemory-policy noeviction" in process.log_text
    assert "Traceback" not in process.log_text


def test_an_api_refuses_a_redis_that_evicts(server: redis.Redis, redis_url: str) -> None:
    server.config_set("maxmemory-policy", "allkeys-lru")
    command = [sys.executable, "-m", "uvicorn", "api.app:app", "--port", "0"]

    ended = subprocess.run(
        command,
        env={**os.environ, "SCRIPTQUEUE_REDIS__URL": redis_url},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode != 0
    assert "set maxmemory-policy noeviction" in ended.stderr


def test_a_redis_without_a_file_is_served_with_a_loud_warning(
    server: redis.Redis, redis_url: str, tmp_path: Path
) -> None:
    server.config_set("appendonly", "no")
    process = worker(redis_url, tmp_path / "worker.log", model__name="stub")

    until(lambda: "ready: " in process.log_text, what="it starts")
    warned = [line for line in process.log_text.splitlines() if "set appendonly yes" in line]
    process.close()

    assert len(warned) == 1
    assert "WARNING" in warned[0]
