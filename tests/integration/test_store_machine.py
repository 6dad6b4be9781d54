"""The store against its oracle: what `make chaos` runs for longer, in a few cases."""

from __future__ import annotations

from tests.chaos.machine import run


def test_whatever_api_workers_and_time_do_the_store_keeps_its_word(redis_url: str) -> None:
    run(redis_url, cases=60, steps=40, seeded=True)
