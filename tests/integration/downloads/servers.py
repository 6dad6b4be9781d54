"""Local servers that speak what the hubs speak, and misbehave where a test says so: cut, lie, refuse."""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "c0ffee" * 6 + "c0ff"


@dataclass
class Hub:
    """What a server has, how it misbehaves, and what it was asked."""

    files: dict[str, bytes]
    large: set[str] = field(default_factory=set)
    cut: dict[str, int] = field(default_factory=dict)  # of a file, the bytes sent before the connection is cut, once
    stall: dict[str, int] = field(default_factory=dict)  # of a file, the bytes sent before there is only silence, once
    silence: threading.Event = field(default_factory=threading.Event)  # set when it is reached
    lies: dict[str, bytes] = field(default_factory=dict)  # sent instead of the file
    status: dict[str, tuple[int, dict[str, str]]] = field(default_factory=dict)  # by path: refused
    ranges: bool = True
    sizes: bool = True
    token: str | None = None
    cdn: str | None = None  # large files are redirected there
    revisions: tuple[str, ...] = ("main", "master", COMMIT)
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)  # method, path, range
    tokens: set[str | None] = field(default_factory=set)
    url: str = ""

    def fetched(self) -> set[str]:
        """The names of the files that were sent, from whatever address."""
        return {name for name in self.files for method, path, _ in self.requests if method == "GET" and name in path}

    def ranges_of(self, name: str) -> list[str | None]:
        return [range_ for method, path, range_ in self.requests if method == "GET" and name in path]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def git_sha1(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Answers(BaseHTTPRequestHandler):
    """What all of them do: note the question, refuse, send a file or a part of it, cut."""

    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, format: str, *arguments: Any) -> None:
        """Not on the test's stderr."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def reply(self, path: str, query: dict[str, list[str]]) -> None:
        raise NotImplementedError

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        self.hub.requests.append((self.command, unquote(self.path), self.headers.get("Range")))
        self.hub.tokens.add(self.headers.get("Authorization"))
        for refused, (status, headers) in self.hub.status.items():
            if refused in self.path:
                return self.send(b"{}", status, headers)
        return self.reply(path, parse_qs(parts.query))

    def send(self, body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_json(self, value: Any, status: int = 200) -> None:
        self.send(json.dumps(value).encode(), status, {"Content-Type": "application/json"})

    def send_file(self, name: str, headers: dict[str, str] | None = None) -> None:
        content = self.hub.lies.get(name, self.hub.files[name])
        start, status, headers = 0, HTTPStatus.OK, dict(headers or {})
        if (byte_range := self.headers.get("Range")) and self.hub.ranges:
            start, status = int(byte_range.removeprefix("bytes=").removesuffix("-")), HTTPStatus.PARTIAL_CONTENT
            if start >= len(content):
                return self.send(b"", HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        stalls = self.command == "GET" and name in self.hub.stall
        cut = (self.hub.stall if stalls else self.hub.cut).pop(name, None) if self.command == "GET" else None
        if cut is None:
            return self.send(content[start:], status, headers)
        self.send_response(status)
        for key, value in {"Content-Length": str(len(content) - start), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(content[start : start + cut])
        self.wfile.flush()
        if stalls:
            self.hub.silence.set()
            self.connection.recv(1)  # until the other side hangs up
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True
        return None


class HuggingFace(Answers):
    """`/api/models/ID/revision/REV` and `/ID/resolve/REV/FILE`, and any path of a CDN."""

    def reply(self, path: str, query: dict[str, list[str]]) -> None:
        if self.hub.token and self.headers.get("Authorization") != f"Bearer {self.hub.token}":
            return self.send(b"{}", 401, {"X-Error-Code": "GatedRepo"})
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/revision/(.+)", path):
            if found[2] not in self.hub.revisions:
                return self.send(b"{}", 404, {"X-Error-Code": "RevisionNotFound"})
            return self.send_json({"id": found[1], "sha": COMMIT, "siblings": [*map(self._sibling, self.hub.files)]})
        if found := re.fullmatch(r"/[^/]+/[^/]+/resolve/([^/]+)/(.+)", path):
            return self._resolve(found[1], found[2])
        if (name := path.rpartition("/")[2]) in self.hub.files and path.startswith("/cdn/"):
            return self.send_file(name)
        return self.send(b"{}", 404, {"X-Error-Code": "RepoNotFound"})

    def _sibling(self, name: str) -> dict[str, Any]:
        content = self.hub.files[name]
        if not self.hub.sizes:
            return {"rfilename": name}
        sibling: dict[str, Any] = {"rfilename": name, "size": len(content), "blobId": git_sha1(content)}
        if name in self.hub.large:
            sibling |= {
                "blobId": "0" * 40,
                "lfs": {"sha256": sha256(content), "size": len(content), "pointerSize": 134},
            }
        return sibling

    def _resolve(self, revision: str, name: str) -> None:
        if revision != COMMIT or name not in self.hub.files:
            return self.send(b"{}", 404, {"X-Error-Code": "EntryNotFound"})
        content = self.hub.files[name]
        etag = sha256(content) if name in self.hub.large else git_sha1(content)
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT}
        if self.hub.cdn and name in self.hub.large:
            linked = {"X-Linked-Size": str(len(content)), "X-Linked-Etag": f'"{etag}"'}
            return self.send(b"", 302, {**headers, **linked, "Location": f"{self.hub.cdn}/cdn/{name}"})
        return self.send_file(name, headers)


class ModelScope(Answers):
    """`/api/v1/models/ID/repo/files` and `/api/v1/models/ID/repo?FilePath=`."""

    def reply(self, path: str, query: dict[str, list[str]]) -> None:
        if query.get("Revision", ["master"])[0] not in self.hub.revisions:
            return self.send_json({"Code": 10010205001, "Message": "not found", "Success": False}, 404)
        if re.fullmatch(r"/api/v1/models/[^/]+/[^/]+/repo/files", path):
            files = [
                {"Name": name, "Path": name, "Type": "blob", "Size": len(content), "Sha256": sha256(content)}
                for name, content in self.hub.files.items()
            ]
            folder = {"Name": "assets", "Path": "assets", "Type": "tree", "Size": 0}
            return self.send_json({"Code": 200, "Success": True, "Data": {"Files": [folder, *files]}})
        if re.fullmatch(r"/api/v1/models/[^/]+/[^/]+/repo", path) and query["FilePath"][0] in self.hub.files:
            return self.send_file(query["FilePath"][0])
        return self.send_json({"Code": 404, "Message": "not found", "Success": False}, 404)


class Git(Answers):
    """git's own program behind HTTP, and git-lfs's batch interface; both want the token if there is one."""

    root: Path

    def reply(self, path: str, query: dict[str, list[str]]) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if path.startswith("/lfs/"):
            return self.send_file(path.removeprefix("/lfs/"))
        if self.hub.token and not self.headers.get("Authorization"):
            return self.send(b"", 401, {"WWW-Authenticate": 'Basic realm="hub"'})
        if path.endswith("/info/lfs/objects/batch"):
            return self._batch(json.loads(body))
        return self._backend(path, body)

    def _batch(self, question: dict[str, Any]) -> None:
        by_sha256 = {sha256(content): name for name, content in self.hub.files.items()}
        objects = [
            {**item, "actions": {"download": {"href": f"{self.hub.url}/lfs/{by_sha256[item['oid']]}"}}}
            if item["oid"] in by_sha256
            else {**item, "error": {"code": 404, "message": "Object does not exist"}}
            for item in question["objects"]
        ]
        self.send_json({"transfer": "basic", "objects": objects})

    def _backend(self, path: str, body: bytes) -> None:
        environment = {
            **os.environ,
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": urlsplit(self.path).query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        done = subprocess.run(["git", "http-backend"], env=environment, input=body, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines() if ": " in line)
        status = int(headers.pop("Status", "200").split()[0])
        self.send(content, status, headers)


@contextmanager
def serve(kind: type[Answers], hub: Hub, **attributes: Any) -> Iterator[Hub]:
    """`hub` behind a real socket of this machine; its `url` says where."""
    handler = type(kind.__name__, (kind,), {"hub": hub, **attributes})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        hub.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield hub
        server.shutdown()
        thread.join()


def closed_port() -> str:
    """An address of this machine where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"
