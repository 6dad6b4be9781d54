"""`make simulate`: histories of the whole queue, seed after seed; the exit status is 1 on a violation.

--seed 7        plays that history alone, twice, and says whether both were the same byte for byte
--steps N       in sum (1,000,000)
--processes N   each with seeds of its own (2)
--breaks        only the deliberate breaks, each of which must be noticed
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.simulate.breaks import Break, breaks
from tests.simulate.history import Player, Step, drawn
from tests.simulate.shorten import shortened
from tests.simulate.world import Violation, World, server

SEEDS_APART = 1_000_000  # of two processes
PATIENCE = 300  # histories, until a break counts as unnoticed


@dataclass(frozen=True)
class Run:
    """What one process has played."""

    steps: int
    histories: int
    violations: tuple[tuple[int, str], ...]  # seed, and how


def run(first_seed: int, steps: int) -> Run:
    """Histories from this seed on, until so many steps are played."""
    violations, seed = [], first_seed
    with server() as path:
        player = Player(World(path))
        while player.played < steps:
            if why := broken_by(player, drawn(seed)):
                violations.append((seed, why))
            seed += 1
    return Run(player.played, seed - first_seed, tuple(violations))


def broken_by(player: Player, steps: Sequence[Step]) -> str:
    """How a promise was broken; nothing when all were kept."""
    try:
        player.play(steps)
    except Violation as violation:
        return str(violation)
    return ""


def replayed(seed: int) -> int:
    """One history, twice; shortened when it breaks a promise. The exit status."""
    with server() as path:
        player, sums, why = Player(World(path)), set(), ""
        for _ in range(2):
            try:
                player.play(drawn(seed), traced=True)
            except Violation as violation:
                why = str(violation)
            sums.add(player.world.digest)
        print(f"seed {seed}: {player.played // 2} steps, {' and then '.join(sorted(sums))}")
        if why:
            print(why)
            promise = why.partition(":")[0]
            for step in shortened(drawn(seed), lambda steps: broken_by(player, steps).startswith(promise)):
                print(f"  {step.name} {step.a} {step.b} {step.c}{f' fault {step.fault}' if step.fault else ''}")
    return 1 if why or len(sums) > 1 else 0


def noticed(each: Break) -> tuple[int, str]:
    """After how many steps, and how; nothing when it goes unnoticed."""
    with server() as path, each.around():
        player = Player(World(path, each.texts))
        for seed in range(PATIENCE):
            if why := broken_by(player, drawn(seed)):
                return player.played, why
    return player.played, ""


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulate")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--breaks", action="store_true")
    options = parser.parse_args(arguments)
    if options.seed is not None:
        return replayed(options.seed)
    failed = False
    if not options.breaks:
        begun_s = time.monotonic()
        each = options.steps // options.processes
        with multiprocessing.Pool(options.processes) as pool:
            runs = pool.starmap(run, [(number * SEEDS_APART, each) for number in range(options.processes)])
        steps, violations = sum(one.steps for one in runs), [found for one in runs for found in one.violations]
        seconds = time.monotonic() - begun_s
        print(f"{steps:,} steps in {sum(one.histories for one in runs):,} histories, {seconds:.0f} s, "
              f"{steps / seconds:,.0f} a second; {len(violations)} violations")  # fmt: skip
        for seed, why in violations[:20]:
            print(f'ARGS="--seed {seed}": {why}')
        failed = bool(violations)
    with multiprocessing.Pool(options.processes) as pool:
        names = [each.name for each in breaks()]
        for name, (steps, why) in zip(names, pool.imap(_noticed, range(len(names))), strict=True):
            print(f"{name}: {f'noticed after {steps:,} steps: {why[:110]}' if why else 'UNNOTICED'}", flush=True)
            failed = failed or not why
    return 1 if failed else 0


def _noticed(number: int) -> tuple[int, str]:
    return noticed(breaks()[number])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
