"""A scene that repeats an earlier one is written anew before anybody sees it, whatever comes in between."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np
import pytest

from scriptqueue.scene_fields import MAX_TEXT_CHARACTERS
from shared.board.likeness import SEEN
from tests.integration.engine.conftest import BY_BOTH, MakeRequest, resumed
from worker.engine.batch import BatchEngine
from worker.engine.distinct import IN_A_ROW, MOST_DRAFTS, first_word
from worker.engine.layout import SeenLayout
from worker.engine.request import GenerationRequest, SamplingParams, TextState
from worker.engine.text import Text, fill_masks
from worker.engine.time_left import LOOKED, TimeLeft
from worker.engine.vocabulary import Vocabulary

ALWAYS = SeenLayout(SEEN, lambda one, other: True)
NEVER = SeenLayout(SEEN, lambda one, other: False)
OFTEN = SeenLayout(SEEN, lambda one, other: len(one) % 3 == len(other) % 3, ("camera", "duration"))


@pytest.fixture(scope="module")
def vocabulary(loaded: Any) -> Vocabulary:
    return Vocabulary(loaded.tokenizer, loaded.model.config.vocab_size, loaded.eos_token_ids)


def wish(ask: MakeRequest, seen: SeenLayout | None, *, temperature: float = 1.0, **options: Any) -> GenerationRequest:
    seed = options.pop("seed", 1)
    options = {"max_new_tokens": 700, "min_scenes": 3, "max_scenes": 4} | options
    request = ask(sampling=SamplingParams(temperature, 0.9, seed), **options)
    short = request.schema.replace(f"{{0,{MAX_TEXT_CHARACTERS - 1}}}", "{0,11}")  # a wild model ends no string itself
    return replace(request, schema=short, layout=replace(request.layout, seen=seen))


def board(loaded: Any, token_ids: tuple[int, ...]) -> list[dict[str, Any]]:
    scenes: list[dict[str, Any]] = json.loads(loaded.tokenizer.decode(token_ids))["scenes"]
    return scenes


def without(request: GenerationRequest) -> GenerationRequest:
    return replace(request, layout=replace(request.layout, seen=None))


def alike_scenes(scenes: list[dict[str, Any]]) -> int:
    shown = ["\n".join(scene[key] for key in OFTEN.keys) for scene in scenes]
    return sum(any(OFTEN.alike(text, earlier) for earlier in shown[:at]) for at, text in enumerate(shown))


@BY_BOTH
def test_scenes_are_written_anew_alone_and_side_by_side(tiny: BatchEngine, loaded: Any, ask: MakeRequest) -> None:
    """Greedy texts and sampled ones."""
    requests = [wish(ask, OFTEN, temperature=float(seed % 2), seed=seed) for seed in range(3)]
    plain = [handle.wait() for handle in [tiny.submit(without(request)) for request in requests]]

    batch = [handle.wait() for handle in [tiny.submit(request) for request in requests]]

    assert batch == [tiny.submit(request).wait() for request in requests]
    assert sum(alike_scenes(board(loaded, output.token_ids)) for output in plain) > 0
    assert sum(len(output.drafts) for output in batch) > 0
    for output in batch:
        drafts = Counter(draft.at for draft in output.drafts)
        assert alike_scenes(board(loaded, output.token_ids)) <= sum(n == MOST_DRAFTS for n in drafts.values())


@BY_BOTH
def test_a_text_that_repeats_nothing_is_what_it_was(tiny: BatchEngine, ask: MakeRequest) -> None:
    request = wish(ask, NEVER)

    assert tiny.submit(request).wait() == tiny.submit(without(request)).wait()


@BY_BOTH
def test_a_resumed_text_drops_what_the_undisturbed_one_did(tiny: BatchEngine, ask: MakeRequest) -> None:
    """From before, within and after a scene that is written anew."""
    request = wish(ask, OFTEN, seed=3)
    whole = tiny.submit(request).wait()

    first = whole.drafts[0]
    for cut in (first.at - 1, first.at, first.at + 9, len(whole.token_ids) - 1):
        known = tuple(draft for draft in whole.drafts if draft.at <= cut)
        assert tiny.submit(replace(resumed(request, whole.token_ids[:cut]), drafts=known)).wait() == whole


@pytest.mark.parametrize(
    ("budget", "most_drafts"), [(60, {0}), (150, {0, 1, 2, 3, 4, 5}), (4000, {9})], ids=["scarce", "some", "ample"]
)
def test_a_scene_is_dropped_as_often_as_may_be_and_the_budget_allows(
    vocabulary: Vocabulary, ask: MakeRequest, budget: int, most_drafts: set[int]
) -> None:
    states: list[TextState] = []
    text = finished(fresh(vocabulary, wish(ask, ALWAYS, max_new_tokens=budget, min_scenes=4)), states)

    steps = len(states)
    assert text.sampled_tokens == steps <= budget
    assert text.scenes_done == 4
    assert len(text.drafts) in most_drafts
    assert all(n <= MOST_DRAFTS for n in Counter(draft.at for draft in text.drafts).values())


@pytest.mark.parametrize(("seconds", "drafts"), [(80, 0), (4000, 9)], ids=["scarce", "ample"])
def test_no_scene_is_dropped_where_its_time_is_nearly_over(
    vocabulary: Vocabulary, ask: MakeRequest, seconds: int, drafts: int
) -> None:
    """A token takes a second, and the tokens would suffice. Scenes are longer than they must be: none is cut for it."""
    request = wish(ask, ALWAYS, max_new_tokens=4000, min_scenes=4)
    request = replace(request, layout=replace(request.layout, strings=(), fixed_tokens=1, spare_tokens=0))
    text = finished(fresh(vocabulary, request, TimeLeft(seconds, clock=count(step=LOOKED).__next__)))

    assert not text.closing.cut
    assert text.scenes_done == 4
    assert len(text.drafts) == drafts


def test_nobody_sees_a_scene_that_is_dropped(vocabulary: Vocabulary, ask: MakeRequest) -> None:
    """Not even between its end and the step that writes it anew."""
    states: list[TextState] = []
    drops, positions = 0, [-1]
    text = fresh(vocabulary, wish(ask, ALWAYS))
    while not text.complete or text.dropped:
        if text.dropped:
            at, text = text.dropped.at, text.written_anew()
            assert states[-1].token_ids == text.snapshot().token_ids == tuple(text.tokens[:at])
            drops += 1
        assert text.position > positions[-1], "its noise was drawn before"
        positions.append(text.position)
        step(text)
        states.append(text.snapshot())

    shown = [b"".join(map(vocabulary.bytes_of, state.token_ids)).decode(errors="ignore") for state in states]
    assert drops == MOST_DRAFTS * (text.scenes_done - 1)
    assert [state.scenes_done for state in states] == sorted(state.scenes_done for state in states)
    for state, seen in zip(states, shown, strict=True):
        assert seen.count("},") + seen.endswith("}]}") <= state.scenes_done + 1


@pytest.mark.parametrize("seed", range(3))
def test_a_text_goes_on_from_any_state_as_it_would_have(vocabulary: Vocabulary, ask: MakeRequest, seed: int) -> None:
    """A worker that is killed leaves the last state that it told; a state is told at any time."""
    request = wish(ask, OFTEN, seed=seed)
    states: list[TextState] = []
    whole = finished(fresh(vocabulary, request), states)
    assert whole.drafts

    for state in states[seed::17]:
        again = fresh(vocabulary, replace(request, generated_ids=state.token_ids, drafts=state.drafts))
        assert finished(again).snapshot() == whole.snapshot()


def test_a_scene_begins_anew_with_another_word(vocabulary: Vocabulary, ask: MakeRequest) -> None:
    text = finished(fresh(vocabulary, wish(ask, ALWAYS, temperature=0.0)))

    kept = [first_word(json.loads(scene)["description"]) for scene in text.scanner.scenes]
    dropped = [[draft.first for draft in text.drafts if draft.at == at] for at in sorted({d.at for d in text.drafts})]
    assert len(dropped) == len(kept) - 1
    for scenes, drafts in enumerate(dropped, 2):
        begun = [*kept[:scenes], *drafts[1:]]  # its first draft may begin as it likes
        assert len({*begun}) == len(begun)


def test_a_term_and_a_length_are_not_the_same_time_after_time(vocabulary: Vocabulary, ask: MakeRequest) -> None:
    """A text whose every choice is the first that may come."""
    varied = replace(NEVER, varied=("camera", "duration"))
    boards = []
    for seen in (NEVER, varied):
        text = finished(fresh(vocabulary, wish(ask, seen, min_scenes=8, max_scenes=8)), first=True)
        boards.append(json.loads(b"".join(map(vocabulary.bytes_of, text.tokens)))["scenes"])

    for key in ("camera", "duration"):
        same, other = ([scene[key] for scene in scenes] for scenes in boards)
        assert len({*same}) == 1
        assert not any(len({*other[at : at + IN_A_ROW + 1]}) == 1 for at in range(len(other) - IN_A_ROW))


def test_scenes_of_an_earlier_part_are_not_repeated(vocabulary: Vocabulary, ask: MakeRequest) -> None:
    seen = SeenLayout(SEEN, lambda one, other: other == "what the part before shows")
    request = wish(ask, seen)

    assert not finished(fresh(vocabulary, request)).drafts
    assert finished(fresh(vocabulary, replace(request, earlier=("what the part before shows",)))).drafts


def test_a_scene_of_which_a_text_goes_round_is_written_anew(vocabulary: Vocabulary, ask: MakeRequest) -> None:
    request = ask("x", max_new_tokens=2000, min_scenes=2, max_scenes=2)
    text = fresh(vocabulary, replace(request, layout=replace(request.layout, seen=NEVER)))
    letter = vocabulary._bytes.index(b"a")
    while not text.dropped:
        mask = np.zeros((1, vocabulary.words), dtype=np.int32)
        fill_masks([text], mask)
        if text.scanner.in_scene and text.scanner.in_value and mask[0, letter // 32] >> (letter % 32) & 1:
            text.accept(letter)
        else:
            step(text, first=True)

    assert text.dropped.why == "loops"
    assert text.written_anew().tokens == text.tokens[: text.dropped.at]


def fresh(vocabulary: Vocabulary, request: GenerationRequest, time_left: TimeLeft | None = None) -> Text:
    return Text(vocabulary, request, room_tokens=6000, force=True, force_limit=64, time_left=time_left)


def finished(text: Text, states: list[TextState] | None = None, *, first: bool = False) -> Text:
    while not text.complete or text.dropped:
        text = text.written_anew() if text.dropped else text
        step(text, first=first)
        if states is not None:
            states.append(text.snapshot())
    return text


def step(text: Text, *, first: bool = False) -> None:
    """Made-up scores of the place, noise of the position; `first`: no noise, and the first token is the best."""
    size = text.vocabulary.size
    mask = np.zeros((1, text.vocabulary.words), dtype=np.int32)
    fill_masks([text], mask)
    allowed = np.unpackbits(mask.view(np.uint8), axis=1, bitorder="little", count=size)[0] > 0
    scores = -np.arange(size, dtype=np.float64)
    if not first:
        seed = text.sampling.seed
        scores = np.random.default_rng([seed, len(text.tokens)]).standard_normal(size) * 3
        scores[text.vocabulary.quote] += 8
        scores += text.sampling.temperature * np.random.default_rng([seed, text.position, 1]).gumbel(size=size)
    for token, amount in text.penalties().items():
        scores[token] -= amount * (1e6 if first else 1)
    text.accept(int(np.where(allowed, scores, -np.inf).argmax()))
