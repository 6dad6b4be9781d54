"""A text that another process began: gone on with where the model is the same, else continued from its scenes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest

from scriptqueue.schemas import JobRequest, Sampling
from shared.store.executions import Resume
from tests.integration.engine.conftest import BY_BOTH, engine_of
from worker.backend.backend import Partial, Prefix
from worker.backend.model import ModelBackend
from worker.engine.serving import Batching
from worker.script import grammar
from worker.script.complete import complete_scenes
from worker.script.output import parse, validate

if TYPE_CHECKING:
    from models.load import LoadedModel

PLAIN = JobRequest(
    prompt="雨中的猫", min_scenes=4, max_scenes=6, sampling=Sampling(temperature=1.0, max_new_tokens=240, seed=11)
)
OUTLINED = PLAIN.model_copy(update={"outline": True})


pytestmark = [BY_BOTH, pytest.mark.parametrize("wish", [PLAIN, OUTLINED], ids=["plain", "outlined"])]


@pytest.fixture(scope="module")
def backend(tiny_model: Any, loaded: LoadedModel, batching: Batching) -> Iterator[ModelBackend]:
    backend = ModelBackend(replace(loaded, model=tiny_model), engine_of(tiny_model, loaded, batching=batching))
    yield backend
    backend.close()


def start(backend: ModelBackend, wish: JobRequest, begun: Prefix | None = None, on_scene: Any = lambda: None) -> Any:
    begun = begun or Prefix()
    return backend.start(wish, seed=11, time_left_s=300, begun=begun, on_scene=on_scene)


def interrupted(backend: ModelBackend, wish: JobRequest) -> Partial:
    """A text as it is when its second scene is complete and the next one has begun."""
    published_scene = Event()
    generation = start(backend, wish, on_scene=published_scene.set)
    while generation.partial().scenes_done < 2:
        assert published_scene.wait(60)
        published_scene.clear()
    partial: Partial = generation.partial()
    generation.stop()
    assert generation.wait().ended == "stopped"
    return partial


def test_the_tokens_of_the_same_model_are_gone_on_with_to_the_same_text(
    backend: ModelBackend, wish: JobRequest
) -> None:
    whole = start(backend, wish).wait()
    partial = interrupted(backend, wish)
    published = complete_scenes(partial.text(), wish)

    again = start(backend, wish, Prefix(published, partial.resume)).wait()

    assert len(published) >= 2
    assert partial.resume
    assert len(partial.resume.token_ids) > 20
    assert again.text == whole.text
    assert again.notes == whole.notes


def test_a_text_that_ends_within_a_scene_written_anew_is_gone_on_with(
    backend: ModelBackend, wish: JobRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the record that another process reads; with a budget that allows for an outline as well."""
    wish = wish.model_copy(update={"sampling": Sampling(temperature=1.0, max_new_tokens=900, seed=11)})
    write_text = grammar._text
    monkeypatch.setattr(grammar, "_text", lambda most, **options: write_text(min(most, 12), **options))
    monkeypatch.setattr(grammar, "is_near", lambda one, other: len(one) % 3 == len(other) % 3)
    whole = start(backend, wish).wait()
    generation = start(backend, wish)
    while (
        not (resume := generation.partial().resume)
        or not resume.drafts
        or resume.drafts[-1][0] + 3 > len(resume.token_ids)
    ):
        Event().wait(0.001)
    generation.stop()
    published = complete_scenes(generation.partial().text(), wish)
    begun = Prefix(published[: generation.partial().scenes_done], Resume.from_json(resume.to_json()))

    again = start(backend, wish, begun).wait()

    assert "written anew" in whole.notes[-1]
    assert again == whole


def test_another_model_continues_from_the_published_scenes(backend: ModelBackend, wish: JobRequest) -> None:
    partial = interrupted(backend, wish)
    assert partial.resume
    published = complete_scenes(partial.text(), wish)

    written = start(backend, wish, Prefix(published, replace(partial.resume, fingerprint="of another model"))).wait()
    storyboard, repairs = validate(parse(written.text), wish, published)

    assert storyboard.scenes[: len(published)] == published
    assert not any("published" in repair for repair in repairs)  # the model was given them: nothing had to be put back
    assert written.ended == "complete"
    assert f"the first {len(published)} scenes stand from an earlier text" in written.notes


def test_a_continued_text_is_itself_gone_on_with(backend: ModelBackend, wish: JobRequest) -> None:
    published = complete_scenes(interrupted(backend, wish).text(), wish)
    whole = start(backend, wish, Prefix(published)).wait()
    published_scene = Event()
    generation = start(backend, wish, Prefix(published), on_scene=published_scene.set)
    assert published_scene.wait(60)
    partial = generation.partial()
    generation.stop()
    grown = complete_scenes(partial.text(), wish)

    again = start(backend, wish, Prefix(max(grown, published, key=len), partial.resume)).wait()

    assert partial.resume.given == len(published)
    assert again.text == whole.text
