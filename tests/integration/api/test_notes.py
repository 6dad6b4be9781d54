"""What a prompt asks for in words fills what the request leaves out, and `notes` says so wherever the job is told."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from shared.store.executions import Claim, Executions
from tests.integration.api.handworker import HandWorker
from tests.integration.api.serving import Serve

PROMPT = "60秒的咖啡广告，分10个镜头"
NOTES = [
    '"10个镜头" in the prompt: min_scenes is 10, max_scenes is 10',
    '"60秒" in the prompt: target_duration_s is 60',
]
SPELT_OUT = {"prompt": PROMPT, "min_scenes": 10, "max_scenes": 10, "target_duration_s": 60}
KEY = {"Idempotency-Key": "one"}


def posted(api: httpx.Client, **body: Any) -> Any:
    answer = api.post("/jobs", json={"prompt": PROMPT, **body})
    assert answer.status_code in {200, 202}, answer.text
    return answer.json()


def wanted(api: httpx.Client, job_id: str) -> tuple[int, int, float | None]:
    request = api.get(f"/jobs/{job_id}/request").json()
    return request["min_scenes"], request["max_scenes"], request["target_duration_s"]


def test_the_worker_is_given_plain_fields_and_every_answer_has_the_notes(api: httpx.Client, worker: HandWorker) -> None:
    job = posted(api)
    claim = worker.claim(job["id"])
    request = claim.request
    worker.succeed(claim)

    assert job["notes"] == NOTES
    assert (request.min_scenes, request.max_scenes, request.target_duration_s) == (10, 10, 60)
    assert wanted(api, job["id"]) == (10, 10, 60)
    assert api.get(f"/jobs/{job['id']}").json()["notes"] == NOTES
    assert [listed["notes"] for listed in api.get("/jobs").json()["jobs"]] == [NOTES]
    assert '"notes":["\\"10个镜头\\" in the prompt' in api.get(f"/jobs/{job['id']}/events").text


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"read_prompt": False}, (3, 8, None)),
        ({"min_scenes": 3, "max_scenes": 8, "target_duration_s": None}, (3, 8, None)),
        ({"prompt": "他等了30秒，三个朋友都没来"}, (3, 8, None)),
    ],
)
def test_nothing_is_read_where_nothing_is_to_be(
    api: httpx.Client, body: dict[str, Any], fields: tuple[int, int, float | None]
) -> None:
    job = posted(api, **body)

    assert job["notes"] == []
    assert wanted(api, job["id"]) == fields


def test_what_cannot_be_met_is_a_note_and_no_error(api: httpx.Client) -> None:
    job = posted(api, prompt="10 minutes, 70 scenes: the history of tea")

    assert [note.count("cannot be met") for note in job["notes"]] == [1, 1]
    assert wanted(api, job["id"]) == (60, 60, 480)


def test_the_services_own_sampling_leaves_the_fields_left_out(serve: Serve) -> None:
    job = posted(serve(generation={"temperature": 0.3, "max_new_tokens": 100}))

    assert job["notes"][0] == (
        '"10个镜头" in the prompt cannot be met: max_new_tokens suffices for 5; min_scenes is 5, max_scenes is 10'
    )


def test_each_job_of_a_batch_has_its_own(api: httpx.Client) -> None:
    bodies = [{"prompt": PROMPT}, {"prompt": "雨中的猫"}, {"prompt": "A 30-second ad"}]
    batch = api.post("/batches", json={"jobs": bodies}).json()

    notes = [api.get(f"/jobs/{job_id}").json()["notes"] for job_id in batch["jobs"]]
    assert notes == [NOTES, [], ['"30-second" in the prompt: target_duration_s is 30']]


def test_jobs_that_share_a_result_keep_their_own(api: httpx.Client, worker: HandWorker) -> None:
    worker.beat(serves="model-1")
    leader, follower = posted(api)["id"], posted(api, **SPELT_OUT)["id"]
    worker.succeed(worker.claim(leader))
    cached = posted(api)

    jobs = [api.get(f"/jobs/{job_id}").json() for job_id in (leader, follower, cached["id"])]
    assert [job["source"] for job in jobs[1:]] == ["cache", "cache"]
    assert [job["notes"] for job in jobs] == [NOTES, [], NOTES]
    assert cached["notes"] == NOTES


def test_a_retry_keeps_them(api: httpx.Client, worker: HandWorker) -> None:
    old = posted(api)["id"]
    worker.fail(worker.claim(old))
    new = api.post(f"/jobs/{old}/retry").json()

    assert new["notes"] == NOTES
    assert wanted(api, new["id"]) == (10, 10, 60)


def test_a_dead_job_that_is_queued_anew_keeps_them(api: httpx.Client, make_settings: Any) -> None:
    dead, plain = posted(api)["id"], posted(api, prompt="雨中的猫")["id"]
    for job_id in (dead, plain):
        for number in range(3):
            worker = Executions(make_settings(), f"worker-{number}")
            assert isinstance(worker.claim(job_id), Claim)
            worker.release("crashes")
            worker.close()

    requeued = [api.post(f"/dead/{job_id}/requeue").json() for job_id in (dead, plain)]

    assert [job["notes"] for job in requeued] == [NOTES, []]


def test_a_key_stands_for_the_body_as_it_was_sent(api: httpx.Client) -> None:
    first, again, other = (
        api.post("/jobs", json=body, headers=KEY) for body in ({"prompt": PROMPT}, {"prompt": PROMPT}, SPELT_OUT)
    )

    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json()["notes"] == first.json()["notes"] == NOTES
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
