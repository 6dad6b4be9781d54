"""What the embedded model writes, and what its vocabulary, a hundred times the tiny one's, must not change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from models.load import load
from scriptqueue.schemas import JobRequest
from tests.integration.engine import test_closing, test_vocabulary, tiny
from tests.integration.engine.conftest import PROMPTS, MakeRequest, engine_of, request_maker, together
from tests.integration.engine.test_closing import checked
from worker.engine.batch import BatchEngine

if TYPE_CHECKING:
    from models.load import LoadedModel


@pytest.fixture(scope="module")
def ask(embedded: LoadedModel) -> MakeRequest:
    return request_maker(embedded)


@pytest.fixture(scope="module")
def engine(embedded: LoadedModel) -> Iterator[BatchEngine]:
    engine = engine_of(embedded.model, embedded)
    yield engine
    engine.stop()


@pytest.fixture(scope="module")
def wild(embedded: LoadedModel) -> LoadedModel:
    """Random weights with the embedded model's vocabulary."""
    return replace(embedded, model=tiny.model(embedded.model.config.vocab_size))


@pytest.fixture
def in_fp32(embedded: LoadedModel) -> Iterator[BatchEngine]:
    """With the weights of its file, in transformers' batching."""
    loaded = load(embedded.name, dtype="fp32", device="cpu")
    engine = engine_of(loaded.model, loaded, batching="transformers")
    yield engine
    engine.stop()


@pytest.mark.parametrize("which", ["engine", "in_fp32"])
def test_the_batch_writes_the_same_text_as_the_single_run_for_greedy_sampling(
    which: str, ask: MakeRequest, request: pytest.FixtureRequest
) -> None:
    engine: BatchEngine = request.getfixturevalue(which)
    requests = [ask(prompt, max_new_tokens=24, min_scenes=1, max_scenes=1) for prompt in PROMPTS]

    batch = together(engine, requests)
    alone = [engine.submit(one).wait().token_ids for one in requests]

    assert batch == alone


def test_sixty_tokens_of_the_real_model_are_three_scenes(engine: BatchEngine, ask: MakeRequest, embedded: Any) -> None:
    output = engine.submit(ask("一个宇航员在月球上种花", max_new_tokens=60)).wait()

    checked(embedded.tokenizer.decode(output.token_ids), JobRequest(prompt="一个宇航员在月球上种花"))
    assert output.finish == "closed_early"
    assert output.sampled_tokens <= 60


def test_a_text_that_ends_by_itself_is_not_called_closed(engine: BatchEngine, ask: MakeRequest, embedded: Any) -> None:
    output = engine.submit(ask("A cat sleeps", max_new_tokens=400, max_scenes=3)).wait()

    assert output.finish == "complete"
    checked(embedded.tokenizer.decode(output.token_ids), JobRequest(prompt="A cat sleeps", max_scenes=3))


def test_a_wild_model_of_this_vocabulary_is_closed_too(wild: LoadedModel, ask: MakeRequest) -> None:
    engine = engine_of(wild.model, wild)

    test_closing.test_any_budget_gives_all_scenes(engine, ask, wild, 6, 27)
    test_closing.test_a_target_duration_survives_a_small_budget(engine, ask, wild, 17.5)

    engine.stop()


def test_a_long_sentence_of_this_vocabulary_ends_with_one_of_its_clauses(
    ask: MakeRequest, embedded: LoadedModel
) -> None:
    test_closing.test_a_sentence_that_strings_clauses_together_ends_with_one_of_them(ask, embedded)


def test_this_vocabulary_forces_the_same_tokens_when_it_cuts_and_pads(embedded: LoadedModel) -> None:
    test_vocabulary.test_a_tokenizer_that_cuts_and_pads_texts_forces_the_same_tokens(embedded)
