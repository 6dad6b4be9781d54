"""A repository is taken when it is whole: what an index names must be there, on every hub, and be weights.

Uploads and syncs take hours, and loaders of others took what was there: half the shards (sgl-project/sglang pulls 32279
and 14253), an index beside other shards (Blaizzy/nativ pull 370), shards of other names (unslothai/unsloth-zoo pull
900), pointers instead of weights (huggingface/transformers issue 27923, microsoft/OmniParser issue 34), empty files of
a mirror (modelscope/modelscope issue 1365).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from models.cache import lacks
from models.obtain import DownloadSource, cached, obtain
from shared.errors import DownloadFailed, ModelUnavailable
from tests.integration.downloads.conftest import INDEX, LARGE, NEEDED, SHARDS, names
from tests.integration.downloads.servers import Git, Hub, HuggingFace, ModelScope, serve, sha256
from tests.integration.downloads.test_git import git

NAME = "chatglm3-6b"
FIRST, SECOND = SHARDS


def index_of(*files: object) -> bytes:
    return json.dumps({"weight_map": {f"t{place}": file for place, file in enumerate(files)}}).encode()


def pointer_of(content: bytes) -> bytes:
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256(content)}\nsize {len(content)}\n".encode()


@pytest.fixture(params=["hf", "mirror", "modelscope"])
def there(request: pytest.FixtureRequest, files: dict[str, bytes]) -> object:
    """A hub of each kind that pulls by HTTP: its server, and the source that it is for `obtain`."""
    kind = ModelScope if request.param == "modelscope" else HuggingFace
    source: DownloadSource = "modelscope" if request.param == "modelscope" else "hf"
    with serve(kind, Hub(dict(files), set(LARGE), sizes=request.param != "mirror")) as hub:
        yield hub, source


There = tuple[Hub, DownloadSource]


def test_a_shard_that_is_missing_is_waited_for_and_the_rest_is_fetched_then(there: There, cache: Path) -> None:
    hub, source = there
    late = hub.files.pop(SECOND)

    for _ in range(2):
        with pytest.raises(DownloadFailed, match=f"is not whole yet: {SECOND} is missing"):
            obtain(NAME, cache, hub.url, source=source)
        assert cached(NAME, cache) is None
    assert FIRST not in hub.fetched()

    hub.files[SECOND] = late
    folder = obtain(NAME, cache, hub.url, source=source)
    assert names(folder) == {*NEEDED, "download.json"}


def test_what_was_received_before_a_shard_vanished_is_kept(hub: Hub, cache: Path) -> None:
    hub.status[SECOND] = (404, {})
    with pytest.raises(DownloadFailed):
        obtain(NAME, cache, hub.url)
    hub.status.clear()
    late = hub.files.pop(SECOND)
    with pytest.raises(DownloadFailed, match="not whole yet"):
        obtain(NAME, cache, hub.url)

    hub.files[SECOND] = late
    hub.requests.clear()
    assert (obtain(NAME, cache, hub.url) / FIRST).read_bytes() == hub.files[FIRST]
    assert FIRST not in hub.fetched()


def test_a_git_repository_that_lacks_a_shard_is_refused_until_it_is_pushed(
    files: dict[str, bytes], cache: Path, tmp_path: Path
) -> None:
    work = tmp_path / "chatglm3-6b.git"
    git(tmp_path, "init", "--quiet", str(work))

    def push(*pushed: str) -> None:
        for name in pushed:
            (work / name).write_bytes(pointer_of(files[name]) if name in LARGE else files[name])
            oid = sha256(files[name])
            path = work / ".git" / "lfs" / "objects" / oid[:2] / oid[2:4] / oid
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(files[name])
        git(work, "add", "--all")
        git(work, "commit", "--quiet", "--message", "Upload")

    push("config.json", "tokenizer.model", INDEX, FIRST)
    with pytest.raises(DownloadFailed, match=f"not whole yet: {SECOND} is missing"):
        obtain(NAME, cache, str(work), source="git")

    push(SECOND)
    assert names(obtain(NAME, cache, str(work), source="git")) >= {INDEX, *SHARDS}


@pytest.mark.parametrize(
    ("index", "reason"),
    [
        (b"{", r"does not say which file holds which tensor \(JSONDecodeError\)"),
        (b"", "does not say which file"),
        (b"\xff\xfe\x00", "does not say which file"),
        (b"[" * 100_000, "does not say which file"),
        (b"[]", "does not say which file"),
        (b'{"weight_map": null}', "does not say which file"),
        (b'{"weight_map": {"a": ["x"]}}', "does not say which file"),
        (b'{"weight_map": {}}', "names no file of weights"),
        (index_of(f"../{FIRST}"), "no weights of this folder"),
        (index_of(f"/tmp/{FIRST}"), "no weights of this folder"),
        (index_of(f"..\\{FIRST}"), "no weights of this folder"),
        (index_of("a\0.safetensors"), "no weights of this folder"),
        (index_of("\ud800.safetensors"), "no weights of this folder"),
        (index_of("con.safetensors"), "no weights of this folder"),
        (index_of("modeling.py"), "no weights of this folder"),
        (index_of(7), "no weights of this folder"),
        (index_of(FIRST, 7), "does not say which file"),
        (index_of(*(f"model-{n:06}.safetensors" for n in range(3_000))), "names 3000 files of weights"),
    ],
)
def test_an_index_that_cannot_be_followed_is_refused(hub: Hub, cache: Path, index: bytes, reason: str) -> None:
    del hub.files["pytorch_model.bin"]
    hub.files[INDEX] = index

    with pytest.raises(ModelUnavailable, match=reason) as refused:
        obtain(NAME, cache, hub.url)

    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400
    assert hub.fetched() <= {INDEX}


def test_an_index_that_is_too_long_is_not_fetched(hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.obtain.INDEX_BYTES", 50)

    with pytest.raises(ModelUnavailable, match=rf"{INDEX} has \d+ bytes: more than 50 are not taken"):
        obtain(NAME, cache, hub.url)

    assert hub.fetched() == set()


def test_shards_are_called_what_the_index_calls_them(hub: Hub, cache: Path) -> None:
    hub.files[INDEX] = index_of("model.safetensors-00001-of-00001.safetensors")
    hub.files["model.safetensors-00001-of-00001.safetensors"] = b"weights" * 300

    assert names(obtain(NAME, cache, hub.url)) & {*SHARDS, "model.safetensors-00001-of-00001.safetensors"} == {
        "model.safetensors-00001-of-00001.safetensors"
    }


@pytest.mark.parametrize(
    ("whole", "index", "taken"),
    [
        ("pytorch_model.bin", index_of("model-00003-of-00003.safetensors"), {"pytorch_model.bin"}),
        ("pytorch_model.bin", b"{", {"pytorch_model.bin"}),
        ("model.safetensors", index_of("model-00001-of-00013.safetensors"), {"model.safetensors"}),
        ("model.safetensors", b"{", {"model.safetensors"}),
        ("model.safetensors", index_of(*SHARDS), set(SHARDS) | {INDEX}),
    ],
)
def test_a_format_that_is_whole_is_taken_instead(
    hub: Hub, cache: Path, whole: str, index: bytes, taken: set[str]
) -> None:
    hub.files |= {INDEX: index, whole: b"weights" * 300}

    folder = obtain(NAME, cache, hub.url)

    assert {name for name in names(folder) if name.endswith((".bin", ".safetensors", INDEX))} == taken


def _nothing(hub: Hub) -> None:
    for name in (INDEX, *SHARDS, "pytorch_model.bin"):
        del hub.files[name]


def _no_index(hub: Hub) -> None:
    del hub.files["pytorch_model.bin"]
    del hub.files[INDEX]


def _empty(hub: Hub) -> None:
    hub.files[SECOND] = b""


def _pointer(hub: Hub) -> None:
    hub.large.discard(SECOND)
    hub.files[SECOND] = pointer_of(hub.files[SECOND])


def _pointer_of_the_index(hub: Hub) -> None:
    hub.files[INDEX] = pointer_of(hub.files[INDEX])


def _pointer_of_the_tokenizer(hub: Hub) -> None:
    hub.files["tokenizer.model"] = pointer_of(hub.files["tokenizer.model"])


@pytest.mark.parametrize(
    ("without", "reason"),
    [
        (_nothing, "has no weights that can be loaded"),
        (_no_index, f"not whole yet: {INDEX} is missing"),
        (_empty, f"not whole yet: {SECOND} is empty"),
        (_pointer, f"not whole yet: {SECOND} is only a pointer of git-lfs"),
        (_pointer_of_the_index, f"not whole yet: {INDEX} is only a pointer of git-lfs"),
        (_pointer_of_the_tokenizer, r"not whole yet: tokenizer\.model is only a pointer of git-lfs"),
    ],
)
def test_what_stands_in_for_weights_is_not_taken_for_them(
    there: There, cache: Path, without: Callable[[Hub], None], reason: str
) -> None:
    hub, source = there
    files = dict(hub.files)
    without(hub)

    with pytest.raises((ModelUnavailable, DownloadFailed), match=reason):
        obtain(NAME, cache, hub.url, source=source)
    assert cached(NAME, cache) is None

    hub.files |= files
    hub.large |= LARGE
    assert names(obtain(NAME, cache, hub.url, source=source)) == {*NEEDED, "download.json"}


@pytest.mark.parametrize("to", [False, True], ids=["cache", "folder"])
def test_a_folder_that_is_not_whole_any_more_is_completed(hub: Hub, cache: Path, tmp_path: Path, *, to: bool) -> None:
    target = tmp_path / "to" if to else None
    folder = obtain(NAME, cache, hub.url, to=target)
    (folder / SECOND).unlink()
    hub.requests.clear()

    assert lacks(folder) == SECOND
    assert cached(NAME, cache) is None
    assert obtain(NAME, cache, hub.url, to=target) == folder
    assert hub.fetched() == {SECOND}
    assert names(folder.parent) >= {folder.name}
    assert not list(folder.parent.glob(".*partial"))


def test_a_folder_that_was_called_whole_without_a_shard_is_completed(hub: Hub, cache: Path) -> None:
    """As earlier versions left it: the record does not name the shard, the index does."""
    folder = obtain(NAME, cache, hub.url)
    record = json.loads((folder / "download.json").read_text())
    del record["files"][SECOND]
    (folder / "download.json").write_text(json.dumps(record))
    (folder / SECOND).unlink()

    assert cached(NAME, cache) is None
    assert (obtain(NAME, cache, hub.url) / SECOND).read_bytes() == hub.files[SECOND]


def test_a_folder_of_another_hand_that_lacks_a_shard_is_left_alone(hub: Hub, cache: Path) -> None:
    folder = obtain(NAME, cache, hub.url)
    (folder / "download.json").unlink()
    (folder / SECOND).unlink()

    with pytest.raises(ModelUnavailable, match=f"lacks {SECOND}: remove it, and pull again"):
        obtain(NAME, cache, hub.url)
    assert (folder / FIRST).is_file()


def test_a_pointer_whose_file_a_git_server_lost_is_named(files: dict[str, bytes], cache: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    for name in NEEDED:
        (work / name).write_bytes(pointer_of(files[name]) if name in LARGE else files[name])
    git(work, "init", "--quiet")
    git(work, "add", "--all")
    git(work, "commit", "--quiet", "--message", "Publish")
    bare = tmp_path / "root" / "THUDM" / "chatglm3-6b.git"
    git(tmp_path, "clone", "--quiet", "--bare", str(work), str(bare))
    git(bare, "config", "uploadpack.allowFilter", "true")
    shutil.rmtree(work)
    with (
        serve(Git, Hub({name: files[name] for name in NEEDED - {SECOND}}), root=tmp_path / "root") as server,
        pytest.raises(DownloadFailed, match=rf"{SECOND}: 127\.0\.0\.1 has it no more \(Object does not exist\)"),
    ):
        obtain(NAME, cache, server.url, source="git")
