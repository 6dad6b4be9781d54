"""However small the budget and however wild the model: valid JSON with all scenes and no blank string."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from scriptqueue.scene_fields import SCENE_FIELDS, Fields, SceneField, Wording
from scriptqueue.schemas import JobRequest
from shared.board.repeats import repeats
from tests.integration.engine.conftest import BY_BOTH, MakeRequest
from worker.engine.batch import BatchEngine
from worker.engine.request import SamplingParams
from worker.engine.text import Text, fill_masks
from worker.engine.vocabulary import Vocabulary
from worker.script.grammar import layout
from worker.script.output import parse, validate

LIGHT = SceneField("light", "text", Wording("光线", "光从哪里来"), Wording("light", "where the light comes from"))
MORE_TEXTS = tuple(replace(LIGHT, name=name) for name in ("light", "sound", "setting", "narration"))
ANGLE = SceneField(
    "viewpoint",
    "term",
    Wording("角度"),
    Wording("viewpoint"),
    terms=("eye level", "low", "low and near", "over the shoulder", "over the head"),  # some begin alike
)


def checked(text: str, request: JobRequest) -> None:
    raw = parse(text)
    assert json.loads(text) == raw
    storyboard, repairs = validate(raw, request)
    # The grammar allows a trailing blank, and a short budget makes scenes alike.
    assert all("blanks around it" in repair for repair in repairs if repair not in repeats(storyboard))
    assert all(scene.description.strip() and scene.action.strip() for scene in storyboard.scenes)


@BY_BOTH
@pytest.mark.parametrize(("min_scenes", "a_scene"), [(1, 60), (3, 20), (3, 33), (6, 20), (6, 27)])
def test_any_budget_gives_all_scenes(
    tiny: BatchEngine, ask: MakeRequest, loaded: Any, min_scenes: int, a_scene: int
) -> None:
    budget = max(60, a_scene * min_scenes)
    options: dict[str, Any] = {"min_scenes": min_scenes, "max_scenes": 20}
    requests = [ask("一只猫", SamplingParams(1.2, 1.0, seed), max_new_tokens=budget, **options) for seed in range(4)]

    outputs = [generation.wait() for generation in [tiny.submit(request) for request in requests]]

    assert "closed_early" in {output.finish for output in outputs}  # a single scene may be done by chance
    for output in outputs:
        assert output.sampled_tokens <= budget
        checked(loaded.tokenizer.decode(output.token_ids), JobRequest(prompt="一只猫", **options))


@pytest.mark.parametrize(
    "fields", [(LIGHT,), (LIGHT, ANGLE), (ANGLE, *MORE_TEXTS)], ids=["three texts", "a term last", "six texts"]
)
@pytest.mark.parametrize("spare", [0, 12])
def test_a_layout_with_more_fields_is_closed_too(
    tiny: BatchEngine, ask: MakeRequest, loaded: Any, fields: Fields, spare: int
) -> None:
    fields = (*SCENE_FIELDS, *fields)
    budget = 3 * (layout(fields).min_tokens + spare)
    options: dict[str, Any] = {"max_new_tokens": budget, "max_scenes": 20, "table": fields}
    requests = [ask("一只猫", SamplingParams(1.2, 1.0, seed), **options) for seed in range(3)]

    outputs = [generation.wait() for generation in [tiny.submit(one) for one in requests]]

    for output in outputs:
        assert output.sampled_tokens <= budget
        assert output.finish == "closed_early"
        text = loaded.tokenizer.decode(output.token_ids)
        assert json.loads(text) == parse(text, fields)
        storyboard, repairs = validate(json.loads(text), JobRequest(prompt="一只猫", max_scenes=20), fields=fields)
        mended = [repair for repair in repairs if repair not in repeats(storyboard)]  # so short, they may be alike
        assert all("blanks around it" in repair for repair in mended)
        names = {field.name for field in fields}
        assert all(names < scene.keys() and all(scene.values()) for scene in storyboard.model_dump()["scenes"])


@pytest.mark.parametrize("target_s", [9, 17.5, 60])
def test_a_target_duration_survives_a_small_budget(
    tiny: BatchEngine, ask: MakeRequest, loaded: Any, target_s: float
) -> None:
    request = JobRequest(prompt="一只猫", target_duration_s=target_s, max_scenes=20)
    engine_request = ask(
        "一只猫", SamplingParams(1.2, 1.0, 1), max_new_tokens=300, target_duration_s=target_s, max_scenes=20
    )

    output = tiny.submit(engine_request).wait()

    storyboard, repairs = validate(parse(loaded.tokenizer.decode(output.token_ids)), request)
    assert storyboard.total_duration == target_s
    assert all("blanks around it" in repair for repair in repairs)


def test_a_sentence_that_strings_clauses_together_ends_with_one_of_them(ask: MakeRequest, loaded: Any) -> None:
    tokenizer = loaded.tokenizer
    vocabulary = Vocabulary(tokenizer, loaded.model.config.vocab_size, loaded.eos_token_ids)
    text = Text(vocabulary, ask("x", max_new_tokens=400), room_tokens=4000, force=True, force_limit=64)
    kinds = {mark: tokenizer.encode(mark)[0] for mark in ("，", "、", ",", "。", "咖啡", '"', '","')}

    def allowed() -> set[str]:
        mask = np.zeros(vocabulary.words, dtype=np.int32)
        fill_masks([text], mask[None])
        return {mark for mark, token in kinds.items() if mask[token // 32] >> (token % 32) & 1}

    begun = '{"title":"猫","scenes":[{"scene_number":1,"description":"'
    while len(written := tokenizer.decode(text.tokens)) < len(begun):  # what the grammar forces is skipped
        text.accept(tokenizer.encode(begun[len(written) :])[0])
    seen = []
    for number in range(1, 13):
        for token in tokenizer.encode(f"他开始思考咖啡店的第{number}种风格，"):
            text.accept(token)
        seen.append((text.closing._string_tokens, allowed()))

    short, endless = seen[0], seen[-1]
    assert short[0] < 40
    assert {"，", "、", ",", "。", "咖啡"} <= short[1]
    assert endless[0] >= 60
    assert endless[1] == {"。", "咖啡", '"', '","'}
