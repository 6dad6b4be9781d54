"""What else one could run: the guide's Celery worker, one padded batch of `generate`, `transformers serve`.

Each yields tokens a second for texts (as strings, control tokens included) of so many tokens each.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.bench.work import TEMPERATURE, TOP_P
from tests.integration.worker.processes import ROOT, until

SIZES = ("--cb-num-blocks", "512", "--cb-max-batch-tokens", "1024")  # as ours: by itself it wants 9 GB of memory
Measure = Callable[[list[tuple[str, int]]], float]


@contextmanager
def guide(folder: Path, broker: str, dtype: str, scratch: Path) -> Iterator[Measure]:
    """One job after another through a Celery worker with the solo pool."""
    environment = {"GUIDE_FOLDER": str(folder), "GUIDE_BROKER": broker, "GUIDE_DTYPE": dtype}
    os.environ.update(environment)
    from tests.bench.guide import generate

    command = ["celery", "-A", "tests.bench.guide", "worker", "--pool", "solo", "-n", "guide@%h"]

    def measure(texts: list[tuple[str, int]]) -> float:
        start = time.monotonic()
        written = sum(generate.delay(text, tokens).get(timeout=300) for text, tokens in texts)
        assert written == sum(tokens for _, tokens in texts)
        return float(written / (time.monotonic() - start))

    with _process(command, scratch / "guide.log", environment):
        generate.delay("warm up", 2).get(timeout=120)
        yield measure


@contextmanager
def serve(folder: Path, dtype: str, scratch: Path) -> Iterator[Measure]:
    """All at once through `transformers serve` with continuous batching."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = ["transformers.cli.transformers", "serve", str(folder), "--continuous-batching", "--device", "cpu"]
    command += ["--dtype", dtype, "--attn-implementation", "sdpa", *SIZES]
    options = {"do_sample": True, "temperature": TEMPERATURE, "top_p": TOP_P, "eos_token_id": -1, "pad_token_id": 0}

    def one(client: httpx.Client, text: str, tokens: int) -> int:
        body = {"model": str(folder), "prompt": text, "max_tokens": tokens, "generation_config": json.dumps(options)}
        return int(client.post("/v1/completions", json=body).raise_for_status().json()["usage"]["completion_tokens"])

    with (
        _process(
            [*command, "--host", "127.0.0.1", "--port", str(port)], scratch / "serve.log", {"HF_HUB_OFFLINE": "1"}
        ),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=300, trust_env=False) as client,
    ):
        until(lambda: _answers(client), 120, "transformers serve answers")
        one(client, "warm up", 2)

        def measure(texts: list[tuple[str, int]]) -> float:
            start = time.monotonic()
            with ThreadPoolExecutor(len(texts)) as pool:
                written = sum(pool.map(lambda pair: one(client, *pair), texts))
            assert written == sum(tokens for _, tokens in texts)
            return float(written / (time.monotonic() - start))

        yield measure


def static_batch(folder: Path, dtype: str) -> Measure:
    """All in one padded batch, which ends with its longest text: tokens beyond a text's own count for nothing."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype)).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    options = {"do_sample": True, "temperature": TEMPERATURE, "top_p": TOP_P, "eos_token_id": -1}

    def measure(texts: list[tuple[str, int]]) -> float:
        start = time.monotonic()
        ids = tokenizer([text for text, _ in texts], return_tensors="pt", padding=True, add_special_tokens=False)
        with torch.no_grad():
            longest = max(tokens for _, tokens in texts)
            model.generate(**ids, max_new_tokens=longest, pad_token_id=tokenizer.pad_token_id, **options)
        return sum(tokens for _, tokens in texts) / (time.monotonic() - start)

    return measure


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/health").status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def _process(command: list[str], log: Path, environment: dict[str, str]) -> Iterator[None]:
    with log.open("wb") as output:
        process: Any = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield
    except Exception:
        sys.stderr.write(log.read_text()[-2000:])
        raise
    finally:
        process.kill()
        process.wait()
