"""The service around the engine: POST and GET beside a bare FastAPI app, a queue of 100,000 jobs, a thousand clients
that wait, and one to four workers. Stub workers only: nothing here needs a model.

`python -m tests.bench.service [PART ...]`
"""

from __future__ import annotations

import sys
from functools import partial

import httpx

from tests.bench import deep, flower, many_workers, pollers, replicas, stage
from tests.bench.load import load
from tests.bench.report import Figure, write
from tests.bench.stage import BODY, SECONDS, in_turns


def beside_a_bare_app() -> dict[str, Figure]:
    """In turns, on one Redis: what the records, the validation and the ETA cost."""
    with stage.redis() as redis_url, stage.api(redis_url) as api, stage.api(redis_url, "tests.bench.bare:app") as app:
        ours, bare = api.url, app.url
        job = f"/jobs/{httpx.post(f'{ours}/jobs', json=BODY, trust_env=False).json()['id']}"
        post = in_turns(lambda url: load(url, "POST", "/jobs", seconds=SECONDS, body=BODY).per_s, ours, bare)
        get = in_turns(lambda url: load(url, "GET", job, seconds=SECONDS).per_s, ours, bare)
        half = partial(load, method="POST", path="/jobs", seconds=SECONDS, body=BODY, per_s=post[0] / 2)
        p99 = in_turns(lambda url: half(url).percentile(0.99), ours, bare)
    meaning = "beside a bare FastAPI app, 16 connections, one process each"
    return {
        "post_vs_bare": Figure(post[0], "requests/s", post[1], post[0] / post[1], meaning),
        "get_vs_bare": Figure(get[0], "requests/s", get[1], get[0] / get[1], meaning),
        "post_p99_at_half_load": Figure(
            p99[0], "ms", p99[1], p99[0] / p99[1], f"at half of what it can take; {meaning}"
        ),
    }


PARTS = {
    "bare": beside_a_bare_app,
    "deep": deep.figures,
    "pollers": pollers.figures,
    "workers": many_workers.figures,
    "flower": flower.figures,
    "replicas": replicas.figures,
}


def figures(*parts: str) -> dict[str, Figure]:
    return {name: figure for part in parts or PARTS for name, figure in PARTS[part]().items()}


if __name__ == "__main__":
    write(figures(*sys.argv[1:]), "python -m tests.bench.service")
