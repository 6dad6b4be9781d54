"""A text does not begin with a placeholder of the prompt's example, however its tokens are cut; all else may come."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from scriptqueue.further_fields import fields_named
from scriptqueue.schemas import FieldName, JobRequest
from tests.integration.engine.conftest import BY_BOTH, MakeRequest
from worker.engine.batch import BatchEngine
from worker.engine.beginnings import Beginnings
from worker.engine.request import SamplingParams
from worker.engine.scanner import Scanner
from worker.engine.vocabulary import Vocabulary
from worker.script.prompt_example import example_of, placeholders

REFUSED = (("description", "画面描述"), ("description", "what is seen"), ("light", "光线"))
NAMES: tuple[FieldName, ...] = ("narration", "sound", "characters", "dialogue")
OPENED = '{"title":"画面描述","scenes":[{"scene_number":1,'


@pytest.fixture(scope="module")
def vocabulary(loaded: Any) -> Vocabulary:
    return Vocabulary(loaded.tokenizer, loaded.model.config.vocab_size, loaded.eos_token_ids)


@pytest.mark.parametrize(
    ("begun", "refused", "free"),
    [
        ('"description":"画面描', ["述"], ["画", "绘", "，"]),
        ('"description":"“画面描', ["述"], ["绘"]),
        ('"description":"What is see', ["n", "N"], ["m"]),
        ('"description":"', [], ["画", "w", "W"]),
        ('"description":"雨夜的画面描', [], ["述"]),
        ('"light":"画面描', [], ["述"]),
        ('"light":"光', ["线"], ["影"]),
        ('"light":"光 ', ["线"], ["影"]),
        ('"description":"Whatis see', ["n"], ["m"]),
        ('"duration":', [], ["3"]),
    ],
)
def test_only_what_makes_a_placeholder_whole_is_refused(
    vocabulary: Vocabulary, loaded: Any, begun: str, refused: list[str], free: list[str]
) -> None:
    scanner = Scanner()
    scanner.feed((OPENED + begun).encode())

    penalties = Beginnings(vocabulary, scanner, REFUSED).penalties()

    whole = {text: loaded.tokenizer.encode(text) for text in (*refused, *free)}
    last = {text: ids[-1] for text, ids in whole.items() if len(ids) == 1}
    assert {text for text, token in last.items() if token in penalties} == {text for text in refused if text in last}
    for text in refused:  # in bytes, where no token is the character
        ids, pieces = whole[text], Scanner()
        pieces.feed((OPENED + begun).encode() + b"".join(map(vocabulary.bytes_of, ids[:-1])))
        assert ids[-1] in Beginnings(vocabulary, pieces, REFUSED).penalties()


@BY_BOTH
def test_a_model_that_would_write_it_writes_something_else(tiny: BatchEngine, loaded: Any, ask: MakeRequest) -> None:
    """Each beginning that a text had is refused in turn, and what comes instead is another one."""
    seen: set[str] = set()
    request = ask(sampling=SamplingParams(0.0, 1.0, 1), max_new_tokens=400, min_scenes=1, max_scenes=1)
    for _ in range(4):
        refused = tuple(("title", text) for text in sorted(seen))
        output = tiny.submit(replace(request, layout=replace(request.layout, refused=refused))).wait()
        title = json.loads(loaded.tokenizer.decode(output.token_ids))["title"]
        assert not any(title.lower().startswith(begun) for begun in seen)
        seen.add(title[:6].lower())
    assert len(seen) == 4


@pytest.mark.parametrize("spoken", ["zh", "en"])
def test_each_text_of_the_example_is_one_unless_the_request_says_it(spoken: Any) -> None:
    fields = fields_named(NAMES)
    request = JobRequest(prompt="x", fields=NAMES)

    shown = placeholders(spoken, fields, request)

    example = json.loads(example_of(spoken, fields, request))
    scene = example["scenes"][0]
    assert {("title", example["title"]), ("description", scene["description"]), ("sound", scene["sound"])} < {*shown}
    assert ("line", scene["dialogue"][0]["line"]) in shown
    assert {text for key, text in shown if key == "look"} == {
        character["look"] for character in example["characters"].values()
    }
    own = JobRequest(prompt=f"a film of {scene['description']}")
    assert ("description", scene["description"]) not in placeholders(spoken, fields, own)
