"""A text that outlines its scenes first: a line for each, and then the JSON, in one go."""

from __future__ import annotations

import json
import re
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from scriptqueue.schemas import JobRequest, Sampling
from tests.integration.engine.conftest import BY_BOTH, MakeRequest, engine_of, resumed
from worker.backend.backend import Prefix
from worker.backend.model import ModelBackend
from worker.engine.batch import BatchEngine
from worker.engine.layout import Outline
from worker.engine.request import SamplingParams
from worker.engine.text import Text, fill_masks
from worker.engine.vocabulary import Vocabulary
from worker.script.output import parse, validate

LINE = re.compile(r"(\d+)\. ?(\S[^\n{}\[\]\"]*)\n")
WILD = {seed: SamplingParams(1.2, 1.0, seed) for seed in range(3)}


def parted(text: str) -> tuple[list[str], str]:
    """The lines of an outline by their numbers, and what follows them."""
    lines, at = [], 0
    while line := LINE.match(text, at):
        lines.append(line[1])
        at = line.end()
    return lines, text[at:]


@pytest.mark.parametrize(
    ("options", "counts"),
    [
        ({"min_scenes": 2, "max_scenes": 3}, (2, 3)),
        ({"min_scenes": 1, "max_scenes": 1, "target_duration_s": 7.5}, (1, 1)),
        ({"min_scenes": 1, "max_scenes": 11, "fields": ["characters", "dialogue"]}, (1, 11)),
    ],
    ids=["few", "a length", "a cast that speaks"],
)
def test_a_line_for_each_scene_stands_before_a_board_like_any_other(
    tiny: BatchEngine, ask: MakeRequest, loaded: Any, options: dict[str, Any], counts: tuple[int, int]
) -> None:
    request = ask("一只猫", WILD[1], max_new_tokens=400, outline=True, **options)

    output = tiny.submit(request).wait()

    lines, board = parted(loaded.tokenizer.decode(output.token_ids))
    assert counts[0] <= len(lines) <= counts[1]
    assert lines == [str(number) for number in range(1, len(lines) + 1)]
    validate(json.loads(board), JobRequest(prompt="一只猫", **options))


@BY_BOTH
@pytest.mark.parametrize("a_scene", [24, 30])
def test_a_small_budget_ends_the_outline_too(tiny: BatchEngine, ask: MakeRequest, loaded: Any, a_scene: int) -> None:
    requests = [ask("一只猫", way, max_new_tokens=3 * a_scene, outline=True) for way in WILD.values()]

    outputs = [generation.wait() for generation in [tiny.submit(request) for request in requests]]

    for output in outputs:
        lines, board = parted(loaded.tokenizer.decode(output.token_ids))
        assert (output.finish, len(lines)) == ("closed_early", 3)
        assert output.sampled_tokens <= 3 * a_scene
        validate(parse(board), JobRequest(prompt="一只猫"))


@pytest.mark.parametrize("share", [0.02, 0.2, 0.9], ids=["in a line", "in the outline", "in the board"])
def test_an_outline_is_part_of_the_text_that_another_process_goes_on_with(
    tiny: BatchEngine, ask: MakeRequest, share: float
) -> None:
    request = ask("一只猫", WILD[2], max_new_tokens=200, outline=True, max_scenes=3)
    whole = tiny.submit(request).wait()

    rest = tiny.submit(resumed(request, whole.token_ids[: max(3, int(share * len(whole.token_ids)))])).wait()

    assert (rest.token_ids, rest.sampled_tokens) == (whole.token_ids, whole.sampled_tokens)


def test_it_is_the_same_beside_a_text_without_one(tiny: BatchEngine, ask: MakeRequest) -> None:
    outlined, plain = (ask("一只猫", WILD[0], max_new_tokens=200, outline=wish) for wish in (True, False))
    alone = [tiny.submit(request).wait() for request in (outlined, plain)]

    together = [generation.wait() for generation in [tiny.submit(request) for request in (outlined, plain)]]

    assert together == alone


def test_a_thought_ends_before_the_board(ask: MakeRequest, loaded: Any) -> None:
    """By the very tokens that the model ends it with: text that looks like them would be another."""
    tokenizer = loaded.tokenizer
    vocabulary = Vocabulary(tokenizer, loaded.model.config.vocab_size, loaded.eos_token_ids)
    end = (tokenizer.encode("\n")[0], tokenizer.encode("猫")[0])
    request = replace(ask("x", max_new_tokens=400), outline=Outline(1, 2, 20, end))
    text = Text(vocabulary, request, room_tokens=4000, force=True, force_limit=64)
    for token in tokenizer.encode(". x\n"):
        text.accept(token)
    before = len(text.tokens)
    mask = np.zeros(vocabulary.words, dtype=np.int32)
    fill_masks([text], mask[None])

    text.accept(end[0])

    assert {int(token) for token in np.flatnonzero(np.unpackbits(mask.view(np.uint8), bitorder="little"))} == {
        end[0],
        tokenizer.encode("2")[0],
    }
    assert text.tokens[before : before + 2] == [*end]
    assert tokenizer.decode(text.tokens[before + 2 :]).startswith('{"')


def test_whoever_watches_sees_the_board_and_not_its_outline(tiny_model: Any, loaded: Any) -> None:
    own = replace(loaded, model=tiny_model)
    request = JobRequest(
        prompt="一只猫", outline=True, max_scenes=3, sampling=Sampling(temperature=1.2, max_new_tokens=200)
    )
    seen: list[str] = []
    with closing(ModelBackend(own, engine_of(tiny_model, loaded))) as backend:
        generation = backend.start(
            request,
            seed=1,
            time_left_s=60,
            begun=Prefix(),
            on_scene=lambda: seen.append(generation.partial().text()),
        )
        completion = generation.wait()

    assert json.loads(completion.text) == parse(completion.text)
    assert completion.output_tokens > len(loaded.tokenizer.encode(completion.text))
    assert [text[:9] for text in seen] == ['{"title":'] * len(seen)
