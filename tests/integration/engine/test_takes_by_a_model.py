"""Scenes of a board written anew by a model: the others stay, nothing else is sampled, and a crash changes nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from threading import Event
from typing import Any

import pytest

from models.load import LoadedModel
from scriptqueue.further_fields import fields_named
from scriptqueue.schemas import JobRequest, Scene
from shared.board.kept import kept_board
from shared.board.likeness import seen_in
from tests.integration.engine.conftest import engine_of
from tests.takes import Take, check_take, drawn_take, read_take
from worker.backend.backend import Partial, Prefix
from worker.backend.generation import ModelGeneration
from worker.backend.model import ModelBackend
from worker.engine.distinct import MOST_DRAFTS
from worker.engine.text import Text
from worker.script import grammar
from worker.script.complete import complete_scenes

SAMPLING = {"temperature": 1.0, "max_new_tokens": 240, "seed": 11}
Counted = dict[tuple[int, ...], Counter[int]]  # by a text's prompt, and the place of the scene that they begin in
ELSEWHERE = 0.05  # share of sampled tokens outside of what is written: a constant's end that begins a free text


@pytest.fixture(scope="module")
def backend(tiny_model: Any, loaded: LoadedModel) -> Iterator[ModelBackend]:
    backend = ModelBackend(replace(loaded, model=tiny_model), engine_of(tiny_model, loaded))
    yield backend
    backend.close()


def start(
    backend: ModelBackend,
    take: Take,
    begun: Prefix = Prefix(),  # noqa: B008 - frozen
    on_scene: Any = lambda: None,
) -> ModelGeneration:
    return backend.start(take.request, seed=11, time_left_s=300, begun=begun, on_scene=on_scene)


def written(backend: ModelBackend, take: Take) -> str:
    completion = start(backend, take).wait()
    assert completion.ended == "complete"
    return completion.text


@pytest.mark.parametrize(
    "count", [5, pytest.param(50, marks=pytest.mark.slow), pytest.param(300, marks=pytest.mark.long)]
)
def test_random_takes_keep_what_stays(backend: ModelBackend, count: int) -> None:
    for seed in range(count):
        take = drawn_take(seed, sampling=SAMPLING)
        read_take(take, written(backend, take))


@pytest.mark.parametrize("which", [0, -1], ids=["the first", "the last"])
def test_only_what_is_written_is_held_against_what_stays(
    backend: ModelBackend, monkeypatch: pytest.MonkeyPatch, which: int
) -> None:
    """Also against a scene that comes after all that is written, and so is no part of the text."""
    take = drawn_take(49, sampling={**SAMPLING, "max_new_tokens": 1200})
    base, like = kept_board(take.request), seen_in([*take.kept.values()][which])
    assert base
    assert max(base.kept) >= base.until
    monkeypatch.setattr(grammar, "is_near", lambda one, other: other == like)

    generation = start(backend, take)
    read_take(take, generation.wait().text)

    drafts = [draft.at for draft in generation.handle.wait().drafts]
    assert {drafts.count(at) for at in drafts} == {MOST_DRAFTS}
    assert len(drafts) == MOST_DRAFTS * len(base.holes)


def count_by_scene(monkeypatch: pytest.MonkeyPatch) -> Counted:
    """Sampled tokens from now on, those of dropped scenes among them."""
    counted: Counted = defaultdict(Counter)
    sample = Text._sample

    def counting(text: Text, token: int) -> None:
        place = text.scanner.scenes_done if text.scanner.in_list else -1
        before = text.sampled_tokens
        sample(text, token)
        if not text._replaying:
            counted[text._request.prompt_ids][place] += text.sampled_tokens - before

    monkeypatch.setattr(Text, "_sample", counting)
    return counted


def elsewhere(take: Take, counted: Counter[int]) -> int:
    base = kept_board(take.request)
    assert base
    return sum(tokens for place, tokens in counted.items() if place not in base.holes)


def test_only_what_is_written_is_sampled(backend: ModelBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = count_by_scene(monkeypatch)
    for seed in range(4):
        take = drawn_take(seed, sampling=SAMPLING)
        counted.clear()
        written(backend, take)

        (of_take,) = counted.values()
        assert elsewhere(take, of_take) <= ELSEWHERE * of_take.total() + len(take.kept), (seed, of_take)


def test_a_budget_is_for_what_is_written(backend: ModelBackend) -> None:
    """A board of many scenes that stay takes none of it."""
    take = drawn_take(3, sampling=SAMPLING)
    base = kept_board(take.request)
    assert base
    fields = len(fields_named(take.request.fields))
    least = (20 + 4 * fields) * len(base.holes)
    small = replace(
        take, request=JobRequest.model_validate({**take.request.model_dump(), "sampling": {"max_new_tokens": least}})
    )

    read_take(small, start(backend, small).wait().text)


def interrupted(backend: ModelBackend, take: Take, scenes: int) -> Partial:
    """A text as it is when so many scenes are complete."""
    published_scene = Event()
    generation = start(backend, take, on_scene=published_scene.set)
    while generation.partial().scenes_done < scenes:
        assert published_scene.wait(60)
        published_scene.clear()
    partial = generation.partial()
    generation.stop()
    generation.wait()
    return partial


def published_in(take: Take, text: str) -> tuple[Scene, ...]:
    return complete_scenes(text, take.request, fields_named(take.request.fields))


@pytest.mark.parametrize("seed", [5, 8])
def test_a_text_that_was_broken_off_becomes_the_same_board(backend: ModelBackend, seed: int) -> None:
    take = drawn_take(seed, sampling=SAMPLING)
    whole = written(backend, take)
    partial = interrupted(backend, take, 1)
    published = published_in(take, partial.text())

    again = start(backend, take, Prefix(published, partial.resume)).wait()

    assert published
    assert again.text == whole


@pytest.mark.parametrize("seed", [5, 8])
def test_another_worker_goes_on_from_any_number_of_published_scenes(backend: ModelBackend, seed: int) -> None:
    """All of them too: then nothing is left to be sampled."""
    take = drawn_take(seed, sampling=SAMPLING)
    board = read_take(take, written(backend, take))
    for count in range(1, len(board.scenes) + 1):
        published = board.scenes[:count]

        text = start(backend, take, Prefix(published)).wait().text

        again = read_take(take, text, published)
        check_take(take, again)
        assert again.scenes[:count] == published
