"""Files over HTTP, resumed where they were cut and checked before they get their name.

Knows addresses, sizes and checksums; not hubs, not what the bytes mean. A file is written as `NAME.part` and renamed
when its size and checksum are right, so that a name always stands for a whole file. A host that cannot be reached costs
seconds; a connection that is cut goes on from the byte it had, in this run or in the next.
"""

from __future__ import annotations

import hashlib
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import httpx
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from models import web
from models.web import Pace
from shared.errors import DownloadFailed, ModelUnavailable

RETRIES_S = (0.2, 1.0, 3.0)  # pauses after an attempt that brought little; one that did more starts over with the first
LITTLE_BYTES = 64 << 10  # a server that cuts after fewer would be asked a million times
_AT_ONCE = 4
BLOCK_BYTES = 1 << 20
PART = ".part"
ENDLESS_BYTES = 64 << 30  # of one file, where neither its hub nor who uses it says less

console = Console(stderr=True)


@dataclass(frozen=True)
class Checksum:
    """`sha256` of the bytes, or `git`: the SHA-1 by which git names a file."""

    kind: str
    value: str

    def of(self, path: Path) -> str:
        """The same kind of checksum of a file."""
        start = hashlib.sha256() if self.kind == "sha256" else hashlib.sha1(usedforsecurity=False)
        if self.kind == "git":
            start.update(b"blob %d\0" % path.stat().st_size)
        with path.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                start.update(block)
        return start.hexdigest()


@dataclass(frozen=True)
class Remote:
    """One file elsewhere. `size_bytes` and `checksum` are None where its hub does not tell.

    `headers` are private: models/web.py sends them to the host of `url` alone.
    """

    name: str
    url: str
    size_bytes: int | None = None
    checksum: Checksum | None = None
    limit_bytes: int = ENDLESS_BYTES
    headers: dict[str, str] = field(default_factory=dict)
    when_refused: str = "its licence must be accepted, or a token set"


def fetch_all(files: Iterable[Remote], folder: Path) -> None:
    """Bring `files` into `folder`, some at once. Raises in one line; what was received stays there to be resumed."""
    stop = threading.Event()
    pool = ThreadPoolExecutor(_AT_ONCE)
    with web.client() as client, progress_bar() as bar:
        try:
            tasks = [pool.submit(_fetch, client, file, folder, bar, stop) for file in files]
            for task in tasks:
                task.result()
        finally:
            stop.set()
            # At Ctrl-C a thread may be waiting for a server that is silent; nobody else waits for that thread.
            pool.shutdown(wait=not isinstance(sys.exc_info()[1], KeyboardInterrupt), cancel_futures=True)


def check_checksum(path: Path, checksum: Checksum) -> None:
    """Raises `DownloadFailed` when the bytes are not the expected ones."""
    found = checksum.of(path)
    if found != checksum.value:
        name = path.name.removesuffix(PART)
        kind = "git's checksum" if checksum.kind == "git" else checksum.kind
        raise DownloadFailed(f"{name}: {kind} {found[:12]}... is not the expected {checksum.value[:12]}...")


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Progress bars on a terminal, silence elsewhere, also where FORCE_COLOR has rich take a log for a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not sys.stderr.isatty()) as bar:
        yield bar


def _fetch(client: httpx.Client, file: Remote, folder: Path, bar: Progress, stop: threading.Event) -> None:
    target = folder / file.name
    if (file.size_bytes or 0) > file.limit_bytes:
        raise ModelUnavailable(f"{file.name} has {file.size_bytes} bytes: more than {file.limit_bytes} are not taken")
    if target.is_file() and file.size_bytes in {None, target.stat().st_size}:
        return
    part = folder / (file.name + PART)
    if file.size_bytes is not None and _size(part) > file.size_bytes:
        part.unlink()
    task = bar.add_task(file.name, total=file.size_bytes, completed=_size(part))

    def received(size_bytes: int) -> None:
        bar.update(task, completed=size_bytes)

    resumed = _size(part) > 0
    _receive_all(client, file, part, received, stop)
    try:
        _accept(file, part)
    except DownloadFailed:
        part.unlink()
        if not resumed:
            raise
        # What an earlier run left may be another file's beginning: once more, from the first byte.
        _receive_all(client, file, part, received, stop)
        _accept(file, part)
    part.rename(target)


def _receive_all(
    client: httpx.Client, file: Remote, part: Path, received: Callable[[int], None], stop: threading.Event
) -> None:
    """Go on after every cut until the server has nothing more to send."""
    failures, reached = 0, False
    while True:
        had = _size(part)
        try:
            _receive(client, file, part, received, stop)
        except httpx.HTTPError as error:
            failures = 0 if _size(part) - had >= LITTLE_BYTES else failures + 1
            reached = reached or not isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout))
            if failures > len(RETRIES_S) or not reached or not _may_pass(error):
                raise _in_words(file, error) from error
            if stop.wait(RETRIES_S[max(0, failures - 1)]):
                raise DownloadFailed(f"{file.name}: stopped") from error
        except OSError as error:
            raise ModelUnavailable(f"{file.name} cannot be written to {part.parent}: {error.strerror}") from error
        else:
            return


def _receive(
    client: httpx.Client, file: Remote, part: Path, received: Callable[[int], None], stop: threading.Event
) -> None:
    """One request, from the byte that comes next."""
    had = _size(part)
    if file.size_bytes is not None and had == file.size_bytes:
        part.touch()  # an empty file needs no request
        return
    if file.url.startswith("file:"):
        _copy(Path(unquote(httpx.URL(file.url).path)), part, received, stop)
        return
    headers = {"Range": f"bytes={had}-"} if had else {}
    pace = Pace(web.STRETCH_S)
    with web.stream(client, "GET", file.url, pace=pace, headers=headers, private=file.headers) as response:
        host = httpx.URL(file.url).host
        announced = response.headers.get("Content-Range", "")
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and had:
            if file.size_bytes is None and announced != f"bytes */{had}":
                part.unlink()
                raise DownloadFailed(f"{file.name}: {host} has fewer bytes than were received: another file")
            return  # there is no more; whether it is enough is the size's to say
        response.raise_for_status()
        web.refuse_compressed(response, f"{file.name}: {host}")
        goes_on = response.status_code == httpx.codes.PARTIAL_CONTENT
        if goes_on and not announced.startswith(f"bytes {had}-"):
            raise DownloadFailed(f"{file.name}: {host} sent another range than the one asked for")
        if file.size_bytes is None and not {"Content-Length", "Transfer-Encoding"} & _names(response):
            raise DownloadFailed(f"{file.name}: {host} does not say how long it is")
        most = file.limit_bytes if file.size_bytes is None else file.size_bytes
        with part.open("ab" if goes_on else "wb") as out:
            for block in response.iter_raw():
                out.write(block)
                pace.count(len(block))
                received(out.tell())
                if stop.is_set():
                    raise DownloadFailed(f"{file.name}: stopped")
                if out.tell() > most:
                    break  # refused by its size
    if file.size_bytes is not None and _size(part) < file.size_bytes:
        raise httpx.ReadError("the answer ended before the file did")


def _names(response: httpx.Response) -> set[str]:
    return {name.title() for name in response.headers}


def _copy(source: Path, part: Path, received: Callable[[int], None], stop: threading.Event) -> None:
    """A file of this machine, which only models/hub/git.py names: no server can redirect to one."""
    with source.open("rb") as file, part.open("ab") as out:
        file.seek(out.tell())
        while block := file.read(BLOCK_BYTES):
            out.write(block)
            received(out.tell())
            if stop.is_set():
                raise DownloadFailed(f"{source.name}: stopped")


def _accept(file: Remote, part: Path) -> None:
    if file.size_bytes is not None and _size(part) != file.size_bytes:
        raise DownloadFailed(f"{file.name}: {_size(part)} bytes instead of {file.size_bytes}")
    if _size(part) > file.limit_bytes:
        raise DownloadFailed(f"{file.name}: more than {file.limit_bytes} bytes, and no end")
    if file.checksum is not None:
        check_checksum(part, file.checksum)


def _may_pass(error: httpx.HTTPError) -> bool:
    """Whether the same request may succeed in a moment."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in {408, 429} or error.response.status_code >= 500
    return isinstance(error, (httpx.NetworkError, httpx.TimeoutException, httpx.RemoteProtocolError))


def _in_words(file: Remote, error: httpx.HTTPError) -> DownloadFailed | ModelUnavailable:
    host = httpx.URL(file.url).host
    if not isinstance(error, httpx.HTTPStatusError):
        return DownloadFailed(f"{file.name}: {web.failure(error, host)}")
    status = error.response.status_code
    if status in {401, 403}:
        return ModelUnavailable(f"{file.name}: {host} answered {status}: {file.when_refused}")
    return DownloadFailed(f"{file.name}: {host} answered {status}")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
