"""A text whose time was over before it could be closed. Knows texts; neither models nor attempts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from scriptqueue.further_fields import fields_named
from scriptqueue.schemas import JobRequest, Scene
from shared.board.scenes import values_of
from shared.board.timing import durations
from shared.errors import ExecutionTimeout
from worker.backend.backend import Completion
from worker.script.complete import cut_after_scenes


def closed_late(completion: Completion, request: JobRequest, published: Sequence[Scene]) -> Completion:
    """A text whose time was over before it could be closed, closed after its last whole scene, or after those that were
    published where it does not hold these yet. Raises `ExecutionTimeout` where they are too few for a board."""
    text, scenes = cut_after_scenes(completion.text)
    if scenes < len(published):  # it never came to be written: it waited for a row, or its prompt was read
        scenes = len(published)
        text = json.dumps({"scenes": values_of(published, fields_named(request.fields))}, ensure_ascii=False)
    least = len(durations(request) or ()) or request.min_scenes
    limit = f"{request.execution_timeout_s:g} s"
    if scenes < least:
        words = f"not finished within {limit}: {scenes} of at least {least} scenes"
        raise ExecutionTimeout(f"{words}; retry it with a longer execution_timeout_s")
    note = f"closed early: the {limit} that it may run were over, and what came after scene {scenes} was left out"
    return replace(completion, text=text, ended="complete", notes=(*completion.notes, note), hurried=True, early=True)
