"""Whether a Redis server can be trusted with jobs: its version, its memory policy, its persistence, its role.

Every process asks at its start and the doctor whenever it is told to. Knows INFO and CONFIG; not what is stored there.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import redis
from redis.exceptions import ResponseError

from shared.errors import RedisUnfit
from shared.findings import Finding
from shared.settings import Settings
from shared.store.connection import connect, redis_errors

log = logging.getLogger(__name__)

MIN_VERSION = (7, 0)  # scripts with flags (allow-oom)
NEARLY_FULL = 0.9


def require_fit(settings: Settings) -> None:
    """Raises `RedisUnfit` where accepted jobs would be lost or none could run, `StoreUnavailable` when Redis does not
    answer; what may hurt one day is logged."""
    with redis_errors(), connect(settings) as client:
        findings = look(client)
    for finding in findings:
        if finding.level == "warning":
            log.warning("%s", finding.words)
    if faults := [finding.words for finding in findings if finding.level == "fault"]:
        raise RedisUnfit("; ".join(faults))


def look(client: redis.Redis) -> tuple[Finding, ...]:
    """CONFIG is forbidden on many a managed Redis: then INFO must do, which does not tell how often AOF is synced."""
    try:
        config = client.config_get("appendfsync")
    except ResponseError:
        config = {}
    return tuple(findings_of({**client.info(), **config}))  # type: ignore[dict-item]


def findings_of(info: Mapping[str, Any]) -> Iterator[Finding]:
    """One finding a check, from what INFO and CONFIG told."""
    yield _version(info)
    yield _role(info)
    yield _policy(info)
    yield _memory(info)
    yield _persistence(info)


def _version(info: Mapping[str, Any]) -> Finding:
    text = str(info.get("redis_version", "0"))
    parts = tuple(int(part) for part in text.split(".")[:2] if part.isdigit())
    name = f"{info.get('server_name', 'redis')} {info.get('valkey_version', text)}"
    if parts < MIN_VERSION:
        needed = ".".join(map(str, MIN_VERSION))
        return Finding("redis version", "fault", f"{name} is too old", f"use Redis {needed} or newer, or Valkey")
    return Finding("redis version", "ok", name)


def _role(info: Mapping[str, Any]) -> Finding:
    if str(info.get("cluster_enabled", "0")) == "1":
        return Finding("redis role", "fault", "it is a cluster, but a job's keys belong together", "use one instance")
    if info.get("role", "master") != "master":
        return Finding("redis role", "fault", "it is a replica and refuses writes", "use REDIS__URL of its master")
    return Finding("redis role", "ok", "one instance that takes writes")


def _policy(info: Mapping[str, Any]) -> Finding:
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if policy != "noeviction":
        message = f"its maxmemory-policy is {policy}, which drops accepted jobs or their results when memory gets short"
        return Finding("redis policy", "fault", message, "set maxmemory-policy noeviction")
    return Finding("redis policy", "ok", "noeviction")


def _memory(info: Mapping[str, Any]) -> Finding:
    used, most = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    if not most:
        return Finding("redis memory", "ok", f"{used / 1e6:.0f} MB used, no maxmemory")
    message = f"{used / 1e6:.0f} of {most / 1e6:.0f} MB used"
    if used >= NEARLY_FULL * most:
        return Finding(
            "redis memory", "warning", message, "raise maxmemory or shorten result_ttl_s; full, POST answers 503"
        )
    return Finding("redis memory", "ok", message)


def _persistence(info: Mapping[str, Any]) -> Finding:
    if str(info.get("aof_enabled", "0")) != "1":
        message = "it keeps no append-only file: accepted jobs are lost when it crashes"
        return Finding("redis persistence", "warning", message, "set appendonly yes and appendfsync always")
    if info.get("aof_last_write_status", "ok") != "ok":
        return Finding(
            "redis persistence", "fault", "its append-only file cannot be written", "give it a disk with room"
        )
    synced = info.get("appendfsync")
    if synced == "no":
        message = "appendfsync is no: a power cut may lose half a minute of accepted jobs"
        return Finding("redis persistence", "warning", message, "set appendfsync always, or at least everysec")
    if synced == "everysec":
        return Finding("redis persistence", "ok", "append-only file, synced each second: a power cut may lose that one")
    return Finding("redis persistence", "ok", "append-only file" + (f", synced {synced}" if synced else ""))
