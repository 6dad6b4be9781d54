"""What serves when the model could not be loaded and `WORKER__FALLBACK_WITHOUT_MODEL` allows to go on without one.

It writes nothing, so every job takes the fallback of splitting its prompt, and says so.
"""

from __future__ import annotations

from collections.abc import Callable

from scriptqueue.schemas import JobRequest, ModelInfo, Source
from shared.errors import OutputInvalid
from worker.backend.backend import Generation, Liveness, MetricValue, Prefix


class AbsentBackend:
    source: Source = "fallback"
    device = "none"
    serves = ""
    gpu = ""
    batching = attention = ""
    broken: str | None = None
    tokens_per_s = 0.0

    def __init__(self, name: str, reason: str, slots: int) -> None:
        self.slots = slots
        self._name = name
        self._reason = reason

    def start(
        self, request: JobRequest, *, seed: int, time_left_s: float, begun: Prefix, on_scene: Callable[[], None]
    ) -> Generation:
        raise OutputInvalid(f"no model is loaded: {self._reason}")

    def model_info(self, seed: int | None) -> ModelInfo:
        return ModelInfo(name=self._name, seed=seed)

    def metric_values(self) -> tuple[MetricValue, ...]:
        return ()

    def liveness(self) -> Liveness:
        return Liveness(0, 0)

    def close(self) -> None:
        pass
