"""The two columns: boards that the engine writes as a worker has it write, and what the same model writes without it.

Both read a text by the same parser and validate it by the same rules. Knows models and prompts; no figures.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch

from scriptqueue.schemas import Storyboard
from shared.board.repeats import repeats
from shared.board.targets.fit import misfits
from shared.board.timing import durations
from shared.errors import OutputInvalid
from shared.store.executions import Claim
from tests.quality.intervals import Tally
from tests.quality.measures_board import Measure, Tallies, tallies_of
from tests.quality.observer import Watch, forced_tallies
from tests.quality.prompts import Prompt
from worker.attempt import Attempt
from worker.backend.backend import Completion, Generation
from worker.backend.generation import ModelGeneration
from worker.backend.model import ModelBackend
from worker.backend.storyboard import make_storyboard
from worker.engine.transformers_batch import TransformersBatch
from worker.script.output import parse, validate
from worker.script.prompt import messages

SIDE_BY_SIDE = 8
PLAIN_TOKENS = 160  # for each scene that may come, with its JSON: twice what one takes

ENGINE_MEASURES = (
    Measure("in_time", "share", "more", "boards that did not have to be closed before their end"),
    Measure("loops", "share", "less", "boards in which a text was ended because it went round in a loop"),
    Measure("tokens", "mean", "", "sampled tokens of a scene"),
    Measure("anew", "share", "less", "sampled tokens of scenes that were dropped and written anew"),
    Measure("mask_nats", "mean", "less", "nats that the grammar took away from a sampled token"),
    Measure("repetition_nats", "mean", "less", "nats that the rule against repetition took away from one, besides"),
    Measure("forced_wanted", "share", "more", "tokens that the grammar forced and the model would have put there"),
    Measure("forced_nats", "mean", "less", "nats of a forced token: what the model had to be made to write"),
)


@dataclass(frozen=True)
class Written:
    """`text` is the last that the model wrote for the prompt; `board` is None where it held none that is valid."""

    prompt: Prompt
    seed: int
    text: str
    board: Storyboard | None
    tallies: Tallies


class _Watched(Attempt):
    """Keeps what was written on the way to the storyboard."""

    def __init__(self, claim: Claim) -> None:
        super().__init__(claim)
        self.generations: list[ModelGeneration] = []
        self.completions: list[Completion] = []

    def write(self, generation: Generation) -> Completion:
        assert isinstance(generation, ModelGeneration)
        self.generations.append(generation)
        self.completions.append(super().write(generation))
        return self.completions[-1]


def by_engine(backend: ModelBackend, jobs: Sequence[tuple[Prompt, int]], scored: set[str]) -> list[Written]:
    """Eight side by side. What was forced is scored for the prompts of these ids, after all else; the backend is closed
    then, and its model attends as any other does."""
    watch = Watch()
    batch = backend._engine._batch
    if isinstance(batch, TransformersBatch):
        batch.choice.observer = watch
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        pairs = list(pool.map(lambda job: _one(backend, watch, *job), jobs))
    backend.close()
    model = backend._loaded.model
    model.set_attn_implementation("sdpa")
    for written, attempt in pairs:
        generation = attempt.generations[-1].handle
        if written.prompt.id in scored and generation.text and (taken := watch.of(generation.text)):
            ids, places = generation.request.prompt_ids, taken.places
            written.tallies.update(forced_tallies(model, ids, generation.tokens, places))
    return [written for written, _ in pairs]


def _one(backend: ModelBackend, watch: Watch, prompt: Prompt, seed: int) -> tuple[Written, _Watched]:
    request = prompt.job(seed)
    attempt = _Watched(Claim(prompt.id, "quality", request, 1, 0.0))
    started = time.monotonic()
    try:
        outcome = make_storyboard(attempt, backend)
        board, is_mended = outcome.storyboard, outcome.source != "model" or len(attempt.completions) > 1
    except OutputInvalid:
        board, is_mended = None, True
    text = attempt.completions[-1].text
    tallies = tallies_of(prompt, request, _raw(text), board, is_mended=is_mended) | _of_text(attempt, watch)
    print(f"{prompt.id} {seed}: {time.monotonic() - started:.0f} s", flush=True)
    return Written(prompt, seed, text, board, tallies), attempt


def _of_text(attempt: _Watched, watch: Watch) -> Tallies:
    text = attempt.generations[-1].handle.text
    assert text is not None
    tallies = {
        "in_time": Tally(text.ending == "complete", 1),
        "loops": Tally(text.closing.loops_stopped > 0, 1),
        "tokens": Tally(text.sampled_tokens, text.scanner.scenes_done),
        "anew": Tally(sum(draft.sampled_tokens for draft in text.drafts), text.sampled_tokens),
    }
    if taken := watch.of(text):
        tallies["mask_nats"] = Tally(taken.by_mask, taken.samples)
        tallies["repetition_nats"] = Tally(taken.by_repetition, taken.samples)
    return tallies


def plainly(backend: ModelBackend, jobs: Sequence[tuple[Prompt, int]]) -> list[Written]:
    """One batch of transformers' own `generate`, with the same prompts and the same sampling, and nothing else. The
    backend has been closed."""
    requests = [prompt.job(seed) for prompt, seed in jobs]
    prompt_ids = [list(backend._loaded.chat(messages(request))) for request in requests]
    most_scenes = max(len(durations(request) or ()) or request.max_scenes for request in requests)
    texts = _generated(backend, prompt_ids, jobs[0][1], most_scenes * PLAIN_TOKENS)
    return [_read(prompt, seed, text) for (prompt, seed), text in zip(jobs, texts, strict=True)]


def _generated(backend: ModelBackend, prompt_ids: list[list[int]], seed: int, most_tokens: int) -> list[str]:
    loaded = backend._loaded
    widest, pad = max(map(len, prompt_ids)), loaded.eos_token_ids[0]
    ids = torch.tensor([[pad] * (widest - len(one)) + one for one in prompt_ids], device=loaded.model.device)
    mask = torch.tensor([[0] * (widest - len(one)) + [1] * len(one) for one in prompt_ids], device=loaded.model.device)
    sampling: dict[str, Any] = {"do_sample": True, "temperature": 0.7, "top_p": 0.9, "top_k": 0}
    torch.manual_seed(seed)
    with torch.no_grad():
        output = loaded.model.generate(
            input_ids=ids,
            attention_mask=mask,
            max_new_tokens=most_tokens,
            eos_token_id=list(loaded.eos_token_ids),
            pad_token_id=pad,
            repetition_penalty=1.0,
            **sampling,
        )
    return [str(loaded.tokenizer.decode(row[widest:], skip_special_tokens=True)) for row in output]


def _read(prompt: Prompt, seed: int, text: str) -> Written:
    request, raw = prompt.job(seed), _raw(text)
    board: Storyboard | None = None
    is_mended = True
    try:
        board, repairs = validate(dict(raw), request)
        is_mended = bool({*repairs} - {*repeats(board), *misfits(board)})
    except OutputInvalid:
        pass
    return Written(prompt, seed, text, board, tallies_of(prompt, request, raw, board, is_mended=is_mended))


def _raw(text: str) -> dict[str, Any]:
    """Empty where nothing was found."""
    try:
        return parse(text)
    except OutputInvalid:
        return {}
