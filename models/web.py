"""HTTP as a download needs it: bounded in redirects, bytes and time, and silent about what is private.

Owns how slow an answer may be, how long a chain of redirects, and to whom a token goes: to the host that it was meant
for, over https or within this machine, and to nobody that this host redirects to. Knows no hub and writes no file.
"""

from __future__ import annotations

import base64
import functools
import ipaddress
import json
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import httpcore
import httpx

from shared.errors import DownloadFailed, ModelUnavailable

TIMEOUT = httpx.Timeout(30.0, connect=3.0)
REDIRECTS = 10
ANSWER_BYTES = 32 << 20  # of what is read into memory: the largest listings of models have some hundred kilobytes
ANSWER_S = 60.0
STRETCH_BYTES, STRETCH_S = 32 << 10, 30.0  # a body that is slower than this is as good as silent
WORDS_MAX = 200  # letters of what a server says
_LOOPBACK = ("all://localhost", "all://127.0.0.1", "all://[::1]")
_COMPRESSED = {"gzip", "x-gzip", "deflate", "compress", "br", "zstd"}

Headers = Mapping[str, str]


class Pace:
    """How long one answer may take: `limit_s` in all or, where bytes are counted, for each stretch of them."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._since = time.monotonic()
        self._stretch_bytes = 0

    def count(self, size_bytes: int) -> None:
        self._stretch_bytes += size_bytes
        if self._stretch_bytes >= STRETCH_BYTES:
            self._since, self._stretch_bytes = time.monotonic(), 0

    def left_s(self) -> float:
        """Raises `httpcore.ReadTimeout` when nothing is left."""
        left = self._since + self._limit_s - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout(f"too slow: not done within {self._limit_s:.0f} s")
        return left


_pace: ContextVar[Pace | None] = ContextVar("pace", default=None)  # of the answer that this thread waits for


class _PacedStream(httpcore.NetworkStream):
    """httpx's own limit is between two bytes: a server that sends one every 29 seconds is never silent."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        pace = _pace.get()
        left = [pace.left_s()] if pace is not None else []
        return self._stream.read(max_bytes, min([*left, *([] if timeout is None else [timeout])], default=None))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _PacedStream(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _PacedNetwork(httpcore.SyncBackend):
    def connect_tcp(self, *arguments: Any, **options: Any) -> httpcore.NetworkStream:
        return _PacedStream(super().connect_tcp(*arguments, **options))


@functools.cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def client() -> httpx.Client:
    """With the proxies of the environment, but for this machine. Raises `ModelUnavailable` if those cannot be used."""
    try:
        made = httpx.Client(verify=_tls(), timeout=TIMEOUT, mounts=dict.fromkeys(_LOOPBACK))
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        raise ModelUnavailable(f"the proxy of the environment cannot be used: {one_line(str(error))}") from error
    for transport in (made._transport, *made._mounts.values()):
        if isinstance(transport, httpx.HTTPTransport):
            transport._pool._network_backend = _PacedNetwork()
    return made


@contextmanager
def stream(  # noqa: PLR0913 - what makes a request
    client: httpx.Client,
    method: str,
    url: str,
    *,
    pace: Pace,
    headers: Headers | None = None,
    private: Headers | None = None,
    body: bytes | None = None,
    suffices: Callable[[httpx.Response], bool] = lambda response: False,
) -> Iterator[httpx.Response]:
    """The answer behind all redirects, or the first that `suffices`. Raises `httpx.HTTPError`.

    `private` headers go to the host of `url` alone, and not where others could read them on the way.
    """
    here = httpx.URL(url)
    if here.userinfo:
        private = {**basic(here.username, here.password), **(private or {})}
        here = here.copy_with(userinfo=b"")
    home = _origin(here)
    known = _pace.set(pace)
    try:
        for _ in range(REDIRECTS + 1):
            discreet = _origin(here) == home and keeps_secrets(here)
            sent = {"Accept-Encoding": "identity", **(headers or {}), **((private or {}) if discreet else {})}
            request = client.build_request(method, here, headers=sent, content=body)
            with closing(_send(client, request)) as response:
                if response.next_request is None or suffices(response):
                    yield response
                    return
                method, here = response.next_request.method, response.next_request.url.copy_with(userinfo=b"")
                body = body if method == request.method else None
        raise httpx.TooManyRedirects(f"more than {REDIRECTS} redirects", request=request)
    finally:
        _pace.reset(known)


def _send(client: httpx.Client, request: httpx.Request) -> httpx.Response:
    try:
        return client.send(request, stream=True, auth=None, follow_redirects=False)
    except (ValueError, OverflowError) as error:  # a host or a port of a redirect that no resolver takes
        raise httpx.ConnectError(str(error), request=request) from error


@dataclass(frozen=True)
class Reply:
    """A whole answer in memory."""

    status: int
    headers: httpx.Headers
    body: bytes

    def json(self) -> Any:
        """Raises `ValueError` for whatever is no JSON."""
        try:
            return json.loads(self.body)
        except RecursionError as error:
            raise ValueError("nested too deep") from error


def question(  # noqa: PLR0913 - what makes a request
    url: str,
    *,
    method: str = "GET",
    headers: Headers | None = None,
    private: Headers | None = None,
    body: bytes | None = None,
    suffices: Callable[[httpx.Response], bool] = lambda response: False,
) -> Reply:
    """One request whose answer is short. Raises `httpx.HTTPError`, and `DownloadFailed` for an answer without end."""
    options: dict[str, Any] = {"headers": headers, "private": private, "body": body, "suffices": suffices}
    with client() as own, stream(own, method, url, pace=Pace(ANSWER_S), **options) as response:
        host = httpx.URL(url).host
        refuse_compressed(response, host)
        if method == "HEAD":
            return Reply(response.status_code, response.headers, b"")
        received = bytearray()
        for block in response.iter_raw():
            received += block
            if len(received) > ANSWER_BYTES:
                raise DownloadFailed(f"{host} answers with more than {ANSWER_BYTES >> 20} MiB, so it is not read")
        return Reply(response.status_code, response.headers, bytes(received))


def refuse_compressed(response: httpx.Response, sender: str) -> None:
    """Nothing compressed is asked for: a few bytes of it may stand for gigabytes, and no range of it is the file's."""
    if _COMPRESSED & set(re.findall(r"[\w-]+", response.headers.get("Content-Encoding", "").lower())):
        raise DownloadFailed(f"{sender} sends it compressed, which was not asked for")


def failure(error: httpx.HTTPError, host: str, hint: str = "") -> DownloadFailed:
    """httpx's errors as ours, in one line; `hint` says what else could be tried."""
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
        return DownloadFailed(f"{host} cannot be reached ({type(error).__name__}){hint}")
    if isinstance(error, httpx.TooManyRedirects):
        return DownloadFailed(f"{host} redirects without end{hint}")
    return DownloadFailed(f"{host} broke off ({one_line(str(error)) or type(error).__name__}){hint}")


def endpoint_url(text: str) -> str:
    """An address without the last slash. Raises `ModelUnavailable` for what is none, or shows a password to all."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise ModelUnavailable(f"{one_line(text)} is no address ({one_line(str(error))})") from error
    if url.scheme not in {"http", "https"} or not url.host or url.query or url.fragment:
        raise ModelUnavailable(f"{one_line(text)} is no address of a hub (https://...)")
    if url.userinfo and not keeps_secrets(url):
        raise ModelUnavailable(
            f"{without_password(text)} is not https: the password in this address could be read on the way"
        )
    return text.rstrip("/")


def keeps_secrets(url: httpx.URL) -> bool:
    """Whether nobody on the way can read what is sent: it is encrypted, or does not leave this machine."""
    if url.scheme == "https" or url.host == "localhost":
        return True
    try:
        return ipaddress.ip_address(url.host).is_loopback
    except ValueError:
        return False


def without_password(text: str) -> str:
    """A text without the passwords of its web addresses, for records and messages."""
    return re.sub(r"(?i)\b(https?://)[^/@\s]*@", r"\1", text)


def one_line(text: str, letters_max: int = WORDS_MAX) -> str:
    """What others wrote, fit to be shown: printable, on one line, not too long, without passwords."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text[: 4 * letters_max])
    line = without_password(" ".join(printable.split()))
    return line if len(line) <= letters_max else f"{line[:letters_max]}..."


def basic(user: str, password: str) -> dict[str, str]:
    """The header that logs in."""
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


def header_values(headers: Any) -> dict[str, str]:
    """Headers that a server names for another request; raises `ValueError` for what is none."""
    found = {}
    for name, value in (headers or {}).items():
        if not isinstance(value, str) or not re.fullmatch(r"[\w-]+", name, re.ASCII):
            raise ValueError("no header")
        if not value.isascii() or not value.isprintable() or name.lower() in {"host", "range", "accept-encoding"}:
            raise ValueError("no header that may be sent")
        found[name] = value
    return found


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
