"""The loop's proof on the device at hand: the same few tokens through the model's own forward and through the loop's.

Knows a model and a `Device` of it; not what is done where they differ.
"""

from __future__ import annotations

from typing import Any

import torch

from worker.engine.decode.device import Device

TRIED_TOKENS = 20
MAX_ERRORS = {torch.float32: 1e-3, torch.float16: 2e-2, torch.bfloat16: 8e-2}  # of the norm of the model's scores
MAX_ERROR_QUANTISED = 2e-2  # where inputs are rounded to whole numbers, the least difference may be one of them


class ProofFailed(RuntimeError):
    """The loop's scores are not the model's."""


@torch.no_grad()
def prove(model: Any, device: Device) -> float:
    """The largest error of a position's scores, as a share of their norm. Raises `ProofFailed` where it is more than
    rounding. Before the first text: it writes into the first pages."""
    size = model.config.vocab_size
    count = min(TRIED_TOKENS, device.context_tokens)
    ids = [(7 + 31 * place) % size for place in range(count)]
    last = min(device.rows, count)
    read = torch.tensor([ids], device=model.device)
    expected = model(read, logits_to_keep=last).logits[0].float()  # of all they would be the most memory of a start
    device.set_table(0, range(-(-count // device.page_tokens)))
    errors = [_error(expected, device, ids, begin, last) for begin in (0, count // 2, count - last)]
    worst = max(errors)
    most = MAX_ERRORS[model.dtype]
    if device.quantised:
        most = max(most, MAX_ERROR_QUANTISED)
    if not worst <= most:
        raise ProofFailed(f"its scores differ from the model's by {worst:.2g}, more than {most:g}")
    return worst


def _error(expected: torch.Tensor, device: Device, ids: list[int], begin: int, last: int) -> float:
    """`begin` tokens are read as a chunk, the others as token-rows."""
    places = range(begin, len(ids))
    last = min(last, len(places))
    if begin:
        device.prefill(0, ids[:begin], 0)
    device.forward(ids[begin:], [0] * len(places), [0] * len(places), places, range(len(places) - last, len(places)))
    if expected.is_cuda:
        torch.cuda.synchronize(expected.device)
    scores, wanted = device.scores[:last], expected[len(expected) - last :]
    return float(((scores - wanted).norm(dim=1) / wanted.norm(dim=1)).max())
