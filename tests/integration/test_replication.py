"""REDIS__REPLICAS: accepted means that a replica has it. Where none has, nothing was accepted, and nothing is left."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest

from scriptqueue.schemas import Metrics, ModelInfo, Storyboard
from shared.settings import Settings
from shared.store.checks import examine
from shared.store.executions import Executions, Success
from shared.store.redis_server import Fitness
from tests.integration.api.wire import Wire
from tests.integration.desk import claimed
from tests.integration.failing_over import Server
from tests.integration.worker.conftest import api_of
from tests.integration.worker.processes import until

JOB = {"prompt": "森林", "use_cache": False}
BOARD = Storyboard.model_validate(
    {
        "title": "t",
        "total_duration": 15,
        "scenes": [
            {
                "scene_number": number,
                "description": "d",
                "duration": 5,
                "camera": "wide shot",
                "action": "a",
                "video_prompt": "d, 4k",
            }
            for number in (1, 2, 3)
        ],
    }
)


@pytest.fixture
def primary(both: tuple[Server, Server]) -> tuple[Server, Server]:
    first, second = both
    reconnect(second, first)
    first.client.flushall()
    return first, second


@pytest.fixture
def settings(primary: tuple[Server, Server]) -> Settings:
    return Settings(redis={"url": primary[0].url, "replicas": 1, "timeout_s": 1}, worker={"lease_s": 2})


@pytest.fixture
def api(settings: Settings) -> Iterator[httpx.Client]:
    with api_of(settings) as api:
        yield api


@pytest.fixture
def worker(settings: Settings) -> Iterator[Executions]:
    worker = Executions(settings, "w")
    yield worker
    worker.close()


def part(replica: Server) -> None:
    """It gets nothing any more, and the primary does not know yet."""
    replica.client.config_set("masteruser", "nobody")
    replica.client.config_set("masterauth", "x")
    replica.follow(None)


def reconnect(replica: Server, primary: Server) -> None:
    replica.client.config_set("masteruser", "")
    replica.client.config_set("masterauth", "")
    replica.follow(primary)
    until(replica.in_step, what="the replica follows")


def jobs_in(server: Server) -> list[str]:
    return [key for key in server.client.scan_iter("sq:*") if not key.startswith(QUIET)]


# What a service keeps where nothing was ever accepted, or that is counted over all.
QUIET = ("sq:sweep", "sq:swept", "sq:began", "sq:server", "sq:confirmed", "sq:seq", "sq:work", "sq:number", "sq:served")


def test_what_is_accepted_is_on_the_replica(api: httpx.Client, primary: tuple[Server, Server]) -> None:
    answers = [api.post("/jobs", json=JOB) for _ in range(5)]
    batch = api.post("/batches", json={"jobs": [JOB, JOB]})

    assert {answer.json()["durability"] for answer in (*answers, batch)} == {"replicated"}
    for job_id in (*(answer.json()["id"] for answer in answers), *batch.json()["jobs"]):
        assert primary[1].client.exists(f"sq:job:{job_id}")


@pytest.mark.parametrize("path", ["/jobs", "/batches"])
def test_what_no_replica_has_is_withdrawn_whole(api: httpx.Client, primary: tuple[Server, Server], path: str) -> None:
    first, second = primary
    body: Any = JOB if path == "/jobs" else {"jobs": [JOB, JOB, {**JOB, "priority": "high"}]}
    part(second)
    before = sorted(jobs_in(first))

    answers = [api.post(path, json=body, headers={"Idempotency-Key": "k"}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [503, 503]
    assert "not accepted" in answers[0].json()["detail"]
    assert int(answers[0].headers["Retry-After"]) >= 1
    assert [key for key in sorted(jobs_in(first)) if key not in before and "virtual" not in key] == LEFT
    assert api.get("/jobs").json()["jobs"] == []
    assert set(first.client.hgetall("sq:active").values()) == {"0"}
    reconnect(second, first)
    again = api.post(path, json=body, headers={"Idempotency-Key": "k"})
    assert (again.status_code, again.json()["durability"]) == (202, "replicated")
    assert "Idempotency-Replayed" not in again.headers


LEFT = ["sq:active"]  # of nothing


def test_what_is_withdrawn_is_no_work_that_its_client_waits_for(
    api: httpx.Client, primary: tuple[Server, Server]
) -> None:
    first, second = primary
    assert api.post("/jobs", json=JOB).status_code == 202
    before = first.client.hgetall("sq:waiting:normal")
    part(second)

    assert api.post("/jobs", json=JOB).status_code == 503

    assert before
    assert first.client.hgetall("sq:waiting:normal") == before


def test_one_that_has_started_is_accepted_and_said_to_be_on_the_primary(
    api: httpx.Client, primary: tuple[Server, Server], worker: Executions
) -> None:
    part(primary[1])
    with httpx.Client(base_url=api.base_url, timeout=10) as other, ThreadPoolExecutor(1) as aside:
        posted = aside.submit(other.post, "/jobs", json=JOB)
        job_id = until(lambda: primary[0].client.zrange("sq:queued:normal", 0, 0), what="it waits")[0]
        claimed(worker, job_id)
        answer = posted.result(10)

    assert (answer.status_code, answer.json()["durability"]) == (202, "primary")


def test_an_end_is_told_when_it_is_replicated_or_after_a_second(
    api: httpx.Client, primary: tuple[Server, Server], worker: Executions
) -> None:
    answers = []
    for parted in (False, True):
        job_id = api.post("/jobs", json=JOB).json()["id"]
        claim = claimed(worker, job_id)
        if parted:
            part(primary[1])
        success = Success(
            BOARD,
            "stub",
            (),
            ModelInfo(name="m", seed=1),
            Metrics(queue_s=0, run_s=1, prompt_tokens=1, output_tokens=1, tokens_per_s=1),
        )
        assert worker.succeed(claim, success) == "succeeded"
        begun = time.monotonic()
        job = api.get(f"/jobs/{job_id}").json()
        answers.append((job["status"], job["durability"], time.monotonic() - begun >= 0.4))
        events = api.get(f"/jobs/{job_id}/events").text
        assert f'"durability":"{job["durability"]}"' in events

    assert answers == [("succeeded", "replicated", False), ("succeeded", "primary", True)]


@pytest.mark.slow
def test_one_wait_is_for_all_of_a_moment(primary: tuple[Server, Server]) -> None:
    settings = Settings(redis={"url": primary[0].url, "replicas": 1, "timeout_s": 10})
    with api_of(settings) as api, ThreadPoolExecutor(16) as threads:
        api.post("/jobs", json=JOB)
        before = calls_of(primary[0], "wait")
        answers = list(threads.map(lambda _: api.post("/jobs", json=JOB), range(48)))

        assert {answer.json()["durability"] for answer in answers} == {"replicated"}
        assert calls_of(primary[0], "wait") - before < 40


def calls_of(server: Server, command: str) -> int:
    return int(server.client.info("commandstats").get(f"cmdstat_{command}", {"calls": 0})["calls"])


def test_a_server_that_took_over_without_it_accepts_nothing(primary: tuple[Server, Server]) -> None:
    """The wait is answered by another server than took the job in: its own word, that all is replicated, is nothing."""
    first, second = primary
    wire = Wire(first.place)
    settings = Settings(redis={"url": f"redis://127.0.0.1:{wire.port}/0", "replicas": 1, "timeout_s": 2})
    with api_of(settings) as api:
        assert api.post("/jobs", json=JOB).status_code == 202
        second.follow(None)
        until(lambda: first.client.info("replication")["connected_slaves"] == 0, what="it is alone")
        with ThreadPoolExecutor(1) as aside:
            posted = aside.submit(httpx.post, f"{api.base_url}/jobs", json=JOB, timeout=20)
            until(lambda: first.client.zcard("sq:queued:normal") == 2, what="it waits")
            wire.lead_to(second.place)
            first.follow(second)
            answer = posted.result(10)

    wire.close()
    first.follow(None)
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    assert "took over" in answer.json()["detail"]


@pytest.mark.slow
def test_a_404_tells_that_another_server_took_over(primary: tuple[Server, Server]) -> None:
    first, second = primary
    wire = Wire(first.place)
    with api_of(Settings(redis={"url": f"redis://127.0.0.1:{wire.port}/0"})) as api:
        assert api.post("/jobs", json=JOB).json()["durability"] is None
        until(second.in_step, what="the replica follows")
        until(lambda: second.client.hget("sq:server", "replid"), what="the server is noted")
        second.client.config_set("replica-read-only", "no")
        second.follow(None)
        second.client.set("sq:began", 1)  # long ago
        wire.lead_to(second.place)
        first.follow(second)
        until(lambda: second.client.hget("sq:server", "since"), what="the change is noted")

        until(lambda: api.get(f"/jobs/{uuid4()}").json().get("store_changed"), what="a 404 says so")
        problem = api.get(f"/jobs/{uuid4()}").json()
    wire.close()
    first.follow(None)
    assert (problem["status"], "may be lost: Redis changed then" in problem["detail"]) == (404, True)


def test_doctor_says_what_each_setting_promises(settings: Settings, primary: tuple[Server, Server]) -> None:
    def found() -> tuple[str, str]:
        (finding,) = [finding for finding in examine(settings) if finding.check == "redis replicas"]
        return finding.level, finding.words

    assert found()[0] == "warning"
    assert "min-replicas-to-write" in found()[1]
    primary[0].client.config_set("min-replicas-to-write", 1)
    assert found() == ("ok", "a job is accepted when 1 of 1 have it, and its end told then")
    primary[0].client.config_set("min-replicas-to-write", 0)
    fitness = Fitness(settings)
    assert fitness.look() == ""
    fitness.close()
