"""From a request to a validated storyboard: write, parse, validate; once more; then the fallback. Knows no store."""

from __future__ import annotations

from dataclasses import dataclass

from scriptqueue.further_fields import fields_named
from scriptqueue.schemas import Source, Storyboard
from shared import traces
from shared.board.other_language import strays
from shared.board.repeats import repeats
from shared.board.targets.fit import misfits
from shared.errors import OutputInvalid
from worker.attempt import Attempt
from worker.backend.backend import Backend, Prefix
from worker.backend.candidates import MAX_TEXTS, start
from worker.backend.late import closed_late
from worker.script.output import fallback, parse, validate


class Stopped(Exception):
    """The attempt was asked to stop; `attempt.stop_reason` says why."""


@dataclass(frozen=True)
class StoryboardOutcome:
    storyboard: Storyboard
    source: Source
    repairs: tuple[str, ...]
    prompt_tokens: int
    output_tokens: int
    hurried: bool = False
    choice: str = ""  # why it is the one, of several candidates


def make_storyboard(attempt: Attempt, backend: Backend) -> StoryboardOutcome:
    """Raises `Stopped`, a `JobError`, or `EngineBroken`."""
    request = attempt.claim.request
    fields = fields_named(request.fields)
    assert request.sampling.seed is not None  # drawn at submit
    near = request.distinct and backend.source == "model"  # told, where the model was to write none
    prompt_tokens = output_tokens = 0
    resumed_index = resume.seed - request.sampling.seed if (resume := attempt.claim.resume) else 0
    for text_index in range(min(resumed_index, MAX_TEXTS - 1), MAX_TEXTS):
        if attempt.stop_reason:
            raise Stopped
        try:
            # Another seed for another text; for greedy sampling the second text would be the first again.
            seed = request.sampling.seed + text_index
            generation = start(
                backend,
                request,
                seed=seed,
                time_left_s=attempt.time_left_s,
                begun=Prefix(attempt.scenes, resume),
                on_scene=attempt.on_scene,
            )
            with traces.span("write", draft=text_index + 1) as note:
                completion = attempt.write(generation)
                note("output_tokens", completion.output_tokens)
            prompt_tokens, output_tokens = completion.prompt_tokens, output_tokens + completion.output_tokens
            if completion.ended == "stopped":
                raise Stopped
            if completion.ended == "timeout":
                completion = closed_late(completion, request, attempt.scenes)
            storyboard, repairs = validate(parse(completion.text, fields), request, attempt.scenes, fields, near=near)
        except OutputInvalid as error:
            failure = error
            continue
        # A scene that comes again, or that a video model is not made for, stays as it was written.
        is_mended = bool({*repairs} - {*repeats(storyboard, near=near), *misfits(storyboard)})
        source: Source = "repaired" if is_mended and backend.source == "model" else backend.source
        again = ("the first text held no storyboard; this is the second",) if text_index else ()
        notes = (*again, *completion.notes, *repairs, *strays(storyboard, request))
        return StoryboardOutcome(
            storyboard, source, notes, prompt_tokens, output_tokens, completion.hurried, completion.choice
        )
    if not request.allow_fallback:
        raise failure
    why = f"the prompt was split into sentences: {failure.detail}"
    board = fallback(request.prompt, request, attempt.scenes, fields)
    return StoryboardOutcome(
        board,
        "fallback",
        (why, *repeats(board, near=request.distinct), *misfits(board), *strays(board, request)),
        prompt_tokens,
        output_tokens,
    )
