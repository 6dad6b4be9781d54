"""A model's vocabulary as the grammar sees it."""

from __future__ import annotations

import copy
from typing import Any

from worker.engine.vocabulary import Vocabulary

SCHEMA = (
    '{"type": "object", "properties": {"a long name of a key": {"const": 1}}, "required": ["a long name of a key"]}'
)


def test_a_tokenizer_that_cuts_and_pads_texts_forces_the_same_tokens(loaded: Any) -> None:
    cutting = copy.deepcopy(loaded.tokenizer)
    cutting.backend_tokenizer.enable_truncation(1)
    cutting.backend_tokenizer.enable_padding(length=64)

    forced = [
        Vocabulary(tokenizer, loaded.model.config.vocab_size, loaded.eos_token_ids).matcher(SCHEMA).compute_ff_tokens()
        for tokenizer in (loaded.tokenizer, cutting)
    ]

    assert len(forced[0]) > 4
    assert forced[0] == forced[1]
    assert cutting.backend_tokenizer.truncation  # as it was


def test_the_beginnings_of_a_word_are_told_in_any_case_and_not_by_one_letter(loaded: Any) -> None:
    vocabulary = Vocabulary(loaded.tokenizer, loaded.model.config.vocab_size, loaded.eos_token_ids)

    def beginnings(word: str) -> set[str]:
        return {vocabulary.bytes_of(token).decode() for token in vocabulary.beginnings(word)}

    assert {" scene", "scene", " sce", "sce"} & beginnings("scenery")
    assert {" a", "a", "A"} & beginnings("a")
    for word in ("scenery", "cameras", "shots"):
        assert all(
            3 <= len(found.strip()) <= len(word) and word.startswith(found.strip().lower())
            for found in beginnings(word)
        )
    assert "程" in beginnings("程序")
