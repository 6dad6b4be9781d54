"""What the simulator says of the tree that it runs in: the histories that broke a promise once, some thousand drawn
steps, and a small model. Exit status 1 and one line when something is wrong."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

from tests.simulate.exhaustive import Walk
from tests.simulate.history import Player, Step, drawn
from tests.simulate.model import State
from tests.simulate.world import Violation, World, server

FOUND = Path(__file__).parents[1] / "simulate/found.toml"
STEPS = 6_000


def main() -> int:
    with server() as path:
        world = World(path)
        player, seed = Player(world), 0
        try:
            for history in tomllib.loads(FOUND.read_text())["history"]:
                player.play([Step(*step) for step in history["steps"]])
            while player.played < STEPS:
                player.play(drawn(seed))
                seed += 1
            world.begin()
            Walk(world).from_here(State(lapses=0, failures=0, expiries=0, starts=2))
        except Violation as violation:
            print(f"FAIL {violation}"[:200])
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
