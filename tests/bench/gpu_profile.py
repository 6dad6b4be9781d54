"""Where a steady step's time goes on the card: the engine's thread by part, and the profiler's table of kernels."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.gpu_engine import Watched, ran, running
from tests.bench.gpu_model import Shape, job
from tests.bench.step_parts import PARTS, Laps, Steps, measuring

STEPS = 60
PROFILED_STEPS = 15
WARM_TOKENS = 32
GROUPS = tuple(dict.fromkeys(part.partition(":")[0] for part in PARTS))


def host_parts(model: Any, tokenizer: Any, shape: Shape, rows: int, time_left_s: float, **options: Any) -> Steps:
    """Wall time of the engine's thread by part, without a profiler; the card's share is the wait for it."""
    with measuring(time.perf_counter) as stopwatch:
        laps = Laps(stopwatch, time.perf_counter)
        with laps.kept(), _steady(model, tokenizer, shape, rows, time_left_s, **options) as (engine, watched):
            laps.follow(engine, lambda: all(one.writing for one in watched))
            while laps.count < STEPS and not any(one.ended_s for one in watched):
                time.sleep(0.01)
    return laps.mean()


def grouped_ms(steps: Steps) -> dict[str, float]:
    """Milliseconds of a step by group of parts, and what they sum up to."""
    groups = dict.fromkeys(GROUPS, 0.0)
    for part, seconds in steps.parts.items():
        groups[part.partition(":")[0]] += seconds * 1e3
    return groups | {"serial": steps.serial_s * 1e3, "step": steps.clock_s * 1e3}


def profiled(
    model: Any, tokenizer: Any, shape: Shape, rows: int, time_left_s: float, out: Path, **options: Any
) -> tuple[float, float]:
    """The share of the time in which the card computes, and that in ms a step; both tables go to the file `out`."""
    import torch
    from torch.profiler import ProfilerActivity, profile

    on_card = model.device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_card else [])]
    everywhere = torch._C._profiler._ExperimentalConfig(profile_all_threads=True)  # the engine has a thread of its own
    with (
        _steady(model, tokenizer, shape, rows, time_left_s, **options) as (engine, watched),
        profile(activities=activities, experimental_config=everywhere) as profiler,
    ):
        begun, steps = time.perf_counter(), engine.steps
        while engine.steps < steps + PROFILED_STEPS and not any(one.ended_s for one in watched):
            time.sleep(0.001)
        seconds, steps = time.perf_counter() - begun, engine.steps - steps
    events = profiler.key_averages()
    busy_s = sum(getattr(event, "self_device_time_total", 0) for event in events) / 1e6
    head = f"{rows} rows, {', '.join(ran(engine))}: {steps} steps, card busy {busy_s:.3f} of {seconds:.3f} s (profiled)"
    tables = [
        events.table(sort_by=sort, row_limit=40, max_name_column_width=70)
        for sort in (*(["self_cuda_time_total"] if on_card else []), "self_cpu_time_total")
    ]
    out.write_text("\n\n".join([head, *tables]) + "\n")
    return busy_s / seconds, busy_s / max(1, steps) * 1e3


@contextmanager
def _steady(
    model: Any, tokenizer: Any, shape: Shape, rows: int, time_left_s: float, **options: Any
) -> Iterator[tuple[Any, list[Watched]]]:
    """An engine in which `rows` texts are past their beginning; they leave it at the end."""
    with running(model, tokenizer, shape, rows, **options) as engine:
        watched = [Watched(engine, job(tokenizer, shape, seed, time_left_s), 0.0) for seed in range(rows)]
        while any(one.look() < WARM_TOKENS and not one.ended_s for one in watched):
            time.sleep(0.005)
        yield engine, watched
        for one in watched:
            one.leave()
