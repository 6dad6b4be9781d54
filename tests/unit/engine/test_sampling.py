"""Choosing tokens: exact frequencies, exact nucleus, and noise that depends on nothing but seed and position."""

from __future__ import annotations

import math

import pytest
import torch

from worker.engine import sampling
from worker.engine.sampling import _MIX, _STEP, CANDIDATES, choose, choose_candidate, choose_sorted, gumbel, nucleus

DRAWS = 20_000


def pick(scores: torch.Tensor, temperature: float, top_p: float, seed: int, position: int = 0) -> int:
    return int(
        choose(
            scores[None],
            torch.tensor([temperature]),
            torch.tensor([top_p]),
            torch.tensor([seed]),
            torch.tensor([position]),
        )
    )


def draws(scores: torch.Tensor, temperature: float, top_p: float) -> torch.Tensor:
    """Counts of tokens over as many seeds."""
    chosen = choose(
        scores.expand(DRAWS, -1),
        torch.full((DRAWS,), temperature),
        torch.full((DRAWS,), top_p),
        torch.arange(DRAWS),
        torch.full((DRAWS,), 3),
    )
    return chosen.bincount(minlength=len(scores))


@pytest.mark.parametrize("temperature", [0.3, 0.7, 1.0, 2.0])
def test_tokens_are_drawn_as_often_as_softmax_says(temperature: float) -> None:
    scores = torch.tensor([2.0, 1.0, 0.5, 0.0, -1.0])
    expected = torch.softmax(scores / temperature, dim=0) * DRAWS

    chi_square = float(((draws(scores, temperature, 1.0) - expected) ** 2 / expected).sum())

    assert chi_square < 23.5  # 4 degrees of freedom: p = 0.0001


def test_only_the_nucleus_is_drawn_and_its_shares_are_kept() -> None:
    shares = torch.tensor([0.5, 0.3, 0.15, 0.05])

    counts = draws(shares.log(), 1.0, 0.7)

    assert counts[2:].tolist() == [0, 0]
    assert abs(float(counts[0]) / DRAWS - 0.5 / 0.8) < 0.02


def test_the_best_token_is_always_in_the_nucleus() -> None:
    assert pick(torch.tensor([5.0, 0.0, 0.0]), 1.0, 1e-6, seed=1) == 0


def test_a_nucleus_wider_than_the_candidates_is_not_cut() -> None:
    flat = torch.zeros(4 * CANDIDATES)
    draws = DRAWS // 10

    tokens = choose(
        flat.expand(draws, -1),
        torch.ones(draws),
        torch.full((draws,), 0.9),
        torch.arange(draws),
        torch.zeros(draws, dtype=torch.int64),
    )

    assert len(set(tokens.tolist())) == pytest.approx(
        0.9 * 4 * CANDIDATES * (1 - math.exp(-draws / (3.6 * CANDIDATES))), rel=0.05
    )


def test_a_row_with_a_wide_nucleus_changes_no_other() -> None:
    narrow, flat = torch.zeros(4 * CANDIDATES), torch.zeros(4 * CANDIDATES)
    narrow[7], narrow[9] = 30.0, 29.5
    both = torch.stack([narrow, flat])

    beside = choose(both, torch.ones(2), torch.tensor([0.9, 0.9]), torch.tensor([4, 5]), torch.tensor([0, 0]))

    assert int(beside[0]) == pick(narrow, 1.0, 0.9, seed=4)


def every_row_sorted(
    scores: torch.Tensor, temperature: torch.Tensor, top_p: torch.Tensor, seed: torch.Tensor, position: torch.Tensor
) -> torch.Tensor:
    """The definition: the whole vocabulary with noise where the nucleus is."""
    greedy = temperature < 1e-5
    scaled = scores / temperature.masked_fill(greedy, 1.0)[:, None]
    values, tokens, _ = nucleus(scaled, top_p, scores.shape[1])
    noisy = values + gumbel(seed[:, None], position[:, None], tokens)
    chosen = torch.full_like(scaled, -torch.inf).scatter_(1, tokens, noisy)
    return torch.where(greedy[:, None], scores, chosen).argmax(dim=1)


@pytest.mark.parametrize("size", [CANDIDATES, CANDIDATES + 1, 3000])
def test_every_row_is_drawn_as_if_all_were_sorted_and_only_wide_ones_are(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = torch.Generator().manual_seed(size)
    rows = 80
    scores = torch.randn(rows, size, generator=draw) * torch.tensor([0.1, 1.0, 5.0, 30.0]).repeat(rows // 4)[:, None]
    scores[torch.rand(rows, size, generator=draw) < 0.3] = -torch.inf
    given = (
        scores,
        torch.tensor([0.0, 0.3, 0.7, 1.0, 2.0]).repeat(rows // 5),
        torch.tensor([0.1, 0.9, 0.99, 1.0]).repeat_interleave(rows // 4),
        torch.arange(rows),
        torch.arange(rows) * 7,
    )
    expected, whole = every_row_sorted(*given), choose_candidate(*given)[1]
    sorted_rows = []

    def noted(*given: torch.Tensor) -> torch.Tensor:
        sorted_rows.extend(given[3].tolist())
        return choose_sorted(*given)

    monkeypatch.setattr(sampling, "choose_sorted", noted)

    assert torch.equal(choose(*given), expected)
    assert sorted_rows == torch.arange(rows)[~whole].tolist()
    assert 0 < len(sorted_rows) < rows or size < 2 * CANDIDATES


def test_the_nucleus_says_whether_it_was_whole() -> None:
    flat, narrow = torch.zeros(4 * CANDIDATES), torch.zeros(4 * CANDIDATES)
    narrow[7] = 30.0

    values, tokens, whole = nucleus(torch.stack([flat, narrow]), torch.tensor([0.9, 0.9]), CANDIDATES)

    assert whole.tolist() == [False, True]
    assert tokens[1][values[1] > -torch.inf].tolist() == [7]


def test_greedy_rows_take_the_best_beside_sampled_ones() -> None:
    scores = torch.randn(3, 50)

    chosen = choose(
        scores.clone(), torch.tensor([0.0, 1.0, 0.0]), torch.ones(3), torch.tensor([1, 2, 3]), torch.tensor([0, 0, 0])
    )

    assert torch.equal(chosen[[0, 2]], scores.argmax(dim=1)[[0, 2]])


@pytest.mark.parametrize("temperature", [0.0, 1e-45, 1e-40, 1e-30, 1e-12, 9e-6])
def test_next_to_no_temperature_is_greedy(temperature: float) -> None:
    """As index-tts/index-tts 537 and guidance-ai/guidance 1335 draw the line; dividing by less gives infinite scores
    and NaN (karpathy/nanoGPT 739, state-spaces/mamba 1041)."""
    scores = torch.randn(500)
    scores[100:] = -torch.inf  # what a grammar forbids

    assert {pick(scores, temperature, 0.9, seed) for seed in range(20)} == {int(scores.argmax())}


@pytest.mark.parametrize("temperature", [1e-5, 1e-3, 2.0])
@pytest.mark.parametrize("top_p", [1e-45, 1e-300, 1e-9, 0.999999999, 1.0])
@pytest.mark.parametrize("seed", [0, 1, 2**31, 2**53 - 1, 2**63 - 1])
def test_edges_of_sampling_draw_one_of_the_likely_tokens(temperature: float, top_p: float, seed: int) -> None:
    scores = torch.full((2 * CANDIDATES,), -torch.inf)
    scores[300:310] = torch.linspace(900.0, 901.0, 10)

    drawn = {pick(scores, temperature, top_p, seed, position) for position in range(20)}

    assert drawn <= set(range(300, 310))
    assert drawn == {309} or (temperature > 1e-3 and top_p > 0.9)


def test_a_nucleus_of_one_is_the_whole_distribution_however_its_shares_round() -> None:
    scores = torch.zeros(300_000)  # float32's cumulative sum of so many shares is off by far more than one of them
    scores[0] = 15.0

    values, _, _ = nucleus(scores[None], torch.ones(1), len(scores))

    assert bool((values > -torch.inf).all())


def test_noise_is_finite_for_the_largest_hash() -> None:
    """The one hash in 2**53 that rounds to 1 has no logarithm of its logarithm."""
    seeds = torch.tensor([_seed_of_hash(-1), _seed_of_hash(0)])

    assert bool(gumbel(seeds, torch.zeros(2, dtype=torch.int64), torch.zeros(2, dtype=torch.int64)).isfinite().all())


def _seed_of_hash(hashed: int) -> int:
    """The seed that is mixed to these 64 bits: the mix run backwards."""
    mask = 2**64 - 1
    x = hashed & mask
    for shift, multiplier in ((31, None), (30, _MIX[1]), (30, _MIX[0])):
        if multiplier is not None:
            x = x * pow(multiplier & mask, -1, 2**64) & mask
        y = x
        for _ in range(3):
            y = x ^ (y >> shift)
        x = y
    seed = x * pow(_STEP[0] & mask, -1, 2**64) & mask
    return seed - 2**64 if seed >= 2**63 else seed


def test_what_the_grammar_forbids_is_never_drawn() -> None:
    scores = torch.full((64,), -torch.inf)
    scores[7] = -3.0

    assert {pick(scores, 2.0, 0.9, seed) for seed in range(50)} == {7}


def test_the_same_seed_and_position_draw_the_same_alone_and_in_a_batch() -> None:
    scores = torch.randn(8, 1000)
    seeds, positions = torch.arange(8), torch.arange(8) * 5

    batch = choose(scores.clone(), torch.full((8,), 0.9), torch.full((8,), 0.95), seeds, positions)

    assert batch.tolist() == [pick(scores[row], 0.9, 0.95, row, row * 5) for row in range(8)]


def test_noise_differs_with_seed_position_and_token() -> None:
    grid = gumbel(
        torch.arange(10)[:, None, None], torch.arange(10)[None, :, None], torch.arange(10)[None, None, :]
    ).flatten()

    assert len(set(grid.flatten().tolist())) == 1000
    assert float(grid.mean()) == pytest.approx(0.5772, abs=0.15)  # Gumbel's mean is Euler's constant
