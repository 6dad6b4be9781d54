"""Hubs that lie, loop, trickle or never end: one line each, in bounded time, and nothing outside the folder.

Names and commits as paths: huggingface/huggingface_hub issues 4086 and 4912 and pull 4540, ollama/ollama issue 17178.
Silence and trickles: huggingface/huggingface_hub issues 1903 and 4520, ollama/ollama issue 1736. Ranges: the same hub's
issue 2197 (416) and pull 3778 (200 for 206), padeoe/hf-mirror-site issue 4. Redirects of mirrors: issue 4637 there.
"""

from __future__ import annotations

import gzip
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from models.__main__ import main
from models.cache import cached_folder
from models.obtain import cached, obtain
from shared.errors import DownloadFailed, ModelUnavailable
from tests.integration.downloads.conftest import LARGE, NEEDED, SHARDS, names
from tests.integration.downloads.servers import COMMIT, Answers, Hub, HuggingFace, ModelScope, serve

NAME = "chatglm3-6b"
FIRST = SHARDS[0]
Listing = dict[str, Any]


class Strange(HuggingFace):
    """A hub whose listing is altered, and which answers for the first shard in a way of its own."""

    alter: Callable[[Listing], Any] = staticmethod(lambda listing: listing)
    way: Callable[[Answers], None] | None = None
    at = "/resolve/"  # or where in a path `way` is taken
    name = FIRST

    def send_json(self, value: Any, status: int = 200) -> None:
        super().send_json(type(self).alter(value), status)

    def reply(self, path: str, query: dict[str, list[str]]) -> None:
        if self.way is not None and self.at in path and self.name in path and self.command == "GET":
            with suppress(OSError):  # whoever has enough hangs up
                type(self).way(self)  # type: ignore[misc]
            self.close_connection = True
            return
        super().reply(path, query)


def line_of(files: dict[str, bytes], cache: Path, hub: Hub | None = None, **how: Any) -> str:
    """What a pull from such a hub says."""
    with (
        serve(Strange, hub or Hub(files, set(LARGE)), **how) as strange,
        pytest.raises((DownloadFailed, ModelUnavailable)) as refused,
    ):
        obtain(NAME, cache, strange.url)
    line = str(refused.value)
    assert line.isprintable()
    assert len(line) < 500
    assert cached(NAME, cache) is None
    return line


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.web.STRETCH_S", 0.1)
    monkeypatch.setattr("models.web.ANSWER_S", 0.2)
    monkeypatch.setattr("models.web.ANSWER_BYTES", 1 << 20)
    monkeypatch.setattr("models.fetch.RETRIES_S", (0.01,))


# -- what a listing says ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "commit",
    [
        "../../escape",
        "/tmp/escape",
        "..",
        ".",
        "main",
        "C0FFEE" * 6 + "C0FF",
        COMMIT + "\n",
        COMMIT[:39],
        COMMIT * 2,
        "c0ffee\0",
        "\ud800" * 40,
        "０" * 40,
        7,
        ["c"],
        {"a": 1},
    ],
)
def test_a_commit_that_is_none_is_refused(files: dict[str, bytes], cache: Path, tmp_path: Path, commit: object) -> None:
    line = line_of(files, cache, alter=lambda listing: {**listing, "sha": commit})

    assert "names a commit that is none" in line
    assert names(tmp_path) <= {"home"}


@pytest.mark.parametrize("commit", [None, ""])
def test_a_hub_that_names_no_commit_gets_a_digest_for_one(files: dict[str, bytes], cache: Path, commit: object) -> None:
    class Plain(Strange):
        def _resolve(self, revision: str, name: str) -> None:
            super()._resolve(COMMIT if revision == "main" else revision, name)

    def alter(listing: Listing) -> Listing:
        return {**listing, "sha": commit}

    with serve(Plain, Hub(files, set(LARGE)), alter=alter) as hub:
        folder = obtain(NAME, cache, hub.url)
        files["LICENSE"] = b"other terms\n"
        assert obtain(NAME, cache, hub.url, revision="main") != folder

    assert names(folder) == {*NEEDED, "download.json"}
    assert len(folder.name) == 12
    assert set(folder.name) <= set("0123456789abcdef")


@pytest.mark.parametrize("size", [-1, -5, 1 << 60, 10**400, 1.5, float("nan"), "5", True, [5], {"a": 5}])
def test_a_size_that_is_none_is_refused(files: dict[str, bytes], cache: Path, size: object) -> None:
    def alter(listing: Listing) -> Listing:
        return {**listing, "siblings": [{**file, "size": size, "lfs": None} for file in listing["siblings"]]}

    assert "a size of" in line_of(files, cache, alter=alter)


@pytest.mark.parametrize("checksum", ["zz" * 32, "ab", 7, "../" * 21 + "a"])
def test_a_checksum_that_is_none_is_refused(files: dict[str, bytes], cache: Path, checksum: object) -> None:
    def alter(listing: Listing) -> Listing:
        return {**listing, "siblings": [{**f, "lfs": {"sha256": checksum, "size": 5}} for f in listing["siblings"]]}

    assert "a checksum of" in line_of(files, cache, alter=alter)


@pytest.mark.parametrize(
    "listing",
    [
        [],
        None,
        7,
        {},
        {"siblings": None},
        {"siblings": [7]},
        {"siblings": [{}]},
        {"siblings": [{"rfilename": "a", "lfs": 7}]},
    ],
)
def test_a_listing_that_is_none_is_refused(files: dict[str, bytes], cache: Path, listing: object) -> None:
    assert "does not answer as a Hugging Face hub does" in line_of(files, cache, alter=lambda _: listing)


@pytest.mark.parametrize(
    "name",
    [
        "/etc/LICENSE",
        "../LICENSE",
        "..\\LICENSE",
        "C:LICENSE",
        "\\\\host\\LICENSE",
        "LICENSE\0",
        "LICENSE\n",
        "LICENSE.",
        "LICENSE ",
        "LICENSE.part",
        "LICENSE\x1b[2J",
        "LICENSE\ud800",
        "LICENSE" + "x" * 300,
        "NOTICE:s",
        "",
        7,
        None,
    ],
)
def test_a_file_that_cannot_have_its_name_is_not_taken(files: dict[str, bytes], cache: Path, name: object) -> None:
    def alter(listing: Listing) -> Listing:
        return {**listing, "siblings": [*listing["siblings"], {"rfilename": name, "size": 5, "blobId": "a" * 40}]}

    with serve(Strange, Hub(files, set(LARGE)), alter=alter) as hub:
        assert names(obtain(NAME, cache, hub.url)) == {*NEEDED, "download.json"}


@pytest.mark.parametrize("name", ["License", "LICENSE", "CONFIG.JSON", "Model.safetensors.index.json"])
def test_two_files_of_one_name_are_refused(files: dict[str, bytes], cache: Path, name: str) -> None:
    def alter(listing: Listing) -> Listing:
        return {**listing, "siblings": [*listing["siblings"], {"rfilename": name, "size": 5, "blobId": "a" * 40}]}

    assert "one file on many disks" in line_of(files, cache, alter=alter)


def test_files_without_number_are_refused(files: dict[str, bytes], cache: Path) -> None:
    many = [{"rfilename": f"LICENSE{n}", "size": 0, "blobId": "a" * 40} for n in range(2_600)]

    line = line_of(files, cache, alter=lambda listing: {**listing, "siblings": [*listing["siblings"], *many]})

    assert "files for one model" in line


@pytest.mark.parametrize(
    "file",
    [{"Size": -1}, {"Size": "1"}, {"Sha256": "zz"}, {"Sha256": 7}, {"Path": None}, 7, None],
)
def test_modelscope_is_believed_no_more(files: dict[str, bytes], cache: Path, file: object) -> None:
    class Lying(ModelScope):
        def send_json(self, value: Any, status: int = 200) -> None:
            if "Data" in value:
                honest = value["Data"]["Files"][1]
                value["Data"]["Files"][1] = {**honest, **file} if isinstance(file, dict) else file
            super().send_json(value, status)

    with serve(Lying, Hub(files)) as hub, pytest.raises((DownloadFailed, ModelUnavailable)) as refused:
        obtain(NAME, cache, hub.url, source="modelscope")
    assert str(refused.value).isprintable()


# -- how answers come -------------------------------------------------------------------------------------------------


def start(self: Answers, *headers: str, status: str = "200 OK") -> None:
    self.wfile.write("".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", *headers, "")).encode())


def trickle(self: Answers) -> None:
    start(self, "Content-Length: 300000")
    while True:
        self.wfile.write(b"x")
        time.sleep(0.02)


def one_byte(self: Answers) -> None:
    at = int((self.headers.get("Range") or "bytes=0-")[6:-1])
    start(self, "Content-Length: 300000", f"Content-Range: bytes {at}-299999/300000", status="206 Partial Content")
    self.wfile.write(self.hub.files[FIRST][at : at + 1])


def slow_headers(self: Answers) -> None:
    self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
    trickle_on(self, b"x")


def trickle_on(self: Answers, bytes_: bytes) -> None:
    while True:
        self.wfile.write(bytes_)
        time.sleep(0.02)


def endless_headers(self: Answers) -> None:
    self.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        self.wfile.write(b"X-More: and more\r\n" * 1000)


def endless_hints(self: Answers) -> None:
    while True:
        self.wfile.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 100)


def chunks_of_nothing(self: Answers) -> None:
    start(self, "Transfer-Encoding: chunked")
    trickle_on(self, b"0")


def endless_body(self: Answers) -> None:
    start(self, "Transfer-Encoding: chunked")
    while True:
        self.wfile.write(b"10000\r\n" + bytes(0x10000) + b"\r\n")


def more_than_announced(self: Answers) -> None:
    start(self, "Content-Length: 900000")
    self.wfile.write(bytes(900_000))


def another_range(self: Answers) -> None:
    start(self, "Content-Length: 5", "Content-Range: bytes 7-11/300000", status="206 Partial Content")
    self.wfile.write(b"12345")


def no_range(self: Answers) -> None:
    start(self, "Content-Length: 5", status="206 Partial Content")
    self.wfile.write(b"12345")


def not_satisfiable(self: Answers) -> None:
    start(self, "Content-Length: 0", "Content-Range: bytes */5", status="416 Range Not Satisfiable")


def compressed(self: Answers) -> None:
    bomb = gzip.compress(bytes(300_000))
    start(self, f"Content-Length: {len(bomb)}", "Content-Encoding: gzip")
    self.wfile.write(bomb)


def not_http(self: Answers) -> None:
    self.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")


def redirect(to: str) -> Callable[[Answers], None]:
    return lambda self: start(self, f"Location: {to}", "Content-Length: 0", status="302 Found")


def farther_each_time(self: Answers) -> None:
    start(self, f"Location: {self.path}x/{FIRST}", "Content-Length: 0", status="302 Found")


WAYS: dict[str, tuple[Callable[[Answers], None], str]] = {
    "a trickle": (trickle, "broke off"),
    "one byte a connection": (one_byte, "ended before|broke off"),
    "slow headers": (slow_headers, "broke off"),
    "endless headers": (endless_headers, "broke off"),
    "endless hints": (endless_hints, "too slow"),
    "chunks of nothing": (chunks_of_nothing, "broke off"),
    "an endless body": (endless_body, "bytes instead of 300000"),
    "more than announced": (more_than_announced, "bytes instead of 300000"),
    "another range": (another_range, "sent another range"),
    "no range": (no_range, "sent another range"),
    "416": (not_satisfiable, "answered 416"),
    "compressed": (compressed, "compressed"),
    "not http": (not_http, "broke off"),
    "itself": (redirect(f"/THUDM/chatglm3-6b/resolve/{COMMIT}/{FIRST}"), "redirects without end"),
    "farther each time": (farther_each_time, "redirects without end"),
    "a file": (redirect(f"file:///etc/{FIRST}"), "broke off"),
    "no host": (redirect("http://"), "."),
    "a long host": (redirect(f"http://{'a' * 80}.test/{FIRST}"), "cannot be reached"),
    "no port": (redirect(f"http://127.0.0.1:99999/{FIRST}"), "."),
    "no address": (redirect("http://[::1/"), "."),
}


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_that_is_none_ends_in_one_line_and_soon(files: dict[str, bytes], cache: Path, way: str) -> None:
    start_s = time.monotonic()

    line = line_of(files, cache, way=WAYS[way][0])

    assert re.search(WAYS[way][1], line)
    assert line.startswith(f"{FIRST}: ")
    assert time.monotonic() - start_s < 5


IN_MEMORY = ("a trickle", "slow headers", "endless headers", "endless hints", "chunks of nothing", "an endless body")


@pytest.mark.parametrize("way", [*IN_MEMORY, "compressed", "not http", "itself", "a file", "a long host", "no address"])
def test_a_listing_that_is_none_ends_in_one_line_and_soon(files: dict[str, bytes], cache: Path, way: str) -> None:
    start_s = time.monotonic()
    how = redirect("/api/models/THUDM/chatglm3-6b/revision/main") if way == "itself" else WAYS[way][0]

    line = line_of(files, cache, way=how, at="/api/models/", name="")

    assert "127.0.0.1" in line
    assert time.monotonic() - start_s < 3


def test_a_listing_nested_without_end_is_refused(files: dict[str, bytes], cache: Path) -> None:
    def nested(self: Answers) -> None:
        start(self, "Content-Length: 900000")
        self.wfile.write(b"[" * 900_000)

    assert "does not answer as a Hugging Face hub" in line_of(files, cache, way=nested, at="/api/models/", name="")


def test_a_body_that_comes_steadily_may_take_longer_than_any_stretch_of_it(
    files: dict[str, bytes], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def steady(self: Answers) -> None:
        start(self, "Content-Length: 300000")
        for at in range(0, 300_000, 40_000):
            self.wfile.write(files[FIRST][at : at + 40_000])
            time.sleep(0.06)

    monkeypatch.setattr("models.web.STRETCH_S", 0.3)
    with serve(Strange, Hub(files, set(LARGE)), way=steady) as hub:
        assert (obtain(NAME, cache, hub.url) / FIRST).read_bytes() == files[FIRST]
    assert hub.ranges_of(FIRST) == [None]


@pytest.mark.parametrize("left", [1, 250_000])
@pytest.mark.parametrize("way", ["another range", "no range", "416", "more than announced"])
def test_what_was_received_before_makes_a_strange_range_no_less_strange(
    files: dict[str, bytes], cache: Path, way: str, left: int
) -> None:
    part = cache / NAME / f".{COMMIT[:12]}.{COMMIT[:12]}.partial" / f"{FIRST}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(files[FIRST][:left])

    assert line_of(files, cache, way=WAYS[way][0]).startswith(f"{FIRST}: ")


# -- files of which the hub tells no size -----------------------------------------------------------------------------


@pytest.fixture
def silent(files: dict[str, bytes]) -> Iterator[Hub]:
    """A mirror that tells no size, in no list and no header."""

    class Silent(Strange):
        def send(self, body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
            if self.command == "HEAD":
                self.send_response(status)
                self.end_headers()
                self.close_connection = True
                return
            super().send(body, status, headers)

    with serve(Silent, Hub(files, set(LARGE), sizes=False)) as hub:
        yield hub


def test_without_a_size_the_answer_says_when_it_ends(silent: Hub, cache: Path) -> None:
    silent.cut[FIRST] = 100_000

    folder = obtain(NAME, cache, silent.url)

    assert (folder / FIRST).read_bytes() == silent.files[FIRST]
    assert silent.ranges_of(FIRST) == [None, "bytes=100000-"]


def test_without_a_size_what_is_longer_than_the_file_is_thrown_away(silent: Hub, cache: Path) -> None:
    part = cache / NAME / f".{COMMIT[:12]}.{COMMIT[:12]}.partial" / f"{FIRST}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(bytes(300_001))

    with pytest.raises(DownloadFailed, match="fewer bytes than were received: another file"):
        obtain(NAME, cache, silent.url)
    assert (obtain(NAME, cache, silent.url) / FIRST).read_bytes() == silent.files[FIRST]


def test_without_a_size_there_is_still_an_end(silent: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.obtain.WIDEST", 1e-5)

    with pytest.raises(DownloadFailed, match=f"{FIRST}: more than .* bytes, and no end"):
        obtain(NAME, cache, silent.url)


def test_an_answer_that_says_neither_its_size_nor_its_end_is_refused(files: dict[str, bytes], cache: Path) -> None:
    def until_it_is_cut(self: Answers) -> None:
        start(self)
        self.wfile.write(self.hub.files[FIRST][:1000])

    class Silent(Strange):
        def do_HEAD(self) -> None:
            start(self)
            self.close_connection = True

    with (
        serve(Silent, Hub(files, set(LARGE), sizes=False), way=until_it_is_cut) as hub,
        pytest.raises(DownloadFailed, match="does not say how long it is"),
    ):
        obtain(NAME, cache, hub.url)


# -- what the user names ----------------------------------------------------------------------------------------------

NO_REVISIONS = [
    "..",
    "../..",
    "a/../b",
    "/etc",
    "a//b",
    "-x",
    "--upload-pack=x",
    "a b",
    "a\nb",
    "a\0b",
    "a:b",
    "~",
    "\ud800",
]


@pytest.mark.parametrize("revision", [*NO_REVISIONS, ".", "./.", "refs/", "x" * 300, "a\\b", "{}", "*"])
@pytest.mark.parametrize("source", ["hf", "modelscope", "git"])
def test_a_revision_that_may_be_a_path_or_an_option_is_none(cache: Path, source: Any, revision: str) -> None:
    (cache / NAME).mkdir(parents=True)
    (cache / "config.json").write_text("{}")

    with pytest.raises(ModelUnavailable, match="is no revision") as refused:
        obtain(NAME, cache, "http://127.0.0.1:1", source=source, revision=revision)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("revision", ["..", "../chatglm3-6b", "main", "c0ffee", "", "/"])
def test_only_a_commit_is_looked_for_in_the_cache(hub: Hub, cache: Path, revision: str) -> None:
    folder = obtain(NAME, cache, hub.url)
    (cache / "config.json").write_text("{}")

    assert cached_folder(NAME, cache, COMMIT) == cached_folder(NAME, cache, COMMIT[:12]) == folder
    assert cached_folder(NAME, cache, revision) is None


@pytest.mark.parametrize("revision", ["refs/pr/3", "feature/long/name", "v1.0", "分支", "release-2024.01+cu12"])
def test_a_branch_may_have_slashes(hub: Hub, cache: Path, revision: str) -> None:
    hub.revisions = (revision,)

    folder = obtain(NAME, cache, hub.url, revision=revision)

    assert folder == cache / NAME / COMMIT[:12]
    assert json.loads((folder / "download.json").read_text())["asked"] == revision


@pytest.mark.parametrize("name", ["../../etc", "/etc", "a\nb", "chatglm3-6b/", "\x1b[2J", "x" * 10_000])
def test_a_name_that_is_none_is_said_in_one_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pull", name]) == 1

    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert err.strip().isprintable()
    assert len(err) < 2500


@pytest.mark.parametrize(
    "endpoint",
    [
        "huggingface.co",
        "ftp://huggingface.co",
        "http://",
        "https://[::1",
        "file:///etc",
        "javascript:1",
        "http://h:99999",
        "https://hub.test/?a=1",
        "http://user:hf_secret@hub.test",
        "https://a b/",
        "http://hub.test/\n",
    ],
)
@pytest.mark.parametrize("name", [NAME, "qwen2.5-coder-0.5b"])
def test_an_endpoint_that_is_none_is_said_in_one_line(name: str, endpoint: str, cache: Path) -> None:
    with pytest.raises((ModelUnavailable, DownloadFailed)) as refused:
        obtain(name, cache, endpoint, source="hf")

    assert str(refused.value).isprintable()
    assert "hf_secret" not in str(refused.value)
