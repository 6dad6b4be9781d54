"""What a browser may be misused for by a page of somebody else: the names and the sites that this service answers to,
and what a browser may keep or guess of its answers.

A browser on the machine or in the network of a service without keys reaches it for every page that it shows. A page
whose own name was made to lead here (DNS rebinding) is stopped by its `Host`; one that posts across sites by `Origin`
and `Sec-Fetch-Site`; one that reads across sites by the browser itself, as long as no CORS header allows it. Whoever
is no browser may send what it likes: this is no authentication. Knows no route and no key.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http import problems
from shared.errors import HostRefused, OriginRefused, Refusal

ALLOWED_BY_CORS: dict[str, Any] = {  # of CORSMiddleware, for the origins of `API__CORS_ORIGINS`
    "allow_methods": ["GET", "HEAD", "POST", "DELETE"],
    "allow_headers": [
        *("Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "Last-Event-ID", "Prefer"),
        *("traceparent", "tracestate"),
    ],
    "expose_headers": [
        *("Location", "Retry-After", "ETag", "Preference-Applied", "Idempotency-Replayed"),
        *("WWW-Authenticate", "Allow", "Accept-Encoding", "Content-Disposition"),
    ],
}
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_SERVED_KEPT = 256
_PORTS = {"http": "80", "https": "443"}
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^\s\[\]:/?#@,]+)(:(?P<port>[0-9]{0,5}))?")


class BrowserGuard:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str] | None, origins: Sequence[str]) -> None:
        """`hosts`: names that are served besides addresses and `localhost`; None: every name is."""
        self._app = app
        self._hosts = None if hosts is None else frozenset({"localhost", *hosts})
        self._origins = frozenset(origins)
        self._served = set[str]()  # as they were sent: to read an address takes longer than the rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _guarded(message.get("headers", ()))
            await send(message)

        if refusal := self._refusal(scope):
            await problems.answer(refusal)(scope, receive, send_guarded)
        else:
            await self._app(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> Refusal | None:
        hosts, site, origin = [], "", ""
        for name, value in scope["headers"]:
            if name == b"host":
                hosts.append(value.decode("latin-1"))
            elif name == b"sec-fetch-site":
                site = value.decode("latin-1").lower()
            elif name == b"origin":
                origin = value.decode("latin-1").lower()
        if self._hosts is not None and not all(self._serves(host) for host in hosts):
            return HostRefused("This service is not known by that name; API__HOSTS names those that it is")
        if scope["method"] not in _SAFE and not self._may_change(site, origin, hosts):
            return OriginRefused(
                "A page of another site may change nothing here; API__CORS_ORIGINS names those that may"
            )
        return None

    def _serves(self, host: str) -> bool:
        """An address is no name: nobody can make it lead elsewhere. No browser sends an empty or no `Host`."""
        if host in self._served or not host.strip():
            return True
        name, _ = _name_and_port(host)
        serves = name in (self._hosts or ()) or _is_address(name)
        if serves and len(self._served) < _SERVED_KEPT:
            self._served.add(host)
        return serves

    def _may_change(self, site: str, origin: str, hosts: list[str]) -> bool:
        """By `Sec-Fetch-Site`, which no page can forge; by `Origin` where the browser sends none: to plain HTTP on
        other machines, or because it is old. Neither: no browser."""
        if site in {"same-origin", "none"} or origin in self._origins:
            return True
        return not site and (not origin or any(_is_at(origin, host) for host in hosts))


def _guarded(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """An answer is somebody's data unless it says itself how it may be kept; and it is what it says it is."""
    own = {name.lower() for name, _ in headers}
    more = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
    return [*headers, *((name, value) for name, value in more if name not in own)]


def _name_and_port(host: str) -> tuple[str, str]:
    """Of a `Host`, in lower case; two empty texts for what is none."""
    match = _HOST.fullmatch(host.strip().lower())
    return (match["name"].strip("[]").removesuffix("."), match["port"] or "") if match else ("", "")


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _is_at(origin: str, host: str) -> bool:
    """Whether a page of this origin was had from this host. Its scheme is not compared: a proxy may have ended TLS."""
    scheme, _, place = origin.partition("://")
    (name, port), (own_name, own_port) = _name_and_port(place), _name_and_port(host)
    default = _PORTS.get(scheme)
    return bool(default and name) and (name, port or default) == (own_name, own_port or default)
