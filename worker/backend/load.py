"""Which backend a worker gets: the model's, the stub, or one that writes nothing. Another engine would come in here."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from shared.errors import ModelUnavailable
from shared.settings import Settings
from worker.backend.absent import AbsentBackend
from worker.backend.backend import Backend
from worker.backend.stub import StubBackend

log = logging.getLogger(__name__)


def load_backend(settings: Settings) -> Backend:
    """The backend that the settings name; raises `ModelUnavailable`. Here torch is imported, and nowhere before."""
    if settings.model.name == "stub" and settings.model.path is None:
        return StubBackend(slots=settings.worker.max_batch)
    try:
        with uncollected():
            from worker.backend.model import ModelBackend
        return ModelBackend.load(settings)
    except (ModelUnavailable, ImportError) as error:
        if not settings.worker.fallback_without_model:
            raise ModelUnavailable(str(error)) from error
        log.error("no model, every job will be a fallback: %s", error)
        return AbsentBackend(settings.model.name, str(error), slots=settings.worker.max_batch)


@contextmanager
def uncollected() -> Iterator[None]:
    """Imports make hundreds of thousands of objects that stay. No collection looks at them, now or ever again: a fifth
    of the time until a model is loaded."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
