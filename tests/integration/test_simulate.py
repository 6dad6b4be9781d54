"""The simulator in short: what `make simulate` plays for minutes, the histories that once broke a promise, and whether
it still notices what is broken on purpose."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.simulate.breaks import breaks
from tests.simulate.exhaustive import DOCUMENT, Walk, diagram, walked
from tests.simulate.history import Player, Step, drawn
from tests.simulate.model import State
from tests.simulate.shorten import shortened
from tests.simulate.world import Violation, World, server

FOUND = tomllib.loads((Path(__file__).parents[1] / "simulate/found.toml").read_text())["history"]
QUICKLY_NOTICED = ("submit: a key is not remembered", "store: a key is not sent")


@pytest.fixture(scope="module")
def socket_path() -> Iterator[str]:
    with server() as path:
        yield path


@pytest.fixture
def world_of(socket_path: str) -> Iterator[Callable[..., World]]:
    """A world of the product's scripts, or of these."""
    with ExitStack() as opened:
        yield lambda texts=None: opened.enter_context(closing(World(socket_path, texts)))


@pytest.fixture
def player(world_of: Callable[..., World]) -> Player:
    return Player(world_of())


def play_all(player: Player, seeds: Iterable[int]) -> None:
    for seed in seeds:
        player.play(drawn(seed))


def test_drawn_histories_keep_every_promise(player: Player) -> None:
    play_all(player, range(7))


@pytest.mark.slow
def test_many_drawn_histories_keep_every_promise(player: Player) -> None:
    seed = 1_000
    while player.played < 30_000:
        player.play(drawn(seed))
        seed += 1


@pytest.mark.parametrize("history", FOUND, ids=lambda history: str(history["name"]))
def test_what_broke_a_promise_once_keeps_it_now(player: Player, history: dict[str, Any]) -> None:
    player.play([Step(*step) for step in history["steps"]])


def test_one_seed_is_one_history_byte_for_byte(player: Player) -> None:
    sums = []
    for seed in (3, 3, 4):
        player.play(drawn(seed, 100), traced=True)
        sums.append(player.world.digest)
    assert sums[0] == sums[1] != sums[2]


@pytest.mark.parametrize("name", QUICKLY_NOTICED)
def test_a_break_is_noticed(world_of: Callable[..., World], name: str) -> None:
    (broken,) = [each for each in breaks() if each.name == name]
    player = Player(world_of(broken.texts))
    with broken.around(), pytest.raises(Violation, match="a POST that is repeated with its key makes one job"):
        play_all(player, range(10))


def test_a_history_that_fails_is_shortened_to_what_it_takes() -> None:
    steps = drawn(5, 60)

    def fails(history: list[Step] | tuple[Step, ...]) -> bool:
        names = [step.name for step in history]
        return "submit" in names and "read" in names[names.index("submit") :]

    assert fails(steps)
    assert [(step.name, step.a) for step in shortened(steps, lambda history: fails(list(history)))] == [
        ("submit", 0),
        ("read", 0),
    ]


def test_a_small_model_and_the_scripts_go_the_same_ways(world_of: Callable[..., World]) -> None:
    Walk(world_of()).from_here(State(lapses=0, failures=0, expiries=0, starts=2))


def test_the_model_notices_a_script_that_goes_another_way(world_of: Callable[..., World]) -> None:
    (broken,) = [each for each in breaks() if each.name == "finish: an accepted cancel is forgotten"]
    small = replace(State(), crashes=0, lapses=0, failures=0, expiries=0, starts=1)
    with pytest.raises(Violation, match="should be"):
        Walk(world_of(broken.texts)).from_here(small)


@pytest.mark.slow
def test_the_model_and_the_scripts_go_the_same_ways_and_so_the_diagram_is_drawn(socket_path: str) -> None:
    assert diagram(walked(socket_path)) in DOCUMENT.read_text()
