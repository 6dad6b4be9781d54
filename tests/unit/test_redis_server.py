"""What a Redis server tells of itself, judged."""

from __future__ import annotations

from typing import Any

import pytest

from shared.store.redis_server import findings_of

GOOD: dict[str, Any] = {
    "redis_version": "7.2.4",
    "role": "master",
    "maxmemory_policy": "noeviction",
    "maxmemory": 0,
    "used_memory": 10**6,
    "aof_enabled": 1,
    "appendfsync": "always",
}


def test_a_server_as_the_readme_wants_it_passes_every_check() -> None:
    findings = list(findings_of(GOOD))

    assert {finding.level for finding in findings} == {"ok"}
    assert len({finding.check for finding in findings}) == 7


@pytest.mark.parametrize(
    ("changed", "check", "level", "words"),
    [
        ({"redis_version": "6.2.14"}, "version", "fault", "6.2.14 is too old: use Redis 7.0 or newer"),
        ({"redis_version": "10.0.0"}, "version", "ok", "10.0.0"),
        ({"role": "slave"}, "role", "fault", "replica"),
        ({"cluster_enabled": 1}, "role", "fault", "one instance"),
        ({"maxmemory_policy": "allkeys-lru"}, "policy", "fault", "set maxmemory-policy noeviction"),
        ({"maxmemory_policy": "volatile-ttl"}, "policy", "fault", "volatile-ttl"),
        ({"maxmemory": 10**9, "used_memory": 95 * 10**7}, "memory", "warning", "950 of 1000 MB used: raise maxmemory"),
        ({"maxmemory": 10**9}, "memory", "ok", "1 of 1000 MB used"),
        ({"aof_enabled": 0}, "persistence", "warning", "set appendonly yes"),
        ({"aof_last_write_status": "err"}, "persistence", "fault", "disk"),
        ({"appendfsync": "no"}, "persistence", "warning", "set appendfsync always"),
        ({"appendfsync": "everysec"}, "persistence", "ok", "synced each second"),
        ({"connected_slaves": 1, "min-replicas-to-write": "0"}, "replicas", "warning", "set REDIS__REPLICAS=1"),
        ({"connected_slaves": 1, "min-replicas-to-write": "1"}, "replicas", "ok", "lost with it"),
    ],
)
def test_what_would_lose_jobs_is_named_with_its_fix(
    changed: dict[str, Any], check: str, level: str, words: str
) -> None:
    (finding,) = [finding for finding in findings_of({**GOOD, **changed}) if finding.check == f"redis {check}"]

    assert finding.level == level
    assert words in finding.words


@pytest.mark.parametrize(
    ("there", "needed", "level", "words"),
    [
        (1, "1", "warning", "1 of 2 replicas follow: POST answers 503"),
        (2, "0", "warning", "set min-replicas-to-write 1"),
        (2, "1", "ok", "accepted when 2 of 2 have it"),
        (2, None, "ok", "accepted when 2 of 2 have it"),  # CONFIG is forbidden
    ],
)
def test_what_is_waited_for_must_be_there(there: int, needed: str | None, level: str, words: str) -> None:
    answers = {**GOOD, "connected_slaves": there} | ({"min-replicas-to-write": needed} if needed else {})
    (finding,) = [finding for finding in findings_of(answers, 2) if finding.check == "redis replicas"]

    assert (finding.level, words in finding.words) == (level, True)


def test_a_managed_server_that_forbids_config_is_judged_by_what_it_tells() -> None:
    answers = {name: value for name, value in GOOD.items() if name != "appendfsync"}

    assert {finding.level for finding in findings_of(answers)} == {"ok"}
