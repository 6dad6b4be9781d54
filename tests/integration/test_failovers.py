"""Failovers under load, the shortest of `make chaos`: with a replica to wait for, nothing accepted is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos import failovers
from tests.chaos.network import Network
from tests.integration.test_hosts import MUST_WORK, REASON

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("fault", [failovers.behind, failovers.split], ids=lambda fault: fault.__name__)
def test_what_a_replica_has_survives(tmp_path: Path, fault: object) -> None:
    figures = failovers.by_hand(tmp_path, fault, 1)  # type: ignore[arg-type]

    assert figures["accepted"] > 5
    assert (figures["lost"], figures["changed"]) == (0, 0)


def test_a_planned_failover_loses_nothing_that_a_replica_had(tmp_path: Path) -> None:
    figures = failovers.by_sentinels(tmp_path, 1, ["planned"])

    assert figures["accepted"] > 5
    assert (figures["lost"], figures["changed"]) == (0, 0)
    assert figures["again"]["max"] <= failovers.AGAIN_S


@pytest.mark.skipif(REASON is not None and not MUST_WORK, reason=REASON or "")
def test_a_primary_whose_host_is_cut_off_takes_nothing_along_that_a_replica_had(tmp_path: Path) -> None:
    with Network() as network:
        figures = failovers.by_sentinels(tmp_path, 1, ["cut"], network=network)

    assert figures["accepted"] > 5
    assert (figures["lost"], figures["changed"]) == (0, 0)
    assert figures["again"]["max"] <= failovers.AGAIN_S
