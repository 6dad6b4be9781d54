"""One storyboard in the making by a model: its text, or those of its parts, one after the other.

Knows handles and token ids; neither prompts nor grammars. From outside the texts of all parts are one.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Literal

from models.load import LoadedModel
from scriptqueue.further_fields import fields_named
from scriptqueue.schemas import JobRequest, Progress, Scene
from shared.board.kept import kept_board
from shared.board.scenes import values_of
from shared.board.timing import durations
from shared.errors import NotFinite
from shared.store.executions import Resume
from worker.backend.backend import TEXT_END_CHARACTERS, Completion, Partial
from worker.engine.handle import Handle
from worker.engine.request import Finish, Output, TextState, Why
from worker.script.complete import LIST_OPENING, begun_cast, complete_scenes

_WHY_ANEW: dict[Why, str] = {"repeats": "as they repeated another", "loops": "as a text went round in a loop"}
_ENDED: dict[Finish, Literal["complete", "stopped", "timeout"]] = {
    "complete": "complete",
    "closed_early": "complete",
    "stopped": "stopped",
    "timeout": "timeout",
}


@dataclass(frozen=True)
class Writing:
    """A text on its way: it was made to begin with the `given` scenes, those before its `part` left out."""

    handle: Handle
    given: tuple[Scene, ...]
    part: range | None  # of the scenes; None: all
    fingerprint: str
    before: str = ""  # the text of the parts before, where nobody else has their scenes

    @property
    def earlier(self) -> tuple[Scene, ...]:
        return self.given[: self.part.start] if self.part else ()


class ModelGeneration:
    """`begin` starts the text that comes after the scenes that are given; where a cast is written, the text that has
    both stands beside them. `prove` shows that a fault was this job's, and raises `EngineBroken` where the model is to
    blame."""

    def __init__(
        self,
        request: JobRequest,
        loaded: LoadedModel,
        begin: Callable[[tuple[Scene, ...], str], Writing],
        first: Writing,
        prove: Callable[[], None],
    ) -> None:
        self._request, self._fields = request, fields_named(request.fields)
        self._loaded = loaded
        self._begin = begin
        self._prove = prove
        self._given = len(first.given)
        base = kept_board(request)
        self._most_scenes = base.until if base else len(durations(request) or ()) or request.max_scenes
        self._free = [place for place in base.kept if place < base.until] if base else []
        self._now = first
        self._head = _head(first.before)  # of the first part: its title, and a cast
        self._ended: list[Output] = []
        self._prompt_tokens = 0
        self._stopping = False
        self._lock = Lock()

    @property
    def handle(self) -> Handle:
        """Of the text that is being written, or was the last one."""
        return self._now.handle

    def progress(self) -> Progress:
        writing = self._now
        now = writing.handle.snapshot()
        scenes_done = len(writing.earlier) + now.scenes_done
        written = scenes_done - sum(place < scenes_done for place in self._free)
        by_tokens = 0.0 if writing.part else now.sampled_tokens / writing.handle.request.max_new_tokens
        fraction = min(0.99, round(max(written / (self._most_scenes - len(self._free)), by_tokens), 3))
        phase: Literal["writing", "prefill"] = "writing" if now.sampled_tokens else "prefill"
        tokens = _written(now) + sum(map(_written, self._ended))
        end = self._end(now.token_ids)
        return Progress(phase=phase, tokens=tokens, scenes_done=scenes_done, fraction=fraction, text=end)

    def _end(self, token_ids: tuple[int, ...]) -> str | None:
        """Of the text: a heartbeat has no time to read all of it. A token holds a character or more, or its first or
        last bytes, which say nothing."""
        text = str(self._loaded.tokenizer.decode(token_ids[-TEXT_END_CHARACTERS:], skip_special_tokens=True))
        return text.strip("\ufffd")[-TEXT_END_CHARACTERS:] or None

    def partial(self) -> Partial:
        writing = self._now
        now, seed = writing.handle.snapshot(), writing.handle.request.sampling.seed
        return Partial(
            len(writing.earlier) + now.scenes_done,
            lambda: self._text(writing, now.token_ids),
            Resume(seed, len(writing.given), writing.fingerprint, now.token_ids, writing.before, now.drafts),
        )

    def stop(self) -> None:
        with self._lock:
            self._stopping = True
            self._now.handle.stop()

    def wait(self) -> Completion:
        while True:
            output, text = self._part_written()
            if _ENDED[output.finish] != "complete" or not self._goes_on(output, text):
                return self._completion(output, text)

    def _part_written(self) -> tuple[Output, str]:
        try:
            output = self._now.handle.wait()
        except NotFinite:
            self._prove()
            raise
        self._prompt_tokens += len(self._now.handle.request.prompt_ids)
        return output, self._text(self._now, output.token_ids)

    def _goes_on(self, output: Output, text: str) -> bool:
        """Whether another part follows, which is begun then. A part that is not whole ends the text."""
        part = self._now.part
        writes_cast = self._request.writes_cast
        cast = begun_cast(text, self._request) if part and writes_cast else None
        scenes = complete_scenes(text, self._request, self._fields, cast) if part else ()
        if not part or part.stop >= self._most_scenes or len(scenes) < part.stop:
            return False
        following = self._begin(scenes[: part.stop], text if writes_cast else "")
        with self._lock:
            self._head = _head(text)
            self._ended.append(output)
            self._now = following
            if self._stopping:
                following.handle.stop()
        return True

    def _completion(self, output: Output, text: str) -> Completion:
        outputs = [*self._ended, output]
        notes = [f"the first {self._given} scenes stand from an earlier text"] if self._given else []
        for hurried in sorted({each.hurried for each in outputs if each.finish == "closed_early"}):
            budget = self._now.handle.request.max_new_tokens
            by_time = f"the {self._request.execution_timeout_s:g} s that it may run were nearly over"
            by_tokens = f"the budget of {budget} sampled tokens was nearly used up"
            notes.append(f"closed early: {by_time if hurried else by_tokens}")
        if loops := sum(each.loops_stopped for each in outputs):
            notes.append(f"{loops} texts that began to repeat themselves were ended")
        drafts = [draft for each in outputs for draft in each.drafts]
        for why, words in _WHY_ANEW.items():
            if tokens := [draft.sampled_tokens for draft in drafts if draft.why == why]:
                notes.append(f"scenes written anew, {words}: {len(tokens)}, for {sum(tokens)} sampled tokens more")
        return Completion(
            text=text,
            ended=_ENDED[output.finish],
            prompt_tokens=self._prompt_tokens,
            output_tokens=sum(map(_written, outputs)),
            notes=tuple(notes),
            hurried=any(each.hurried for each in outputs),
            early=any(each.finish == "closed_early" for each in outputs),
        )

    def _text(self, writing: Writing, token_ids: tuple[int, ...]) -> str:
        """Of the board so far, without its outline: the scenes of the parts before stand at the beginning of the
        list."""
        text = str(self._loaded.tokenizer.decode(token_ids, skip_special_tokens=True))
        if self._request.outline:
            text = text[text.find("{") :] if "{" in text else ""
        if not writing.earlier:
            return text
        opening = _head(text)
        head = self._head or opening or '{"scenes":['
        values = values_of(writing.earlier, self._fields)
        earlier = ",".join(json.dumps(scene, ensure_ascii=False) for scene in values)
        rest = text[len(opening) :] if opening else ""
        return f"{head}{earlier}{',' if rest.strip() else ''}{rest}"


def _head(text: str) -> str:
    """What comes before the first scene."""
    opening = LIST_OPENING.match(text)
    return opening[0] if opening else ""


def _written(text: TextState | Output) -> int:
    """Its tokens, and those of the scenes that were dropped."""
    return len(text.token_ids) + sum(draft.tokens for draft in text.drafts)
