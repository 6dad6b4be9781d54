"""The engine: what it makes of a machine against what else one could run, and each of its optimisations with and
without, on the embedded model.

`python -m tests.bench.engine [PART ...]`
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from models import load as models_load
from models.catalogue import QWEN_CODER
from models.cpu import Linear, cores
from models.load import LoadedModel, load
from tests.bench import baselines, stack
from tests.bench.report import Figure, write
from tests.bench.work import PROMPTS, generation, job
from worker.engine.batch import BatchEngine
from worker.script.prompt import messages

GUIDE_JOBS = 4  # one after another: more of them change no rate
ROUNDS = 2


def against(loaded: LoadedModel) -> dict[str, Figure]:
    """Eight jobs at once through the whole service, first and last; between them the others write as many tokens."""
    folder, dtype = models_load._find(QWEN_CODER.name, None, None), str(loaded.model.dtype).removeprefix("torch.")
    texts = [loaded.tokenizer.decode(loaded.chat(messages(job(prompt)))) for prompt in PROMPTS]
    with tempfile.TemporaryDirectory() as name, stack.redis(Path(name)) as url:
        scratch = Path(name)
        with stack.service(url, scratch, model__name="stub") as client:
            added_ms = stack.added_s(client) * 1000
        with stack.service(url, scratch, model__name=QWEN_CODER.name, worker__max_batch=stack.LONG_JOBS) as client:
            stack.at_once(client, PROMPTS[:1])
            ours, tokens = stack.at_once(client, PROMPTS)
            first_s, whole_s = stack.first_scene(client, PROMPTS)
            requests = list(zip(texts, tokens, strict=True))
            broker = url.removesuffix("/0").rstrip("/") + "/1"
            with baselines.guide(folder, broker, dtype, scratch) as measure:
                guide = measure(requests[:GUIDE_JOBS])
            with baselines.serve(folder, dtype, scratch) as measure:
                served = measure(requests)
            static = baselines.static_batch(folder, dtype)(requests)
            again, _ = stack.at_once(client, PROMPTS)
    value = statistics.median([ours, again])

    def faster(baseline: float, meaning: str) -> Figure:
        return Figure(value, "tokens/s", baseline, value / baseline, f"eight jobs at once against {meaning}")

    return {
        "batch8_vs_one_by_one": faster(guide, "the guide's Celery worker, one `generate` after another"),
        "batch8_vs_static_batch": faster(static, "one padded batch of `generate`"),
        "batch8_vs_transformers_serve": faster(served, "transformers serve, continuous batching"),
        "service_added_ms_p50": Figure(
            added_ms,
            "ms",
            stack.ENGINE_S * 1000,
            added_ms / stack.ENGINE_S / 1000,
            "POST to visible result less the stub engine's time, p50",
        ),
        "first_scene_share": Figure(
            first_s, "s", whole_s, first_s / whole_s, "first scene against the whole result, medians of ten jobs"
        ),
    }


def forcing(loaded: LoadedModel) -> Figure:
    """One job with forced tokens against without, for the same greedy request; in turns."""
    times: dict[bool, list[float]] = {True: [], False: []}
    request = generation(loaded, PROMPTS[0], seed=0, temperature=0.0)
    for _ in range(ROUNDS):
        for force, seconds in times.items():
            with _engine(loaded, force=force) as engine:
                start = time.monotonic()
                tokens = len(engine.submit(request).wait().token_ids)
                seconds.append((time.monotonic() - start) / tokens)
    value, baseline = (statistics.median(times[force]) * 1000 for force in (True, False))
    return Figure(value, "ms/token", baseline, value / baseline, "one job with forced tokens against sampling them all")


def grammar(loaded: LoadedModel) -> Figure:
    """From the grammar to the scores."""
    return _share(loaded, "mask", "masks")


def finite(loaded: LoadedModel) -> Figure:
    return _share(loaded, "finite", "looking for scores that are no numbers")


def _share(loaded: LoadedModel, part: str, meaning: str) -> Figure:
    """Milliseconds of a step of eight rows that a part of the choice takes, against the step."""
    requests = [generation(loaded, prompt, seed) for seed, prompt in enumerate(PROMPTS)]
    with _engine(loaded) as engine:
        choice = Part(engine, part)
        start, steps = time.perf_counter(), engine.steps
        for one in [engine.submit(request) for request in requests]:
            one.wait()
        whole, steps = time.perf_counter() - start, engine.steps - steps
    value, baseline = choice.seconds / steps * 1000, whole / steps * 1000
    return Figure(
        value, "ms/step", baseline, value / baseline, f"{meaning}: of a step of eight rows against the whole step"
    )


class Part:
    """Seconds that the host spends in a part of the choice."""

    def __init__(self, engine: Any, part: str) -> None:
        self.seconds = 0.0
        choice = engine._batch.choice
        plain = getattr(choice, part)

        def timed(scores: Any) -> Any:
            start = time.perf_counter()
            out = plain(scores)
            self.seconds += time.perf_counter() - start
            return out

        setattr(choice, part, timed)


def prefix(loaded: LoadedModel) -> Figure:
    """Prompt tokens that eight jobs prefill one after another, against all they have: the template's are there."""
    seen: list[int] = []  # tokens of each step
    hook = loaded.model.register_forward_pre_hook(
        lambda _, __, inputs: seen.append(inputs["input_ids"].shape[1]), with_kwargs=True
    )
    prefilled = whole = 0
    with _engine(loaded) as engine:
        for seed, prompt in enumerate(PROMPTS):
            request, before = generation(loaded, prompt, seed), len(seen)
            one = engine.submit(request)
            while not one.snapshot().sampled_tokens:
                time.sleep(0.01)
            one.stop()
            one.wait()
            prefilled += seen[before]
            whole += len(request.prompt_ids)
    hook.remove()
    return Figure(prefilled, "tokens", whole, prefilled / whole, "prompt tokens prefilled against all of eight prompts")


def layers(loaded: LoadedModel) -> Figure:
    """Milliseconds of the forward pass of eight rows with oneDNN's layers and with torch's own, in turns."""
    model: Any = loaded.model
    quick = [module for module in model.modules() if type(module) is Linear]
    times: dict[type, list[float]] = {Linear: [], torch.nn.Linear: []}
    rows = torch.arange(100, 108)[:, None]
    with torch.no_grad():
        for _ in range(5):
            for kind, seconds in times.items():
                for module in quick:
                    module.__class__ = kind
                start = time.perf_counter()
                model(rows)
                seconds.append(time.perf_counter() - start)
    for module in quick:
        module.__class__ = Linear
    value, baseline = (statistics.median(seconds) * 1000 for seconds in times.values())
    return Figure(
        value, "ms/step", baseline, value / baseline, "forward of eight rows, oneDNN against torch's own layers"
    )


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


PARTS: dict[str, Callable[[LoadedModel], Figure]] = {
    "forced_tokens_job_time": forcing,
    "grammar_step_cost": grammar,
    "finite_step_cost": finite,
    "shared_prefix_prefill": prefix,
    "onednn_step_time": layers,
}


def figures(*parts: str) -> dict[str, Figure]:
    """All of them, or those named; `against` is what stands beside other ways to run the model."""
    torch.set_num_threads(cores())
    loaded = load(QWEN_CODER.name, dtype="auto", device="cpu")
    alone = {}
    for name, measure in PARTS.items():
        if not parts or name in parts:
            alone[name] = measure(loaded)
            print(f"{name}: {alone[name].ratio:.3g}", file=sys.stderr, flush=True)
    return alone | (against(loaded) if not parts or "against" in parts else {})


if __name__ == "__main__":
    if unknown := set(sys.argv[1:]) - {*PARTS, "against"}:
        sys.exit(f"no such part: {', '.join(sorted(unknown))}; known: {', '.join([*PARTS, 'against'])}")
    write(figures(*sys.argv[1:]), " ".join(["python -m tests.bench.engine", *sys.argv[1:]]))
