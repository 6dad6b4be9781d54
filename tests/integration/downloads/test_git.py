"""Downloads from git repositories with large files: one on this machine, and one behind git's own HTTP server."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.cache import read_record
from models.obtain import cached, obtain
from shared.errors import DownloadFailed, ModelUnavailable
from tests.integration.downloads.conftest import LARGE, NEEDED, SHARDS, names
from tests.integration.downloads.servers import Git, Hub, closed_port, git_sha1, serve, sha256

NAME = "chatglm3-6b"
FIRST = SHARDS[0]


def git(where: Path, *arguments: str) -> str:
    who = ("-c", "user.name=Test", "-c", "user.email=test@localhost", "-c", "init.defaultBranch=main")
    return subprocess.run(
        ["git", *who, *arguments], cwd=where, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def root(files: dict[str, bytes], tmp_path: Path) -> Path:
    """A folder of bare repositories, as a server has them; large files are pointers, their bytes in lfs/objects."""
    work = tmp_path / "work"
    for name, content in files.items():
        path = work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256(content)}\nsize {len(content)}\n"
        path.write_bytes(pointer.encode() if name in LARGE else content)
    (work / "tokenizer.json").symlink_to("/etc/hostname")
    git(work, "init", "--quiet")
    git(work, "add", "--all")
    git(work, "commit", "--quiet", "--message", "Publish")
    git(work, "tag", "v1.0")
    root = tmp_path / "root"
    bare = root / "THUDM" / "chatglm3-6b.git"
    bare.parent.mkdir(parents=True)
    git(work, "clone", "--quiet", "--bare", str(work), str(bare))
    git(bare, "config", "uploadpack.allowFilter", "true")
    for name in LARGE:
        oid = sha256(files[name])
        path = bare / "lfs" / "objects" / oid[:2] / oid[2:4] / oid
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(files[name])
    return root


@pytest.fixture
def server(files: dict[str, bytes], root: Path) -> Iterator[Hub]:
    with serve(Git, Hub(files, LARGE), root=root) as hub:
        yield hub


def test_a_repository_on_this_machine_gives_only_what_is_needed(
    root: Path, files: dict[str, bytes], cache: Path
) -> None:
    folder = obtain(NAME, cache, str(root), source="git")

    assert names(folder) == {*NEEDED, "download.json"}
    assert {name: (folder / name).read_bytes() for name in NEEDED} == {name: files[name] for name in NEEDED}
    assert folder.name == git(root / "THUDM" / "chatglm3-6b.git", "rev-parse", "HEAD")[:12]


@pytest.mark.parametrize(
    "address", ["{0}", "file://{0}", "{0}/THUDM/chatglm3-6b.git", "file://{0}/THUDM/chatglm3-6b.git"]
)
def test_the_address_is_the_repository_or_what_it_lies_below(root: Path, cache: Path, address: str) -> None:
    assert names(obtain(NAME, cache, address.format(root), source="git")) >= NEEDED


def test_a_copy_that_was_cut_goes_on(root: Path, files: dict[str, bytes], cache: Path) -> None:
    commit = git(root / "THUDM" / "chatglm3-6b.git", "rev-parse", "HEAD")
    part = cache / NAME / f".{commit[:12]}.{commit[:12]}.partial" / f"{FIRST}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(files[FIRST][:123_456])

    folder = obtain(NAME, cache, str(root), source="git")

    assert (folder / FIRST).read_bytes() == files[FIRST]


def test_a_damaged_large_file_is_refused(root: Path, files: dict[str, bytes], cache: Path) -> None:
    oid = sha256(files[FIRST])
    (root / "THUDM" / "chatglm3-6b.git" / "lfs" / "objects" / oid[:2] / oid[2:4] / oid).write_bytes(bytes(300_000))

    with pytest.raises(DownloadFailed, match=f"{FIRST}: sha256 .* is not the expected"):
        obtain(NAME, cache, str(root), source="git")

    assert cached(NAME, cache) is None


def test_a_large_file_that_was_never_fetched_there_is_said(root: Path, files: dict[str, bytes], cache: Path) -> None:
    oid = sha256(files[FIRST])
    (root / "THUDM" / "chatglm3-6b.git" / "lfs" / "objects" / oid[:2] / oid[2:4] / oid).unlink()

    with pytest.raises(ModelUnavailable, match="has only the pointer of"):
        obtain(NAME, cache, str(root), source="git")


@pytest.mark.parametrize("revision", ["v1.0", "main", None])
def test_a_revision_is_pinned_to_its_commit(root: Path, cache: Path, revision: str | None) -> None:
    commit = git(root / "THUDM" / "chatglm3-6b.git", "rev-parse", "v1.0^{commit}")

    folder = obtain(NAME, cache, str(root), source="git", revision=revision)

    record = read_record(folder)
    assert record is not None
    assert (record.source, record.revision) == ("git", commit)
    assert record.files["config.json"]["git"] == git_sha1((folder / "config.json").read_bytes())
    assert obtain(NAME, cache, str(root), source="git", revision=commit) == folder


@pytest.mark.parametrize("revision", ["v9", "0" * 40, "--upload-pack=touch here"])
def test_a_revision_that_is_not_there_is_named(root: Path, cache: Path, revision: str) -> None:
    with pytest.raises(ModelUnavailable, match="revision"):
        obtain(NAME, cache, str(root), source="git", revision=revision)


def test_a_folder_without_a_repository_is_said_to_have_none(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(ModelUnavailable, match="is no git repository"):
        obtain(NAME, cache, str(tmp_path), source="git")


def test_a_server_is_asked_for_the_tree_and_for_the_large_files_that_are_needed(server: Hub, cache: Path) -> None:
    folder = obtain(NAME, cache, server.url, source="git")

    assert {name: (folder / name).read_bytes() for name in NEEDED} == {name: server.files[name] for name in NEEDED}
    assert {path for _, path, _ in server.requests if path.startswith("/lfs/")} == {f"/lfs/{n}" for n in LARGE & NEEDED}


def test_a_large_file_that_is_cut_goes_on_from_its_last_byte(server: Hub, cache: Path) -> None:
    server.cut[FIRST] = 100_000

    folder = obtain(NAME, cache, server.url, source="git")

    assert (folder / FIRST).read_bytes() == server.files[FIRST]
    assert server.ranges_of(FIRST) == [None, "bytes=100000-"]


def test_a_large_file_of_other_bytes_is_refused(server: Hub, cache: Path) -> None:
    server.lies[FIRST] = bytes(300_000)

    with pytest.raises(DownloadFailed, match="is not the expected"):
        obtain(NAME, cache, server.url, source="git")


def test_a_repository_that_wants_a_token_gets_the_one_that_git_knows(server: Hub, cache: Path, tmp_path: Path) -> None:
    server.token = "any"
    with pytest.raises(ModelUnavailable, match="accept its licence there and give git a token"):
        obtain(NAME, cache, server.url, source="git")

    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[credential]\n\thelper = store\n")
    (home / ".git-credentials").write_text(server.url.replace("//", "//user:hf_secret@") + "\n")
    folder = obtain(NAME, cache, server.url, source="git")

    assert (folder / FIRST).read_bytes() == server.files[FIRST]


def test_a_repository_that_is_not_there_is_said(server: Hub, cache: Path) -> None:
    with pytest.raises(ModelUnavailable, match="Qwen/Qwen-7B-Chat is no git repository"):
        obtain("qwen-7b", cache, server.url, source="git")


def test_a_host_that_cannot_be_reached_is_said_in_one_line(cache: Path) -> None:
    with pytest.raises(DownloadFailed, match=r"127\.0\.0\.1 cannot be reached") as refused:
        obtain(NAME, cache, closed_port(), source="git")

    assert "\n" not in str(refused.value)


def test_without_git_another_source_is_named(root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(cache))

    with pytest.raises(ModelUnavailable, match="git is not installed; --source hf needs none"):
        obtain(NAME, cache, str(root), source="git")
