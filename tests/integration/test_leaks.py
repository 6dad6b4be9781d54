"""The check that every test on Redis ends with (tests/conftest.py): that it sees a leak, and nothing else."""

from __future__ import annotations

import redis

from tests.leaks import known, leaked


def test_a_key_for_ever_that_no_comment_names_is_a_leak(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        client.set("sq:forgotten:1", "x")
        client.set("sq:forgotten:2", "x", ex=60)
        client.set("sq:changed", "a channel, and no key")
        client.hset("sq:job:1", "status", "queued")
        client.set("sq:leader:ann:abc", "1")
        client.zadd("sq:webhook-due:example.com:443", {"1/1": 1})
        client.lpush("sq:jobs/1", "{}")

        seen = leaked(client)
        client.delete(*seen)

    assert seen == ["sq:changed", "sq:forgotten:1"]


def test_a_name_is_known_as_a_whole() -> None:
    assert known().fullmatch("sq:job:1")
    assert not known().fullmatch("sq:job")
    assert not known().fullmatch("sq:running:1")
    assert not known().fullmatch("a:sq:job:1")
