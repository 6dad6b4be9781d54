"""What is wrong with the queue and its surroundings, from Redis and the settings alone; and the reconcile pass.

Knows keys only to count them; what is wrong with a job is decided, and repaired, by lua/reconcile.lua.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import cast

import redis

from shared import keys
from shared.errors import StoreUnavailable
from shared.findings import Finding
from shared.rings import broker_lists
from shared.settings import Settings
from shared.store.connection import SyncStore, connect, redis_errors
from shared.store.record import queue_load_of, record_of
from shared.store.redis_server import look, remedy_of
from shared.store.redis_words import is_answer, stays
from shared.store.scripts import named
from shared.workers import WorkerState

CHUNK = 200  # ids that one script looks at, a few milliseconds of Redis
SHORT_LEASE_S = 2.0


def examine(settings: Settings, *, repair: bool = False) -> Iterator[Finding]:
    """Every finding, one after another; the first that Redis does not answer is the last."""
    yield from of_settings(settings)
    where = settings.redis.address.place
    try:
        with redis_errors(), connect(settings) as client:
            client.ping()
            yield Finding("redis", "ok", f"{where} answers")
            yield from look(client, settings.redis)
            yield from _queue(client, settings, repair=repair)
    except StoreUnavailable as error:
        yield _unreachable(where, error)


def _unreachable(where: str, error: StoreUnavailable) -> Finding:
    reason = str(error).removeprefix("Redis: ")
    if stays(error):
        return Finding("redis", "fault", f"{where} refuses: {reason}", remedy_of(error))
    if is_answer(error):
        return Finding("redis", "fault", f"{where} answers: {reason}", "see its log, and docs/operations.md")
    fix = "start it (its log says why, if it ends at once), or set REDIS__URL; `make up` prints that of its own"
    return Finding("redis", "fault", f"{where} does not answer ({reason})", fix)


def models_served(settings: Settings) -> set[str]:
    """By the workers that are ready; none where Redis does not answer, which `examine` tells."""
    try:
        with redis_errors(), connect(settings) as client:
            workers = queue_load_of(named("queue", SyncStore(client, settings.redis.prefix).call("queue"))).workers
    except StoreUnavailable:
        return set()
    return {worker.model for worker in workers if worker.serves_jobs and not worker.has_no_model}


def of_settings(settings: Settings) -> Iterator[Finding]:
    """Values that are valid one by one and work badly together."""
    lease_s, timeout_s = settings.worker.lease_s, settings.redis.timeout_s
    if lease_s < 2 * timeout_s:
        message = f"a lease of {lease_s:g} s may lapse while one command waits its {timeout_s:g} s for Redis"
        yield Finding("leases", "warning", message, "set WORKER__LEASE_S to at least twice REDIS__TIMEOUT_S")
    elif lease_s < SHORT_LEASE_S:
        yield Finding(
            "leases", "warning", f"a lease of {lease_s:g} s lapses on a busy host", "set WORKER__LEASE_S higher"
        )
    else:
        yield Finding("leases", "ok", f"{lease_s:g} s, Redis may take {timeout_s:g} s")


def _queue(client: redis.Redis, settings: Settings, *, repair: bool) -> Iterator[Finding]:
    prefix = settings.redis.prefix
    store = SyncStore(client, prefix)
    figures = queue_load_of(named("queue", store.call("queue")))
    waiting = sum(figures.depth.values())
    if figures.began_s:
        began = datetime.fromtimestamp(figures.began_s, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        yield Finding("store", "ok", f"began {began}: what was accepted before is not in it")
    yield from _workers(figures.workers, waiting)
    for model, count in figures.unserved.items():
        message = f"{count} jobs wait for a worker that serves {model}, and none does"
        yield Finding("workers", "warning", message, "start one with that MODEL__NAME, or cancel them")
    counts = f"{waiting} wait, {len(figures.running)} run"
    yield _jobs(client, store, counts, prefix, repair=repair)
    yield _webhooks(client.zcard(prefix + keys.WEBHOOKS), figures.senders, configured=bool(settings.webhooks.secrets))
    yield _doorbells(client, prefix, repair=repair)
    yield _kept(
        "quarantine",
        client.llen(prefix + keys.QUARANTINE),
        "undecodable messages were set aside",
        f"look at {prefix}{keys.QUARANTINE}",
    )
    yield _kept("dead list", client.zcard(prefix + keys.DEAD), "jobs ended their worker too often", "scriptqueue dead")


def _workers(workers: list[WorkerState], waiting: int) -> Iterator[Finding]:
    ready = [worker for worker in workers if worker.serves_jobs]
    states = ", ".join(f"{worker.worker} {worker.state}" for worker in workers)
    if ready:
        slots = sum(worker.slots for worker in ready)
        engines = "; ".join(sorted({worker.engine for worker in ready if worker.engine}))
        counts = f"{len(ready)} of {len(workers)} ready, {slots} rows"
        yield Finding("workers", "ok", counts + (f" ({engines})" if engines else ""))
    else:
        message = f"none is ready and {waiting} jobs wait" + (f" ({states})" if states else "")
        yield Finding(
            "workers", "fault" if not workers else "warning", message, "start `python -m worker`, or see its log"
        )
    kinds = {worker.serves or worker.model: worker.model for worker in ready if not worker.has_no_model}
    if len(kinds) > 1:
        models = sorted({*kinds.values()})
        what = f"different models: {', '.join(models)}" if len(models) > 1 else f"{models[0]} in {len(kinds)} ways"
        message = f"ready workers serve {what}; a job that names no model is written by whichever is free"
        fix = "give all the same MODEL__NAME and version, or name the `model` in each request"
        yield Finding("workers", "warning", message, fix)
    for worker in workers:
        if worker.state == "ready" and not worker.serves_jobs:
            message = f"{worker.worker} says that it is ready and has no rows: it runs no job"
            yield Finding("workers", "fault", message, "end it and start another")
        if worker.serves_jobs and worker.has_no_model:
            message = f"{worker.worker} has no model: all that it writes is split from the prompt"
            yield Finding("workers", "warning", message, "its log says why; unset WORKER__FALLBACK_WITHOUT_MODEL")
        if worker.state == "broken":
            yield Finding("workers", "warning", f"{worker.worker} is broken", "it leaves by itself; its log says why")
    for device, count in Counter(worker.gpu for worker in workers if worker.gpu).items():
        if count > 1:
            message = f"{count} workers share the GPU {device}, and its memory"
            yield Finding("workers", "warning", message, "give each its own MODEL__DEVICE=cuda:N")


def _webhooks(clients: int, senders: int, *, configured: bool) -> Finding:
    """Who sends what waits of so many clients; nobody has to where no webhook can be asked for."""
    waiting = f"clients of which something waits: {clients}"
    if senders:
        return Finding("webhooks", "ok", f"senders: {senders}, {waiting}")
    if configured or clients:
        return Finding("webhooks", "warning", f"no process sends them, {waiting}", "start `python -m worker.webhooks`")
    return Finding("webhooks", "ok", "WEBHOOKS__SECRET is not set: none can be asked for")


def _jobs(client: redis.Redis, store: SyncStore, counts: str, prefix: str, *, repair: bool) -> Finding:
    """Each record against the indexes, and each index against the records."""
    records = prefix + keys.RECORDS
    named = [f"{index}/{model}" for model in _named(client, prefix) for index in keys.JOB_INDEXES if "queued:" in index]
    indexes = [*keys.JOB_INDEXES, *named]
    ids = {job_id for index in indexes for job_id in cast(list[str], client.zrange(prefix + index, 0, -1))}
    recorded = (key.removeprefix(records) for key in client.scan_iter(f"{records}*", count=1000))
    wrong: dict[str, str] = {}
    for chunk in _chunks(ids.union(recorded)):
        wrong.update(record_of(store.call("reconcile", repair=repair, ids=chunk)))
    if not wrong:
        return Finding("jobs", "ok", counts)
    job_id, what = next(iter(wrong.items()))
    message = f"{len(wrong)} records and indexes disagree, one of them: {job_id} {what}"
    return _mended("jobs", message, repair=repair)


def _named(client: redis.Redis, prefix: str) -> set[str]:
    """Models that waiting jobs name, as keys have them."""
    return cast(set[str], client.smembers(prefix + keys.NAMED))


def _doorbells(client: redis.Redis, prefix: str, *, repair: bool) -> Finding:
    """Messages whose job is gone: harmless, but each costs a worker a look."""
    orphans, count = [], 0
    for name in (name for model in ("", *_named(client, prefix)) for name in broker_lists(prefix, model)):
        for message in cast(list[str], client.lrange(name, 0, -1)):
            count += 1
            job_id = _job_of(message)
            if job_id is None or not client.exists(f"{prefix}{keys.RECORDS}{job_id}"):
                orphans.append((name, message))
    if not orphans:
        return Finding("doorbells", "ok", f"{count} wait for a worker")
    if repair:
        for name, message in orphans:
            client.lrem(name, 1, message)
    return _mended("doorbells", f"{len(orphans)} of {count} messages name no job that there is", repair=repair)


def _job_of(message: str) -> str | None:
    try:
        (job_id,), _, _ = json.loads(base64.b64decode(json.loads(message)["body"]))
    except (ValueError, TypeError, KeyError):
        return None
    return str(job_id)


def _mended(check: str, message: str, *, repair: bool) -> Finding:
    if repair:
        return Finding(check, "warning", f"repaired: {message}")
    return Finding(check, "fault", message, "scriptqueue doctor --repair")


def _kept(check: str, count: int, message: str, fix: str) -> Finding:
    return Finding(check, "warning", f"{count} {message}", fix) if count else Finding(check, "ok", "empty")


def _chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    left = iter(ids)
    while chunk := list(islice(left, CHUNK)):
        yield chunk
