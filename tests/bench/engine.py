"""The engine alone: batching, forced tokens and the grammar, each with and without, on the embedded model."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from models.load import LoadedModel, load
from shared.schemas import JobRequest
from tests.bench.report import Figure
from worker.engine.batch import BatchEngine
from worker.engine.request import GenerationRequest, Sampling
from worker.script.grammar import storyboard_schema
from worker.script.prompt import messages

PROMPTS = (
    "一个程序员在咖啡店找到灵感的故事",
    "A lighthouse keeper finds a message in a bottle",
    "森林里的猫找到一本会说话的书",
    "A robot learns to paint in the rain",
    "一位老人和他的小狗在海边看日出",
    "The last train leaves the station at midnight",
    "小女孩在月球上种下一棵树",
    "A baker invents bread that sings",
)
MAX_NEW_TOKENS = 100
SCENES = 3
ROUNDS = 2


def figures() -> dict[str, Figure]:
    loaded = load("embedded", dtype="auto", device="cpu")
    return {
        "batch8_vs_one_by_one": batching(loaded),
        "forced_tokens_job_time": forcing(loaded),
        "grammar_step_cost": grammar(loaded),
    }


def batching(loaded: LoadedModel) -> Figure:
    """Tokens a second of eight jobs at once against the same eight one after another."""
    requests = [_request(loaded, prompt, seed) for seed, prompt in enumerate(PROMPTS)]
    with _engine(loaded) as engine:
        engine.submit(requests[0]).wait()
        together, one_by_one = [], []
        for _ in range(ROUNDS):
            start = time.monotonic()
            tokens = sum(len(generation.wait().token_ids) for generation in [engine.submit(r) for r in requests])
            together.append(tokens / (time.monotonic() - start))
            start = time.monotonic()
            tokens = sum(len(engine.submit(request).wait().token_ids) for request in requests)
            one_by_one.append(tokens / (time.monotonic() - start))
    value, baseline = statistics.median(together), statistics.median(one_by_one)
    return Figure(value, "tokens/s", baseline, value / baseline, "eight jobs at once against one after another")


def forcing(loaded: LoadedModel) -> Figure:
    """Seconds of one job with forced tokens against without, for the same greedy text."""
    times: dict[bool, list[float]] = {True: [], False: []}
    request = _request(loaded, PROMPTS[0], seed=0, temperature=0.0)
    for force in (True, False):
        with _engine(loaded, force=force) as engine:
            engine.submit(request).wait()
            for _ in range(ROUNDS):
                start = time.monotonic()
                tokens = len(engine.submit(request).wait().token_ids)
                times[force].append((time.monotonic() - start) / tokens)
    value, baseline = (statistics.median(times[force]) * 1000 for force in (True, False))
    return Figure(value, "ms/token", baseline, value / baseline, "one job with forced tokens against sampling them all")


def grammar(loaded: LoadedModel) -> Figure:
    """Milliseconds that masks and choosing add to a step of eight rows, against the step."""
    requests = [_request(loaded, prompt, seed) for seed, prompt in enumerate(PROMPTS)]
    with _engine(loaded) as engine:
        spent = 0.0
        masks = engine._manager.logit_processor.logits_processor[0]
        prepare = masks.prepare_tensor_args

        def timed(rows: Any) -> torch.Tensor:
            nonlocal spent
            start = time.perf_counter()
            out = prepare(rows)
            spent += time.perf_counter() - start
            return out

        masks.prepare_tensor_args = timed
        start, steps = time.perf_counter(), engine.steps
        for generation in [engine.submit(request) for request in requests]:
            generation.wait()
        whole, steps = time.perf_counter() - start, engine.steps - steps
    value, baseline = spent / steps * 1000, whole / steps * 1000
    return Figure(value, "ms/step", baseline, value / baseline, "filling the masks of a step against the whole step")


@contextmanager
def _engine(loaded: LoadedModel, *, force: bool = True) -> Iterator[BatchEngine]:
    engine = BatchEngine(
        loaded.model,
        loaded.tokenizer,
        eos_token_ids=loaded.eos_token_ids,
        context_tokens=loaded.context_tokens,
        max_batch=len(PROMPTS),
        force=force,
    )
    engine.start()
    yield engine
    engine.stop()


def _request(loaded: LoadedModel, prompt: str, seed: int, temperature: float = 0.7) -> GenerationRequest:
    request = JobRequest(prompt=prompt, max_scenes=SCENES)
    return GenerationRequest(
        prompt_ids=tuple(loaded.chat(messages(request))),
        schema=json.dumps(storyboard_schema(request)),
        sampling=Sampling(temperature, 0.9, seed),
        max_new_tokens=MAX_NEW_TOKENS,
        min_scenes=SCENES,
        time_left_s=600,
    )
