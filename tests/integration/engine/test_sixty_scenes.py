"""The largest boards: as many scenes as are wanted, each as long as it may be, within the budget; their grammar."""

from __future__ import annotations

import json
import random
from typing import Any, get_args

import pytest

from scriptqueue.further_fields import fields_named
from scriptqueue.schemas import FieldName, JobRequest, min_tokens_a_scene
from tests.integration.engine.conftest import MakeRequest
from worker.engine.batch import BatchEngine
from worker.engine.request import SamplingParams
from worker.engine.vocabulary import Vocabulary
from worker.script.grammar import storyboard_schema
from worker.script.output import parse, validate

LARGEST: dict[str, Any] = {"max_scenes": 60, "scene_min_s": 1, "scene_max_s": 60, "fields": get_args(FieldName)}
LARGEST_SCHEMA = 250_000  # characters; a plain board's has 5,700


def limits(chance: random.Random) -> dict[str, Any]:
    count, shortest_s = chance.randint(1, 60), chance.randint(1, 60)
    options = {"min_scenes": count, "max_scenes": count, "scene_min_s": shortest_s}
    options["scene_max_s"] = chance.randint(shortest_s, 60)
    if chance.random() < 0.5:
        options["target_duration_s"] = chance.randint(count * shortest_s, count * options["scene_max_s"])
    return options


@pytest.mark.parametrize(
    "times", [2, pytest.param(16, marks=pytest.mark.slow), pytest.param(60, marks=pytest.mark.long)]
)
def test_exact_numbers_of_scenes_are_written_with_the_smallest_budget(
    tiny: BatchEngine, ask: MakeRequest, loaded: Any, times: int
) -> None:
    chance = random.Random(19)
    wanted = [limits(chance) for _ in range(times)]
    requests = [
        ask("猫", SamplingParams(1.2, 1.0, n), max_new_tokens=one["min_scenes"] * min_tokens_a_scene(()), **one)
        for n, one in enumerate(wanted)
    ]

    outputs = [generation.wait() for generation in [tiny.submit(request) for request in requests]]

    for one, output in zip(wanted, outputs, strict=True):
        raw = parse(loaded.tokenizer.decode(output.token_ids))
        board, _ = validate(raw, JobRequest(prompt="猫", **one))
        written = [scene["duration"] for scene in raw["scenes"]]
        assert [scene.duration for scene in board.scenes] == written  # the grammar's, and none was mended
        assert len(written) == one["min_scenes"]
        assert one.get("target_duration_s") in {None, sum(written)}


def test_the_largest_grammar_is_of_a_bounded_size_and_made_once(loaded: Any) -> None:
    """Compiling takes as long as the schema is; `make bench ARGS=grammar` has the milliseconds."""
    request = JobRequest.model_validate({"prompt": "x", **LARGEST})
    schema = json.dumps(storyboard_schema(request, fields=fields_named(request.fields)))
    vocabulary = Vocabulary(loaded.tokenizer, loaded.model.config.vocab_size, loaded.eos_token_ids)

    assert len(schema) < LARGEST_SCHEMA
    vocabulary.matcher(schema)
    vocabulary.matcher(schema)
    assert vocabulary._compiled.cache_info().misses == 1
