"""`serves`: workers that would write the same for a request have the same; whatever decides a text changes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from shared.board import language, languages
from shared.board.language import language_of, written_language
from tests.integration.engine.conftest import engine_of
from worker.backend import model, probes
from worker.script import prompt

if TYPE_CHECKING:
    from models.load import LoadedModel

Serves = Callable[..., str]


@pytest.fixture(scope="module")
def serves(tiny_model: Any, loaded: LoadedModel) -> Iterator[Serves]:
    """What a worker that starts now would say, of an edition of its folder."""
    own, engine = replace(loaded, model=tiny_model), engine_of(tiny_model, loaded)
    yield lambda edition="": model.ModelBackend(own, engine, edition).serves
    engine.stop()


def test_it_is_the_same_for_two_workers_and_another_for_other_files(serves: Serves) -> None:
    assert serves() == serves()
    assert serves() != serves("files of another day")


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        *((tag, prompt.SYSTEM) for tag in ("zh", "en")),
        *((tag, languages.NAMES) for tag in ("ja", "ru", "ko", "fr", "ar")),
    ],
)
def test_another_wording_in_any_language_is_another_likeness(
    serves: Serves, monkeypatch: pytest.MonkeyPatch, tag: str, words: dict[str, str]
) -> None:
    before = serves()

    monkeypatch.setitem(words, tag, f"{words[tag]}!")

    assert serves() != before


@pytest.mark.parametrize("tag", ["zh", "ja", "ru", "ko", "fr", "ar"])
def test_a_language_that_was_taken_for_another_is_another_likeness(
    serves: Serves, monkeypatch: pytest.MonkeyPatch, tag: str
) -> None:
    """An answer from the cache would be in the language that was read before."""
    now = serves()
    assert tag in {written_language(probe) for probe in probes.PROBES}

    monkeypatch.setattr(language, "language_of", lambda text: "en" if language_of(text) == tag else language_of(text))

    assert serves() != now
