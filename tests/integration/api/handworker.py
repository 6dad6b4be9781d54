"""A worker that is moved by hand, so that a test decides what happens when. It uses the store as a real one does."""

from __future__ import annotations

import json
from contextlib import closing

import redis

from scriptqueue.schemas import Metrics, ModelInfo, Progress, Scene, Storyboard
from shared.errors import OutputInvalid
from shared.rings import broker_lists
from shared.settings import Settings
from shared.store.executions import Claim, Executions, Report, Success
from shared.store.record import failure_of
from shared.workers import WorkerState

MODEL = ModelInfo(name="by-hand", seed=1)
CAMERAS = ("wide shot", "medium shot", "close up")


def storyboard(subject: str = "清晨的森林", scenes: int = 3) -> Storyboard:
    return Storyboard(
        title=subject,
        total_duration=5 * scenes,
        scenes=tuple(
            Scene(
                scene_number=number,
                description=f"{subject} {number}",
                duration=5,
                camera=CAMERAS[number % 3],
                action="雾散开",
                video_prompt=f"{subject} {number}, 4k",
            )
            for number in range(1, scenes + 1)
        ),
    )


class HandWorker:
    def __init__(self, settings: Settings) -> None:
        self._url = settings.redis.url.get_secret_value()
        self._executions = Executions(settings, "by-hand")

    def close(self) -> None:
        self._executions.close()

    def next_id(self, within_s: float = 30) -> str:
        """The job that the next doorbell names; fails when none is rung."""
        with closing(redis.Redis.from_url(self._url, decode_responses=True, socket_timeout=within_s + 5)) as client:
            popped = client.blpop(broker_lists(), timeout=within_s)
        assert popped is not None, "no doorbell was rung"
        return str(json.loads(popped[1])["headers"]["id"])

    def claim(self, job_id: str) -> Claim:
        claim = self._executions.claim(job_id)
        assert isinstance(claim, Claim), claim
        return claim

    def report(
        self, claim: Claim, *, tokens: int, scenes_done: int = 0, fraction: float = 0.5, subject: str = "清晨的森林"
    ) -> None:
        """A heartbeat; the scenes that are done are published with it."""
        progress = Progress(phase="writing", tokens=tokens, scenes_done=scenes_done, fraction=fraction)
        scenes = storyboard(subject, scenes_done).scenes if scenes_done else ()
        assert self._executions.renew([Report(claim, progress, scenes)]) == ["ok"]

    def succeed(self, claim: Claim, subject: str = "清晨的森林") -> None:
        metrics = Metrics(queue_s=0, run_s=1, prompt_tokens=10, output_tokens=50, tokens_per_s=50)
        assert self._executions.succeed(claim, Success(storyboard(subject), "model", (), MODEL, metrics)) == "succeeded"

    def fail(self, claim: Claim, detail: str = "no scenes in 40 characters") -> None:
        assert self._executions.fail(claim, failure_of(OutputInvalid(detail)), MODEL) == "failed"

    def confirm_cancel(self, claim: Claim) -> None:
        assert self._executions.confirm_cancel(claim) == "canceled"

    def crash(self) -> None:
        """As its supervisor tells it."""
        self._executions.release("crashes")

    def beat(self, state: str = "ready", slots: int = 2, serves: str = "", **more: str) -> None:
        now = WorkerState("by-hand", state, "stub", "none", "none", slots=slots, serves=serves, **more)  # type: ignore[arg-type]
        self._executions.beat(now, ttl_s=60)
