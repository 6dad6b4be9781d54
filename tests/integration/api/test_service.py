"""What the service says about itself: queue, health, schemas, problems, its description, and what it imports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from scriptqueue.schemas import JobRequest
from shared.errors import ScriptqueueError
from tests.integration.api.described import Described, description
from tests.integration.api.handworker import HandWorker
from tests.integration.api.receiver import ALLOWED
from tests.integration.api.serving import Serve


def subclasses(error: type[ScriptqueueError]) -> Iterator[type[ScriptqueueError]]:
    for child in error.__subclasses__():
        yield child
        yield from subclasses(child)


# What CONTRACT.md's table promises of each endpoint, besides 500 for our own faults, 403 for browsers led astray, and
# 422 for parameters that are none.
ANSWERS = {
    ("post", "/jobs"): {200, 202, 400, 404, 408, 409, 410, 413, 415, 422, 429, 503},
    ("get", "/jobs"): {200, 422, 503},
    ("get", "/jobs/{job_id}"): {200, 304, 404, 410, 429, 503},
    ("get", "/jobs/{job_id}/events"): {200, 204, 404, 410, 422, 429, 503},
    ("get", "/jobs/{job_id}/request"): {200, 404, 410, 503},
    ("post", "/jobs/{job_id}/retry"): {202, 404, 409, 410, 422, 429, 503},
    ("delete", "/jobs/{job_id}"): {204, 404, 409, 410, 503},
    ("get", "/jobs/{job_id}/takes"): {200, 404, 410, 503},
    ("get", "/jobs/{job_id}/result"): {200, 404, 406, 409, 410, 422, 503},
    ("post", "/jobs/{job_id}/cancel"): {200, 202, 404, 410, 503},
    ("post", "/batches"): {202, 400, 404, 408, 413, 415, 422, 429, 503},
    ("post", "/storyboards/check"): {200, 400, 408, 413, 415, 422},
    ("get", "/batches/{batch_id}"): {200, 404, 503},
    ("get", "/batches/{batch_id}/result"): {200, 404, 409, 422, 503},
    ("post", "/batches/{batch_id}/cancel"): {200, 202, 404, 503},
    ("get", "/dead"): {200, 503},
    ("post", "/dead/{job_id}/requeue"): {202, 404, 409, 410, 422, 429, 503},
    ("get", "/queue"): {200, 503},
    ("get", "/healthz"): {200},
    ("get", "/readyz"): {200, 503},
    ("get", "/metrics"): {200, 503},
    ("get", "/schemas/storyboard.json"): {200},
    ("get", "/targets"): {200},
    ("get", "/problems/{code}"): {200, 404},
}


def test_the_queue_tells_its_depth_by_priority_and_its_workers(api: httpx.Client, worker: HandWorker) -> None:
    for priority in ("high", "low", "low"):
        api.post("/jobs", json={"prompt": "x", "priority": priority, "use_cache": False})
    worker.beat()
    worker.claim(worker.next_id())

    queue = api.get("/queue").json()

    assert (queue["depth"], queue["running"]) == ({"high": 0, "normal": 0, "low": 2}, 1)
    assert [(w["worker"], w["state"], w["model"], w["slots"]) for w in queue["workers"]] == [
        ("by-hand", "ready", "stub", 2)
    ]


def test_the_queue_says_which_loop_and_which_attention_write(api: httpx.Client, worker: HandWorker) -> None:
    worker.beat()
    without = api.get("/queue").json()["workers"][0]
    worker.beat(batching="transformers", attention="torch_varlen")
    shown = api.get("/queue").json()["workers"][0]

    assert (without["batching"], without["attention"]) == ("", "")
    assert (shown["batching"], shown["attention"]) == ("transformers", "torch_varlen")


def test_an_eta_is_told_once_a_worker_is_ready_and_a_job_was_measured(api: httpx.Client, worker: HandWorker) -> None:
    unknown = api.get("/queue").json()["eta_s"]
    worker.beat()
    api.post("/jobs", json={"prompt": "x"})
    worker.succeed(worker.claim(worker.next_id()))

    assert unknown is None
    assert api.get("/queue").json()["eta_s"] >= 0


def test_ready_means_that_a_job_posted_now_runs(api: httpx.Client, worker: HandWorker) -> None:
    answers = []
    for state in (None, "loading", "ready", "draining"):
        if state:
            worker.beat(state)
        answers.append(api.get("/readyz"))

    assert [r.status_code for r in answers] == [503, 503, 200, 503]
    assert [r.json().get("code") for r in answers] == ["not_ready", "not_ready", None, "not_ready"]
    assert "loading" in answers[1].json()["detail"]
    assert api.get("/healthz").json() == {"status": "ok"}


def test_a_worker_that_says_ready_and_has_no_rows_is_shown_as_it_is_and_not_counted(
    api: httpx.Client, worker: HandWorker
) -> None:
    """As a worker of an older version does that could not load its model."""
    worker.beat()
    api.post("/jobs", json={"prompt": "x"})
    worker.succeed(worker.claim(worker.next_id()))
    worker.beat("ready", slots=0)

    answer, queue = api.get("/readyz"), api.get("/queue").json()

    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert "ready without rows" in answer.json()["detail"]
    assert [(shown["state"], shown["slots"]) for shown in queue["workers"]] == [("ready", 0)]
    assert queue["eta_s"] is None


def test_the_storyboard_schema_is_a_schema(api: httpx.Client) -> None:
    response = api.get("/schemas/storyboard.json")

    assert response.headers["Content-Type"] == "application/schema+json"
    Draft202012Validator.check_schema(response.json())
    assert not Draft202012Validator(response.json()).is_valid({"title": "x"})


def test_the_targets_are_those_that_a_request_may_name(api: httpx.Client) -> None:
    names = [target["name"] for target in api.get("/targets").json()["targets"]]

    job = api.post("/jobs", json={"prompt": "x", "targets": names}).json()

    assert api.get(f"/jobs/{job['id']}/request").json()["targets"] == names


def test_every_error_code_is_documented_at_the_uri_of_its_type(lasting_api: httpx.Client) -> None:
    for error in subclasses(ScriptqueueError):
        response = lasting_api.get(f"/problems/{error.code}")
        assert response.status_code == 200, error
        assert (response.json()["type"], response.json()["code"]) == (f"/problems/{error.code}", error.code)
        assert response.json()["title"]
    assert lasting_api.get("/problems/nonsense").status_code == 404


@pytest.mark.parametrize(
    ("accept_language", "tag", "title"),
    [
        ("", "en", "The queue is full"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN", "队列已满"),
        ("zh-Hant-TW", "zh-CN", "队列已满"),
        ("en-GB, zh;q=0.5", "en", "The queue is full"),
        ("de, fr;q=0.5", "en", "The queue is full"),
        ("zh;q=nonsense;;,,", "zh-CN", "队列已满"),
    ],
)
def test_a_browser_is_told_what_to_do_in_its_readers_language(
    lasting_api: httpx.Client, accept_language: str, tag: str, title: str
) -> None:
    headers = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Accept-Language": accept_language}
    page = lasting_api.get("/problems/queue_full", headers=headers)
    read = lasting_api.get("/problems/queue_full", headers={"Accept-Language": accept_language})

    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["vary"] == "Accept, Accept-Language"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert f'<html lang="{tag}">' in page.text
    assert f"<h1>{title}</h1>" in page.text
    assert "<code>Retry-After</code>" in page.text
    assert (read.headers["content-type"], read.json()["title"]) == ("application/json", title)
    assert read.json()["advice"]


def test_the_type_of_a_problem_leads_to_its_documentation(lasting_api: httpx.Client) -> None:
    problem = lasting_api.post("/jobs", json={}).json()

    documented = lasting_api.get(problem["type"]).json()

    assert {name: documented[name] for name in ("type", "code", "title", "status")} == {
        name: problem[name] for name in ("type", "code", "title", "status")
    }


def test_the_description_is_valid_and_every_reference_in_it_leads_somewhere(lasting_api: httpx.Client) -> None:
    document = lasting_api.get("/openapi.json").json()

    assert document["openapi"].startswith("3.1")
    Described(document).check_itself()


@pytest.mark.parametrize("sections", [{}, {"api": {"keys": "studio:key"}, "webhooks": ALLOWED}])
def test_the_description_that_every_answer_is_held_against_is_the_served_one(serve: Serve, sections: Any) -> None:
    served = serve(**sections).get("/openapi.json").json()

    assert served == description(authenticated="api" in sections).document


def test_the_description_declares_every_status_that_the_contract_names(lasting_api: httpx.Client) -> None:
    paths = lasting_api.get("/openapi.json").json()["paths"]
    declared = {
        (method, path): {int(status) for status in operation["responses"]} - {500}
        for path, operations in paths.items()
        for method, operation in operations.items()
    }

    open_to_all = {"/healthz", "/readyz", "/schemas/storyboard.json", "/targets", "/problems/{code}"}
    assert {key: declared.get(key) for key in ANSWERS} == {
        (method, path): statuses | {403} | (set() if path in open_to_all else {422})
        for (method, path), statuses in ANSWERS.items()
    }


def test_every_declared_error_is_a_problem_with_an_example_that_keeps_to_its_schema(
    lasting_api: httpx.Client,
) -> None:
    document = lasting_api.get("/openapi.json").json()
    described = Described(document)
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    content = response["content"]["application/problem+json"]
                    for code, example in content["examples"].items():
                        described.validate(example["value"], content["schema"])
                        assert (example["value"]["code"], example["value"]["status"]) == (code, int(status))


def test_the_examples_of_a_request_are_requests(lasting_api: httpx.Client) -> None:
    document = lasting_api.get("/openapi.json").json()
    content = document["paths"]["/jobs"]["post"]["requestBody"]["content"]["application/json"]
    described = Described(document)

    assert len(content["examples"]) >= 2
    for example in content["examples"].values():
        described.validate(example["value"], content["schema"])
        JobRequest.model_validate({"prompt": "a base's"} | example["value"])


def test_any_text_is_a_preference_and_described_as_one(lasting_api: httpx.Client) -> None:
    """RFC 7240: what is not understood is ignored. Described as a list, each other text was a fault of the client's."""
    paths = lasting_api.get("/openapi.json").json()["paths"]
    described = [
        parameter["schema"]
        for path, method in (("/jobs", "post"), ("/jobs/{job_id}", "get"))
        for parameter in paths[path][method]["parameters"]
        if parameter["name"].lower() == "prefer"
    ]

    assert described == [{"type": "string", "title": "Prefer", "examples": ["wait=30"]}] * 2
    assert lasting_api.post("/jobs", json={"prompt": "x"}, headers={"Prefer": "2 :"}).status_code == 202
