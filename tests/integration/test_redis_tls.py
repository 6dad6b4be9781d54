"""REDIS__URL with TLS before a real server: the store, Celery, Flower's count and doctor come through it as the user of
the docs; what TLS refuses is told in one line. `tls` says what of it is real.

celery/celery#5988 (`ssl_cert_reqs` spelt two ways), celery/kombu#2210 (`ssl_check_hostname=false` read as true),
goauthentik/authentik#15005 (no verification, but a host to check), celery/celery#6455 (Sentinels).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
import redis

from shared.broker import celery_app
from shared.errors import RedisUnfit, StoreUnavailable
from shared.rings import broker_lists
from shared.settings import Settings
from shared.store import checks
from shared.store.permissions import rule_of
from shared.store.redis_server import require_fit
from tests.integration.desk import Desk
from tests.integration.failing_over import Sentinels
from tests.integration.test_redis_forms import ESCAPED, PASSWORD, waiting_for_flower
from tests.integration.tls import Certificates, Terminator, certificates, terminated

DATABASE = 2
WITH_CLIENT = "&ssl_certfile={client}&ssl_keyfile={key}"
FORMS = {
    "its CA": "rediss://svc:{password}@localhost:{server}/2?ssl_ca_certs={ca}",
    "redis-py's word": "valkeys://svc:{password}@127.0.0.1:{server}/2?ssl_cert_reqs=required&ssl_ca_certs={ca}",
    "Celery's word": "rediss://svc:{password}@localhost:{server}/2?ssl_cert_reqs=CERT_REQUIRED&ssl_ca_certs={ca}",
    "unverified": "rediss://svc:{password}@localhost:{server}/2?ssl_cert_reqs=none",
    "unverified, Celery's word": "rediss://svc:{password}@localhost:{server}/2?ssl_cert_reqs=CERT_NONE",
    "optional": "rediss://svc:{password}@localhost:{server}/2?ssl_cert_reqs=optional&ssl_ca_certs={ca}",
    "another name": "rediss://svc:{password}@localhost:{elsewhere}/2?ssl_ca_certs={ca}&ssl_check_hostname=false",
    "a client's certificate": "rediss://svc:{password}@localhost:{strict}?db=2&ssl_ca_certs={ca}" + WITH_CLIENT,
    "Sentinels": "rediss+sentinel://svc:{password}@127.0.0.1:{sentinel}/main/2?ssl_ca_certs={ca}",
}
# And what passes by itself, or cannot be told from that.
REFUSED: dict[str, tuple[str, str, type[Exception]]] = {
    "no CA": ("rediss://localhost:{server}/0", "TLS: certificate verify failed: self-signed", RedisUnfit),
    "another's CA": ("rediss://localhost:{server}/0?ssl_ca_certs={stranger}", "TLS: certificate verify", RedisUnfit),
    "another name": (
        "rediss://localhost:{elsewhere}/0?ssl_ca_certs={ca}", "verify failed: Hostname mismatch", RedisUnfit
    ),
    "an expired one": ("rediss://localhost:{expired}/0?ssl_ca_certs={ca}", "has expired", StoreUnavailable),
    "no client's certificate": (
        "rediss://localhost:{strict}/0?ssl_ca_certs={ca}", "closed the connection", StoreUnavailable
    ),
    "a server with TLS, asked without": ("redis://localhost:{server}/0", "closed the connection", StoreUnavailable),
}  # fmt: skip


@dataclass(frozen=True)
class Servers:
    """Terminators by name, all before one Redis: `server`, `strict` (whoever comes shows a certificate), `elsewhere`
    (under another name), `expired`, `primary` (as Sentinel names it), `sentinel`."""

    made: Certificates
    plain_port: int
    terminators: dict[str, Terminator]

    def settings(self, form: str) -> Settings:
        ports = {name: one.port for name, one in self.terminators.items()} | {"plain": self.plain_port}
        files = {name: self.made.path(f"{name}.pem") for name in ("ca", "stranger", "client")}
        url = form.format(password=ESCAPED, key=self.made.path("client.key"), **ports, **files)
        return Settings(redis={"url": url})


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, redis_server: str) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp("tls")
    made = certificates(folder)
    port = int(redis.connection.parse_url(redis_server)["port"])
    place = ("127.0.0.1", port)
    with ExitStack() as stack:
        sides = {
            "server": terminated(place, made.context(of_clients=False)),
            "strict": terminated(place, made.context(of_clients=True)),
            "elsewhere": terminated(place, made.context("elsewhere", of_clients=False)),
            "expired": terminated(place, made.context("expired", of_clients=False)),
            "primary": terminated(place, made.context(of_clients=False), plain=True),
        }
        terminators = {name: stack.enter_context(side) for name, side in sides.items()}
        sentinels = Sentinels(folder, ("127.0.0.1", terminators["primary"].port), count=1)
        stack.callback(sentinels.close)
        before = terminated(sentinels.places[0], made.context(of_clients=False))
        terminators["sentinel"] = stack.enter_context(before)
        yield Servers(made, port, terminators)


@pytest.fixture
def user(records: redis.Redis) -> Iterator[None]:
    """`svc`, who may do what the docs list, and nothing else."""
    records.execute_command("ACL", "SETUSER", "svc", "reset", "on", f">{PASSWORD}", *rule_of(DATABASE).split())
    yield
    records.acl_deluser("svc")
    records.acl_log_reset()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.usefixtures("user")
def test_all_come_through(servers: Servers, records: redis.Redis, redis_url: str, form: str) -> None:
    settings = servers.settings(FORMS[form])
    require_fit(settings)
    job_id = Desk(settings).submit()
    with celery_app.make_app(settings, patient=False) as app:
        celery_app.ring(app, job_id, "high")
        if form != "Sentinels":  # Flower's own client takes no database of Sentinels
            assert waiting_for_flower(app) == 1

    with redis.Redis.from_url(redis_url, db=DATABASE) as there:
        assert (there.exists(f"sq:job:{job_id}"), there.llen(broker_lists()[0])) == (1, 1)
    findings = {finding.check: finding for finding in checks.examine(settings)}
    assert findings["redis"].message == f"{settings.redis.address.place} answers"
    assert (findings["jobs"].message, findings["redis rights"].level) == ("1 wait, 0 run", "ok")
    assert records.acl_log() == []


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_told_in_one_line(servers: Servers, name: str) -> None:
    form, words, kind = REFUSED[name]
    settings = servers.settings(form)

    with pytest.raises(kind, match=words) as refused:
        require_fit(settings)
    fault = next(finding for finding in checks.examine(settings) if finding.level == "fault")

    assert words in fault.words
    assert ("docs/settings.md" in fault.fix) == (kind is RedisUnfit)
    assert "\n" not in f"{refused.value}{fault.words}"
