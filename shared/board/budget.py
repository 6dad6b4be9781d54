"""How many tokens a board takes to be written: as models usually write it, and as many as it may.

Knows what is asked for; not who writes, nor how fast.
"""

from __future__ import annotations

from scriptqueue.further_fields import fields_named
from scriptqueue.scene_fields import SCENE_FIELDS
from scriptqueue.schemas import MAX_NEW_TOKENS, MAX_SCENES, JobRequest, min_tokens_a_scene
from shared.board.break_down import given_fields

TOKENS_A_TEXT, TOKENS_A_TERM = 15, 3
TOKENS_A_LINE = 20  # of an outline
TOKENS_A_SCENE = 45  # as the models write them; the title and the prompt cost about as much as one
SCENES_OF_A_BUDGET = 20  # of plain ones, that the service's default is meant for


def tokens_a_scene(request: JobRequest) -> int:
    """As a model writes them: some for each further field that it writes itself."""
    further = fields_named(request.fields)[len(SCENE_FIELDS) :]
    written = [field for field in further if field.name not in given_fields(request)]
    line = TOKENS_A_LINE if request.outline else 0
    return TOKENS_A_SCENE + line + sum(TOKENS_A_TERM if field.terms else TOKENS_A_TEXT for field in written)


def default_tokens(request: JobRequest, plain_tokens: int, max_scenes: int | None = None) -> int:
    """What may be sampled where the request does not say: `plain_tokens`, the service's default, and more for further
    fields and for more scenes than it is meant for (the most that the request may write, or these)."""
    share = tokens_a_scene(request) / TOKENS_A_SCENE
    share *= max(1, (max_scenes or request.scenes_written[1]) / SCENES_OF_A_BUDGET)
    return min(MAX_NEW_TOKENS, round(plain_tokens * share))


def most_scenes(request: JobRequest, plain_tokens: int | None) -> int:
    """How many scenes its budget suffices for, at least 1; `plain_tokens` where the budget is the service's."""
    each = min_tokens_a_scene(request.fields, outline=request.outline)
    if plain_tokens is None:
        return max(1, request.sampling.max_new_tokens // each)
    enough = (n for n in range(MAX_SCENES, 1, -1) if default_tokens(request, plain_tokens, n) >= n * each)
    return next(enough, 1)
