"""Whether a Redis server can be trusted with jobs: its version, its memory policy, its persistence, its role, what it
lets our user do, how many connections it has left.

Every process asks at its start, API and workers every few seconds, the doctor whenever it is told to. Knows INFO and
CONFIG; not what is stored there.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import redis
from redis.exceptions import ResponseError

from shared.errors import RedisUnfit, StoreUnavailable
from shared.findings import Finding
from shared.settings import RedisSettings, Settings
from shared.store import permissions
from shared.store.connection import connect, redis_errors
from shared.store.redis_words import of_tls, stays

log = logging.getLogger(__name__)

MIN_VERSION = (7, 0)  # scripts with flags (allow-oom)
NEARLY_FULL = 0.9
FITNESS_EVERY_S = 3.0
REPLICA = "it is a replica and refuses writes"
RIGHTS = "see docs/operations.md for what its user must be allowed"


def remedy_of(error: StoreUnavailable) -> str:
    """Of what Redis, or TLS before it, refuses for good."""
    return f"set REDIS__URL; {'its ssl_ options are in docs/settings.md' if of_tls(error) else RIGHTS}"


def require_fit(settings: Settings) -> None:
    """Raises `RedisUnfit` where accepted jobs would be lost, none could run or Redis refuses us for good, and
    `StoreUnavailable` when it does not answer or passes by itself; what may hurt one day is logged."""
    fitness = Fitness(settings)
    try:
        fault = fitness.look_at_start()
    finally:
        fitness.close()
    if fault:
        raise RedisUnfit(fault)


class Fitness:
    """What is wrong with a Redis, asked again and again over one connection that stays open; for one thread."""

    def __init__(self, settings: Settings) -> None:
        self._client = connect(settings)
        self._settings = settings.redis
        self._faults = ""
        self._warnings: dict[str, str] = {}  # by check: their figures change all the time

    def close(self) -> None:
        self._client.close()

    def look_at_start(self) -> str:
        """As `look`, and what is refused for good is wrong, too."""
        try:
            return self.look()
        except StoreUnavailable as error:
            if stays(error):
                raise RedisUnfit(f"{error}: {remedy_of(error)}") from None  # no cause that may pass
            raise

    def look(self) -> str:
        """In words; '': nothing. What is new is logged. Raises `StoreUnavailable`, also for a replica: who is asked the
        next time may be the primary."""
        with redis_errors():
            findings = look(self._client, self._settings)
        if replica := next((finding for finding in findings if finding.message == REPLICA), None):
            self._client.connection_pool.disconnect()
            raise StoreUnavailable(f"Redis: {replica.message}")
        warnings = {finding.check: finding.words for finding in findings if finding.level == "warning"}
        for check, words in warnings.items():
            if check not in self._warnings:
                log.warning("%s", words)
        faults = "; ".join(finding.words for finding in findings if finding.level == "fault")
        if faults != self._faults:
            log.error("Redis: %s", faults or "it is fit again")
        self._warnings, self._faults = warnings, faults
        return faults

    def keep_looking(self) -> None:
        """For ever, for the log alone: what a worker runs is safest done."""
        while True:
            time.sleep(FITNESS_EVERY_S)
            with suppress(StoreUnavailable):
                self.look()


def look(client: redis.Redis, settings: RedisSettings) -> tuple[Finding, ...]:
    """CONFIG is forbidden on many a managed Redis: then INFO must do, which does not tell how often AOF is synced."""
    try:
        config = client.config_get("appendfsync", "min-replicas-to-write")
    except ResponseError:
        config = {}
    findings = findings_of({**client.info(), **config}, settings.replicas)  # type: ignore[dict-item]
    database = int(client.connection_pool.connection_kwargs.get("db") or 0)
    return *findings, _rights(
        permissions.lacking(partial(client.eval, permissions.CHECK, 0), database, settings.prefix)
    )


def findings_of(info: Mapping[str, Any], replicas: int = 0) -> Iterator[Finding]:
    """One finding a check, from what INFO and CONFIG told. `replicas`: REDIS__REPLICAS."""
    yield _version(info)
    yield _role(info)
    yield _policy(info)
    yield _memory(info)
    yield _persistence(info)
    yield _connections(info)
    yield _replicas(info, replicas)


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
        return Finding(
            "redis role", "fault", REPLICA, "use REDIS__URL of its primary, or of Sentinels (redis+sentinel://)"
        )
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
            "redis persistence",
            "fault",
            "its append-only file cannot be written",
            "its disk is full, or fails: see its log",
        )
    if info.get("rdb_last_bgsave_status", "ok") != "ok":
        message = "its last snapshot failed: it may refuse to write (MISCONF)"
        return Finding("redis persistence", "warning", message, "give its folder room and rights, or set save ''")
    synced = info.get("appendfsync")
    if synced == "no":
        message = "appendfsync is no: a power cut may lose half a minute of accepted jobs"
        return Finding("redis persistence", "warning", message, "set appendfsync always, or at least everysec")
    if synced == "everysec":
        return Finding(
            "redis persistence", "ok", "append-only file, synced each second: a power cut loses what came since"
        )
    return Finding("redis persistence", "ok", "append-only file" + (f", synced {synced}" if synced else ""))


def _connections(info: Mapping[str, Any]) -> Finding:
    used, most = int(info.get("connected_clients", 0)), int(info.get("maxclients", 0))
    message = f"{used} of {most} connections are open" if most else f"{used} connections are open"
    if most and used >= NEARLY_FULL * most:
        fix = "raise its maxclients, or lower REDIS__MAX_CONNECTIONS (docs/sizing.md says who needs how many)"
        return Finding("redis connections", "warning", message, fix)
    return Finding("redis connections", "ok", message)


def _replicas(info: Mapping[str, Any], wanted: int) -> Finding:
    check = "redis replicas"
    there = int(info.get("connected_slaves", 0))
    needed = str(info.get("min-replicas-to-write", "1"))
    if there < wanted:
        message = f"{there} of {wanted} replicas follow: POST answers 503 until they do"
        return Finding(check, "warning", message, "start them, or set REDIS__REPLICAS lower")
    if wanted and needed == "0":
        message = f"a job is accepted when {wanted} have it; a primary that was cut off answers 503 only after a second"
        return Finding(check, "warning", message, "set min-replicas-to-write 1 and min-replicas-max-lag 2")
    if wanted:
        return Finding(check, "ok", f"a job is accepted when {wanted} of {there} have it, and its end told then")
    if there:
        message = f"{there} follow; what the primary accepted just before a failover is lost with it"
        return Finding(check, "ok" if needed != "0" else "warning", message, "set REDIS__REPLICAS=1")
    return Finding(check, "ok", "none: what is accepted is on this server alone")


def _rights(lacking: list[str]) -> Finding:
    if lacking:
        return Finding("redis rights", "fault", f"its user lacks {' '.join(lacking)}", RIGHTS)
    return Finding("redis rights", "ok", "every command, key and channel that is needed")
