"""8-bit weights on a CPU against fp32 of the same run: tokens/s of the engine, and what the scores lose.

`python -m tests.bench.weights`; besides its figures it prints where a step of one row and of eight goes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from models.catalogue import QWEN_CODER
from models.cpu import cores
from models.load import LoadedModel, load
from tests.bench.report import Figure, write
from tests.bench.work import PROMPTS, generation
from worker.engine.batch import BatchEngine
from worker.engine.decode import host
from worker.engine.decode.device import Device

ROUNDS = 2  # in turns; the quicker counts
CONTEXT = 400  # tokens of a text halfway
STEPS = 12


def figures() -> dict[str, Figure]:
    torch.set_num_threads(cores())
    before = load(QWEN_CODER.name, dtype="fp32", weight_bits=16, device="cpu")
    now = load(QWEN_CODER.name, dtype="auto", weight_bits=8, device="cpu")
    speeds: dict[tuple[str, int], float] = {}
    texts: list[tuple[int, ...]] = []
    for _ in range(ROUNDS):
        for name, loaded in (("before", before), ("now", now)):
            for count in (1, len(PROMPTS)):
                speed, written = tokens_per_s(loaded, count)
                speeds[name, count] = max(speed, speeds.get((name, count), 0.0))
                if name == "before" and count > 1:
                    texts = written
    divergence, agreement, positions = loss(before, now, texts)
    parts(now)

    def against_fp32(count: int, words: str) -> Figure:
        value, baseline = speeds["now", count], speeds["before", count]
        return Figure(value, "tokens/s", baseline, value / baseline, f"{words}, 8-bit weights against fp32")

    return {
        "cpu_one_vs_before": against_fp32(1, "one job"),
        "cpu_eight_vs_before": against_fp32(len(PROMPTS), "eight jobs at once"),
        "weights8_kl": Figure(
            divergence, "nats", 0.01, divergence / 0.01, f"8-bit weights against fp32, mean of {positions} positions"
        ),
        "weights8_same_best": Figure(
            agreement, "", 1.0, agreement, f"the best token is fp32's, share of {positions} positions of its texts"
        ),
    }


def tokens_per_s(loaded: LoadedModel, count: int) -> tuple[float, list[tuple[int, ...]]]:
    """Of so many jobs at once, the prompts among the time; and each text's prompt and tokens."""
    engine = BatchEngine(
        loaded.model,
        loaded.tokenizer,
        eos_token_ids=loaded.eos_token_ids,
        context_tokens=loaded.context_tokens,
        max_batch=count,
        kv_tokens=count * 1024,
    )
    engine.start()
    engine.submit(generation(loaded, PROMPTS[0], 0)).wait()
    requests = [generation(loaded, prompt, seed) for seed, prompt in enumerate(PROMPTS[:count])]
    begin = time.perf_counter()
    outputs = [handle.wait() for handle in [engine.submit(request) for request in requests]]
    took = time.perf_counter() - begin
    engine.stop()
    texts = [(*request.prompt_ids, *output.token_ids) for request, output in zip(requests, outputs, strict=True)]
    return sum(len(output.token_ids) for output in outputs) / took, texts


@torch.no_grad()
def loss(before: LoadedModel, now: LoadedModel, texts: list[tuple[int, ...]]) -> tuple[float, float, int]:
    """Kullback-Leibler divergence from fp32's scores, and the share of equal best tokens, in prompts and texts."""
    divergences, same = [], []
    for text in texts:
        ids = torch.tensor([text])
        expected, found = (loaded.model(ids).logits[0].float().log_softmax(dim=-1) for loaded in (before, now))
        divergences.append((expected.exp() * (expected - found)).sum(dim=-1))
        same.append(expected.argmax(dim=-1) == found.argmax(dim=-1))
    return float(torch.cat(divergences).mean()), float(torch.cat(same).float().mean()), len(torch.cat(same))


@torch.no_grad()
def parts(loaded: LoadedModel) -> None:
    """Milliseconds of a step by part, each the least of some: print them."""
    model = loaded.model
    pages = 8 * (CONTEXT // 32 + 2)
    device = Device(model, rows=8, pages=pages, page_tokens=32, table_width=64, vocabulary_size=model.config.vocab_size)
    for slot in range(8):
        device.set_table(slot, range(slot * pages // 8, (slot + 1) * pages // 8))
        device.prefill(slot, range(7, 7 + CONTEXT), 0)
    table = Table("part of a step, ms", "one row", "eight rows")
    by_rows = [_parts(device, rows) for rows in (1, 8)]
    for name in by_rows[0]:
        table.add_row(name, *(f"{times[name]:.2f}" for times in by_rows))
    Console(width=120).print(table)


def _parts(device: Device, rows: int) -> dict[str, float]:
    weights, cache = device._weights, device._pages
    layers, slots = weights.layers, torch.arange(rows)
    positions = torch.full((rows,), CONTEXT)
    hidden = torch.randn(rows, weights.embedding.shape[1])
    wide = torch.randn(rows, layers[0].gate_up.outputs)
    qkv = torch.randn(rows, layers[0].qkv.outputs)
    attended = torch.randn(rows, weights.heads * weights.width)
    gated = host.gate(wide)
    windows = {layer.window for layer in layers}
    turning: Any = (32, weights.cosines, weights.sines, weights.interleaved, weights.scale, windows)
    reader = host.RowReader(cache.table, slots, positions, *turning)

    def all_layers(call: Callable[[Any, Any], Any]) -> Callable[[], Any]:
        return lambda: [call(layer, caches) for layer, caches in zip(layers, cache.cache, strict=True)]

    def forward() -> None:
        device.forward([5] * rows, [0] * rows, range(rows), [CONTEXT] * rows, range(rows))

    def choose() -> None:
        device.choose([0.7] * rows, [0.9] * rows, [1] * rows, [5] * rows).wait()

    return {
        "forward pass": _least(forward),
        "of it products of the layers": sum(
            _least(all_layers(call))
            for call in (
                lambda layer, _: layer.qkv(hidden),
                lambda layer, _: layer.output(attended),
                lambda layer, _: layer.gate_up(hidden),
                lambda layer, _: layer.down(gated),
            )
        ),
        "of it attention": _least(all_layers(lambda layer, caches: reader(qkv, caches[0], caches[1], layer.window))),
        "of it norms and gates": _least(
            all_layers(
                lambda layer, _: (
                    host.add_norm(hidden, hidden, layer.input_norm, 1e-6),
                    host.add_norm(hidden, hidden, layer.post_norm, 1e-6),
                    host.gate(wide),
                )
            )
        ),
        "of it scores": _least(lambda: weights.head(hidden)),
        "choice of tokens": _least(choose),
    }


def _least(call: Callable[[], Any]) -> float:
    times = []
    for _ in range(STEPS):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return min(times) * 1000


if __name__ == "__main__":
    write(figures(), "python -m tests.bench.weights")
