"""What clients do to a service of two API processes, and what a browser of records (the doctor) sees.

Each step takes three whole numbers, any, and picks by them. A call that fails tells its client nothing: it posts again
with its key, as clients do.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, cast

from scriptqueue.schemas import PRIORITIES, JobRequest, Sampling, Webhook
from shared.errors import BatchNotFound, JobGone, JobNotFinished, JobNotFound, NotRetryable, Refusal
from shared.rings import LEVEL, Ring, broker_lists
from shared.settings import Settings
from shared.store.connection import Store
from shared.store.entry import Once
from shared.store.event_log import EventLog
from shared.store.scripts import named
from shared.store.submissions import Submissions
from shared.store.sweep import Sweeps
from tests.simulate.promises import Promises
from tests.simulate.world import AsyncCalls, Ran, Violation, Word, World

T = TypeVar("T")
CLIENTS = ("ada", "bob")
MODELS = (None, "org/one", "two")  # that jobs name
NO_FAULT = "no call meets a fault of ours"
KEPT_IN_HAND = 12  # of a client's jobs, the latest: those that it asks about
HOOKS = (None, None, Webhook(url="https://one.example/hook", events=["status", "done"]),
         Webhook(url="https://two.example/hook", events=["scene", "done"]))  # fmt: skip


@dataclass(frozen=True)
class Post:
    """One POST, as often as it is sent."""

    client: str
    key: str
    requests: tuple[JobRequest, ...]
    batch: bool


def at_once(call: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns that never waits."""
    try:
        call.send(None)
    except StopIteration as ended:
        return cast(T, ended.value)
    except (IndexError, KeyError, TypeError, ValueError) as fault:
        raise Violation(f"{NO_FAULT}: {type(fault).__name__}: {fault}") from fault
    raise AssertionError("it waits for something")


class Clients:
    def __init__(self, world: World, settings: Settings) -> None:
        self.world, self._settings = world, settings

    def begin(self, promises: Promises) -> None:
        """New processes: what they remember is a history's own."""
        calls = cast(Store, AsyncCalls(self.world))
        self._apis = [Submissions(calls, self._settings) for _ in range(2)]
        for api in self._apis:
            api._sweeps = Sweeps(self._settings, lambda: self.world.passed_ms / 1000)
            api._reads = _one_by_one(api)  # no loop, in which many could come at once
        self._events = EventLog(calls, self._apis[0].replication)
        self.promises = promises
        self.posts: list[Post] = []
        self.jobs: list[tuple[str, str]] = []  # whose, and which: what clients were answered
        self.batches: list[tuple[str, str]] = []
        self.names_models = False

    # Steps.

    def submit(self, a: int, b: int, c: int) -> None:
        self._post(self._new_post(a, b, c, 1))

    def submit_batch(self, a: int, b: int, c: int) -> None:
        self._post(self._new_post(a, b, c, 2 + c % 3))

    def post_again(self, a: int, b: int, c: int) -> None:
        if self.posts:
            self._post(self.posts[-1 - a % min(len(self.posts), KEPT_IN_HAND)])

    def read(self, a: int, b: int, c: int) -> None:
        client, job_id = self.in_hand(a)
        if job_id:
            self.look_at(client, job_id)

    def follow(self, a: int, b: int, c: int) -> None:
        """An event stream goes on after an event that its client knows."""
        client, job_id = self.in_hand(a)
        if job_id not in self.promises.jobs:
            return
        known = [0, *sorted(self.promises.jobs[job_id].events)]
        self.events_after(client, job_id, known[-1 - b % min(3, len(known))])

    def cancel(self, a: int, b: int, c: int) -> None:
        client, job_id = self.in_hand(a)
        try:
            _, job = at_once(self._apis[b % 2].cancel(job_id, client))
        except (JobNotFound, JobGone) as error:
            self.promises.gone(job_id, known=isinstance(error, JobGone))
        else:
            self.promises.canceled(job_id, str(job.status))

    def cancel_batch(self, a: int, b: int, c: int) -> None:
        if not self.batches:
            return
        client, batch_id = self.batches[a % len(self.batches)]
        try:
            batch = at_once(self._apis[b % 2].batch(batch_id, client, cancel=True))
        except BatchNotFound:
            return
        for job_id, status in zip(batch.job_ids, batch.statuses, strict=True):
            if status != "gone":
                self.promises.status(job_id, status)

    def delete(self, a: int, b: int, c: int) -> None:
        client, job_id = self.in_hand(a)
        try:
            at_once(self._apis[b % 2].delete(job_id, client))
        except (JobNotFound, JobGone) as error:
            self.promises.gone(job_id, known=isinstance(error, JobGone))
        except JobNotFinished:
            if job_id in self.promises.jobs and self.promises.jobs[job_id].final:
                self.promises.status(job_id, "not finished")

    def retry(self, a: int, b: int, c: int) -> None:
        client, job_id = self.in_hand(a)
        try:
            again = at_once(self._apis[b % 2].retry(job_id, client))
        except (JobNotFound, JobGone) as error:
            self.promises.gone(job_id, known=isinstance(error, JobGone))
        except (NotRetryable, Refusal):
            return
        else:
            self._accepted(client, [str(again.job.id)])
            self.ring([again.ring] if again.ring else [])

    def figures(self, a: int, b: int, c: int) -> None:
        at_once(self._apis[a % 2].queue())

    def diagnose(self, a: int, b: int, c: int) -> None:
        """The doctor asks about all jobs."""
        self.promises.agree(self._faults())

    def diagnose_at_rest(self) -> None:
        self.promises.agree(self._faults(), at_rest=True)

    # What others use.

    def in_hand(self, a: int) -> tuple[str, str]:
        return self.jobs[-1 - a % min(len(self.jobs), KEPT_IN_HAND)] if self.jobs else (CLIENTS[0], "")

    def ring(self, rings: list[Ring]) -> None:
        """Doorbells on their way to the broker."""
        for ring in rings:
            self.promises.rung(ring)
            self.world.words.append(Word(broker_lists("", ring.model)[LEVEL[ring.priority]], ring.job_id))

    def sweeps(self) -> list[Callable[[], None]]:
        """What each API process does every second."""
        return [partial(self._sweep, api) for api in self._apis]

    def _sweep(self, api: Submissions) -> None:
        self.ring(at_once(api.sweep()))

    def look_at(self, client: str, job_id: str) -> None:
        try:
            self.promises.read(at_once(self._apis[0].read(job_id, client)).job)
        except (JobNotFound, JobGone) as error:
            self.promises.gone(job_id, known=isinstance(error, JobGone))

    def events_after(self, client: str, job_id: str, number: int) -> None:
        try:
            news = at_once(self._events.after(job_id, client, number))
        except (JobNotFound, JobGone) as error:
            self.promises.gone(job_id, known=isinstance(error, JobGone))
            return
        self.promises.events(job_id, number, [(event.number, event.name, event.data) for event in news.events])

    def learn(self, ran: Ran) -> None:
        """What a script did, whoever heard of it."""
        job_id = ran.keywords.get("id", "")
        if ran.script == "cancel" and ran.answer[0] == "ok":
            self.promises.cancel_wanted(job_id)
        elif ran.script == "batch" and ran.keywords["cancel"]:
            for each in self.world.ask("LRANGE", f"sq:batch-jobs:{job_id}", 0, -1):
                self.promises.cancel_wanted(each)
        elif ran.script == "delete" and ran.answer[0] == "ok" and job_id in self.promises.jobs:
            self.promises.jobs[job_id].deleted = True
        elif ran.script == "claim" and ran.answer[0] == "ok":
            started = named("claim", ran.answer[1])
            self.promises.given(started["id"], ran.keywords["worker"], started["attempt"])
        elif ran.script == "claim":
            self.promises.refused_doorbell(ran.keywords["rung"], ran.answer[0], ran.keywords["model"])
        elif ran.script == "release":
            self.promises.crashed(ran.keywords["worker"])
        elif ran.script == "submit" and ran.answer[0] == "ok":
            for job in ran.keywords["jobs"]:
                request = JobRequest.model_validate_json(job["request"])
                self.promises.made(job["id"], ran.keywords["client"], request, "")
            if ran.keywords["key"]:
                self.promises.keyed(ran.keywords["key"], ran.keywords["batch"] or ran.keywords["jobs"][0]["id"])

    def _faults(self) -> list[str]:
        return list(self.world.call("reconcile", {"repair": False, "ids": sorted(self.promises.jobs)}))

    def _new_post(self, a: int, b: int, c: int, count: int) -> Post:
        number = len(self.posts)
        requests = tuple(self._request(a + each, b, c, f"{number} {each}") for each in range(count))
        post = Post(CLIENTS[a % 2], f"key {number}", requests, batch=count > 1)
        self.posts.append(post)
        return post

    def _request(self, a: int, b: int, c: int, own: str) -> JobRequest:
        shares = b % 3 == 0
        return JobRequest(
            prompt=f"shared {b // 3 % 2}" if shares else own,
            use_cache=shares,
            priority=PRIORITIES[a // 2 % 3],
            model=MODELS[b // 6 % 3] if self.names_models else None,
            queue_timeout_s=(20, 120, 3600)[c % 3],
            execution_timeout_s=(30, 600)[c // 3 % 2],
            result_ttl_s=(60, 3600, 86400)[c // 6 % 3],
            webhook=HOOKS[c // 18 % 4],
            sampling=Sampling(seed=1),
        )

    def _post(self, post: Post) -> None:
        once, api = Once(post.key, "fingerprint"), self._apis[len(post.key) % 2]
        try:
            if post.batch:
                batch = at_once(api.submit_batch(post.requests, post.client, once))
                answered, ids, rings = batch.batch_id, batch.job_ids, list(batch.ring)
            else:
                submitted = at_once(api.submit(post.requests[0], post.client, once))
                answered, ids = str(submitted.job.id), [str(submitted.job.id)]
                rings = [submitted.ring] if submitted.ring else []
        except (Refusal, JobGone, JobNotFound, BatchNotFound):
            return
        if post.batch and (post.client, answered) not in self.batches:
            self.batches.append((post.client, answered))
        self.promises.repeated(post.key, answered)
        self._accepted(post.client, ids)
        self.ring(rings)

    def _accepted(self, client: str, ids: list[str]) -> None:
        self.jobs += [(client, job_id) for job_id in ids if (client, job_id) not in self.jobs]


def _one_by_one(api: Submissions) -> Any:
    async def read(job_id: str) -> Any:
        return (await api._read_all([job_id]))[0]

    return read
