"""What a text's scores tell: how much the grammar and the rule against repetition took away from the model.

In nats, by the probabilities at temperature 1. Knows scores and texts; no prompts and no boards.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from tests.quality.intervals import Tally
from worker.engine.text import Text


@dataclass
class Taken:
    """Of one text: where it was sampled (all other tokens are forced), and what was taken in all, of so many samples:
    those of scenes that were written anew among them."""

    places: set[int] = field(default_factory=set)
    samples: int = 0
    by_mask: float = 0.0
    by_repetition: float = 0.0


class Watch:
    """An engine's observer, of texts whose prompt or seed is their own: one that goes on from an earlier place is the
    text that it was."""

    def __init__(self) -> None:
        self._taken: dict[tuple[tuple[int, ...], int], Taken] = {}

    def of(self, text: Text) -> Taken | None:
        return self._taken.get(_key(text))

    def __call__(self, texts: Sequence[Text], scores: torch.Tensor, allowed: torch.Tensor) -> None:
        whole, kept = scores.logsumexp(dim=1), allowed.logsumexp(dim=1)
        for row, text in enumerate(texts):
            taken, place = self._taken.setdefault(_key(text), Taken()), len(text.tokens)
            if place in taken.places:  # it was written before, and what came after it is gone
                taken.places = {earlier for earlier in taken.places if earlier < place}
            taken.places.add(place)
            taken.samples += 1
            taken.by_mask += float(whole[row] - kept[row])
            if penalties := text.repetition.penalties():
                taken.by_repetition += lost_by(allowed[row], float(kept[row]), penalties)


def _key(text: Text) -> tuple[tuple[int, ...], int]:
    return text._request.prompt_ids, text._request.sampling.seed


def lost_by(allowed: torch.Tensor, whole: float, penalties: dict[int, float]) -> float:
    """The nats that penalties take from the probability of what a mask allows [vocabulary], of log-sum-exp `whole`."""
    scores = allowed[list(penalties)].tolist()
    pairs = zip(scores, penalties.values(), strict=True)
    return -math.log1p(sum(math.exp(score - whole) * math.expm1(-penalty) for score, penalty in pairs))


def forced_tallies(model: Any, prompt_ids: Sequence[int], tokens: Sequence[int], sampled: set[int]) -> dict[str, Tally]:
    """How likely the model itself found the tokens that were not sampled, in one pass over the finished text."""
    places = [place for place in range(len(tokens)) if place not in sampled]
    if not places:
        return {}
    ids = torch.tensor([[*prompt_ids, *tokens]], device=model.device)
    before = torch.tensor([len(prompt_ids) + place - 1 for place in places], device=model.device)
    with torch.no_grad():
        scores = model(ids, logits_to_keep=before, use_cache=False).logits[0].float()
    forced = torch.tensor([tokens[place] for place in places], device=model.device)
    nats = scores.logsumexp(dim=1) - scores.gather(1, forced[:, None])[:, 0]
    return {
        "forced_wanted": Tally(int((scores.argmax(dim=1) == forced).sum()), len(places)),
        "forced_nats": Tally(float(nats.sum()), len(places)),
    }
