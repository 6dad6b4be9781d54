"""Which backend a worker gets: the model's, the stub, or one that writes nothing. Another engine would come in here."""

from __future__ import annotations

import ctypes
import gc
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from shared.errors import ModelUnavailable
from shared.settings import ModelSettings, Settings
from worker.backend.absent import AbsentBackend
from worker.backend.backend import Backend
from worker.backend.rows import rows_of
from worker.backend.stub import StubBackend
from worker.exits import EXIT_UNUSABLE, exit_code_of

if TYPE_CHECKING:
    from worker.backend.model import ModelBackend

log = logging.getLogger(__name__)

_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1  # of mallopt(3)
_APART_BYTES = 1 << 20  # the smallest weights that count
_USUAL_BYTES = 32 << 20, 64 << 20  # where glibc's own rule ends

READ_ONCE = {  # by libraries, before they compute anything; what is set already stays
    "THP_MEM_ALLOC_ENABLE": "1",  # torch's: a CPU streams weights 5 % quicker out of huge pages
    "MKL_CBWR": "AUTO",  # MKL's: products that attention makes are the same bits wherever in memory their numbers lie
}


def load_backend(settings: Settings) -> Backend:
    """The backend that the settings name, which has proven that it writes. Here torch is imported, and nowhere before.

    Raises `ModelUnavailable`, where `WORKER__FALLBACK_WITHOUT_MODEL` does not allow to serve without a model. What may
    pass is no reason to: another start may have the model, and a fault of ours is none of the model's."""
    if settings.model.name == "stub" and settings.model.path is None:
        return StubBackend(slots=rows_of(settings.worker.max_batch))
    try:
        with uncollected(), large_blocks_apart():
            return _model_backend(settings.model).load(settings)
    except ModelUnavailable as error:
        if not settings.worker.fallback_without_model or exit_code_of(error) != EXIT_UNUSABLE:
            raise
        log.error("no model, every job will be a fallback: %s", error)
        return AbsentBackend(settings.model.name, str(error), slots=rows_of(settings.worker.max_batch))


def _model_backend(model: ModelSettings) -> type[ModelBackend]:
    for name, value in READ_ONCE.items():
        os.environ.setdefault(name, value)
    try:
        from worker.engine.tables import begin_tables

        begin_tables(_tables_file(model))  # beside what comes now
        from worker.backend.model import ModelBackend
    except (ImportError, OSError) as error:  # not installed, or a shared library of it is missing
        raise ModelUnavailable(f"what loads models is not there: {type(error).__name__}: {error}") from error
    return ModelBackend


def _tables_file(model: ModelSettings) -> Path:
    """One for each name, so that workers of several models do not take turns in writing it. Of two folders of one name
    the later start writes it, which costs them a second."""
    return model.cache_dir.expanduser() / ".tables" / f"{Path(model.path or model.name).name}.json"


@contextmanager
def uncollected() -> Iterator[None]:
    """Imports, a tokenizer and a model make a million objects that stay. No collection looks at them, now or ever
    again: a fifth of the time until a model is loaded."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def large_blocks_apart() -> Iterator[None]:
    """Each weight, and each large block that only loading needs, comes from the system by itself and goes back to it.
    What is freed between weights on glibc's heap would stay in memory: 10 MB or 140, as it happens."""
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt"):  # another C library, with rules of its own
        yield
        return
    libc.mallopt(_MMAP_THRESHOLD, _APART_BYTES)
    try:
        yield
    finally:  # a step's large tensors are taken and freed again and again
        for which, size in zip((_MMAP_THRESHOLD, _TRIM_THRESHOLD), _USUAL_BYTES, strict=True):
            libc.mallopt(which, size)
        libc.malloc_trim(0)
