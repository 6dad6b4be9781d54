"""/docs for people who see it first: operations are called by words, what makes jobs comes first, examples hold."""

from __future__ import annotations

import re
from typing import Any

import pytest

from api.http.examples import BATCHES, EXAMPLES
from api.http.guide import INTRODUCTION, summary_of
from api.routes.batches import BatchRequest
from api.wiring import create_app
from scriptqueue.schemas import JobRequest
from shared.settings import Settings

METHODS = {"get", "post", "delete"}
LONGEST = 72


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app(Settings()).openapi()


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method} {path}": operation
        for path, of_path in (document["paths"] | document["webhooks"]).items()
        for method, operation in of_path.items()
        if method in METHODS
    }


def test_every_operation_is_called_by_words_of_its_own(document: dict[str, Any]) -> None:
    summaries = {name: operation["summary"] for name, operation in operations(document).items()}

    assert {name: words for name, words in summaries.items() if len(words.split()) < 2 or len(words) > LONGEST} == {}
    assert len(set(summaries.values())) == len(summaries)


def test_a_job_is_posted_before_all_else_and_every_group_is_explained(document: dict[str, Any]) -> None:
    every = operations(document)

    assert next(iter(every)) == "post /jobs"
    used = {tag for operation in every.values() for tag in operation.get("tags", [])}
    assert {tag["name"] for tag in document["tags"]} == used
    assert all(tag["description"].endswith(".") for tag in document["tags"])


def test_what_the_introduction_asks_for_is_there(document: dict[str, Any]) -> None:
    commands = re.findall(r"localhost:8000(/[\w/]*)(?:\?(\w+)=(\w+))?", INTRODUCTION)

    assert len(commands) == 5
    for path, parameter, value in commands:
        operation = document["paths"][path.replace("ID", "{job_id}")]["post" if path == "/jobs" else "get"]
        schemas = {one["name"]: str(one["schema"]) for one in operation.get("parameters", [])}
        assert not parameter or value in schemas[parameter]


@pytest.mark.parametrize(("shape", "examples"), [(JobRequest, EXAMPLES), (BatchRequest, BATCHES)])
def test_examples_are_valid_and_shown(document: dict[str, Any], shape: Any, examples: Any) -> None:
    path = "/batches" if shape is BatchRequest else "/jobs"

    assert document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["examples"] == examples
    for example in examples.values():
        if "base" not in example["value"]:  # whose prompt comes with it
            shape.model_validate(example["value"])


@pytest.mark.parametrize(
    ("description", "summary"),
    [
        ("Stop a job. Safe to repeat.", "Stop a job"),
        ("Figures: many; of all\nkinds.", "Figures"),
        ("The `type` of it", "The type of it"),
        ("", ""),
    ],
)
def test_a_summary_is_the_beginning(description: str, summary: str) -> None:
    assert summary_of(description) == summary
