"""Several texts of one request, written side by side; one of them is chosen when all have ended.

From outside they are one text, of which nothing is seen before its end: another attempt begins anew. The engine reads
their common prompt once, where its batching shares pages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from scriptqueue.further_fields import fields_named
from scriptqueue.schemas import JobRequest, Progress, Scene
from shared.board.choice import Candidate, choose_board
from shared.errors import ExecutionTimeout, JobError, OutputInvalid
from worker.backend.backend import Backend, Completion, Generation, Partial, Prefix
from worker.backend.late import closed_late
from worker.script.complete import cut_after_scenes
from worker.script.output import parse, validate

MAX_TEXTS = 2  # a text that cannot be mended is written once more; each draws by the seed after that of the one before


def start(  # noqa: PLR0913 - what a backend's takes
    backend: Backend,
    request: JobRequest,
    *,
    seed: int,
    time_left_s: float,
    begun: Prefix,
    on_scene: Callable[[], None],
) -> Generation:
    """What the request wants: one text, or its candidates, the first of which is what it would be alone. Raises what
    the backend's `start` does."""
    if request.candidates == 1:
        return backend.start(request, seed=seed, time_left_s=time_left_s, begun=begun, on_scene=on_scene)
    given, started = Prefix(begun.scenes), list[Generation]()
    try:
        for number in range(request.candidates):
            own = seed + MAX_TEXTS * number
            started.append(
                backend.start(request, seed=own, time_left_s=time_left_s, begun=given, on_scene=lambda: None)
            )
    except BaseException:
        for generation in started:
            generation.stop()
        raise
    return Candidates(request, begun.scenes, started)


class Candidates:
    """A generation made of others."""

    def __init__(self, request: JobRequest, published: Sequence[Scene], generations: Sequence[Generation]) -> None:
        self._request = request
        self._published = published
        self._generations = generations
        self._best: Generation | None = None  # of those that came to no board: which has the most scenes

    def progress(self) -> Progress:
        """The tokens of all, and as far as they are on the average."""
        each = [generation.progress() for generation in self._generations]
        return Progress(
            phase="writing" if any(one.phase == "writing" for one in each) else each[0].phase,
            tokens=sum(one.tokens for one in each),
            scenes_done=min(one.scenes_done for one in each),
            fraction=round(sum(one.fraction for one in each) / len(each), 3),
        )

    def partial(self) -> Partial:
        """Nothing, before it is chosen."""
        if self._best is None:
            return Partial(0, lambda: "", None)
        return replace(self._best.partial(), resume=None)

    def stop(self) -> None:
        for generation in self._generations:
            generation.stop()

    def wait(self) -> Completion:
        with ThreadPoolExecutor(len(self._generations)) as threads:
            ended = list(threads.map(_outcome, self._generations))
        texts = [one for one in ended if isinstance(one, Completion)]
        if not texts:
            raise next(one for one in ended if isinstance(one, JobError))
        chosen = next((one for one in texts if one.ended == "stopped"), None) or self._chosen(ended)
        return replace(
            chosen,
            prompt_tokens=max(one.prompt_tokens for one in texts),
            output_tokens=sum(one.output_tokens for one in texts),
        )

    def _chosen(self, ended: Sequence[Completion | JobError]) -> Completion:
        read = [self._read(one) if isinstance(one, Completion) else None for one in ended]
        boards = [one[1] if one else Candidate(None) for one in read]
        if choice := choose_board(boards, self._request):
            chosen = read[choice.place]
            assert chosen is not None
            return replace(chosen[0], choice=choice.words)
        pairs = [(one, own) for one, own in zip(ended, self._generations, strict=True) if isinstance(one, Completion)]
        longest, self._best = max(pairs, key=lambda pair: cut_after_scenes(pair[0].text)[1])
        return longest

    def _read(self, completion: Completion) -> tuple[Completion, Candidate]:
        """The text, closed where its time was over, and the board in it."""
        fields = fields_named(self._request.fields)
        try:
            if completion.ended == "timeout":
                completion = closed_late(completion, self._request, self._published)
            board, _ = validate(parse(completion.text, fields), self._request, self._published, fields)
        except (ExecutionTimeout, OutputInvalid):
            return completion, Candidate(None)
        return completion, Candidate(board, completion.early)


def _outcome(generation: Generation) -> Completion | JobError:
    """`EngineBroken` is not one candidate's own."""
    try:
        return generation.wait()
    except JobError as error:
        return error
