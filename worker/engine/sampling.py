"""Choosing tokens: temperature, exact top-p, and the best after Gumbel noise from a counter.

The noise is a function of (seed, position, token id), so a request draws the same whether it runs alone, in a batch,
or again after a crash.
"""

from __future__ import annotations

import torch

MIN_TEMPERATURE = 1e-5  # below it a row is greedy: scores divided by less overflow, and only ties are left to chance
CANDIDATES = 256  # the top of a distribution that nearly always holds its nucleus; the rest is sorted only when not

_MIX = (-4658895280553007687, -7723592293110705685)  # splitmix64's multipliers, as signed integers
_BELOW_1 = 1 - 2.0**-53
_STEP = (-7046029254386353131, 668265295, 1274126177)


def choose(
    scores: torch.Tensor, temperature: torch.Tensor, top_p: torch.Tensor, seed: torch.Tensor, position: torch.Tensor
) -> torch.Tensor:
    """The sampled token of each row, [rows] int64; of a greedy row (temperature below 1e-5) the best one.

    scores [rows, vocabulary] float32, -inf where the grammar forbids; temperature, top_p [rows] float32;
    seed, position [rows] int64. The host waits for a GPU once, to hear which rows must be sorted in full.
    """
    tokens, whole = choose_candidate(scores, temperature, top_p, seed, position)
    wide = (~whole).nonzero()[:, 0]
    if len(wide):
        tokens[wide] = choose_sorted(scores[wide], temperature[wide], top_p[wide], seed[wide], position[wide])
    return tokens


def choose_candidate(
    scores: torch.Tensor, temperature: torch.Tensor, top_p: torch.Tensor, seed: torch.Tensor, position: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """`choose` among the best `CANDIDATES` tokens, never waiting for the device; and whether that was all of the row's
    nucleus, [rows] bool. Where it was not, the row's token is to be `choose_sorted`'s."""
    return _chosen(scores, temperature, top_p, seed, position, min(CANDIDATES, scores.shape[1]))


def choose_sorted(
    scores: torch.Tensor, temperature: torch.Tensor, top_p: torch.Tensor, seed: torch.Tensor, position: torch.Tensor
) -> torch.Tensor:
    """`choose` with every row sorted in full, which takes long; never waiting for the device."""
    return _chosen(scores, temperature, top_p, seed, position, scores.shape[1])[0]


def _chosen(  # noqa: PLR0913, PLR0917 - what `choose` takes
    scores: torch.Tensor,
    temperature: torch.Tensor,
    top_p: torch.Tensor,
    seed: torch.Tensor,
    position: torch.Tensor,
    count: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    greedy, size = temperature < MIN_TEMPERATURE, scores.shape[1]
    scaled = scores / temperature.masked_fill(greedy, 1.0)[:, None]
    values, tokens, whole = nucleus(scaled, top_p, count)
    noisy = values + gumbel(seed[:, None], position[:, None], tokens)
    best = noisy >= noisy.amax(dim=1, keepdim=True)
    drawn = tokens.masked_fill(~best, size).amin(dim=1)  # of equals the first, in whatever order the top came
    first = tokens.masked_fill(scaled.gather(1, tokens) < values.amax(dim=1, keepdim=True), size).amin(dim=1)
    return torch.where(greedy, first, drawn), whole | greedy


def nucleus(scaled: torch.Tensor, top_p: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The smallest set that holds `top_p` of the probability, looked for among the best `count` tokens: values (-inf
    outside it) and token ids, [rows, count], and whether all of it was among them, [rows]."""
    values, tokens = scaled.topk(count, dim=1)
    share = (values - scaled.logsumexp(dim=1, keepdim=True)).exp()
    before = share.cumsum(dim=1) - share  # probability of all better tokens
    whole = (before[:, -1] + share[:, -1] >= top_p) | (share[:, -1] == 0)
    # Rounding lets the sum reach 1 early, or top_p be 0: all tokens are in a nucleus of 1, and the best in any.
    outside = (before >= top_p[:, None]) & (before > 0) & (top_p[:, None] < 1)
    return values.masked_fill(outside, -torch.inf), tokens, whole


def gumbel(seed: torch.Tensor, position: torch.Tensor, token: torch.Tensor) -> torch.Tensor:
    """Standard Gumbel noise for each (seed, position, token), int64 tensors that broadcast; float32."""
    x = seed * _STEP[0] + position * _STEP[1] + token * _STEP[2]
    for multiplier in _MIX:
        x = (x ^ _logical_shift(x, 30)) * multiplier
    x = x ^ _logical_shift(x, 31)
    uniform = ((_logical_shift(x, 11).double() + 0.5) * 2.0**-53).clamp(max=_BELOW_1)  # 1 would be infinite noise
    return -(-uniform.log()).log().float()


def _logical_shift(x: torch.Tensor, bits: int) -> torch.Tensor:
    return (x >> bits) & ((1 << (64 - bits)) - 1)
