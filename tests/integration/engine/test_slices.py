"""llguidance's slices change how long a mask takes, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from llguidance import LLInterpreter

from tests.bench import gpu_model
from tests.integration.engine.walks import STORYBOARDS, differences
from worker.engine.vocabulary import SLICES, Vocabulary, as_grammar

DESCRIPTION = '{"title":"猫","scenes":[{"scene_number":1,"description":"一只猫 in the rain，\\"走"'


def test_masks_and_forced_tokens_are_those_without_slices(loaded: Any) -> None:
    size, eos = loaded.model.config.vocab_size, loaded.eos_token_ids

    assert differences(loaded.tokenizer, size, eos, states=10_000) == []


@pytest.fixture(scope="module")
def large() -> Any:
    """As many tokens as ChatGLM3 has."""
    return gpu_model.tokenizer_of(gpu_model.REAL)


def looked_at(tokenizer: Any, slices: tuple[str, ...]) -> list[tuple[str, int]]:
    """For each token of `DESCRIPTION`: the text before it, and how many of the vocabulary's nodes its mask cost."""
    vocabulary = Vocabulary(tokenizer, gpu_model.REAL.vocab, (1,), slices)
    interpreter = LLInterpreter(
        vocabulary._lltokenizer, as_grammar(STORYBOARDS[0]), enable_backtrack=False, enable_ff_tokens=False
    )
    interpreter.start_without_prompt()
    mask, seen, before = bytearray(4 * vocabulary.words), [], b""
    for token in tokenizer.encode(DESCRIPTION):
        progress = json.loads(interpreter.compute_mask_into(mask))["progress"]
        if progress:  # of the token before, whose stats are those of this mask
            seen.append((before.decode(errors="replace"), progress[0]["stats"]["trie_nodes_walked"]))
        interpreter.commit_token(token)
        before += vocabulary.bytes_of(token)
    return seen


def test_inside_a_string_a_mask_looks_at_few_tokens(large: Any) -> None:
    """Lost as soon as the strings' class is no longer one that the slices are proved to be part of."""
    sliced, whole = looked_at(large, SLICES), looked_at(large, ())

    dear = [text for text, nodes in whole if nodes > 100_000]
    assert len(dear) > 10
    assert [(text, nodes) for text, nodes in sliced if text in dear and nodes > 1000] == []
