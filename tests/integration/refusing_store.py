"""A store whose scripts are refused in the middle: each of their commands once, before they run undisturbed.

After each refusal all that Redis holds must be as before: every key, value and end of life.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

import redis
from redis.exceptions import ResponseError

from scriptqueue.schemas import DeliveryAttempt, JobRequest
from shared.settings import Settings
from shared.store.connection import Store
from shared.store.deliveries import DeliveryStore
from shared.store.entry import Once
from shared.store.executions import Claim, Executions
from shared.store.outbox import Letter, Outbox
from shared.store.scripts import ONLY_LOOK, Name, scripts
from shared.store.submissions import Submissions
from shared.workers import WorkerState

T = TypeVar("T")
REFUSAL = "ERR refused on purpose"
KEPT = "kept"
# Stands before a script, whose commands it counts.
REFUSING = """
local real, count, refused = redis, 0, redis.call('INCR', 'refused')
local redis = {acl_check_cmd = real.acl_check_cmd, pcall = real.pcall, call = function(...)
  count = count + 1
  if count == refused then error({err = 'ERR refused on purpose'}) end
  return real.call(...)
end}
"""
SNAPSHOT = """
local function sorted(flat, step)
  local parts = {}
  for i = 1, #flat, step do parts[#parts + 1] = flat[i] .. (step == 2 and '=' .. flat[i + 1] or '') end
  table.sort(parts)
  return parts
end
local all = {}
for _, key in ipairs(redis.call('KEYS', 'sq:*')) do
  local kind, ends = redis.call('TYPE', key).ok, redis.call('PEXPIRETIME', key)
  local content
  if kind == 'hash' then content = sorted(redis.call('HGETALL', key), 2)
  elseif kind == 'set' then content = sorted(redis.call('SMEMBERS', key), 1)
  elseif kind == 'zset' then content = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  elseif kind == 'list' then content = redis.call('LRANGE', key, 0, -1)
  elseif kind == 'stream' then content = {redis.call('XRANGE', key, '-', '+'), redis.call('XINFO', 'STREAM', key)[8]}
  else content = redis.call('GET', key) end
  all[#all + 1] = cjson.encode({key, kind, ends, content})
end
table.sort(all)
return all
"""
Sabotage = Callable[["RefusingStore", Name, list[Any]], None]


def each_command_once(store: RefusingStore, script: Name, values: list[Any]) -> None:
    """As many runs as the script calls commands, each refused at the next one; the last of them runs to its end."""
    before = store.snapshot()
    for number in range(1, 20_000):
        try:
            store.answer = store.refusing[script](args=[0, *values])
        except ResponseError as error:
            if REFUSAL not in str(error):
                raise
            store.same_as(before, f"{script}.lua, refused at its command {number}")
            store.refused[script] += 1
        else:
            store.records.delete("refused")
            return


def as_user(url: str, lose: Callable[[], object], regain: Callable[[], object]) -> Sabotage:
    """Each script is run by a user who lost a right just before, and if that is refused by one who has it again."""
    user = redis.Redis.from_url(url, decode_responses=True)
    return _spoiled(user, lose, regain)


def beside(records: redis.Redis, key: str, kind: str) -> Sabotage:
    """While each script runs, somebody's own data stands under this key, which is of that kind."""

    def spoil() -> None:
        if records.exists(key):
            records.rename(key, KEPT)
        if kind == "string":
            records.hset(key, "somebody's", "own")
        else:
            records.set(key, "somebody's own")

    def mend() -> None:
        records.delete(key)
        if records.exists(KEPT):
            records.rename(KEPT, key)

    return _spoiled(records, spoil, mend)


def _spoiled(user: redis.Redis, spoil: Callable[[], object], mend: Callable[[], object]) -> Sabotage:
    def sabotage(store: RefusingStore, script: Name, values: list[Any]) -> None:
        spoil()
        before = store.snapshot()
        try:
            store.answer = store.plain[script](args=[0, *values], client=user)
            mend()
        except ResponseError as error:
            if not re.search("no permissions|WRONGTYPE", str(error), re.IGNORECASE):
                raise
            store.same_as(before, f"{script}.lua: {error}")
            store.refused[script] += 1
            mend()
            store.answer = store.plain[script](args=[0, *values])

    return sabotage


class RefusingStore:
    """For both sides, in place of their stores. `sabotage` runs each script that changes jobs, and sets `answer`;
    `text_of`: a script as it stands there."""

    def __init__(
        self,
        records: redis.Redis,
        sabotage: Sabotage = each_command_once,
        text_of: Callable[[str], str] = lambda text: text,
    ) -> None:
        self.records = records
        self.refused: Counter[str] = Counter()
        self.answer: Any = None
        self.plain = {name: records.register_script(text_of(script.text)) for name, script in scripts().items()}
        self.refusing = {name: records.register_script(_refusing(script.text)) for name, script in scripts().items()}
        self.sabotage = sabotage
        self._snapshot = records.register_script(SNAPSHOT)

    def do(self, script: Name, values: list[Any]) -> None:
        self.answer = self.plain[script](args=[0, *values])

    def snapshot(self) -> list[str]:
        """Every key as JSON: its name, type, end (ms) and content."""
        return cast(list[str], self._snapshot())

    def same_as(self, before: list[str], what: str) -> None:
        """Fails unless all is as it was, but for keys whose end has come."""
        after = self.snapshot()
        if after == before:
            return
        seconds, microseconds = self.records.time()
        changed = [json.loads(key) for key in {*before} ^ {*after}]
        assert [key for key in changed if not 0 < key[2] <= seconds * 1000 + microseconds // 1000] == [], what

    def sync_call(self, script: Name, /, **keywords: Any) -> Any:
        values = scripts()[script].flat(keywords)
        if script in ONLY_LOOK:
            return self.plain[script](args=[0, *values])
        self.sabotage(self, script, values)
        return self.answer

    async def call(self, script: Name, /, **keywords: Any) -> Any:
        return self.sync_call(script, **keywords)


def _refusing(text: str) -> str:
    first, _, rest = text.partition("\n")
    return f"{first}\n{REFUSING}{rest}" if first.startswith("#!") else f"{REFUSING}{text}"


class Sides:
    """Clients, two workers and a sender of webhooks on one refusing store."""

    def __init__(self, settings: Settings, store: RefusingStore) -> None:
        self.store, self.records = store, store.records
        any_store = cast(Store, store)
        self.api = Submissions(any_store, settings)
        self.deliveries, self.outbox = DeliveryStore(any_store), Outbox(any_store, "sender")
        self.workers = [Executions(settings, name) for name in ("worker-a", "worker-b")]
        for worker in self.workers:
            worker._store.call = store.sync_call  # type: ignore[method-assign]
        self.worker = self.workers[0]

    def do(self, call: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(call)

    def submit(self, key: str = "", **fields: Any) -> str:
        request = JobRequest(**{"prompt": "森林", "use_cache": False, **fields})
        return str(self.do(self.api.submit(request, "ada", Once(key, "print") if key else Once())).job.id)

    def batch(self, count: int, **fields: Any) -> tuple[str, list[str]]:
        requests = [JobRequest(**{"prompt": "森林", "use_cache": False, **fields}) for _ in range(count)]
        batch = self.do(self.api.submit_batch(requests, "ada"))
        return batch.batch_id, batch.job_ids

    def claim(self, job_id: str, worker: int = 0) -> Claim:
        claim = self.workers[worker].claim(job_id)
        assert isinstance(claim, Claim), claim
        return claim

    def beat(self, worker: int = 0, ttl_s: float = 60) -> None:
        name = self.workers[worker].worker
        state = WorkerState(name, "ready", "m", "cpu", "fp32", slots=2, serves="m", node=f"celery@{name}")
        self.workers[worker].beat(state, ttl_s)

    def sweep(self) -> list[Any]:
        self.records.delete("sq:sweep-lock", "sq:swept")
        return self.worker.sweep()

    def settle(self, letter: Letter, again_in_s: float | None = None, *, status: int | None, unwanted: bool) -> None:
        attempt = DeliveryAttempt(at=datetime.now(UTC), took_s=1, status=status, error=None if status else "timeout")
        self.do(self.outbox.settle(letter, attempt, again_in_s, unwanted=unwanted, address="192.0.2.1"))

    def close(self) -> None:
        for worker in self.workers:
            worker.close()
