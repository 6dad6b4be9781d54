"""One trace from a caller's own span through POST, queue and worker, as a collector receives it."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.integration.worker import processes

CALLER_TRACE, CALLER_SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@contextmanager
def collector() -> Iterator[tuple[str, list[Any]]]:
    """Its URL, and the spans that it has received, each with its service."""
    spans: list[Any] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
            for of_process in ExportTraceServiceRequest.FromString(body).resource_spans:
                spans.extend(span for scope in of_process.scope_spans for span in scope.spans)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", spans
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_one_trace_leads_from_the_caller_to_the_text(redis_url: str, tmp_path: Path) -> None:
    with collector() as (endpoint, spans):
        port, environment = processes.free_port(), {"SCRIPTQUEUE_REDIS__URL": redis_url}
        environment["SCRIPTQUEUE_TRACES__ENDPOINT"] = endpoint
        api = processes.Process(["uvicorn", "api.app:app", "--port", str(port)], environment, tmp_path / "api.log")
        worker = processes.worker(redis_url, tmp_path / "w.log", model__name="stub", traces__endpoint=endpoint)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client:
                processes.until(lambda: answers(client), what="a worker is ready")
                headers = {"traceparent": f"00-{CALLER_TRACE}-{CALLER_SPAN}-01"}
                job = client.post("/jobs", json={"prompt": "一只会说秘密的猫"}, headers=headers).json()
                processes.done(client, job["id"])
            for process in (api, worker):
                process.terminate()
                process.wait()
            by_name = processes.until(lambda: len(spans) >= 4 and {span.name: span for span in spans})
        finally:
            api.close()
            worker.close()

    assert {span.trace_id.hex() for span in spans} == {CALLER_TRACE}
    post, wait, work, write = (by_name[name] for name in ("POST /jobs", "wait", "job", "write"))
    assert post.parent_span_id.hex() == CALLER_SPAN
    assert wait.parent_span_id == work.parent_span_id == post.span_id
    assert write.parent_span_id == work.span_id
    assert wait.start_time_unix_nano < work.start_time_unix_nano
    assert "秘密" not in str(spans)


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False
