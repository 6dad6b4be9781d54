"""What it costs that a replica has a job before it is accepted: POST with REDIS__REPLICAS=1, with 0, and of the bare
app, by turns on one primary that a replica of this machine follows.

`python -m tests.bench.service replicas`
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import httpx

from tests.bench import stage
from tests.bench.load import load
from tests.bench.report import Figure
from tests.bench.stage import BODY, SECONDS, SERVER, SHARED_MEMORY, in_turns
from tests.integration.failing_over import pair

BARE = "beside a bare FastAPI app, 16 connections, one process each; a replica follows Redis"


def figures() -> dict[str, Figure]:
    """Throughput, and the p99 at half of what the one that waits can take."""
    options = [part for name, value in SERVER.items() for part in (f"--{name}", value)]
    with (
        tempfile.TemporaryDirectory(dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else None) as folder,
        pair(Path(folder), *options) as (first, _),
        stage.api(first.url, SCRIPTQUEUE_REDIS__REPLICAS="1") as one,
        stage.api(first.url) as none,
        stage.api(first.url, "tests.bench.bare:app") as bare,
    ):
        _waits(one.url)
        urls = one.url, none.url, bare.url
        post = partial(load, method="POST", path="/jobs", seconds=SECONDS, body=BODY)
        per_s = in_turns(lambda url: post(url).per_s, *urls)
        p99_ms = in_turns(lambda url: post(url, per_s=per_s[0] / 2).percentile(0.99), *urls)
        _waits(one.url)
    half = "at half of what REDIS__REPLICAS=1 can take"
    return {
        "post_replicas_1_vs_bare": _figure(per_s[0], per_s[2], "requests/s", f"REDIS__REPLICAS=1; {BARE}"),
        "post_replicas_0_vs_bare": _figure(per_s[1], per_s[2], "requests/s", f"REDIS__REPLICAS=0; {BARE}"),
        "post_replicas_1_vs_0": _figure(per_s[0], per_s[1], "requests/s", "REDIS__REPLICAS=1 beside 0, the same run"),
        "post_p99_replicas_1_vs_bare": _figure(p99_ms[0], p99_ms[2], "ms", f"{half}; {BARE}"),
        "post_p99_replicas_0_vs_bare": _figure(p99_ms[1], p99_ms[2], "ms", f"REDIS__REPLICAS=0, {half}; {BARE}"),
        "post_p99_replicas_1_vs_0": _figure(p99_ms[0], p99_ms[1], "ms", f"{half}, beside 0, the same run"),
    }


def _waits(url: str) -> None:
    """Its answers rest on the replica, or the figures would say nothing."""
    job = httpx.post(f"{url}/jobs", json=BODY, timeout=10, trust_env=False).raise_for_status().json()
    assert job["durability"] == "replicated", job


def _figure(value: float, baseline: float, unit: str, meaning: str) -> Figure:
    return Figure(value, unit, baseline, value / baseline, meaning)
