"""Downloads from a server that speaks the Hugging Face hub's protocol."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.cache import read_record
from models.obtain import cached, local, obtain
from shared.errors import DownloadFailed, ModelUnavailable
from tests.integration.downloads.conftest import INDEX, LARGE, NEEDED, SHARDS, names
from tests.integration.downloads.servers import COMMIT, Hub, HuggingFace, closed_port, git_sha1, serve, sha256

NAME = "chatglm3-6b"
FIRST = SHARDS[0]


def test_only_what_the_model_needs_is_fetched_and_no_code(hub: Hub, cache: Path) -> None:
    folder = obtain(NAME, cache, hub.url)

    assert names(folder) == {*NEEDED, "download.json"}
    assert {name: (folder / name).read_bytes() for name in NEEDED} == {name: hub.files[name] for name in NEEDED}
    assert hub.fetched() == NEEDED


def test_everything_comes_from_one_commit_and_the_record_says_which(hub: Hub, cache: Path) -> None:
    folder = obtain(NAME, cache, hub.url)

    record = read_record(folder)
    assert record is not None
    assert (record.name, record.source, record.repository) == (NAME, "hf", "THUDM/chatglm3-6b")
    assert record.revision == COMMIT
    assert folder == cache / NAME / COMMIT[:12]
    assert record.files[FIRST] == {"size_bytes": 300_000, "sha256": sha256(hub.files[FIRST])}
    assert record.files["config.json"]["git"] == git_sha1(hub.files["config.json"])
    assert all(f"/resolve/{COMMIT}/" in path for method, path, _ in hub.requests if "/resolve/" in path)


def test_a_model_that_is_there_costs_no_question(hub: Hub, cache: Path) -> None:
    first = obtain(NAME, cache, hub.url)
    hub.requests.clear()

    assert obtain(NAME, cache, hub.url) == first
    assert obtain(NAME, cache, hub.url, revision=COMMIT) == first
    assert local(NAME, cache) == first
    assert hub.requests == []


def test_a_file_that_is_cut_goes_on_from_its_last_byte(hub: Hub, cache: Path) -> None:
    hub.cut[FIRST] = 100_000

    folder = obtain(NAME, cache, hub.url)

    assert (folder / FIRST).read_bytes() == hub.files[FIRST]
    assert hub.ranges_of(FIRST) == [None, "bytes=100000-"]


def test_a_download_that_failed_is_resumed_by_the_next_one(hub: Hub, cache: Path) -> None:
    hub.cut[FIRST] = 100_000
    hub.status[SHARDS[1]] = (404, {})

    with pytest.raises(DownloadFailed, match=f"{SHARDS[1]}: 127.0.0.1 answered 404"):
        obtain(NAME, cache, hub.url)

    assert cached(NAME, cache) is None
    received = {path.name: path.stat().st_size for path in cache.glob(f"{NAME}/.*.partial/*")}
    hub.status.clear()
    hub.requests.clear()
    folder = obtain(NAME, cache, hub.url)
    assert (folder / FIRST).read_bytes() == hub.files[FIRST]
    assert hub.fetched().isdisjoint(name for name in received if not name.endswith(".part"))
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_what_is_left_of_a_killed_download_is_not_sent_again(hub: Hub, cache: Path) -> None:
    part = cache / NAME / f".{COMMIT[:12]}.{COMMIT[:12]}.partial" / f"{FIRST}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(hub.files[FIRST][:299_999])

    folder = obtain(NAME, cache, hub.url)

    assert (folder / FIRST).read_bytes() == hub.files[FIRST]
    assert hub.ranges_of(FIRST) == ["bytes=299999-"]


@pytest.mark.parametrize("left", [b"x" * 1000, b"x" * 300_000, b"x" * 300_001], ids=["shorter", "as long", "longer"])
def test_a_beginning_that_is_not_the_files_is_thrown_away(hub: Hub, cache: Path, left: bytes) -> None:
    part = cache / NAME / f".{COMMIT[:12]}.{COMMIT[:12]}.partial" / f"{FIRST}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(left)

    folder = obtain(NAME, cache, hub.url)

    assert (folder / FIRST).read_bytes() == hub.files[FIRST]


def test_a_server_that_knows_no_ranges_sends_all_of_it_again(hub: Hub, cache: Path) -> None:
    hub.cut[FIRST] = 100_000
    hub.ranges = False

    folder = obtain(NAME, cache, hub.url)

    assert (folder / FIRST).read_bytes() == hub.files[FIRST]


@pytest.mark.parametrize("name", [FIRST, "config.json"])
def test_bytes_that_are_not_the_announced_ones_are_refused(hub: Hub, cache: Path, name: str) -> None:
    hub.lies[name] = bytes(len(hub.files[name]))

    with pytest.raises(DownloadFailed, match=f"{name}: .* is not the expected"):
        obtain(NAME, cache, hub.url)

    assert cached(NAME, cache) is None
    assert not list(cache.glob(f"{NAME}/.*.partial/{name}*"))


@pytest.mark.parametrize("length", [900_000, 299_999, 0])
def test_a_file_of_another_size_is_refused(hub: Hub, cache: Path, length: int) -> None:
    hub.lies[FIRST] = (hub.files[FIRST] * 3)[:length]

    with pytest.raises(DownloadFailed, match=FIRST):
        obtain(NAME, cache, hub.url)

    assert cached(NAME, cache) is None


def test_what_is_cut_again_and_again_without_a_byte_is_given_up(hub: Hub, cache: Path) -> None:
    hub.status[FIRST] = (503, {})

    with pytest.raises(DownloadFailed, match=f"{FIRST}: 127.0.0.1 answered 503"):
        obtain(NAME, cache, hub.url)

    assert len(hub.ranges_of(FIRST)) == 4


def test_weights_come_in_the_first_format_that_is_whole(hub: Hub, cache: Path) -> None:
    del hub.files["model.safetensors.index.json"]

    folder = obtain(NAME, cache, hub.url)

    assert names(folder) & {"pytorch_model.bin", *SHARDS} == {"pytorch_model.bin"}


def test_a_mirror_that_lists_no_sizes_is_asked_for_headers(hub: Hub, cache: Path) -> None:
    hub.sizes = False
    hub.lies[FIRST] = bytes(300_000)

    with pytest.raises(DownloadFailed, match="is not the expected"):
        obtain(NAME, cache, hub.url)

    hub.lies.clear()
    assert (obtain(NAME, cache, hub.url) / FIRST).read_bytes() == hub.files[FIRST]


def test_a_token_goes_to_the_hub_and_not_to_where_it_redirects(
    hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    hub.token = "hf_secret"
    with serve(HuggingFace, Hub(hub.files, LARGE)) as cdn:
        hub.cdn = cdn.url
        folder = obtain("llama2-7b", cache, hub.url)

    assert (folder / FIRST).read_bytes() == hub.files[FIRST]
    assert cdn.tokens == {None}
    assert FIRST in cdn.fetched()


def test_a_licence_that_is_not_accepted_is_said_with_the_page(hub: Hub, cache: Path) -> None:
    hub.token = "hf_other"

    with pytest.raises(ModelUnavailable) as refused:
        obtain("llama2-7b", cache, hub.url)

    page = f"{hub.url}/meta-llama/Llama-2-7b-chat-hf"
    assert str(refused.value) == f"llama2-7b: accept the licence at {page} and set HF_TOKEN"
    assert not cache.exists()


def test_a_file_that_needs_a_licence_says_so(hub: Hub, cache: Path) -> None:
    hub.status[f"/resolve/{COMMIT}/{FIRST}"] = (403, {"X-Error-Code": "GatedRepo"})

    with pytest.raises(ModelUnavailable, match=r"answered 403: accept the licence at .* and set HF_TOKEN"):
        obtain("llama2-7b", cache, hub.url)


def test_a_revision_that_is_not_there_is_named(hub: Hub, cache: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"THUDM/chatglm3-6b has no revision v9 at 127\.0\.0\.1"):
        obtain(NAME, cache, hub.url, revision="v9")


def test_a_repository_that_is_not_there_is_named(hub: Hub, cache: Path) -> None:
    hub.status["/api/models"] = (404, {"X-Error-Code": "RepoNotFound"})

    with pytest.raises(ModelUnavailable, match=r"127\.0\.0\.1 has no THUDM/chatglm3-6b"):
        obtain(NAME, cache, hub.url)


@pytest.mark.parametrize("status", [401, 403, 404, 500, 503])
def test_any_refusal_is_one_line(hub: Hub, cache: Path, status: int) -> None:
    hub.status["/api/models"] = (status, {})

    with pytest.raises((ModelUnavailable, DownloadFailed)) as refused:
        obtain(NAME, cache, hub.url)

    assert "\n" not in str(refused.value)


def test_a_hub_that_cannot_be_reached_is_said_in_one_line(cache: Path) -> None:
    with pytest.raises(DownloadFailed, match=r"127\.0\.0\.1 cannot be reached .*--endpoint") as refused:
        obtain(NAME, cache, closed_port())

    assert "\n" not in str(refused.value)


def test_a_server_that_is_no_hub_is_said_to_be_none(hub: Hub, cache: Path) -> None:
    hub.status["/api/models"] = (200, {"Content-Type": "text/html"})

    with pytest.raises((DownloadFailed, ModelUnavailable)):
        obtain(NAME, cache, hub.url)


def test_a_disk_that_is_too_small_is_said_before_any_weights_are_fetched(
    hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.cache.SPARE_BYTES", 1 << 60)

    with pytest.raises(ModelUnavailable, match=r"chatglm3-6b needs 1 MB more in .*, where .* are free"):
        obtain(NAME, cache, hub.url)

    assert hub.fetched() <= {INDEX}  # which says what the weights are


def test_a_model_goes_to_the_folder_that_is_asked_for(hub: Hub, cache: Path, tmp_path: Path) -> None:
    to = tmp_path / "here" / "model"

    assert obtain(NAME, cache, hub.url, to=to) == to
    hub.requests.clear()
    assert obtain(NAME, cache, hub.url, to=to) == to

    assert names(to) == {*NEEDED, "download.json"}
    assert names(to.parent) == {"model"}
    assert hub.requests == []
    assert not cache.exists()


def test_a_folder_that_holds_something_else_is_left_alone(hub: Hub, cache: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")

    with pytest.raises(ModelUnavailable, match="is not empty and does not hold chatglm3-6b"):
        obtain(NAME, cache, hub.url, to=tmp_path)


def test_loading_never_downloads_gigabytes(cache: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"run `python -m models pull chatglm3-6b` \(12\.5 GB\)"):
        local(NAME, cache, closed_port())
