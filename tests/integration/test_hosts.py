"""Two workers on hosts of their own (network namespaces), one of which is cut off. `make chaos` has more of these."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.chaos.crowd import Crowd
from tests.chaos.hosts import Hosts, cut_off_worker
from tests.chaos.network import impossible

REASON = impossible()
MUST_WORK = bool(os.environ.get("CI")) and os.geteuid() == 0 and shutil.which("ip") is not None


@pytest.mark.skipif(REASON is not None and not MUST_WORK, reason=REASON or "")
def test_jobs_of_a_host_that_is_cut_off_run_on_the_other_and_are_answered_once(tmp_path: Path) -> None:
    with Hosts(tmp_path, lease_s=2) as hosts, Crowd(hosts.api_url, hosts.redis_url) as crowd:
        left = hosts.start_worker("left")
        hosts.start_worker("right")
        hosts.ready(2)

        cut_off_worker(hosts, crowd, left)

        assert {seen.status for seen in crowd.jobs.values()} == {"succeeded"}
        assert max(seen.attempt for seen in crowd.jobs.values()) >= 2
