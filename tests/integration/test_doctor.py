"""`scriptqueue doctor` on a real Redis: each thing that can be wrong, in words, and what it can repair."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import redis

from api import cli, doctor
from scriptqueue.schemas import Status
from shared.broker import celery_app
from shared.findings import Finding
from shared.settings import Settings
from shared.store import checks
from shared.store.executions import Executions
from shared.workers import WorkerState
from tests.integration.desk import Desk, claimed, success
from worker import doctor as worker_doctor

READY = WorkerState(
    "worker-a", "ready", "test", "cuda:0", "fp16", slots=8, gpu="GPU-1", attention="sdpa", batching="own"
)


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings()


@pytest.fixture
def desk(settings: Settings) -> Desk:
    return Desk(settings)


@pytest.fixture
def worker(settings: Settings) -> Executions:
    worker = Executions(settings, "worker-a")
    worker.beat(READY, ttl_s=60)
    return worker


def wrong(settings: Settings, *, repair: bool = False) -> list[Finding]:
    return [finding for finding in checks.examine(settings, repair=repair) if finding.level != "ok"]


def test_a_healthy_queue_is_told_so_check_by_check(settings: Settings, desk: Desk, worker: Executions) -> None:
    desk.submit()
    worker.succeed(claimed(worker, desk.submit()), success())
    claimed(worker, desk.submit())

    found = list(checks.examine(settings))

    assert {finding.level for finding in found} == {"ok"}
    assert {"redis policy", "leases", "workers", "jobs", "doorbells", "quarantine", "dead list"} <= {
        finding.check for finding in found
    }


def test_a_redis_that_is_away_is_one_fault_with_its_fix() -> None:
    away = Settings(redis={"url": "redis://:secret@127.0.0.1:1"})

    findings = list(checks.examine(away))
    finding = findings[-1]

    assert (finding.check, finding.level) == ("redis", "fault")
    assert finding.message.startswith("127.0.0.1:1 does not answer")
    assert "set REDIS__URL" in finding.fix
    assert [other.level for other in findings[:-1]] == ["ok"] * (len(findings) - 1)
    assert "redis" not in [other.check for other in findings[:-1]]


@pytest.mark.parametrize("worker", [{"lease_s": 3}, {"lease_s": 1.5}])
def test_settings_that_work_badly_together_are_warned_of(worker: dict[str, Any]) -> None:
    findings = list(checks.of_settings(Settings(worker=worker)))

    assert [(finding.check, finding.level) for finding in findings] == [("leases", "warning")]


def test_jobs_that_wait_without_any_worker_are_a_fault(settings: Settings, desk: Desk) -> None:
    desk.submit()

    (finding,) = wrong(settings)

    assert (finding.check, finding.level, finding.message) == ("workers", "fault", "none is ready and 1 jobs wait")


def test_a_worker_that_says_ready_and_has_no_rows_is_a_fault_even_beside_a_good_one(
    settings: Settings, worker: Executions
) -> None:
    ghost = replace(READY, worker="ghost", slots=0, gpu="")
    Executions(settings, "ghost").beat(ghost, ttl_s=60)

    (finding,) = wrong(settings)

    assert (finding.check, finding.level) == ("workers", "fault")
    assert finding.message.startswith("ghost says that it is ready and has no rows")
    ready = [found.message for found in checks.examine(settings) if found.check == "workers" and found.level == "ok"]
    assert ready == ["1 of 2 ready, 8 rows (own, sdpa)"]


def test_a_worker_that_serves_without_a_model_is_warned_of(settings: Settings, worker: Executions) -> None:
    worker.beat(replace(READY, device="none", dtype="none", gpu=""), ttl_s=60)

    (finding,) = wrong(settings)

    assert (finding.check, finding.level) == ("workers", "warning")
    assert "has no model" in finding.message


def test_webhooks_that_nobody_sends_are_warned_of_where_they_can_be_asked_for(
    make_settings: Callable[..., Settings], worker: Executions, records: redis.Redis
) -> None:
    settings = make_settings(webhooks={"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"})

    (finding,) = wrong(settings)
    records.zadd("sq:senders", {"host:1": 9e15})

    assert (finding.check, finding.level, finding.fix) == ("webhooks", "warning", "start `python -m worker.webhooks`")
    assert wrong(settings) == []


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"model": "chatglm3-6b", "serves": "b"}, "different models: chatglm3-6b, qwen"),
        ({"serves": "b"}, "qwen in 2 ways"),
        ({}, None),
        ({"model": "chatglm3-6b", "serves": "b", "state": "loading"}, None),
    ],
)
def test_ready_workers_that_write_differently_are_warned_of(
    settings: Settings, worker: Executions, other: dict[str, Any], words: str | None
) -> None:
    own = replace(READY, model="qwen", serves="a", gpu="")
    worker.beat(own, ttl_s=60)
    Executions(settings, "worker-b").beat(replace(own, **other), ttl_s=60)

    assert [words in finding.message for finding in wrong(settings) if words] == ([True] if words else [])


def test_two_workers_on_one_card_are_warned_of(settings: Settings, worker: Executions) -> None:
    second = Executions(settings, "worker-b")
    second.beat(READY, ttl_s=60)

    (finding,) = wrong(settings)

    assert "2 workers share the GPU GPU-1" in finding.message
    assert second.rivals("GPU-1") == ["worker-a"]
    assert (second.rivals("GPU-2"), second.rivals("")) == ([], [])


def test_a_worker_knows_of_others_of_its_name_whose_hosts_are_called_alike(
    worker: Executions, rival: Executions
) -> None:
    """puckel/docker-airflow#496: all containers of a service have one host name, and no port or lock in common."""
    loading = WorkerState("worker-a", "loading", "test", "cuda:0", "fp16", slots=0, node="celery@host")
    worker.beat(loading, ttl_s=60)
    assert rival.namesakes("celery@host") == ["worker-a"]
    assert (rival.namesakes("celery@other"), worker.namesakes("celery@host")) == ([], [])

    worker.beat(replace(loading, state="draining"), ttl_s=60)
    assert rival.namesakes("celery@host") == []


def test_every_disagreement_of_records_and_indexes_is_found_and_repaired(
    settings: Settings, desk: Desk, worker: Executions, records: redis.Redis
) -> None:
    lost, leaseless, kept, done = desk.submit(), desk.submit(), desk.submit(), desk.submit()
    records.zrem("sq:queued:normal", lost)
    claimed(worker, leaseless)
    records.zrem("sq:running", leaseless)
    worker.succeed(claimed(worker, kept), success())
    records.persist(f"sq:job:{kept}")
    worker.succeed(claimed(worker, done), success())
    records.zadd("sq:running", {done: 1})
    records.zadd("sq:expiring", {"of-nobody": 9e15})

    (before,) = wrong(settings)
    (repaired,) = wrong(settings, repair=True)
    after = wrong(settings)

    assert (before.check, before.level, before.fix) == ("jobs", "fault", "scriptqueue doctor --repair")
    assert before.message.startswith("5 records and indexes disagree")
    assert (repaired.level, repaired.message.startswith("repaired: 5")) == ("warning", True)
    assert after == []
    assert 0 < records.ttl(f"sq:job:{kept}") <= 86400
    assert isinstance(worker.claim(lost), object)
    assert desk.job(lost).status is Status.RUNNING


def test_a_job_that_ran_without_a_lease_is_taken_by_the_next_sweep(
    settings: Settings, desk: Desk, worker: Executions, records: redis.Redis
) -> None:
    job_id = desk.submit()
    claimed(worker, job_id)
    records.zrem("sq:running", job_id)

    wrong(settings, repair=True)
    records.delete("sq:sweep-lock", "sq:swept")
    worker.sweep()

    assert desk.job(job_id).status is Status.QUEUED


def test_messages_for_jobs_that_are_gone_are_found_and_removed(
    settings: Settings, desk: Desk, worker: Executions, records: redis.Redis
) -> None:
    app = celery_app.make_app(settings, patient=False)
    here = desk.submit()
    for job_id in (here, "gone"):
        celery_app.ring(app, job_id, "normal")
    app.close()
    records.lpush("sq:jobs", "garbage")

    (before,) = wrong(settings)
    wrong(settings, repair=True)

    assert before.message == "2 of 3 messages name no job that there is"
    assert wrong(settings) == []
    assert records.llen("sq:jobs/1") == 1


def test_what_was_set_aside_is_warned_of(settings: Settings, worker: Executions, records: redis.Redis) -> None:
    records.lpush("sq:quarantine", "x")

    (finding,) = wrong(settings)

    assert (finding.check, finding.level) == ("quarantine", "warning")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, redis_url: str) -> pytest.MonkeyPatch:
    monkeypatch.setenv("SCRIPTQUEUE_REDIS__URL", redis_url)
    monkeypatch.setenv("SCRIPTQUEUE_MODEL__NAME", "stub")
    return monkeypatch


def test_the_command_exits_with_1_on_a_fault_and_says_each_fix(
    environment: pytest.MonkeyPatch, worker: Executions, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("FLOWER_UNAUTHENTICATED_API", "true")

    code = cli.main(["doctor", "--url", "http://127.0.0.1:1", "--json"])

    answer = json.loads(capsys.readouterr().out)
    faults = {finding["check"]: finding["fix"] for finding in answer["findings"] if finding["level"] == "fault"}
    assert (code, answer["faults"]) == (1, 2)
    assert faults == {
        "flower": "unset FLOWER_UNAUTHENTICATED_API",
        "api": "start `uvicorn api.app:app`, or give its --url",
    }
    assert [finding["said"] for finding in answer["findings"] if finding["check"] == "model"] == [
        "the workers serve test; stub, set here, is not checked"
    ]


@pytest.mark.parametrize(
    ("own", "serving", "is_checked"),
    [
        ({}, {"model": "embedded"}, False),
        ({}, {"model": "stub", "device": "none"}, False),
        ({"path": "/srv/models/llama"}, {"model": "qwen-7b"}, False),
        ({"name": "stub"}, {"model": "chatglm3-6b"}, False),
        ({}, {"model": "chatglm3-6b"}, True),
        ({"path": "/srv/models/llama"}, {"model": "llama"}, True),
        ({}, {"model": "embedded", "device": "none"}, True),  # it has none, and splits prompts
        ({}, {"model": "embedded", "state": "loading"}, True),
        ({}, {"model": "embedded", "slots": 0}, True),
        ({}, None, True),
    ],
)
def test_only_a_model_that_this_environment_would_serve_is_checked(
    own: dict[str, Any],
    serving: dict[str, Any] | None,
    is_checked: bool,
    make_settings: Callable[..., Settings],
) -> None:
    settings = make_settings(model=own)
    if serving:
        Executions(settings, "worker-a").beat(replace(READY, **serving), ttl_s=60)

    finding = doctor.served_instead(settings.model, checks.models_served(settings))

    assert (finding is None) == is_checked
    if finding and serving:
        assert finding.level == "ok"
        assert finding.message.startswith(f"the workers serve {serving['model']}; ")


Answers = dict[str, tuple[int, str]]


@pytest.fixture
def answering() -> Iterator[Callable[[Answers], str]]:
    """`answering({"/": (200, "text")})`: the address of a server that answers so, and 404 elsewhere."""
    answers: Answers = {}

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, text = answers.get(self.path, (404, ""))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.replace("HERE", address).encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        address = f"http://127.0.0.1:{server.server_port}"
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()

        def answer(these: Answers) -> str:
            answers.update(these)
            return address

        yield answer
        server.shutdown()


LINK = {"/page/settings.json": (200, '{"flower_url": "HERE/flower"}')}


@pytest.mark.parametrize(
    ("answers", "level", "word"),
    [
        ({**LINK, "/flower/": (401, ""), "/flower/api/workers": (401, "")}, "ok", "wants its login"),
        ({**LINK, "/flower/": (302, ""), "/flower/api/workers": (401, "")}, "ok", "wants its login"),
        ({**LINK, "/flower/": (200, "Flower"), "/flower/api/workers": (401, "")}, "fault", "open to everybody"),
        ({**LINK, "/flower/": (401, ""), "/flower/api/workers": (200, "{}")}, "fault", "open to everybody"),
        ({"/page/settings.json": (200, '{"flower_url": "http://127.0.0.1:1"}')}, "warning", "does not answer"),
        ({"/page/settings.json": (200, '{"flower_url": "http://["}')}, "warning", "does not answer"),
        ({"/page/settings.json": (200, '{"flower_url": null}')}, "ok", "names none"),
        ({"/page/settings.json": (200, "no JSON")}, "ok", "names none"),
        ({"/page/settings.json": (200, "[]")}, "ok", "names none"),
        ({}, "ok", "names none"),
    ],
)
def test_flower_is_judged_by_what_it_answers_to_somebody_without_a_login(
    answering: Callable[[Answers], str], answers: Answers, level: str, word: str
) -> None:
    finding = doctor.flower(answering(answers))

    assert (finding.check, finding.level) == ("flower", level)
    assert word in finding.message


def test_a_model_that_was_not_downloaded_is_a_fault_with_the_command_that_gets_it(tmp_path: Path) -> None:
    wanted = Settings(model={"name": "qwen-7b", "cache_dir": tmp_path}).model

    (finding,) = worker_doctor.findings(wanted)

    assert (finding.level, finding.message) == ("fault", "qwen-7b is not in the cache")
    assert "`python -m models pull qwen-7b`" in finding.fix


def test_a_setting_that_is_wrong_is_the_first_and_only_word(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("SCRIPTQUEUE_MODLE__NAME", "x")

    assert cli.main(["doctor"]) == 1
    assert "did you mean SCRIPTQUEUE_MODEL__NAME" in capsys.readouterr().out
