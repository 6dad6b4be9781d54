"""What `uvicorn api.app:app` changes of its process, and that an application alone changes nothing."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shared.settings import Settings
from tests.integration.api.serving import served

ROOT = Path(__file__).parents[3]
START_IT = """
import asyncio, gc
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from api.app import app

async def live():
    async with app.router.lifespan_context(app):
        made = [protocol.connection_made.__module__ for protocol in (H11Protocol, HttpToolsProtocol)]
        print(gc.get_freeze_count() > 1000, *made)

asyncio.run(live())
"""


def test_an_application_leaves_its_process_as_it_was(redis_server: str) -> None:
    def state() -> tuple[object, ...]:
        return gc.get_freeze_count(), H11Protocol.connection_made, HttpToolsProtocol.connection_made

    before = state()

    with served(Settings(redis={"url": redis_server})):
        during = state()

    assert before == during == state()


def test_the_process_of_the_api_is_patched_and_frozen(redis_server: str) -> None:
    environment = {**os.environ, "SCRIPTQUEUE_REDIS__URL": redis_server}

    printed = subprocess.check_output([sys.executable, "-c", START_IT], cwd=ROOT, env=environment, text=True)

    assert printed.split() == ["True", "api.http.slow_clients", "api.http.slow_clients"]
