"""Takes over HTTP: a board rewritten, edited and checked, faults with their pointers, and what belongs together."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from scriptqueue.cli.main import main
from scriptqueue.client import Client, Conflict, Gone, JobUnsuccessful, NotFound, RequestInvalid
from scriptqueue.schemas import DECIDING_LATER, JobRequest
from tests.integration.api.handworker import HandWorker, storyboard
from tests.integration.api.serving import Serve

KEY = {"Idempotency-Key": "one"}


@pytest.fixture
def base(api: httpx.Client, worker: HandWorker) -> str:
    """A job with a board of three scenes."""
    return made(api, worker)


def made(api: httpx.Client, worker: HandWorker, **body: Any) -> str:
    job_id = str(api.post("/jobs", json={"prompt": "雨中的猫", **body}).json()["id"])
    worker.succeed(worker.claim(job_id))
    return job_id


def board_of(api: httpx.Client, job_id: str) -> dict[str, Any]:
    board: dict[str, Any] = api.get(f"/jobs/{job_id}/result").json()
    return board


def edited(api: httpx.Client, job_id: str, **headers: str) -> httpx.Response:
    board = board_of(api, job_id)
    board["scenes"][1]["action"] = "猫走过"
    return api.post("/jobs", json={"base": {"job": job_id, "storyboard": board}}, headers=headers)


def test_the_worker_is_given_a_whole_request(api: httpx.Client, worker: HandWorker, base: str) -> None:
    job = api.post("/jobs", json={"base": {"job": base}, "rewrite": [2], "note": "夜里"}).json()
    request = worker.claim(job["id"]).request

    assert (job["status"], job["base_of"], job["prompt_start"]) == ("queued", base, "雨中的猫")
    assert (request.prompt, request.rewrite, request.note) == ("雨中的猫", (2,), "夜里")
    assert (request.min_scenes, request.max_scenes) == (3, 3)
    assert request.base
    assert request.base.storyboard
    assert request.base.storyboard["title"] == storyboard().title
    assert api.get(f"/jobs/{job['id']}/request").json()["base"]["job"] == base


def test_an_edited_board_is_done_at_once_while_no_worker_lives(api: httpx.Client, base: str) -> None:
    response = edited(api, base)

    job = response.json()
    assert (response.status_code, job["status"], job["source"], job["base_of"]) == (200, "succeeded", "edited", base)
    assert [scene["action"] for scene in job["result"]["scenes"]] == ["雾散开", "猫走过", "雾散开"]
    assert (job["repairs"], job["model"], job["metrics"], job["attempt"]) == ([], None, None, 0)
    assert job["started_at"] == job["finished_at"]
    assert '"source":"edited"' in api.get(f"/jobs/{job['id']}/events").text


def test_an_edit_is_repeated_with_its_key_also_when_its_base_is_gone(api: httpx.Client, base: str) -> None:
    first = edited(api, base, **KEY)
    body = json.loads(first.request.content)
    api.delete(f"/jobs/{base}")

    again = api.post("/jobs", json=body, headers=KEY)
    other = api.post("/jobs", json={**body, "prompt": "x"}, headers=KEY)
    without = api.post("/jobs", json=body)

    assert (again.json()["id"], again.headers["Idempotency-Replayed"]) == (first.json()["id"], "true")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert (without.status_code, without.json()["code"]) == (410, "gone")


def test_a_base_must_be_there_have_a_board_and_be_ones_own(serve: Serve, worker: HandWorker) -> None:
    one = serve(api={"keys": "a:key-of-a,b:key-of-b"})
    mine, other = ({"Authorization": f"Bearer key-of-{name}"} for name in "ab")
    running = one.post("/jobs", json={"prompt": "x"}, headers=mine).json()["id"]
    failed = one.post("/jobs", json={"prompt": "y"}, headers=mine).json()["id"]
    worker.fail(worker.claim(failed))

    answers = [
        one.post("/jobs", json={"base": {"job": job_id}, "rewrite": [1]}, headers=headers)
        for job_id, headers in ((running, mine), (failed, mine), (failed, other))
    ]

    assert [(each.status_code, each.json()["code"]) for each in answers] == [
        (409, "not_finished"),
        (409, "no_result"),
        (404, "not_found"),
    ]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"scenes": 1, "duration": 99}, "/base/storyboard/scenes/1/duration"),
        ({"title": ""}, "/base/storyboard/title"),
        ({"style": 5}, "/base/storyboard/style"),
        ({"mood": "x"}, "/base/storyboard/mood"),
    ],
)
def test_a_fault_has_its_pointer_into_the_board(
    api: httpx.Client, base: str, change: dict[str, Any], pointer: str
) -> None:
    board = board_of(api, base)
    place = change.pop("scenes", None)
    (board if place is None else board["scenes"][place]).update(change)

    answer = api.post("/jobs", json={"base": {"job": base, "storyboard": board}})

    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"base": {}}, "/base", "no_base"),
        ({"base": {"job": "x"}}, "/base/job", "uuid_parsing"),
        ({"base": {"storyboard": []}}, "/base/storyboard", "dict_type"),
        ({"prompt": "x", "rewrite": [1]}, "/rewrite", "no_base"),
        ({"prompt": "x", "note": "n"}, "/note", "nothing_to_write"),
        ({"outline": True, "base": {"storyboard": {"title": "t", "scenes": [None]}}}, "/base", "outlined"),
        ({"base": {"storyboard": {"title": "t", "scenes": [None]}}, "rewrite": [1, 1]}, "/rewrite", "same_scene"),
        ({"base": {"storyboard": {"title": "t", "scenes": [None]}}, "rewrite": "1"}, "/rewrite", "tuple_type"),
        ({"base": {"storyboard": {"title": "t", "scenes": [None]}}, "colour": 1}, "/colour", "extra_forbidden"),
    ],
)
def test_what_starts_from_nothing_is_422(api: httpx.Client, body: dict[str, Any], pointer: str, code: str) -> None:
    answer = api.post("/jobs", json=body)

    assert answer.status_code == 422
    assert (answer.json()["errors"][0]["pointer"], answer.json()["errors"][0]["code"]) == (pointer, code)


def test_a_batch_starts_from_no_board(api: httpx.Client, base: str) -> None:
    answer = api.post("/batches", json={"jobs": [{"prompt": "x"}, {"base": {"job": base}, "rewrite": [1]}]})

    assert answer.status_code == 422
    assert [(f["pointer"], f["code"]) for f in answer.json()["errors"]] == [("/jobs/1/base", "base_in_batch")]


def test_takes_belong_together_whichever_is_named(api: httpx.Client, worker: HandWorker, base: str) -> None:
    second = edited(api, base).json()["id"]
    third = api.post("/jobs", json={"base": {"job": second}, "rewrite": [1]}).json()["id"]
    alone = made(api, worker, prompt="海")

    families = [
        [job["id"] for job in api.get(f"/jobs/{each}/takes").json()["takes"]] for each in (base, second, third, alone)
    ]
    api.delete(f"/jobs/{second}")
    few = api.get(f"/jobs/{third}/takes?fields=base_of").json()["takes"]

    assert families == [[base, second, third]] * 3 + [[alone]]
    assert [(job["id"], job["base_of"]) for job in few] == [(base, None), (third, second)]
    assert "scenes" not in few[0]
    assert api.get(f"/jobs/{second}/takes").status_code == 410


def test_of_very_many_takes_the_first_and_the_last_ones_are_listed(
    api: httpx.Client, base: str, records: redis.Redis
) -> None:
    second = edited(api, base).json()["id"]
    takes = f"sq:takes:{base}"
    place = records.zscore(takes, second)
    assert place is not None
    records.zadd(takes, {f"of long ago {n}": place + n / 1000 for n in range(1, 499)})
    assert records.zcard(takes) == 500

    third = edited(api, base).json()["id"]

    assert [records.zrank(takes, each) for each in (base, second, third)] == [0, None, 499]


def test_fields_of_a_list_are_those_that_are_named_and_the_required_ones(api: httpx.Client, base: str) -> None:
    (job,) = api.get("/jobs?fields=result,%20prompt_start").json()["jobs"]

    always = {"id", "status", "done", "created_at", "priority", "urls"}
    assert job.keys() == {*always, "result", "prompt_start"}
    assert job["id"] == base
    assert api.get("/jobs?fields=result,colour").status_code == 422
    assert api.get("/jobs").json()["jobs"][0].keys() > job.keys()


def test_a_rewrite_is_answered_by_another_only_with_a_seed(api: httpx.Client, worker: HandWorker, base: str) -> None:
    worker.beat(serves="model-1")
    body = {"base": {"job": base}, "rewrite": [1], "sampling": {"seed": 3}}
    first = api.post("/jobs", json=body).json()["id"]
    worker.succeed(worker.claim(first))

    same, other = api.post("/jobs", json=body).json(), api.post("/jobs", json={**body, "sampling": {}}).json()

    assert (same["status"], same["source"], same["base_of"]) == ("succeeded", "cache", base)
    assert other["status"] == "queued"


def test_a_rewrite_that_failed_is_tried_again_from_the_same_board(
    api: httpx.Client, worker: HandWorker, base: str
) -> None:
    first = api.post("/jobs", json={"base": {"job": base}, "rewrite": [2]}).json()["id"]
    worker.fail(worker.claim(first))
    api.delete(f"/jobs/{base}")

    again = api.post(f"/jobs/{first}/retry").json()

    assert (again["base_of"], again["retry_of"]) == (base, first)
    assert worker.claim(again["id"]).request.rewrite == (2,)


def test_a_body_of_sixty_scenes_is_taken(api: httpx.Client) -> None:
    scene = {"description": "雨" * 300, "duration": 5, "camera": "wide shot", "action": "走" * 300}
    answer = api.post("/jobs", json={"base": {"storyboard": {"title": "t", "scenes": [scene] * 60}}})

    assert answer.status_code == 200, answer.text
    assert len(answer.request.content) > 64 * 1024


@pytest.mark.parametrize(
    ("change", "wanted", "mended", "codes"),
    [
        ({}, {}, False, []),
        ({"duration": 9}, {}, True, ["duration_clamped"]),
        ({"duration": 9}, {"scene_max_s": 10}, False, []),
        ({"camera": "Close-Up"}, {}, True, ["term_read"]),
        ({"description": "清晨的森林 1", "action": "雾散开"}, {}, False, ["scene_repeats"]),
        ({"light": "晨光"}, {}, False, []),
        ({"light": "晨光"}, {"fields": []}, True, ["unknown_dropped"]),
    ],
)
def test_a_board_is_checked(
    api: httpx.Client, change: dict[str, Any], wanted: dict[str, Any], mended: bool, codes: list[str]
) -> None:
    board = storyboard().model_dump(mode="json")
    board["scenes"][2].update(change)

    answer = api.post("/storyboards/check", json={"storyboard": board, **wanted})

    found = answer.json()
    assert answer.status_code == 200, answer.text
    assert (found["mended"], [repair["code"] for repair in found["repair_codes"]]) == (mended, codes)
    assert len(found["repairs"]) == len(codes)
    again = api.post("/storyboards/check", json={"storyboard": found["storyboard"], **wanted}).json()
    assert (again["mended"], again["storyboard"]) == (False, found["storyboard"])


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"storyboard": {}}, "/storyboard"),
        ({"storyboard": {"title": "t", "scenes": [1, None]}}, "/storyboard/scenes"),
        ({"storyboard": {"title": "t", "scenes": [{}]}, "targets": ["nobody"]}, "/targets/0"),
        ({"storyboard": {"title": "t", "scenes": [{}]}, "prompt": "x"}, "/prompt"),
        ({}, "/storyboard"),
    ],
)
def test_what_cannot_be_mended_is_422(api: httpx.Client, body: dict[str, Any], pointer: str) -> None:
    answer = api.post("/storyboards/check", json=body)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_a_cast_and_a_style_that_are_none_are_mended(api: httpx.Client) -> None:
    scene = {"description": "雨", "duration": 5, "camera": "wide shot", "action": "下", "characters": ["Bo"]}
    board = {"title": "t", "style": 5, "characters": [{"name": "Bo"}], "scenes": [scene]}

    found = api.post("/storyboards/check", json={"storyboard": board}).json()

    assert found["storyboard"]["characters"] == [{"id": "c1", "name": "Bo", "look": "Bo"}]
    assert found["storyboard"]["scenes"][0]["characters"] == ["c1"]
    assert "unknown fields of the board dropped: style" in found["repairs"]


def test_the_client_rewrites_edits_checks_and_runs(api: httpx.Client, worker: HandWorker, base: str) -> None:
    with Client(str(api.base_url)) as client:
        board = client.result(base)
        rewritten = client.rewrite(base, scenes=[3], note="at night", sampling={"seed": 2})
        kept = client.edit(board, of=base)
        with pytest.raises(RequestInvalid):
            client.edit({"title": "t", "scenes": [{"description": "x"}]})

        assert [job.id for job in client.takes(base)] == [kept.base_of, rewritten.id, kept.id]
        assert kept.result
        assert [scene.action for scene in kept.result.scenes] == [scene.action for scene in board.scenes]
        assert not client.check(board, scene_max_s=5).mended
        worker.beat(serves="model-1")
        worker.succeed(worker.claim(str(client.submit("海", sampling={"seed": 1}).id)))
        assert client.run("海", sampling={"seed": 1}).title == storyboard().title
        worker.fail(worker.claim(str(rewritten.id)))
        with pytest.raises(Conflict):
            client.rewrite(rewritten.id, [1])
        client.delete(base)
        with pytest.raises(Gone):
            client.rewrite(base, [1])
        with pytest.raises(NotFound):
            client.takes("0f8b3c52-6f0e-4d0a-9f5e-3f1b8a6f2f10")


def test_a_job_without_a_board_ends_a_run(api: httpx.Client, worker: HandWorker, aside: ThreadPoolExecutor) -> None:
    with Client(str(api.base_url)) as client:
        running = aside.submit(client.run, "海")
        worker.fail(worker.claim(worker.next_id()))

        with pytest.raises(JobUnsuccessful, match="no scenes"):
            running.result(30)


def test_the_command_has_them_too(
    api: httpx.Client, base: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRIPTQUEUE_URL", str(api.base_url))
    board = board_of(api, base)
    files = {
        "valid": board,
        "job": api.get(f"/jobs/{base}").json(),
        "mended": {**board, "scenes": [{**scene, "duration": 9} for scene in board["scenes"]]},
        "invalid": {"title": "t", "scenes": []},
        "none": [],
    }
    for name, document in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(document))

    statuses = {name: main(["check", str(tmp_path / f"{name}.json")]) for name in files}
    assert statuses == {"valid": 0, "job": 0, "mended": 1, "invalid": 2, "none": 2}
    assert main(["check", str(tmp_path / "mended.json"), "--scene-seconds", "3-9"]) == 0
    assert "scene 1: duration 9 s clamped to 8 s" in capsys.readouterr().out

    assert main(["rewrite", base, "2", "4", "--note", "夜里", "--seed", "3", "--json"]) == 0
    job = json.loads(capsys.readouterr().out)
    request = api.get(f"/jobs/{job['id']}/request").json()
    assert (request["rewrite"], request["note"], request["sampling"]["seed"]) == ([2, 4], "夜里", 3)
    assert main(["takes", base]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [base, job["id"]]
    assert main(["list"]) == 0
    queued, done = capsys.readouterr().out.splitlines()
    assert queued.endswith("雨中的猫")
    assert done.endswith(board["title"])


def test_every_field_that_a_take_does_not_inherit_is_known(api: httpx.Client, worker: HandWorker) -> None:
    """All that decides what is written comes from the base, but for numbers and seconds of the whole."""
    given = {"style": "水彩", "fields": ["light"], "instructions": "x", "aspect_ratio": "1:1", "scene_max_s": 20}
    body = {**given, "language": "ja", "quality_keywords": "grainy", "priority": "high", "targets": ["wan-2.2"]}
    first = made(api, worker, **body)
    request = api.get(f"/jobs/{first}/request").json()

    second = api.post("/jobs", json={"base": {"job": first}, "rewrite": [1]}).json()["id"]
    inherited = {name for name, value in api.get(f"/jobs/{second}/request").json().items() if value == request[name]}

    assert set(DECIDING_LATER) - inherited == {"base", "rewrite"}
    assert {"prompt", "language", "quality_keywords"} <= inherited
    assert not {"priority", "sampling"} & inherited
    assert set(DECIDING_LATER) < set(JobRequest.model_fields)
