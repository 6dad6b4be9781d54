"""docs/operations.md, "What people do, and what happens here": each row is held by a test, which is named here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENVIRONMENT = "tests/unit/test_environment.py"
ADDRESS = "tests/unit/test_redis_address.py"
PROCESS = "tests/integration/api/test_api_process.py"
SLOW = "tests/integration/api/test_slow_clients.py"
PLACES = "tests/acceptance/test_places.py"
PROXIES = "tests/integration/api/test_proxies.py"
RIGHTS = "tests/integration/test_restricted_users.py"
TRUST = "tests/integration/api/test_trust.py"
CONNECTIONS = "tests/integration/test_connections.py"
# By section: what stands first in a row, and the test.
ROWS: dict[str, dict[str, str]] = {
    "Processes and proxies": {
        "stop an API": f"{PROCESS}::test_a_process_that_is_to_end_answers_whoever_waits_and_waits_for_nobody",
        "run it on IPv6": f"{PLACES}::test_a_service_on_ipv6_in_a_bare_environment_runs_a_job_and_ends",
        "keep connections": f"{SLOW}::test_a_connection_between_two_requests_is_kept_as_long_as_uvicorn_was_asked_to",
        "ask with HTTP/1.0": f"{PROCESS}::test_what_http_1_0_gets_is_in_one_piece",
        "ask with `HEAD`": "tests/integration/api/test_head.py::test_head_is_get_without_a_body",
        "serve under a path": "tests/integration/api/test_sub_path.py::test_every_url_of_an_answer_leads_back",
        "send JSON": "tests/integration/api/test_bad_input.py::test_json_in_another_charset_is_415",
    },
    "Environment and Redis": {
        "run it in Kubernetes": f"{ENVIRONMENT}::test_what_kubernetes_and_docker_tell_of_services_is_no_setting",
        "run Flower beside": f"{ENVIRONMENT}::test_a_service_called_flower_does_not_give_flower_its_port",
        "leave a variable empty": f"{ENVIRONMENT}::test_an_empty_variable_is_one_that_is_not_set",
        "put quotes": f"{ENVIRONMENT}::test_quotes_that_an_env_file_kept_are_named",
        "set `ALL_PROXY=socks5://`": f"{PROXIES}::test_a_service_is_reached_through_socks",
        "write networks into `NO_PROXY`": f"{PROXIES}::test_the_proxy_of_a_service",
        "name a proxy": f"{PROXIES}::test_a_proxy_that_cannot_be_used_is_one_line_and_exit_code_2",
        "expect webhooks": f"{PROXIES}::test_webhooks_go_straight_to_their_receivers",
        "reach Redis by": "tests/integration/test_redis_forms.py::test_all_come_to_the_same_database",
        "write `#`": f"{ADDRESS}::test_any_other_stops_the_start_with_its_settings_name_and_nothing_of_its_value",
        "make the Secret": f"{ADDRESS}::test_any_other_stops_the_start_with_its_settings_name_and_nothing_of_its_value",
        "give Redis' user too few rights": f"{RIGHTS}::test_what_is_refused_for_good_is_no_outage",
        "change or mistype": f"{TRUST}::test_a_refusal_for_good_ends_only_a_process_that_never_served",
        "fill Redis' disk or memory": f"{TRUST}::test_what_redis_answers_is_in_the_problem",
        "take a right from": (
            "tests/integration/test_all_or_nothing.py::test_a_user_who_loses_a_right_while_it_serves_leaves_nothing_half"
        ),
        "set Redis' clock back": (
            "tests/integration/test_stepping_clocks.py::test_an_hour_stops_nothing_and_loses_nothing"
        ),
        "start the API before Redis": f"{TRUST}::test_a_redis_that_comes_after_its_api_is_looked_at_then",
        "set `maxmemory-policy`": (
            f"{TRUST}::test_a_redis_that_begins_to_drop_jobs_gets_no_new_one_until_it_is_mended"
        ),
        "use up Redis' `maxclients`": f"{CONNECTIONS}::test_one_open_connection_serves_all_of_a_loop",
        "put a firewall": f"{CONNECTIONS}::test_one_open_connection_serves_all_threads",
    },
}


def rows(section: str) -> list[str]:
    """The first cell of each."""
    text = (ROOT / "docs" / "operations.md").read_text().partition(f"### {section}\n")[2]
    table = re.split(r"\n#", text)[0]
    return [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")][1:]


@pytest.mark.parametrize("section", ROWS)
def test_every_row_has_its_test(section: str) -> None:
    found = rows(section)

    assert len(found) == len(ROWS[section])
    assert [row for row in found if sum(map(row.startswith, ROWS[section])) != 1] == []


@pytest.mark.parametrize("test", sorted({test for section in ROWS.values() for test in section.values()}))
def test_every_test_of_a_row_is_there(test: str) -> None:
    path, _, name = test.partition("::")

    assert re.search(rf"^def {name}\(", (ROOT / path).read_text(), re.MULTILINE)
