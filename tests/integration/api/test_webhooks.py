"""Webhooks from a job's change to a receiver that verifies, fails, hangs, redirects or wants no more."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from standardwebhooks import Webhook

from shared.settings import Settings
from tests.integration.api.handworker import HandWorker
from tests.integration.api.receiver import ALLOWED, SECRET, Receiver, sending
from tests.integration.api.serving import Serve
from tests.integration.api.wire import Wire
from tests.integration.worker.processes import Process, until


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings(webhooks=ALLOWED)


@pytest.fixture
def api(webhook_api: httpx.Client, redis_url: str) -> httpx.Client:
    return webhook_api


def post(api: httpx.Client, url: str, *events: str, **body: Any) -> str:
    """Each job has a generation of its own, also beside another of the same prompt."""
    webhook = {"url": url, "events": events or ["done"]}
    answer = api.post("/jobs", json={"prompt": "海", "use_cache": False, "webhook": webhook, **body})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def deliveries(api: httpx.Client, job_id: str) -> list[dict[str, Any]]:
    return list(api.get(f"/jobs/{job_id}/deliveries").json()["deliveries"])


def settled(api: httpx.Client, job_id: str, tries: int = 1) -> dict[str, Any]:
    """The last event's delivery once it was tried so often."""

    def tried() -> Any:
        last = deliveries(api, job_id)[-1]
        return last["tries"] >= tries and last["state"] != "sending" and last

    return dict(until(tried, 20, "the try is over"))


def test_the_end_of_a_job_is_told_once_signed_and_whole(
    api: httpx.Client, settings: Settings, worker: HandWorker, receiver: Receiver
) -> None:
    job_id = post(api, f"{receiver.url}/ok?token=1", metadata={"campaign": "秋"})
    worker.succeed(worker.claim(worker.next_id()))

    with sending(settings):
        received = receiver.next()
        delivery = settled(api, job_id)

    assert received.message["type"] == "job.done"
    assert received.message["data"] == api.get(f"/jobs/{job_id}").json()
    assert received.headers["webhook-id"] == delivery["webhook_id"]
    assert received.headers["Host"] == f"127.0.0.1:{receiver.port}"
    assert (delivery["state"], delivery["attempts"][0]["status"]) == ("delivered", 204)
    assert receiver.paths() == ["/ok?token=1"]


def test_scenes_and_statuses_are_told_when_asked_for_and_as_they_happen(
    api: httpx.Client, settings: Settings, worker: HandWorker, receiver: Receiver
) -> None:
    with sending(settings):
        job_id = post(api, receiver.url, "status", "scene", "done")
        messages = [receiver.next().message]
        claim = worker.claim(job_id)
        messages.append(receiver.next().message)
        worker.report(claim, tokens=20, scenes_done=1)
        messages.append(receiver.next().message)
        worker.succeed(claim)
        for _ in range(4):
            receiver.next()

    assert [(m["type"], m["data"].get("status")) for m in messages] == [
        ("job.status", "queued"),
        ("job.status", "running"),
        ("job.scene", None),
    ]
    assert messages[2]["data"]["scene"] == api.get(f"/jobs/{job_id}").json()["scenes"][0]
    types = [received.message["type"] for received in receiver.received]
    assert {kind: types.count(kind) for kind in types} == {"job.status": 3, "job.scene": 3, "job.done": 1}
    assert len({received.headers["webhook-id"] for received in receiver.received}) == 7


@pytest.mark.parametrize("end", ["failed", "canceled", "expired"])
def test_every_way_to_end_is_told(
    api: httpx.Client, settings: Settings, worker: HandWorker, receiver: Receiver, end: str
) -> None:
    job_id = post(api, receiver.url, queue_timeout_s=0.05 if end == "expired" else 60)
    if end == "failed":
        worker.fail(worker.claim(job_id))
    elif end == "canceled":
        api.post(f"/jobs/{job_id}/cancel")

    with sending(settings):
        assert receiver.next().message["data"]["status"] == end


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("fails", 500, None),
        ("redirects", 302, None),
        ("busy", 503, None),
        ("hangs", None, "timeout"),
        ("dribbles", None, "timeout"),
        ("talks", None, "timeout"),
    ],
)
def test_a_final_event_that_fails_is_tried_again_later(
    api: httpx.Client,
    settings: Settings,
    worker: HandWorker,
    receiver: Receiver,
    path: str,
    status: int | None,
    error: str | None,
) -> None:
    job_id = post(api, f"{receiver.url}/{path}")
    worker.succeed(worker.claim(job_id))

    with sending(settings):
        delivery = settled(api, job_id)

    (attempt,) = delivery["attempts"]
    assert (attempt["status"], attempt["error"], delivery["state"]) == (status, error, "waiting")
    assert delivery["next_attempt_at"] > attempt["at"]
    assert receiver.paths() == [f"/{path}"]


def test_a_retry_carries_the_same_id_and_body_and_a_new_time(
    api: httpx.Client, settings: Settings, worker: HandWorker, receiver: Receiver, redis_client: redis.Redis
) -> None:
    job_id = post(api, f"{receiver.url}/fails")
    worker.succeed(worker.claim(job_id))

    with sending(settings):
        first = receiver.next()
        settled(api, job_id)
        receiver.statuses["/fails"] = 200
        _due_now(redis_client)
        second = receiver.next()
        delivery = settled(api, job_id, tries=2)

    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    assert second.message["type"] == "job.done"
    assert [attempt["status"] for attempt in delivery["attempts"]] == [500, 200]
    assert delivery["state"] == "delivered"


def test_news_of_a_running_job_is_tried_once(
    api: httpx.Client, settings: Settings, worker: HandWorker, receiver: Receiver
) -> None:
    job_id = post(api, f"{receiver.url}/fails", "status")

    with sending(settings):
        queued = settled(api, job_id)
        worker.succeed(worker.claim(job_id))
        until(lambda: len(deliveries(api, job_id)) == 3, 10)
        ended = settled(api, job_id)

    assert (queued["state"], queued["tries"]) == ("failed", 1)
    assert ended["state"] == "waiting"


def test_who_answers_410_is_sent_nothing_more_of_this_job(
    api: httpx.Client, settings: Settings, worker: HandWorker, receiver: Receiver
) -> None:
    job_id, other = post(api, f"{receiver.url}/gone", "status", "done"), post(api, f"{receiver.url}/ok")

    with sending(settings):
        assert settled(api, job_id)["state"] == "failed"
        for each in (job_id, other):
            worker.succeed(worker.claim(each))
        assert settled(api, other)["state"] == "delivered"

    assert receiver.paths() == ["/gone", "/ok"]
    assert len(deliveries(api, job_id)) == 1


def test_what_waits_when_a_receiver_answers_410_is_dropped(
    api: httpx.Client, settings: Settings, worker: HandWorker, receiver: Receiver, redis_client: redis.Redis
) -> None:
    job_id = post(api, f"{receiver.url}/fails")
    worker.succeed(worker.claim(job_id))
    with sending(settings):
        settled(api, job_id)
        receiver.statuses["/fails"] = 410
        _due_now(redis_client)
        delivery = settled(api, job_id, tries=2)

    assert (delivery["state"], delivery["next_attempt_at"]) == ("failed", None)
    assert redis_client.exists(f"sq:webhook-job:{job_id}") == 0


def test_a_receiver_that_hangs_keeps_no_other_waiting(
    api: httpx.Client, settings: Settings, worker: HandWorker, receiver: Receiver
) -> None:
    other = Receiver()
    try:
        for _ in range(80):  # more than a sender has places
            api.post(f"/jobs/{post(api, f'{receiver.url}/hangs')}/cancel")
        job_id = post(api, f"{other.url}/ok")
        api.post(f"/jobs/{job_id}/cancel")

        with sending(settings, try_s=30):
            assert other.next().message["data"]["status"] == "canceled"
            assert len(receiver.received) <= 4
            receiver.leave.set()
    finally:
        other.close()


def test_a_name_is_looked_up_once_and_that_address_is_used(
    api: httpx.Client, settings: Settings, worker: HandWorker, receiver: Receiver
) -> None:
    lookups = []

    async def resolve(host: str, port: int) -> list[str]:
        lookups.append((host, port))
        return ["127.0.0.1"]

    job_id = post(api, f"http://hook.example:{receiver.port}/ok")
    worker.succeed(worker.claim(job_id))
    with sending(settings, resolve):
        assert receiver.next().headers["Host"] == f"hook.example:{receiver.port}"
        settled(api, job_id)

    assert lookups == [("hook.example", receiver.port)]


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["169.254.169.254"], ["::ffff:127.0.0.1"], ["10.0.0.1"], ["93.184.216.34", "127.0.0.1"]],
)
def test_a_name_that_leads_inside_is_never_connected_to(
    serve: Serve, make_settings: Callable[..., Settings], worker: HandWorker, receiver: Receiver, addresses: list[str]
) -> None:
    guarded = {"secret": SECRET}
    api = serve(webhooks=guarded)

    async def resolve(host: str, port: int) -> list[str]:
        return addresses

    job_id = post(api, f"http://hook.example:{receiver.port}/ok")
    worker.succeed(worker.claim(job_id))
    with sending(make_settings(webhooks=guarded), resolve):
        delivery = settled(api, job_id)

    assert delivery["attempts"][0]["error"] == "address_refused"
    assert delivery["state"] == "waiting"
    assert receiver.received == []


@pytest.mark.parametrize(("host", "error"), [("nowhere.invalid", "name_not_resolved"), ("127.0.0.1", None)])
def test_who_cannot_be_reached_is_said_in_a_word(
    api: httpx.Client, settings: Settings, worker: HandWorker, host: str, error: str | None
) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        if host.endswith(".invalid"):
            raise OSError("no such name")
        return [host]

    job_id = post(api, f"http://{host}:1/")
    worker.succeed(worker.claim(job_id))
    with sending(settings, resolve):
        delivery = settled(api, job_id)

    assert delivery["attempts"][0]["error"] == (error or "connection_failed")


def test_every_secret_signs_so_that_one_can_take_over_from_another(
    make_settings: Callable[..., Settings], api: httpx.Client, worker: HandWorker, receiver: Receiver
) -> None:
    new = "whsec_" + "bmV3" * 8
    worker.succeed(worker.claim(post(api, receiver.url)))

    with sending(make_settings(webhooks={"secret": f"{new} {SECRET}", "allow_private": True})):
        received = receiver.next()

    for secret in (new, SECRET):
        assert Webhook(secret).verify(received.body, received.headers)["type"] == "job.done"


def test_what_a_killed_sender_held_is_sent_by_the_next(
    api: httpx.Client,
    redis_url: str,
    worker: HandWorker,
    receiver: Receiver,
    redis_client: redis.Redis,
    tmp_path: Path,
) -> None:
    environment = {
        "SCRIPTQUEUE_REDIS__URL": redis_url,
        "SCRIPTQUEUE_WEBHOOKS__SECRET": SECRET,
        "SCRIPTQUEUE_WEBHOOKS__ALLOW_PRIVATE": "true",
    }
    job_id = post(api, f"{receiver.url}/hangs")
    worker.succeed(worker.claim(job_id))
    killed = Process(["worker.webhooks"], environment, tmp_path / "killed.log")
    receiver.next(60)
    killed.kill()
    (sending_now,) = redis_client.keys("sq:webhook-sending:*")
    redis_client.zadd(sending_now, {f"{job_id}/{deliveries(api, job_id)[0]['number']}": 1})  # its lease has ended
    redis_client.zadd("sq:webhook-clients", {str(sending_now).removeprefix("sq:webhook-sending:"): 1})

    receiver.leave.set()
    following = Process(["worker.webhooks"], environment, tmp_path / "following.log")
    try:
        first, second = receiver.received[0], receiver.next(60)
        assert second.headers["webhook-id"] == first.headers["webhook-id"]
        following._process.send_signal(signal.SIGTERM)
        assert following.wait() == 0
    finally:
        following.close()


def test_a_cut_from_redis_is_survived_and_a_try_meanwhile_is_settled(
    api: httpx.Client, make_settings: Callable[..., Settings], worker: HandWorker, receiver: Receiver, wire: Wire
) -> None:
    cut_off = make_settings(webhooks=ALLOWED, redis={"url": f"redis://127.0.0.1:{wire.port}"})
    first, second = post(api, f"{receiver.url}/hangs"), post(api, f"{receiver.url}/ok")
    worker.succeed(worker.claim(first))

    with sending(cut_off, try_s=15):
        receiver.next()
        wire.cut()
        receiver.leave.set()
        worker.succeed(worker.claim(second))
        wire.mend()
        assert receiver.next().path == "/ok"
        settled(api, first)
        assert settled(api, second)["state"] == "delivered"


def test_a_result_past_its_lifetime_is_still_delivered_and_its_copy_goes_then(
    api: httpx.Client, settings: Settings, worker: HandWorker, receiver: Receiver, redis_client: redis.Redis
) -> None:
    job_id = post(api, receiver.url, result_ttl_s=1)
    worker.succeed(worker.claim(job_id))
    until(lambda: api.get(f"/jobs/{job_id}").status_code == 410, 10)

    with sending(settings):
        assert receiver.next().message["data"]["result"]["title"]
        until(lambda: redis_client.keys(f"sq:*{job_id}*") == [f"sq:gone:{job_id}"], 10)


def test_a_deleted_job_is_not_delivered(
    api: httpx.Client, settings: Settings, worker: HandWorker, receiver: Receiver, redis_client: redis.Redis
) -> None:
    job_id, other = post(api, receiver.url), post(api, receiver.url)
    for each in (job_id, other):
        worker.succeed(worker.claim(each))
    assert api.delete(f"/jobs/{job_id}").status_code == 204

    with sending(settings):
        assert receiver.next().message["data"]["id"] == other

    assert redis_client.keys(f"sq:*{job_id}*") == [f"sq:gone:{job_id}"]
    assert len(receiver.received) == 1


def test_a_sender_that_is_told_to_stop_puts_back_what_it_was_sending(
    api: httpx.Client, settings: Settings, worker: HandWorker, receiver: Receiver, redis_client: redis.Redis
) -> None:
    job_id = post(api, f"{receiver.url}/hangs")
    worker.succeed(worker.claim(job_id))

    with sending(settings, try_s=15):
        receiver.next()

    (delivery,) = deliveries(api, job_id)
    assert (delivery["state"], delivery["tries"]) == ("waiting", 0)
    assert redis_client.zcard("sq:senders") == 0


def test_outcomes_are_counted(api: httpx.Client, settings: Settings, worker: HandWorker, receiver: Receiver) -> None:
    for path in ("ok", "fails", "gone"):
        worker.succeed(worker.claim(post(api, f"{receiver.url}/{path}")))

    with sending(settings):
        for _ in range(3):
            receiver.next()
        lines = until(lambda: (text := api.get("/metrics").text).count("webhook_tries_total") and _all_one(text), 10)

    assert lines


def _all_one(metrics: str) -> bool:
    outcomes = ("delivered", "failed", "given_up")
    return all(f'scriptqueue_webhook_tries_total{{outcome="{outcome}"}} 1.0' in metrics for outcome in outcomes)


def _due_now(client: redis.Redis) -> None:
    """What waits for its next try waits no longer."""
    for key in client.keys("sq:webhook-line:*"):
        client.zadd(key, dict.fromkeys(map(str, client.zrange(key, 0, -1)), _now_ms(client)))
        owner, _, host = str(key).removeprefix("sq:webhook-line:").partition(":")
        client.zadd(f"sq:webhook-hosts:{owner}", {host: 1})
        client.zadd("sq:webhook-clients", {owner: 1})


def _now_ms(client: redis.Redis) -> int:
    seconds, microseconds = client.time()
    return int(seconds) * 1000 + int(microseconds) // 1000


def test_the_document_says_what_is_sent(api: httpx.Client) -> None:
    document = api.get("/openapi.json").json()

    assert set(document["webhooks"]) == {"job.status", "job.scene", "job.done"}
    body = document["webhooks"]["job.done"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    name = body["$ref"].rpartition("/")[2]
    assert json.dumps(document["components"]["schemas"][name]).count("job.done") >= 1
