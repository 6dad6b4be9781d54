"""Boards as files over HTTP, by the client and by the command: which answer, named how, and what is refused."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any, get_args

import httpx
import pytest
import redis

from api.http.accept import preferred
from scriptqueue.cli.main import main
from scriptqueue.client import AsyncClient, Client, Conflict, RequestInvalid
from scriptqueue.schemas import ExportFormat
from shared.board.exports.archive import WITHOUT
from shared.board.exports.formats import EXPORTS
from tests.integration.api.handworker import HandWorker, storyboard
from tests.integration.api.serving import Serve

Finish = Callable[..., str]
NAMES = get_args(ExportFormat)
GIVEN = {"fps": 24, "target": "wan-2.2"}
NO_JOB = "00000000-0000-4000-8000-000000000000"


def wanted_as(name: str, without: str = "") -> dict[str, Any]:
    """The query of a file in this format."""
    query = {"format": name, **{one: GIVEN[one] for one in EXPORTS[name].takes if one == "target"}}  # type: ignore[index]
    return {one: value for one, value in query.items() if one != without}


@pytest.fixture
def finish(api: httpx.Client, worker: HandWorker) -> Finish:
    """A job with a board of this title."""

    def to_its_end(title: str = "雾") -> str:
        job_id = str(api.post("/jobs", json={"prompt": "x", "use_cache": False}).json()["id"])
        worker.succeed(worker.claim(job_id), title)
        return job_id

    return to_its_end


def test_every_format_is_a_file_with_its_type_and_a_name(api: httpx.Client, finish: Finish) -> None:
    job_id = finish("雾: 一")

    for name, row in EXPORTS.items():
        answer = api.get(f"/jobs/{job_id}/result", params=wanted_as(name))
        head = api.head(f"/jobs/{job_id}/result", params=wanted_as(name))

        assert answer.status_code == head.status_code == 200, answer.text
        assert answer.headers["Content-Type"].partition(";")[0] == row.media_type
        assert answer.headers["Content-Disposition"] == (
            f"attachment; filename=\"storyboard.{row.ending}\"; filename*=UTF-8''%E9%9B%BE%20%E4%B8%80.{row.ending}"
        )
        assert answer.content == row.content(storyboard("雾: 一"), GIVEN)
        assert answer.headers["Cache-Control"] == head.headers["Cache-Control"] == "no-store"
        assert (head.content, head.headers["Content-Length"]) == (b"", str(len(answer.content)))
        by_type = api.get(
            f"/jobs/{job_id}/result", params=wanted_as(name, without="format"), headers={"Accept": row.media_type}
        )
        bare = api.get(f"/jobs/{job_id}/result")
        assert by_type.content == (bare.content if name == "json" else answer.content)
        assert by_type.headers["Vary"] == bare.headers["Vary"] == "Accept"
        assert "Content-Disposition" not in bare.headers


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        *(
            ([], "application/json"),
            (["*/*"], "application/json"),
            (["text/*"], "text/csv"),
            (["TEXT/VTT"], "text/vtt"),
        ),
        (["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"], "application/json"),
        (["text/csv;q=0.5, text/vtt;q=0.9"], "text/vtt"),
        (["application/json;q=0, */*"], "text/csv"),
        (["text/csv;q=0.1", "text/vtt; q=0.2"], "text/vtt"),
        (["text/vtt;charset=utf-8"], "text/vtt"),
        (["text/csv;q=x"], "text/csv"),
        *((["image/png"], None), (["application/json;q=0"], None), (["nonsense"], None), ([","], "application/json")),
    ],
)
def test_an_accept_header_is_read_as_the_standard_has_it(accept: list[str], wanted: str | None) -> None:
    assert preferred(accept, ["application/json", "text/csv", "text/vtt"]) == wanted


def test_what_there_is_no_board_as_is_refused_with_the_list(api: httpx.Client, finish: Finish) -> None:
    path = f"/jobs/{finish()}/result"
    unknown = api.get(path, params={"format": "docx"})
    unaccepted = api.get(path, headers={"Accept": "image/png"})
    named = api.get(path, params={"format": "csv"}, headers={"Accept": "image/png"})

    assert (unknown.status_code, unknown.json()["errors"][0]["pointer"]) == (422, "/format")
    assert all(f"'{name}'" in unknown.json()["detail"] for name in NAMES)
    assert (unaccepted.status_code, unaccepted.json()["code"]) == (406, "not_acceptable")
    assert all(row.media_type in unaccepted.json()["detail"] for row in EXPORTS.values())
    assert named.status_code == 200


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("format=csv&fps=24", "parameter fps: csv takes none; otio, edl, fcpxml do"),
        ("fps=24", "parameter fps: json takes none"),
        *(("format=edl&fps=23.976", "parameter fps: "), ("format=edl&fps=29", "parameter fps: ")),
        *(("format=edl&fps=0", "parameter fps: "), ("format=edl&fps=" + "9" * 5000, "parameter fps: ")),
        ("format=prompts", "parameter target: prompts are for a video model: generic, wan-2.2, "),
        ("format=prompts&target=wan", "parameter target: "),
        ("format=csv&target=wan-2.2", "parameter target: csv takes none; prompts does"),
        ("format=prompts&target=wan-2.2&fps=24", "parameter fps: prompts takes none"),
        ("format=prompt", "parameter format: "),
        ("formt=csv", "parameter formt: no such parameter; did you mean format?"),
    ],
)
def test_a_parameter_that_means_nothing_is_refused(lasting_api: httpx.Client, query: str, words: str) -> None:
    answer = lasting_api.get(f"/jobs/{NO_JOB}/result?{query}")

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["detail"].startswith(words)


def test_frames_are_counted_at_the_rate_that_is_asked_for(api: httpx.Client, finish: Finish) -> None:
    at_30 = api.get(f"/jobs/{finish()}/result?format=fcpxml&fps=30").text

    assert 'frameDuration="1/30s"' in at_30
    assert 'duration="450/30s"' in at_30


def test_a_job_without_a_board_has_no_file(api: httpx.Client, worker: HandWorker, finish: Finish) -> None:
    queued, failed = (api.post("/jobs", json={"prompt": "x", "use_cache": False}).json()["id"] for _ in range(2))
    worker.fail(worker.claim(failed))
    deleted = finish()
    api.delete(f"/jobs/{deleted}")
    paths = [f"/jobs/{job_id}/result" for job_id in (queued, failed, deleted, NO_JOB)]

    answers = [api.get(path, params={"format": "srt"}) for path in paths]

    assert [(r.status_code, r.json()["code"]) for r in answers] == [
        *((409, "not_finished"), (409, "no_result"), (410, "gone"), (404, "not_found")),
    ]


def test_another_clients_board_is_not_to_be_had(serve: Serve, worker: HandWorker) -> None:
    api = serve(api={"keys": "studio:abcdefghijklmnop,agency:qrstuvwxyzabcdef"})
    own, other = ({"Authorization": f"Bearer {key}"} for key in ("abcdefghijklmnop", "qrstuvwxyzabcdef"))
    batch = api.post("/batches", json={"jobs": [{"prompt": "x"}]}, headers=own).json()
    worker.succeed(worker.claim(batch["jobs"][0]))
    paths = [f"/jobs/{batch['jobs'][0]}/result?format=csv", f"/batches/{batch['id']}/result?format=csv"]

    for headers, status in ((own, 200), (other, 404), ({}, 401)):
        assert [api.get(path, headers=headers).status_code for path in paths] == [status] * 2


def test_a_batch_is_one_zip_with_a_numbered_file_for_each_board(api: httpx.Client, worker: HandWorker) -> None:
    prompts: list[dict[str, Any]] = [{"prompt": f"{n}", "use_cache": False} for n in range(4)]
    batch = api.post("/batches", json={"jobs": prompts}).json()
    path = f"/batches/{batch['id']}/result"
    early = api.get(path)
    first, failed, deleted, last = batch["jobs"]
    worker.fail(worker.claim(failed))
    for job_id in (first, deleted, last):
        worker.succeed(worker.claim(job_id), "雾")
    api.delete(f"/jobs/{deleted}")

    answer = api.get(path, params={"format": "csv"})
    packed = zipfile.ZipFile(io.BytesIO(answer.content))

    assert (early.status_code, early.json()["detail"]) == (409, "4 of 4 jobs of the batch are not done")
    assert answer.headers["Content-Type"] == "application/zip"
    assert packed.namelist() == ["0001 雾.csv", "0004 雾.csv", WITHOUT]
    assert len(list(csv.DictReader(io.StringIO(packed.read("0004 雾.csv").decode("utf-8-sig"))))) == 3
    assert [line.split()[:2] for line in packed.read(WITHOUT).decode().splitlines()] == [
        ["0002", failed],
        ["0003", deleted],
    ]
    json_zip = zipfile.ZipFile(io.BytesIO(api.get(path).content))
    assert json.loads(json_zip.read("0001 雾.json")) == storyboard("雾").model_dump(mode="json")


def test_a_batch_without_any_board_has_no_zip(api: httpx.Client) -> None:
    batch = api.post("/batches", json={"jobs": [{"prompt": "x"}]}).json()
    api.post(f"/batches/{batch['id']}/cancel")

    answer = api.get(f"/batches/{batch['id']}/result?format=csv")

    assert (answer.status_code, answer.json()["code"]) == (409, "no_result")
    assert api.get(f"/batches/{NO_JOB}/result").json()["code"] == "batch_not_found"


def test_a_board_that_an_older_version_wrote_is_a_file_too(
    api: httpx.Client, finish: Finish, redis_client: redis.Redis
) -> None:
    """As its record held it: only what every scene has, and numbers as they were written then."""
    job_id = finish()
    old = storyboard("旧").model_dump(mode="json")
    redis_client.hset(f"sq:job:{job_id}", "result", json.dumps(old))

    for name in NAMES:
        answer = api.get(f"/jobs/{job_id}/result", params=wanted_as(name))
        assert answer.content == EXPORTS[name].content(storyboard("旧"), GIVEN)


def test_both_clients_export_jobs_and_batches(api: httpx.Client, worker: HandWorker, finish: Finish) -> None:
    job_id = finish()
    batch = api.post("/batches", json={"jobs": [{"prompt": "y", "use_cache": False}]}).json()
    with Client(str(api.base_url)) as client:
        with pytest.raises(Conflict):
            client.export_batch(batch["id"], "csv")
        worker.succeed(worker.claim(batch["jobs"][0]))
        with pytest.raises(RequestInvalid):
            client.export(job_id, "docx")  # type: ignore[arg-type]
        by_sync = client.export(job_id, "edl", fps=25), client.export_batch(batch["id"], "md")

    async def exported() -> tuple[bytes, bytes]:
        async with AsyncClient(str(api.base_url)) as client:
            return await client.export(job_id, "edl", fps=25), await client.export_batch(batch["id"], "md")

    assert by_sync == asyncio.run(exported())
    assert by_sync[0] == EXPORTS["edl"].content(storyboard("雾"), {"fps": 25})


def test_the_command_writes_a_file_or_to_stdout(
    api: httpx.Client, finish: Finish, tmp_path: Any, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    job_id, url = finish(), str(api.base_url)

    def run(*words: str) -> tuple[int, bytes, str]:
        try:
            status = main(["export", job_id, "--url", url, *words])
        except SystemExit as end:
            status = int(str(end.code))
        out, err = capfdbinary.readouterr()
        return status, out, err.decode()

    wanted = EXPORTS["csv"].content(storyboard("雾"), {"fps": 24})
    assert run("--format", "csv") == (0, wanted, "")
    assert run("-o", str(tmp_path / "shots.CSV")) == (0, b"", "")
    assert (tmp_path / "shots.CSV").read_bytes() == wanted
    assert run("--format", "fcpxml", "--fps", "50")[1] == EXPORTS["fcpxml"].content(storyboard("雾"), {"fps": 50})
    wanted = EXPORTS["prompts"].content(storyboard("雾"), {"target": "wan-2.2"})
    assert run("--target", "wan-2.2") == (0, wanted, "")
    for words, status, complaint in (
        ((), 2, "give --format json|csv|"),
        (("-o", "shots.docx"), 2, "ends like no format"),
        (("--format", "docx"), 2, "docx"),
        (("--format", "csv", "--fps", "24"), 2, "csv takes none"),
        (("--format", "prompts"), 2, "prompts are for a video model"),
        (("--format", "csv", "--target", "veo-3.1"), 2, "csv takes none"),
        (("--target", "veo"), 2, "did you mean veo-3.1"),
        (("--format", "csv", "-o", str(tmp_path)), 1, "cannot write"),
    ):
        found = run(*words)
        assert (found[0], found[1]) == (status, b"")
        assert complaint in found[2]
