"""What there is of a board whose job ended without one: the scenes that were published, under a title of the prompt."""

from __future__ import annotations

from collections.abc import Sequence

from scriptqueue.further_fields import fields_named
from scriptqueue.schemas import JobRequest, Scene, Storyboard
from shared.board.scenes import assemble, values_of
from shared.board.validate import title_of


def unfinished(scenes: Sequence[Scene], request: JobRequest) -> Storyboard:
    """Of at least one scene. It may have fewer than the request wants, and last less long."""
    fields = fields_named(request.fields)
    return assemble(title_of(request.prompt), values_of(scenes, fields), request, fields, request.characters)
