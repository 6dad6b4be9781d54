"""GET /jobs: a client's own jobs, page by page."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import redis

from shared.store import submissions
from tests.integration.api.handworker import HandWorker
from tests.integration.api.serving import Serve


def post(api: httpx.Client, count: int = 1, **headers: str) -> list[str]:
    return [
        api.post("/jobs", json={"prompt": "x", "use_cache": False}, headers=headers).json()["id"] for _ in range(count)
    ]


def ids(page: httpx.Response) -> list[str]:
    return [job["id"] for job in page.json()["jobs"]]


def walk(api: httpx.Client, **query: Any) -> list[list[str]]:
    """Every page until the last."""
    pages, cursor = [], None
    while True:
        page = api.get("/jobs", params={**query, **({"cursor": cursor} if cursor else {})})
        pages.append(ids(page))
        cursor = page.json()["next"]
        if cursor is None:
            return pages


def test_the_newest_job_comes_first_and_is_told_as_at_its_address(api: httpx.Client) -> None:
    posted = post(api, 3)

    page = api.get("/jobs")

    assert ids(page) == posted[::-1]
    assert page.json()["jobs"][0] == api.get(f"/jobs/{posted[2]}").json()
    assert page.json()["jobs"][0]["queue"]["position"] == 3
    assert page.json()["next"] is None


@pytest.mark.parametrize(("limit", "sizes"), [(1, [1] * 6), (4, [4, 2]), (6, [6]), (100, [6])])
def test_the_pages_hold_every_job_once(api: httpx.Client, limit: int, sizes: list[int]) -> None:
    posted = post(api, 6)

    pages = walk(api, limit=limit)

    assert [len(page) for page in pages] == sizes
    assert [job_id for page in pages for job_id in page] == posted[::-1]


def test_jobs_that_come_meanwhile_move_no_page(api: httpx.Client) -> None:
    posted = post(api, 4)
    first = api.get("/jobs", params={"limit": 2})
    post(api, 3)

    second = api.get("/jobs", params={"limit": 2, "cursor": first.json()["next"]})

    assert ids(first) + ids(second) == posted[::-1]


def test_a_status_picks_the_jobs_that_are_in_it_now(api: httpx.Client, worker: HandWorker) -> None:
    posted = post(api, 4)
    for job_id in posted[:2]:
        worker.succeed(worker.claim(job_id))
    api.post(f"/jobs/{posted[3]}/cancel")

    assert walk(api, status="succeeded", limit=1) == [[posted[1]], [posted[0]]]
    assert walk(api, status="canceled") == [[posted[3]]]
    assert walk(api, status="failed") == [[]]


def test_a_client_lists_only_its_own_jobs(serve: Serve) -> None:
    api = serve(api={"keys": "studio:1,agency:2"})
    (of_studio,), (of_agency,) = (post(api, Authorization=f"Bearer {key}") for key in ("1", "2"))

    pages = [api.get("/jobs", headers={"Authorization": f"Bearer {key}"}) for key in ("1", "2")]

    assert [ids(page) for page in pages] == [[of_studio], [of_agency]]
    assert api.get("/jobs").status_code == 401


def test_a_job_whose_record_has_expired_is_listed_no_more(api: httpx.Client, redis_client: redis.Redis) -> None:
    posted = post(api, 3)
    redis_client.delete(f"sq:job:{posted[1]}")

    assert walk(api, limit=1) == [[posted[2]], [posted[0]]]
    assert redis_client.zcard("sq:jobs-of:anonymous") == 2


def test_a_list_that_nobody_reads_stays_short_as_its_jobs_expire(api: httpx.Client, redis_client: redis.Redis) -> None:
    for _ in range(60):
        (posted,) = post(api)
        redis_client.delete(f"sq:job:{posted}")

    assert int(redis_client.zcard("sq:jobs-of:anonymous")) < 20


def test_a_rare_status_is_found_although_a_page_looks_only_so_far(
    api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.store.submissions.SCANNED", 2)
    posted = post(api, 7)
    api.post(f"/jobs/{posted[0]}/cancel")

    pages = walk(api, status="canceled")

    assert pages[-1] == [posted[0]]
    assert pages[:-1] == [[], [], []]


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"status": "done"}, {"cursor": "0"}, {"cursor": "x"}])
def test_a_query_that_means_nothing_is_refused(lasting_api: httpx.Client, query: dict[str, Any]) -> None:
    response = lasting_api.get("/jobs", params=query)

    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert next(iter(query)) in response.json()["detail"]
    assert "the body" not in response.json()["detail"]


@pytest.mark.parametrize("query", [{}, {"status": "failed"}, {"fields": "result"}, {"limit": 1}])
def test_a_page_counts_all_jobs_by_their_state_where_it_is_asked_to(
    api: httpx.Client, worker: HandWorker, query: dict[str, Any]
) -> None:
    posted = post(api, 5)
    worker.fail(worker.claim(posted[0]))
    worker.claim(posted[1])
    api.post(f"/jobs/{posted[2]}/cancel")
    api.delete(f"/jobs/{posted[2]}")

    counted = api.get("/jobs", params={**query, "counts": "true"}).json()

    assert counted["counts"] == {"queued": 2, "running": 1, "failed": 1}
    assert "counts" not in api.get("/jobs", params=query).json()


def test_counts_are_of_the_newest_jobs_and_read_in_pieces(
    api: httpx.Client, monkeypatch: pytest.MonkeyPatch, records: redis.Redis
) -> None:
    monkeypatch.setattr(submissions, "SCANNED", 2)
    monkeypatch.setattr(submissions, "COUNTED", 6)
    posted = post(api, 8)

    assert api.get("/jobs?counts=true").json()["counts"] == {"queued": 6}
    records.delete(*(f"sq:job:{job_id}" for job_id in posted[3:]))
    assert api.get("/jobs?counts=true").json()["counts"] == {"queued": 3}
