"""A script is broken down by a tiny model: word for word, in as many parts as its context needs, also after a crash."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event
from typing import Any

import pytest

from models.load import LoadedModel
from scriptqueue.further_fields import fields_named
from scriptqueue.schemas import JobRequest, Sampling, Scene
from shared.board.break_down import given_fields, script_shots, with_shots_counted
from shared.errors import PromptTooLong
from tests.integration.engine import tiny
from tests.integration.engine.conftest import engine_of
from worker.backend.backend import Partial, Prefix
from worker.backend.generation import ModelGeneration
from worker.backend.model import ModelBackend
from worker.backend.parts import ScriptParts
from worker.engine.layout import Outline
from worker.script.complete import complete_scenes
from worker.script.grammar import layout
from worker.script.output import parse, validate

REQUEST = with_shots_counted(
    JobRequest(
        prompt="\n\n".join(tiny.TEXT[1:6]),
        mode="break_down",
        fields=("pace",),
        sampling=Sampling(temperature=1.0, max_new_tokens=360, seed=11),
    )
)
FIELDS = fields_named(REQUEST.fields)
WORDS = [shot.words for shot in script_shots(REQUEST) or ()]
Backend = Callable[[int], ModelBackend]


@pytest.fixture(scope="module")
def backend(tiny_model: Any, loaded: LoadedModel) -> Iterator[Backend]:
    """By the tokens of its context."""
    made: dict[int, ModelBackend] = {}

    def of_context(tokens: int) -> ModelBackend:
        if tokens not in made:
            engine = engine_of(tiny_model, loaded, context_tokens=tokens)
            made[tokens] = ModelBackend(replace(loaded, model=tiny_model), engine)
        return made[tokens]

    yield of_context
    for each in made.values():
        each.close()


def start(backend: ModelBackend, begun: Prefix = Prefix(), on_scene: Any = lambda: None) -> ModelGeneration:  # noqa: B008 - frozen
    return backend.start(REQUEST, seed=11, time_left_s=300, begun=begun, on_scene=on_scene)


def parts_of(backend: ModelBackend) -> list[range]:
    parts = backend._parts(REQUEST)
    assert parts
    return [*dict.fromkeys(parts.after(given) for given in range(len(WORDS)))]


def words_of(text: str, published: tuple[Scene, ...] = ()) -> list[str | None]:
    board, repairs = validate(parse(text, FIELDS), REQUEST, published, FIELDS)
    assert not [repair for repair in repairs if "put back" in repair or "published" in repair]
    assert board.scenes[: len(published)] == published
    return [scene.narration for scene in board.scenes]


def interrupted(backend: ModelBackend, scenes: int) -> Partial:
    """A text as it is when so many scenes are complete."""
    published_scene = Event()
    generation = start(backend, on_scene=published_scene.set)
    with ThreadPoolExecutor() as threads:
        ended = threads.submit(generation.wait)
        while generation.partial().scenes_done < scenes:
            assert published_scene.wait(60)
            published_scene.clear()
        partial = generation.partial()
        generation.stop()
        assert ended.result(60).ended == "stopped"
    return partial


@pytest.fixture(scope="module")
def whole(backend: Backend) -> str:
    """A text in four parts."""
    return start(backend(1400)).wait().text


@pytest.mark.parametrize(("context_tokens", "parts"), [(8192, 1), (1900, 2), (1400, 4)])
def test_every_word_is_there_in_however_many_parts(backend: Backend, context_tokens: int, parts: int) -> None:
    scenes: list[int] = []
    model = backend(context_tokens)
    generation = start(model, on_scene=lambda: scenes.append(1))

    written = generation.wait()
    board, _ = validate(parse(written.text, FIELDS), REQUEST, (), FIELDS)

    assert len(parts_of(model)) == parts
    assert words_of(written.text) == WORDS
    assert complete_scenes(written.text, REQUEST, FIELDS) == board.scenes
    assert len(scenes) == len(WORDS)
    assert generation.progress().scenes_done == len(WORDS)
    assert (generation.progress().text or "")[-20:] == written.text[-20:]
    assert written.ended == "complete"


def test_each_part_is_outlined_first_where_that_is_asked_for(backend: Backend) -> None:
    outlined, model = REQUEST.model_copy(update={"outline": True}), backend(1900)
    parts: dict[str, Outline | None] = {}

    def note() -> None:
        request = generation.handle.request
        parts[request.schema] = request.outline

    generation = model.start(outlined, seed=11, time_left_s=300, begun=Prefix(), on_scene=note)

    assert words_of(generation.wait().text) == WORDS
    assert len(parts) > 1
    assert sum(outline.most for outline in parts.values() if outline) == len(WORDS)


def test_a_budget_for_what_is_seen_suffices_for_the_words_need_none(backend: Backend) -> None:
    least = layout(FIELDS, given_fields(REQUEST)).min_tokens * len(WORDS)
    scarce = REQUEST.model_copy(update={"sampling": Sampling(max_new_tokens=least, temperature=1.0)})
    generation = backend(8192).start(scarce, seed=11, time_left_s=300, begun=Prefix(), on_scene=lambda: None)

    written = generation.wait()
    text = generation.handle.text

    assert words_of(written.text) == WORDS
    assert text
    assert text.sampled_tokens <= least
    assert len(text.tokens) - text.sampled_tokens > 2 * generation.handle.request.given_tokens


@pytest.mark.parametrize("scenes", [1, 3, 5])
def test_a_crash_in_any_part_is_gone_on_from(backend: Backend, whole: str, scenes: int) -> None:
    model = backend(1400)
    partial = interrupted(model, scenes)
    published = complete_scenes(partial.text(), REQUEST, FIELDS)

    again = start(model, Prefix(published, partial.resume)).wait()
    elsewhere = start(model, Prefix(published)).wait()

    assert len(published) >= scenes
    assert words_of(again.text, published) == WORDS == words_of(elsewhere.text, published)
    assert parse(again.text, FIELDS)["scenes"][len(published) :] == parse(whole, FIELDS)["scenes"][len(published) :]


def test_all_scenes_but_the_end_were_there(backend: Backend, whole: str) -> None:
    model = backend(1400)
    published = complete_scenes(whole, REQUEST, FIELDS)

    again = start(model, Prefix(published)).wait()

    assert words_of(again.text, published) == WORDS


def test_a_shot_that_has_no_room_is_a_prompt_too_long(backend: Backend) -> None:
    with pytest.raises(PromptTooLong):
        start(backend(400)).wait()


def test_parts_are_few_and_alike_and_share_what_may_be_sampled() -> None:
    parts = ScriptParts([10] * 12, 50, 700)
    every = [parts.after(given) for given in range(13)]

    assert [*dict.fromkeys(every)] == [range(3), range(3, 6), range(6, 9), range(9, 12)]
    assert every[-1] == range(9, 12)
    assert parts.budget(600, 0) == 150
    assert parts.budget(600, 1) == 110
    assert parts.budget(1, 12) >= 1
    assert parts.given_tokens(0) == 30


def test_each_part_is_to_leave_the_later_ones_their_time(backend: Backend) -> None:
    model = backend(1400)
    parts = model._parts(REQUEST)
    assert parts

    shares = [parts.time_share(given) for given in range(len(WORDS))]

    left, spent = 1.0, []
    for part in parts_of(model):
        spent.append(left * shares[part.start] / len(part))
        left -= left * shares[part.start]
    assert left == pytest.approx(0)
    assert spent == [pytest.approx(1 / len(WORDS))] * len(spent)
    assert all(0 < share <= 1 for share in shares)
    (first, *_), scenes = parts_of(model), ()
    assert model._engine_request(REQUEST, 11, 100, scenes).close_in_s == pytest.approx(100 * len(first) / len(WORDS))
