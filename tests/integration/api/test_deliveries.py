"""What a client is told of its webhooks, what it can send again, and what is refused at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from scriptqueue.cli import main
from scriptqueue.client import Client, Conflict, NotFound
from shared.settings import Settings
from tests.integration.api.handworker import HandWorker
from tests.integration.api.receiver import ALLOWED, SECRET, Receiver, sending
from tests.integration.api.serving import Serve
from tests.integration.api.test_client import AsyncInSteps
from tests.integration.api.test_webhooks import deliveries, post, settled
from tests.integration.worker.processes import until


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings(webhooks=ALLOWED)


@pytest.fixture
def api(webhook_api: httpx.Client, redis_url: str) -> httpx.Client:
    return webhook_api


def redeliver(api: httpx.Client, job_id: str, query: str = "") -> httpx.Response:
    return api.post(f"/jobs/{job_id}/deliveries/redeliver{query}")


def test_before_the_first_try_a_delivery_waits(api: httpx.Client) -> None:
    job_id = post(api, "http://127.0.0.1:1/", "status")

    (delivery,) = deliveries(api, job_id)

    assert (delivery["type"], delivery["state"], delivery["attempts"]) == ("job.status", "waiting", [])


def test_what_waits_for_its_next_try_is_sent_now_with_the_same_id(
    api: httpx.Client, settings: Settings, worker: HandWorker, receiver: Receiver
) -> None:
    job_id = post(api, f"{receiver.url}/fails")
    worker.succeed(worker.claim(job_id))
    with sending(settings):
        settled(api, job_id)
        receiver.statuses["/fails"] = 200
        answer = redeliver(api, job_id)
        until(lambda: deliveries(api, job_id)[0]["state"] == "delivered", 20)

    assert (answer.status_code, answer.json()["deliveries"][0]["tries"]) == (202, 0)
    assert len({received.headers["webhook-id"] for received in receiver.received}) == 1
    assert [attempt["status"] for attempt in deliveries(api, job_id)[0]["attempts"]] == [500, 200]


def test_a_delivered_event_is_sent_again_only_by_its_number(
    api: httpx.Client, settings: Settings, worker: HandWorker, receiver: Receiver
) -> None:
    job_id = post(api, f"{receiver.url}/ok")
    worker.succeed(worker.claim(job_id))
    with sending(settings):
        number = settled(api, job_id)["number"]
        refused = redeliver(api, job_id)
        missing = redeliver(api, job_id, f"?number={number + 1}")
        again = redeliver(api, job_id, f"?number={number}")
        until(lambda: len(deliveries(api, job_id)[0]["attempts"]) == 2, 20)

    assert [(r.status_code, r.json()["code"]) for r in (refused, missing)] == [(409, "nothing_to_redeliver")] * 2
    assert again.status_code == 202
    assert len(receiver.received) == 2


def test_a_receiver_that_wanted_no_more_is_asked_again_when_told_to(
    api: httpx.Client, settings: Settings, worker: HandWorker, receiver: Receiver
) -> None:
    job_id = post(api, f"{receiver.url}/gone", "status", "done")
    with sending(settings):
        settled(api, job_id)
        receiver.statuses["/gone"] = 204
        redeliver(api, job_id)
        until(lambda: deliveries(api, job_id)[0]["state"] == "delivered", 20)
        worker.succeed(worker.claim(job_id))
        until(lambda: [d["state"] for d in deliveries(api, job_id)] == ["delivered"] * 4, 20)

    assert receiver.received[-1].message


def test_a_job_without_a_webhook_has_no_deliveries(api: httpx.Client) -> None:
    job_id = api.post("/jobs", json={"prompt": "x"}).json()["id"]

    assert deliveries(api, job_id) == []
    assert redeliver(api, job_id).json()["code"] == "nothing_to_redeliver"


def test_only_the_jobs_client_sees_and_sends_them(serve: Serve) -> None:
    api = serve(api={"keys": "a:key-a,b:key-b"}, webhooks=ALLOWED)
    mine, others = ({"Authorization": f"Bearer key-{name}"} for name in "ab")
    body = {"prompt": "x", "webhook": {"url": "http://127.0.0.1:1/", "events": ["status"]}}
    path = f"{api.post('/jobs', json=body, headers=mine).json()['urls']['self']}/deliveries"

    assert api.get(path, headers=mine).status_code == 200
    assert api.get(path, headers=others).status_code == 404
    assert api.post(f"{path}/redeliver?number=1", headers=others).status_code == 404


def test_deliveries_of_a_job_that_is_gone_are_gone(api: httpx.Client, worker: HandWorker) -> None:
    job_id = post(api, "http://127.0.0.1:1/")
    worker.succeed(worker.claim(job_id))
    api.delete(f"/jobs/{job_id}")

    assert api.get(f"/jobs/{job_id}/deliveries").status_code == 410
    assert redeliver(api, job_id).status_code == 410


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/hook",
        "http://localhost:8000/",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://169.254.169.254/latest/meta-data",
        "http://127.1/",
        "http://127。0。0。1/",
    ],
)
def test_an_address_that_could_never_be_delivered_to_is_refused_with_its_pointer(serve: Serve, url: str) -> None:
    api = serve(webhooks={"secret": SECRET})

    answer = api.post("/jobs", json={"prompt": "x", "webhook": {"url": url}})
    batch = api.post("/batches", json={"jobs": [{"prompt": "x", "webhook": {"url": url}}]})

    (fault,), (of_batch,) = answer.json()["errors"], batch.json()["errors"]
    assert (answer.status_code, fault["pointer"], fault["code"]) == (422, "/webhook/url", "private_address")
    assert of_batch["pointer"] == "/jobs/0/webhook/url"


def test_a_public_address_is_taken(serve: Serve) -> None:
    api = serve(webhooks={"secret": SECRET})

    assert api.post("/jobs", json={"prompt": "x", "webhook": {"url": "https://example.com/hook"}}).status_code == 202


@pytest.fixture(params=["sync", "async"])
def client(request: pytest.FixtureRequest, api: httpx.Client) -> Iterator[Any]:
    with Client(str(api.base_url)) as client:
        yield client if request.param == "sync" else AsyncInSteps(str(api.base_url))


def test_the_client_tells_what_became_of_each_event_and_sends_it_again(
    client: Any, api: httpx.Client, settings: Settings, worker: HandWorker, receiver: Receiver
) -> None:
    job_id = post(api, f"{receiver.url}/fails", "status", "done")
    worker.succeed(worker.claim(job_id))
    with sending(settings):
        number = settled(api, job_id)["number"]
        failed = client.deliveries(job_id)
        receiver.statuses["/fails"] = 200
        again = client.redeliver(job_id)
        until(lambda: {delivery.state for delivery in client.deliveries(job_id)} == {"delivered"}, 20)
        one = client.redeliver(job_id, number)

    assert [delivery.attempts[-1].status for delivery in failed] == [500] * len(failed)
    assert [(delivery.number, delivery.tries) for delivery in again] == [(delivery.number, 0) for delivery in failed]
    assert [delivery.tries for delivery in one if delivery.number == number] == [0]
    with pytest.raises(Conflict):
        client.redeliver(job_id, 999)
    with pytest.raises(NotFound):
        client.deliveries(uuid4())


def test_the_command_shows_a_line_an_event_and_sends_it_again(
    api: httpx.Client,
    settings: Settings,
    worker: HandWorker,
    receiver: Receiver,
    capsys: pytest.CaptureFixture[str],
) -> None:
    job_id, url = post(api, f"{receiver.url}/fails"), ["--url", str(api.base_url)]
    worker.succeed(worker.claim(job_id))
    with sending(settings):
        number = settled(api, job_id)["number"]
        assert main.main(["deliveries", job_id, *url]) == 0
        shown = capsys.readouterr().out
        receiver.statuses["/fails"] = 200
        assert main.main(["redeliver", job_id, "--number", str(number), "--json", *url]) == 0
        again = json.loads(capsys.readouterr().out)
        until(lambda: deliveries(api, job_id)[0]["state"] == "delivered", 20)

    assert shown.startswith(f"{number}  job.done  waiting, 1 try, the last ")
    assert ": 500 after 0." in shown
    assert ", the next " in shown
    assert (again["number"], again["tries"]) == (number, 0)
    assert main.main(["redeliver", job_id, *url]) == 1
    assert "nothing_to_redeliver, 409" in capsys.readouterr().err


def test_the_queue_tells_whether_somebody_sends_webhooks(
    api: httpx.Client, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    def senders() -> int:
        return int(api.get("/queue").json()["webhook_senders"])

    assert senders() == 0
    with sending(settings):
        until(lambda: senders() == 1, 20)
        assert "scriptqueue_webhook_senders 1.0" in api.get("/metrics").text
        assert main.main(["queue", "--url", str(api.base_url)]) == 0
    assert "senders of webhooks: 1" in capsys.readouterr().out
    assert senders() == 0
