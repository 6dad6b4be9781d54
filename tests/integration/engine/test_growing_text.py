"""One text as it grows: the same whether it is written at once, in short forced runs, or again from its middle."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.integration.engine.conftest import MakeRequest
from tests.integration.engine.walks import drawn
from worker.engine.repetition import NAME_PENALTY
from worker.engine.request import GenerationRequest
from worker.engine.text import Text, fill_masks
from worker.engine.vocabulary import Vocabulary

PHRASES = (3, 9, 15)  # by seed: of how many tokens is what a walk says over and over
SAYS_THEM = 0.97
SCENE = {
    "description": "The old keeper climbs the stairs.",
    "duration": 4,
    "camera": "wide shot",
    "action": "He waits.",
}
BOARD = {"title": "Light", "scenes": [SCENE] * 5}


@pytest.fixture(scope="module")
def vocabulary(loaded: Any) -> Vocabulary:
    return Vocabulary(loaded.tokenizer, loaded.model.config.vocab_size, loaded.eos_token_ids)


@pytest.fixture(
    params=[
        (400, {}),
        (90, {}),
        (400, {"fields": ["narration"]}),
        (300, {"fields": ["dialogue", "characters"]}),
        (500, {"outline": True}),
        (400, {"base": {"storyboard": BOARD}, "rewrite": [3, 5], "min_scenes": 5, "max_scenes": 5}),
    ],
    ids=["budget enough", "budget short", "with speech", "with a cast", "outlined", "with scenes that stay"],
)
def wish(request: pytest.FixtureRequest, ask: MakeRequest) -> GenerationRequest:
    max_new_tokens, options = request.param
    made: GenerationRequest = ask("x", max_new_tokens=max_new_tokens, **{"min_scenes": 3, **options})
    return made


def fresh(vocabulary: Vocabulary, request: GenerationRequest, force_limit: int = 64) -> Text:
    return Text(vocabulary, request, room_tokens=3000, force=True, force_limit=force_limit)


def state(text: Text) -> tuple[Any, ...]:
    """All that decides how a text goes on."""
    mask = np.zeros(text.vocabulary.words, dtype=np.int32)
    fill_masks([text], mask[None])
    return text.snapshot(), text.tokens_left, text.repetition.penalties(), mask.tobytes()


def write(text: Text, seed: int, *, until: int = 10_000) -> list[tuple[Any, ...]]:
    """A walk that often repeats itself, up to the text's end or so many tokens; its states by the way."""
    mask, seen = np.zeros(text.vocabulary.words, dtype=np.int32), []
    words = [t for t in range(text.vocabulary.size) if re.fullmatch(rb" [A-Za-z]+", text.vocabulary.bytes_of(t))]
    phrase = words[: PHRASES[seed % 3]]
    while not text.complete and len(text.tokens) < until:
        seen.append(state(text))
        draw = random.Random(f"{seed} {len(text.tokens)}")  # of the place, as the engine's noise
        fill_masks([text], mask[None])
        token = phrase[len(text.tokens) % len(phrase)]
        if not mask[token // 32] >> (token % 32) & 1 or draw.random() > SAYS_THEM:
            token = drawn(draw, mask, text.vocabulary)
        text.accept(token)
    return seen


@pytest.mark.parametrize("seed", range(3))
def test_a_rewound_text_is_as_it_was(vocabulary: Vocabulary, wish: GenerationRequest, seed: int) -> None:
    text = fresh(vocabulary, wish)
    states = write(text, seed)
    written = list(text.tokens)

    assert sum(bool(penalties) for _, _, penalties, _ in states) > 3
    for before in states[seed::3]:
        assert state(text.rewound(len(before[0].token_ids))) == before
    assert text.tokens == written


def test_words_of_the_request_cost_less_when_they_come_again(vocabulary: Vocabulary, wish: GenerationRequest) -> None:
    text = fresh(vocabulary, replace(wish, own_words=""))
    write(text, 1)
    written = b"".join(map(vocabulary.bytes_of, text.tokens)).decode(errors="ignore")

    def costs(request: GenerationRequest) -> list[float]:
        states = (replace(request, generated_ids=tuple(text.tokens[:count])) for count in range(len(text.tokens)))
        return [max(fresh(vocabulary, state).repetition.penalties().values(), default=0.0) for state in states]

    own, other = costs(replace(wish, own_words=written)), costs(replace(wish, own_words=""))
    assert all(cost <= before for cost, before in zip(own, other, strict=True))
    assert 0 < max(own) <= NAME_PENALTY
    assert sum(own) < sum(other)


@pytest.mark.parametrize("seed", range(3))
def test_a_rewound_text_goes_on_as_a_fresh_one_would(
    vocabulary: Vocabulary, wish: GenerationRequest, seed: int
) -> None:
    text, other = fresh(vocabulary, wish), fresh(vocabulary, wish)
    write(text, seed)
    write(other, seed, until=len(text.tokens) // 2)

    again = text.rewound(len(other.tokens))

    assert write(again, seed + 1) == write(other, seed + 1)
    assert again.tokens == other.tokens != text.tokens


@pytest.mark.parametrize("seed", range(3))
def test_forced_tokens_that_fall_due_later_are_the_same_text(
    vocabulary: Vocabulary, wish: GenerationRequest, seed: int
) -> None:
    """Where a run is cut, the model's choice goes on with it, costs no budget, and is no word of the model's own; what
    a text begins with is not cut."""
    whole, cut = fresh(vocabulary, wish), fresh(vocabulary, wish, force_limit=2)
    assert cut.tokens == whole.tokens
    states = {len(state[0].token_ids): state for state in write(whole, seed)}

    while not cut.complete:
        if len(cut.tokens) in states and not cut._due:
            assert state(cut) == states[len(cut.tokens)]
        cut.accept(whole.tokens[len(cut.tokens)])

    assert (cut.tokens, cut.sampled_tokens) == (whole.tokens, whole.sampled_tokens)
