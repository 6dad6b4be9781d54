"""Random texts under a grammar, token by token: any allowed token may come, and strings end before they fill up."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np

from scriptqueue.schemas import JobRequest
from worker.engine.vocabulary import Mask, Vocabulary
from worker.script.grammar import storyboard_schema

ENDS_A_STRING = 0.1  # how often it does where it may
STORYBOARDS = tuple(
    json.dumps(storyboard_schema(JobRequest(prompt="x", **options)))
    for options in ({"max_scenes": 20}, {"min_scenes": 6, "max_scenes": 6}, {"target_duration_s": 17.5})
)


def drawn(draw: random.Random, mask: Mask, vocabulary: Vocabulary) -> int:
    """One of the tokens that a mask allows."""
    closing = mask & vocabulary.closes
    mask = closing if draw.random() < ENDS_A_STRING and closing.any() else mask
    word = draw.choice(np.flatnonzero(mask).tolist())
    bits = int(mask[word]) & 0xFFFFFFFF
    return 32 * int(word) + draw.choice([bit for bit in range(32) if bits >> bit & 1])


def differences(tokenizer: Any, size: int, eos: tuple[int, ...], *, states: int) -> list[str]:
    """Where masks or forced tokens of the default slices are not those without any."""
    vocabularies = [Vocabulary(tokenizer, size, eos), Vocabulary(tokenizer, size, eos, slices=())]
    masks, draw, found = np.zeros((2, vocabularies[0].words), dtype=np.int32), random.Random(size), []
    matchers: list[Any] = []
    tokens: list[int] = []
    for _ in range(states):
        if not matchers or matchers[0].is_stopped() or tokens[-1:] == [eos[0]]:
            schema, tokens = draw.choice(STORYBOARDS), []
            matchers = [vocabulary.matcher(schema) for vocabulary in vocabularies]
        for matcher, mask in zip(matchers, masks, strict=True):
            matcher.unsafe_compute_mask_ptr(mask.ctypes.data, mask.nbytes)
        forced = [matcher.compute_ff_tokens() for matcher in matchers]
        if forced[0] != forced[1] or (masks[0] != masks[1]).any():
            found.append(tokenizer.decode(tokens))
        tokens.append(drawn(draw, masks[1], vocabularies[1]))
        assert all(matcher.consume_token(tokens[-1]) for matcher in matchers)
    return found
