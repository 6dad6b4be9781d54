"""`make bench ARGS=gil` runs: every condition takes steps, and the other threads are at work where they should be."""

from __future__ import annotations

import sys

import pytest

from tests.bench import gil
from worker.switching import SWITCH_S, share_the_lock


@pytest.mark.slow  # a Redis and a process
def test_each_condition_is_measured_and_the_interval_is_as_it_was() -> None:
    before = sys.getswitchinterval()

    found = gil.measured((SWITCH_S,), rounds=1, seconds=0.5)

    assert sys.getswitchinterval() == before
    assert set(found) == {"alone", "apart", f"beside {SWITCH_S:g}"}
    assert all(len(seen.steps) > 5 and seen.beats for rounds in found.values() for seen in rounds)
    assert [bool(found[name][0].scenes) for name in found] == [name.startswith("beside") for name in found]
    assert gil.shown(found).count("\n") == len(found)


def test_a_worker_shares_the_lock_more_often_than_python_does() -> None:
    before = sys.getswitchinterval()
    share_the_lock()
    after = sys.getswitchinterval()
    sys.setswitchinterval(before)

    assert after == pytest.approx(SWITCH_S)
    assert after < before
