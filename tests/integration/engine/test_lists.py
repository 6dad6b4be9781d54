"""Lists within scenes and a cast before them: closed in time, counted as no scenes, and spoken within the seconds."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from scriptqueue.further_fields import fields_named
from scriptqueue.schemas import JobRequest, min_tokens_a_scene
from shared.board.cast import WRITTEN_IDS
from shared.board.voices import is_sayable
from tests.integration.engine.conftest import GREEDY, MakeRequest
from tests.integration.engine.walks import drawn
from worker.engine.text import Text, fill_masks
from worker.engine.vocabulary import Vocabulary
from worker.script.output import parse, validate

CAST = [{"id": f"p{n}", "name": name, "look": "红衣"} for n, name in enumerate(("小雨", "Anna", "阿明"))]
GIVEN: dict[str, Any] = {"characters": CAST, "fields": ["narration", "dialogue", "characters"]}
WRITTEN: dict[str, Any] = {"fields": ["dialogue", "light", "characters"]}


@pytest.fixture(scope="module")
def vocabulary(loaded: Any) -> Vocabulary:
    return Vocabulary(loaded.tokenizer, loaded.model.config.vocab_size, loaded.eos_token_ids)


@pytest.mark.parametrize("options", [GIVEN, WRITTEN], ids=["a cast that is given", "a cast that is written"])
@pytest.mark.parametrize("spare", [0, 1, 9, 40, 400])
def test_any_budget_gives_all_scenes(
    vocabulary: Vocabulary, ask: MakeRequest, options: dict[str, Any], spare: int
) -> None:
    wanted = JobRequest.model_validate({"prompt": "x", "max_scenes": 20, **options})
    fields = fields_named(wanted.fields)
    budget = wanted.min_scenes * min_tokens_a_scene(wanted.fields, writes_cast=wanted.writes_cast) + spare
    filled = 0
    for seed in range(8):
        request = ask("x", replace(GREEDY, seed=seed), max_new_tokens=budget, max_scenes=20, **options)
        text = _walk(vocabulary, request, seed)
        raw = json.loads(b"".join(map(vocabulary.bytes_of, text.tokens)))

        assert text.sampled_tokens <= budget
        assert len(raw["scenes"]) == text.scanner.scenes_done >= wanted.min_scenes
        board, repairs = validate(parse(json.dumps(raw), fields), wanted, fields=fields)
        assert len(board.scenes) == len(raw["scenes"])
        known = ("blanks around it", "is not in the cast", " read as ", "repeat", "says nothing", "comes twice")
        assert [repair for repair in repairs if not any(words in repair for words in known)] == []
        assert all(is_sayable(scene, fields) for scene in raw["scenes"])
        assert {*raw.get("characters", {})} <= {*WRITTEN_IDS}
        filled += any(scene["dialogue"] for scene in raw["scenes"])
    assert filled or spare < 400


def _walk(vocabulary: Vocabulary, request: Any, seed: int) -> Text:
    text = Text(vocabulary, request, room_tokens=9000, force=True, force_limit=64)
    draw, mask = random.Random(seed), np.zeros(vocabulary.words, dtype=np.int32)
    while not text.complete:
        fill_masks([text], mask[None])
        text.accept(drawn(draw, mask, vocabulary))
    return text
