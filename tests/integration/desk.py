"""Both sides of the job store for tests of it: the API's desk, workers' claims, and time that has passed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import redis

from scriptqueue.schemas import Job, JobRequest, Metrics, ModelInfo, Scene, Status, Storyboard
from shared.settings import Settings
from shared.store.connection import Store
from shared.store.executions import Claim, Executions, Success
from shared.store.submissions import Read, Submissions

T = TypeVar("T")
MODEL = ModelInfo(name="test", seed=1)


def storyboard(description: str = "清晨的森林") -> Storyboard:
    scene = Scene(
        scene_number=1,
        description=description,
        duration=5,
        camera="wide shot",
        action="雾散开",
        video_prompt=f"{description}, 4k",
    )
    return Storyboard(title="森林", total_duration=5, scenes=(scene,))


def success(description: str = "清晨的森林") -> Success:
    metrics = Metrics(queue_s=0, run_s=1, prompt_tokens=10, output_tokens=50, tokens_per_s=50)
    return Success(storyboard(description), "model", (), MODEL, metrics)


class Desk:
    """The API's side of the store, synchronous for a test."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def do(self, act: Callable[[Submissions], Coroutine[Any, Any, T]]) -> T:
        async def once() -> T:
            store = Store(self.settings)
            try:
                return await act(Submissions(store, self.settings))
            finally:
                await store.close()

        return asyncio.run(once())

    def submit(self, **fields: Any) -> str:
        request = JobRequest(**{"prompt": "森林", "use_cache": False, **fields})  # each with a generation of its own
        return str(self.do(lambda s: s.submit(request, "anonymous")).job.id)

    def read(self, job_id: str) -> Read:
        return self.do(lambda s: s.read(job_id))

    def job(self, job_id: str) -> Job:
        return self.read(job_id).job

    def cancel(self, job_id: str) -> tuple[Status, Status]:
        client = self.read(job_id).client
        before, job = self.do(lambda s: s.cancel(job_id, client))
        return before, job.status


def claimed(worker: Executions, job_id: str) -> Claim:
    claim = worker.claim(job_id)
    assert isinstance(claim, Claim)
    return claim


def sweep_as_if_alone(worker: Executions, redis_url: str) -> list[Any]:
    """A sweep that is not put off by one a moment ago, nor takes the pause for an outage of Redis."""
    with redis.Redis.from_url(redis_url) as client:
        client.delete("sq:sweep-lock", "sq:swept")
    return worker.sweep()


def lapse(job_id: str, redis_url: str) -> None:
    """The lease of a running job ends now."""
    with redis.Redis.from_url(redis_url) as client:
        assert client.zadd("sq:running", {job_id: 1}, xx=True, ch=True) == 1
