"""`make bench ARGS=peers`: what it makes of its rounds; that it runs by name alone; what it sends to llama.cpp."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest

from models.catalogue import QWEN_CODER, QWEN_CODER_1_5B
from tests.bench import __main__ as bench
from tests.bench import peers


def speed(per_s: float, sampled: int = 10) -> peers.Speed:
    return peers.Speed(tokens=100, sampled=sampled, seconds=100 / per_s)


SPEEDS: peers.Speeds = {
    "ours": {1: [speed(30), speed(1), speed(20)], 8: [speed(60)]},
    peers.WITH_SCHEMA: {1: [speed(10), speed(11), speed(9)], 8: [speed(30)]},
    "before": {1: [speed(5)], 8: [speed(15)]},
    peers.WITHOUT: {1: [speed(100)], 8: [speed(100)]},
}


@pytest.mark.parametrize(
    ("name", "value", "baseline", "ratio"),
    [
        ("cpu_one_vs_llamacpp", 20, 10, 2),
        ("cpu_eight_vs_llamacpp", 60, 30, 2),
        ("cpu_one_vs_before", 20, 5, 4),
        ("cpu_eight_vs_before", 60, 15, 4),
        ("cpu_peak_0_5b", 600, 1200, 0.5),
        ("cpu_peak_1_5b", 3900, 2600, 1.5),
    ],
)
def test_the_summary_has_medians_of_all_tokens_of_the_texts(
    name: str, value: float, baseline: float, ratio: float
) -> None:
    figure = peers.judged(SPEEDS, {QWEN_CODER: 600.0, QWEN_CODER_1_5B: 3900.0})[name]

    assert (figure.value, figure.baseline, figure.ratio) == pytest.approx((value, baseline, ratio))


def test_a_model_whose_memory_was_not_measured_has_no_figure() -> None:
    assert not [name for name in peers.judged(SPEEDS, {}) if "peak" in name]


def test_it_is_run_by_name_alone() -> None:
    assert "peers" in bench.BY_NAME
    assert not set(bench.BY_NAME) & set(bench.PARTS)


@pytest.fixture
def sent() -> Iterator[tuple[list[dict[str, Any]], peers.Theirs]]:
    """The bodies that a server of llama.cpp's kind was posted, and who posts them; it writes two tokens too few."""
    bodies: list[dict[str, Any]] = []

    class Server(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            answer = json.dumps({"tokens_predicted": bodies[-1]["n_predict"] - 2}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    Thread(target=server.serve_forever, daemon=True).start()
    ended = subprocess.Popen([sys.executable, "-c", ""], text=True)
    with httpx.Client(base_url=f"http://127.0.0.1:{server.server_port}", trust_env=False) as client:
        yield bodies, peers.Theirs(ended, client)
    server.shutdown()
    server.server_close()
    ended.wait()


@pytest.mark.parametrize("schema", [True, False])
def test_theirs_gets_the_same_prompts_and_lengths_and_counts_what_it_wrote(
    sent: tuple[list[dict[str, Any]], peers.Theirs], schema: bool
) -> None:
    bodies, theirs = sent
    texts = [peers.Text([1, 2, n], {"type": "object", "title": str(n)}, tokens=50 + n) for n in range(8)]

    assert theirs.write(texts, schema=schema).tokens == sum(text.tokens - 2 for text in texts)

    bodies.sort(key=lambda body: body["seed"])
    assert [body["prompt"] for body in bodies] == [text.prompt_ids for text in texts]
    assert [body["n_predict"] for body in bodies] == [text.tokens for text in texts]
    assert [body.get("json_schema") for body in bodies] == [text.schema if schema else None for text in texts]
    assert [body.get("ignore_eos", False) for body in bodies] == [not schema] * 8
