"""Which cut took a job, and how long before it the job was accepted."""

from __future__ import annotations

import math

import pytest

from tests.chaos.power import Tally

CUTS = [10.0, 20.0]


@pytest.mark.parametrize(
    ("sent", "accepted", "before_s"),
    [
        (8.0, 9.5, 0.5),  # long before
        (9.9, 10.1, 0.0),  # its answer was on its way when the power went
        (9.9, 14.5, 0.0),  # and came when the power was back, and before the next cut
        (11.0, 14.5, 5.5),  # it was sent after the first cut: the second has taken it
        (21.0, 22.0, math.inf),  # no cut has
    ],
)
def test_the_first_cut_since_it_was_sent_has_taken_it(sent: float, accepted: float, before_s: float) -> None:
    assert Tally(cuts=CUTS).before_s(sent, accepted) == before_s
