"""A text that another process began: gone on with where the model is the same, else continued from its scenes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest

from scriptqueue.schemas import JobRequest, Sampling
from tests.integration.engine.conftest import engine_of
from worker.backend.backend import Partial, Prefix
from worker.backend.model import ModelBackend
from worker.script.complete import complete_scenes
from worker.script.output import parse, validate

if TYPE_CHECKING:
    from models.load import LoadedModel

REQUEST = JobRequest(
    prompt="雨中的猫", min_scenes=4, max_scenes=6, sampling=Sampling(temperature=1.0, max_new_tokens=240, seed=11)
)


@pytest.fixture(scope="module")
def writer(tiny_model: Any, loaded: LoadedModel) -> Iterator[ModelBackend]:
    writer = ModelBackend(replace(loaded, model=tiny_model), engine_of(tiny_model, loaded))
    yield writer
    writer.close()


def start(writer: ModelBackend, begun: Prefix = Prefix(), on_scene: Any = lambda: None) -> Any:  # noqa: B008 - frozen
    return writer.start(REQUEST, seed=11, time_left_s=300, begun=begun, on_scene=on_scene)


def interrupted(writer: ModelBackend) -> Partial:
    """A text as it is when its second scene is complete and the next one has begun."""
    told = Event()
    draft = start(writer, on_scene=told.set)
    while draft.partial().scenes_done < 2:
        assert told.wait(60)
        told.clear()
    partial: Partial = draft.partial()
    draft.stop()
    assert draft.wait().ended == "stopped"
    return partial


def test_the_tokens_of_the_same_model_are_gone_on_with_to_the_same_text(writer: ModelBackend) -> None:
    whole = start(writer).wait()
    partial = interrupted(writer)
    published = complete_scenes(partial.text(), REQUEST)

    again = start(writer, Prefix(published, partial.resume)).wait()

    assert len(published) >= 2
    assert partial.resume
    assert len(partial.resume.token_ids) > 20
    assert again.text == whole.text
    assert again.notes == whole.notes


def test_another_model_continues_from_the_published_scenes(writer: ModelBackend) -> None:
    partial = interrupted(writer)
    assert partial.resume
    published = complete_scenes(partial.text(), REQUEST)

    written = start(writer, Prefix(published, replace(partial.resume, fingerprint="of another model"))).wait()
    storyboard, repairs = validate(parse(written.text), REQUEST, published)

    assert storyboard.scenes[: len(published)] == published
    assert not any("published" in repair for repair in repairs)  # the model was given them: nothing had to be put back
    assert written.ended == "complete"
    assert f"the first {len(published)} scenes stand from an earlier text" in written.notes


def test_a_continued_text_is_itself_gone_on_with(writer: ModelBackend) -> None:
    published = complete_scenes(interrupted(writer).text(), REQUEST)
    whole = start(writer, Prefix(published)).wait()
    told = Event()
    draft = start(writer, Prefix(published), on_scene=told.set)
    assert told.wait(60)
    partial = draft.partial()
    draft.stop()
    grown = complete_scenes(partial.text(), REQUEST)

    again = start(writer, Prefix(max(grown, published, key=len), partial.resume)).wait()

    assert partial.resume.given == len(published)
    assert again.text == whole.text
