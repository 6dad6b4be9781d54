"""A server that is no primary any more, behind the same address: nobody cuts connections or restarts anything.

celery/celery#7946 (a worker ends at READONLY), celery/celery#6348, workfloworchestrator/lso#210 (alive, but read-only),
milesmcc/shynet#285 (a replica at the start).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import BusyLoadingError, MasterDownError, NoScriptError, ReadOnlyError, ResponseError

from shared.broker import celery_app
from shared.errors import StoreUnavailable
from shared.redis_primary import is_demotion
from shared.settings import Settings
from shared.store.connection import SyncStore, connect
from shared.store.executions import Executions
from shared.store.redis_server import Fitness, require_fit
from shared.store.sweep import Sweeps
from tests.integration.api.wire import Wire
from tests.integration.failing_over import Server
from tests.integration.worker.conftest import api_of
from tests.integration.worker.processes import done, forked_worker, submit, until

SOON_S = 3.0  # a second of the product's own, on a busy machine


@pytest.fixture
def primary(both: tuple[Server, Server]) -> tuple[Server, Server]:
    """The first of both is, whatever was done to them before."""
    first, second = both
    first.client.config_set("min-replicas-to-write", 0)
    first.follow(None)
    second.follow(first)
    until(second.in_step, what="the replica follows")
    first.client.flushall()
    return first, second


@pytest.fixture
def line(primary: tuple[Server, Server]) -> Iterator[Wire]:
    """The address behind which one server takes the other's place."""
    wire = Wire(primary[0].place)
    yield wire
    wire.close()


@pytest.fixture
def settings(line: Wire) -> Settings:
    return Settings(redis={"url": f"redis://127.0.0.1:{line.port}/0", "timeout_s": 1}, worker={"lease_s": 2})


def change_places(primary: tuple[Server, Server], line: Wire) -> None:
    """Softly: what is connected stays connected to the one that was the primary."""
    first, second = primary
    until(lambda: second.client.info("replication")["slave_repl_offset"] >= offset(first), what="it has all")
    second.follow(None)
    line.lead_to(second.place)
    first.follow(second)


def offset(server: Server) -> int:
    return int(server.client.info("replication")["master_repl_offset"])


@pytest.mark.parametrize(
    ("error", "means"),
    [
        (ReadOnlyError("You can't write against a read only replica."), True),
        (MasterDownError("Link with MASTER is down"), True),
        (BusyLoadingError("Redis is loading the dataset in memory"), True),
        (ResponseError("NOREPLICAS Not enough good replicas to write."), True),
        (ResponseError("UNBLOCKED force unblock from blocking operation"), True),
        (ResponseError("MISCONF Errors writing to the AOF file"), False),
        (NoScriptError("No matching script"), False),
    ],
)
def test_what_says_that_a_server_is_no_primary(error: Any, means: bool) -> None:
    assert is_demotion(error) is means


@pytest.mark.slow
def test_a_service_follows_a_soft_demotion_within_seconds(
    primary: tuple[Server, Server], line: Wire, settings: Settings, tmp_path: Path
) -> None:
    worker = forked_worker(settings.redis.url.get_secret_value(), tmp_path / "w.log", model__name="stub")
    try:
        with api_of(settings) as api:
            until(lambda: api.get("/readyz").status_code == 200, what="a worker is ready")
            before = done(api, submit(api))
            held = submit(api, stub={"hang": True})
            until(lambda: api.get(f"/jobs/{held}").json()["status"] == "running", what="one runs")
            change_places(primary, line)
            begun = time.monotonic()

            until(lambda: api.post("/jobs", json={"prompt": "x"}).status_code == 202, what="a POST is taken")
            taken_s = time.monotonic() - begun
            assert done(api, submit(api))["status"] == "succeeded"
            assert api.get(f"/jobs/{before['id']}").json() == before
            assert api.post(f"/jobs/{held}/cancel").status_code == 202
            assert done(api, held)["status"] == "canceled"  # heard on the new server: a subscription follows, too
    finally:
        worker.close()

    assert taken_s < SOON_S
    assert primary[1].client.exists(f"sq:job:{held}")


@pytest.mark.parametrize("word", ["READONLY", "NOREPLICAS"])
def test_threads_ask_the_address_anew_and_are_told_the_word(
    primary: tuple[Server, Server], line: Wire, settings: Settings, word: str
) -> None:
    first, second = primary
    with connect(settings) as client:
        store = SyncStore(client)
        store.call("sweep", **Sweeps(settings).arguments())
        if word == "READONLY":
            first.follow(second)
        else:
            first.client.config_set("min-replicas-to-write", 3)
        connections = connections_of(first)
        with pytest.raises(StoreUnavailable, match=word):
            store.call("ring", doorbells=[{"list": "sq:jobs", "message": "x"}])
        until(lambda: connections_of(first) < connections, what="the connection is closed")
        second.follow(None)
        line.lead_to(second.place)

        store.call("ring", doorbells=[{"list": "sq:jobs", "message": "x"}])
    assert second.client.llen("sq:jobs") == 1


def connections_of(server: Server) -> set[str]:
    return {str(client["id"]) for client in server.client.client_list() if client["flags"] == "N"}


def test_a_replica_at_the_start_is_away_and_asked_again(
    primary: tuple[Server, Server], line: Wire, settings: Settings
) -> None:
    line.lead_to(primary[1].place)
    fitness = Fitness(settings)
    try:
        for look in (fitness.look, fitness.look_at_start, lambda: require_fit(settings)):
            with pytest.raises(StoreUnavailable, match="it is a replica and refuses writes"):
                look()
        line.lead_to(primary[0].place)

        assert fitness.look_at_start() == ""
    finally:
        fitness.close()


def test_celery_asks_the_address_anew(primary: tuple[Server, Server], line: Wire, settings: Settings) -> None:
    with celery_app.make_app(settings, patient=False) as app:
        celery_app.ring(app, "a", "high")
        change_places(primary, line)
        celery_app.ring(app, "b", "high")

    assert primary[1].client.llen("sq:jobs") == 2


def test_a_worker_that_hears_nothing_of_cancels_listens_anew(
    primary: tuple[Server, Server], line: Wire, settings: Settings
) -> None:
    worker = Executions(settings, "w")
    heard = worker.cancellations(0.05)
    assert next(heard) is None
    worker.sweep()  # over another connection
    change_places(primary, line)
    worker.sweep()

    with pytest.raises(StoreUnavailable, match="no primary any more"):
        next(heard)
    worker.close()
