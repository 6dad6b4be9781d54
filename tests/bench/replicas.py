"""What it costs that a replica has a job before it is accepted: POST with REDIS__REPLICAS=1 beside the same without, on
one primary and one replica of this machine."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from tests.bench import stage
from tests.bench.load import load
from tests.bench.report import Figure
from tests.bench.stage import BODY, SECONDS, in_turns
from tests.integration.failing_over import pair


def figures() -> dict[str, Figure]:
    """In turns, on one Redis."""
    with (
        tempfile.TemporaryDirectory() as folder,
        pair(Path(folder), "--appendfsync", "everysec") as (first, _),
        stage.api(first.url, SCRIPTQUEUE_REDIS__REPLICAS="1") as waits,
        stage.api(first.url) as plain,
    ):
        post = partial(load, method="POST", path="/jobs", seconds=SECONDS, body=BODY)
        per_s = in_turns(lambda url: post(url).per_s, waits.url, plain.url)
        p99_ms = in_turns(lambda url: post(url, per_s=per_s[0] / 2).percentile(0.99), waits.url, plain.url)
    meaning = "where one replica must have the job, beside the same without, 16 connections"
    return {
        "post_replicated": Figure(per_s[0], "requests/s", per_s[1], per_s[0] / per_s[1], meaning),
        "post_replicated_p99": Figure(p99_ms[0], "ms", p99_ms[1], p99_ms[0] / p99_ms[1], f"at half of that; {meaning}"),
    }
