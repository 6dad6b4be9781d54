"""What Redis refuses for good stops the start with its own word; what its user must be allowed is listed, and enough.

celery/celery#8724, conductor-oss/conductor#665 (which permissions are needed?), redis/redis#12418, redis/redis-py#2707
(a user without channels), StackExchange/StackExchange.Redis#1699.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from scriptqueue.schemas import PRIORITIES
from shared.broker import celery_app
from shared.errors import RedisUnfit, StoreUnavailable
from shared.findings import Finding
from shared.settings import Settings
from shared.store import checks
from shared.store.connection import SyncStore, connect
from shared.store.permissions import ALLOWED_COMMANDS, CHECK, lacking, rule_of
from shared.store.redis_server import require_fit
from tests.integration.worker.conftest import api_of
from tests.integration.worker.processes import done, forked_worker, running, submit, until

NAME = "sq-tester"  # a user; never shown
Restrict = Callable[[str], str]
RULES = rule_of(0)
# By the rules of a user, or by a URL: the word, and what else stands in the line.
REFUSED = {
    "a user without INFO (managed Redis)": (f"{RULES} -info", "", "NOPERM .*'info'"),
    "without a category": ("~* &* +@all -@dangerous", "", "NOPERM .*'info'"),
    "without scripts": (f"{RULES} -eval", "", "NOPERM .*'eval'"),
    "without channels": ("~* resetchannels +@all", "", r"lacks &sq:\* &/0.celery.pidbox"),
    "without Celery's channels": ("~* resetchannels &sq:* +@all", "", r"lacks &/0.celery.pidbox"),
    "with keys of another prefix": ("resetkeys ~app:* &* +@all", "", r"lacks ~sq:\*"),
    "with our keys alone": ("resetkeys ~sq:* &* +@all", "", r"lacks ~_kombu.binding\* ~unacked\*"),
    "without one command": (f"{RULES} -zadd", "", r"lacks \+zadd:"),
    "switched off": (f"{RULES} off", "", "WRONGPASS"),
    "a wrong password": (RULES, "redis://{user}:hunter2@{place}/0", "WRONGPASS"),
    "a password where none is set": (RULES, "redis://:hunter2@{place}/0", "without any password"),
    "a database that is not there": (RULES, "redis://{user}:x@{place}/99", "DB index is out of range"),
}


@pytest.fixture
def restrict(records: redis.Redis) -> Iterator[Restrict]:
    """`restrict(rules)`: the URL of a user with these."""
    where = records.connection_pool.connection_kwargs

    def make(rules: str) -> str:
        records.execute_command("ACL", "SETUSER", NAME, "reset", "on", ">x", *rules.split())
        return f"redis://{NAME}:x@{where['host']}:{where['port']}/0"

    yield make
    records.acl_deluser(NAME)
    records.acl_log_reset()


def url_of(restrict: Restrict, name: str) -> str:
    rules, form, _ = REFUSED[name]
    url = restrict(rules)
    return form.format(user=NAME, place=url.rpartition("@")[2].removesuffix("/0")) if form else url


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_for_good_is_no_outage(restrict: Restrict, name: str) -> None:
    settings = Settings(redis={"url": url_of(restrict, name)})

    with pytest.raises(RedisUnfit, match=REFUSED[name][2]) as refused:
        require_fit(settings)
    fault = next(finding for finding in checks.examine(settings) if finding.level == "fault")

    assert re.search(REFUSED[name][2], fault.words)
    assert "docs/operations.md" in fault.fix
    assert "does not answer" not in fault.words
    for line in (str(refused.value), fault.words):
        assert not re.search(f"hunter2|{NAME}|\n", line)


def test_the_list_is_enough_and_each_command_of_it_is_needed_by_name(restrict: Restrict) -> None:
    assert _lacks(restrict(RULES)) == []

    missing = {command: _lacks(restrict(f"{RULES} -{command}")) for command in ALLOWED_COMMANDS if command != "eval"}

    assert missing == {command: [f"+{command}"] for command in missing}


def _lacks(url: str) -> list[str]:
    with redis.Redis.from_url(url, protocol=2) as client:
        return lacking(lambda probes: client.eval(CHECK, 0, probes), 0)


def test_the_line_of_the_docs_is_the_list() -> None:
    assert f"on >PASSWORD {RULES}" in (Path(__file__).parents[2] / "docs" / "operations.md").read_text()


def test_every_command_of_the_scripts_is_in_the_list() -> None:
    lua = Path(__file__).parents[2] / "shared" / "store" / "lua"
    called = {name.lower() for path in lua.glob("*.lua") for name in re.findall(r"call\('(\w+)'", path.read_text())}

    assert len(called) > 30
    assert called - set(ALLOWED_COMMANDS) == set()


def test_a_doorbell_of_each_priority_may_be_rung(restrict: Restrict, records: redis.Redis) -> None:
    settings = Settings(redis={"url": restrict(RULES)})
    require_fit(settings)
    app = celery_app.make_app(settings, patient=False)

    for priority in PRIORITIES:
        celery_app.ring(app, "x", priority)

    app.close()
    assert records.acl_log() == []


def test_what_is_refused_later_is_told_by_its_word(restrict: Restrict) -> None:
    settings = Settings(redis={"url": restrict(RULES)})
    with connect(settings) as client:
        store = SyncStore(client)
        store.call("queue")
        restrict(f"{RULES} -zcard")

        with pytest.raises(StoreUnavailable, match="no permissions to run the 'zcard' command") as refused:
            store.call("queue")

    assert NAME not in str(refused.value)


def test_a_post_that_is_answered_503_has_queued_nothing(restrict: Restrict, records: redis.Redis) -> None:
    body, key = {"prompt": "森林"}, {"Idempotency-Key": "once"}
    with api_of(Settings(redis={"url": restrict(RULES)})) as api:
        for lost in ("resetchannels", "resetchannels &sq:*", "-xadd", "-zadd", "-publish"):
            restrict(f"{RULES} {lost}")
            answers = [api.post("/jobs", json=body, headers=headers) for headers in (key, key, {})]
            assert [answer.status_code for answer in answers] == [503] * 3
            assert [name for name in records.scan_iter("sq:*") if not re.search("sweep|swept|began|server", name)] == []
        restrict(RULES)
        until(lambda: api.post("/jobs", json=body, headers=key).status_code == 202, what="a POST is taken")
        again = api.post("/jobs", json=body, headers=key)

        assert [job["id"] for job in api.get("/jobs").json()["jobs"]] == [again.json()["id"]]


@pytest.mark.slow
@pytest.mark.parametrize("prefix", ["", "blue:"])
def test_a_service_works_as_that_user_and_is_refused_nothing(
    restrict: Restrict, records: redis.Redis, tmp_path: Path, prefix: str
) -> None:
    """With a prefix its user may touch nothing outside: so no key and no channel of it lies there."""
    url = restrict(rule_of(0, prefix))
    settings = Settings(redis={"url": url, "prefix": prefix})
    stub: dict[str, Any] = {"model__name": "stub", "worker__metrics_port": 0, "redis__prefix": prefix}
    worker = forked_worker(url, tmp_path / "restricted.log", **stub)
    try:
        with api_of(settings) as api:
            until(lambda: api.get("/readyz").status_code == 200, what="a worker is ready")
            assert done(api, submit(api))["status"] == "succeeded"
            hanging = submit(api, stub={"hang": True})
            running(api, hanging)
            api.post(f"/jobs/{hanging}/cancel")
            assert done(api, hanging)["status"] == "canceled"
            app = celery_app.make_app(settings, patient=False)
            assert len(app.control.inspect(timeout=5).ping() or {}) == 1
            faults: list[Finding] = [
                finding for finding in checks.examine(settings, repair=True) if finding.level == "fault"
            ]
        worker.terminate()
        worker.wait()
    finally:
        worker.close()

    assert faults == []
    assert [key for key in records.scan_iter() if not key.startswith(prefix or "")] == []
    assert [(entry["reason"], entry["object"], entry["context"]) for entry in records.acl_log()] == []
