"""What the engine is compared with: the guide's path (one `generate` at a time) and transformers' own batching."""

from __future__ import annotations

import time
from typing import Any

from tests.bench.gpu_model import Shape, plain_prompts

PAGE_TOKENS = {"cpu": 32, "cuda": 256}


def one_by_one(model: Any, shape: Shape, jobs: int = 1) -> float:
    """Tokens a second of `jobs` calls of `generate`, one after another, sampled as the guide samples."""
    import torch

    options = {"do_sample": True, "temperature": 0.7, "top_p": 0.9, "eos_token_id": -1, "pad_token_id": 0}
    prompts = plain_prompts(shape, jobs + 1)
    tokens, started = 0, 0.0
    with torch.no_grad():
        for index, prompt in enumerate(prompts):
            ids = torch.tensor([prompt], device=model.device)
            new = 4 if index == 0 else shape.plain_tokens  # the first warms up
            out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=new, **options)
            if index == 0:
                _wait_for(model)
                started = time.perf_counter()
            else:
                tokens += out.shape[1] - ids.shape[1]
        _wait_for(model)
    return tokens / (time.perf_counter() - started)


def continuous(model: Any, shape: Shape, rows: int, **options: Any) -> tuple[float, float]:
    """Tokens a second of `rows` texts without a grammar while all of them are written, and what warming up took, in s.

    `options` are ContinuousBatchingConfig's: graphs, compilation, the switch to flash attention.
    """
    import torch
    from transformers import GenerationConfig
    from transformers.generation.configuration_utils import ContinuousBatchingConfig

    page = PAGE_TOKENS[model.device.type]
    pages = rows * (-(-(shape.prompt_tokens + shape.plain_tokens) // page) + 1)
    config = ContinuousBatchingConfig(
        page_size=page,
        num_blocks=pages + 1,
        max_batch_tokens=rows + max(512, shape.prompt_tokens),
        max_requests_per_batch=rows,
        **options,
    )
    generation = GenerationConfig(
        do_sample=True,
        temperature=0.7,
        top_p=0.9,
        max_new_tokens=shape.plain_tokens,
        eos_token_id=-1,
        pad_token_id=0,
    )
    spent, prompts = [], plain_prompts(shape, rows)
    try:
        with torch.no_grad():
            for _ in range(2):  # the first warms up, compiles and captures
                started = time.perf_counter()
                done = model.generate_batch(
                    prompts,
                    generation_config=generation,
                    continuous_batching_config=config,
                    record_timestamps=True,
                    persistent_manager=True,
                )
                spent.append(time.perf_counter() - started)
    finally:
        model.destroy_cached_continuous_batching_manager()
    tokens = sum(len(output.generated_tokens) for output in done.values())
    if tokens != rows * shape.plain_tokens:
        raise RuntimeError(f"{tokens} of {rows * shape.plain_tokens} tokens came back")
    return _steady(list(done.values())), max(0.0, spent[0] - spent[1])


def _steady(outputs: list[Any]) -> float:
    """Tokens a second while every text is at work: after the last one's first token, before the first one's last."""
    begin, end = (
        max(output.timestamps[0] for output in outputs),
        min(output.timestamps[-1] for output in outputs),
    )
    written = sum(begin < at <= end for output in outputs for at in output.timestamps)
    return float(written / (end - begin))


def _wait_for(model: Any) -> None:
    import torch

    if model.device.type == "cuda":
        torch.cuda.synchronize()
