"""What people do with Celery's own options, variables and commands: each row of the table in docs/operations.md.

Options: celery/celery#5333 and onyx-dot-app/onyx#1929 (`--autoscale` with threads crashes the worker),
celery/celery#9203 (`--time-limit` does nothing there), pypi/warehouse#17262 (`-Q`, `--max-tasks-per-child`),
celery/celery#3399 (`-Ofair -c 8 -l WARNING -f FILE -n NAME`), lexy-ai/lexy#122 (`CELERY_WORKER_CONCURRENCY`).
Commands: celery/celery#2950 (autoscale), celery/celery#2953 (cancel_consumer ends the worker), celery/celery#1452 (to
suspend a worker), mher/flower#167 and mher/flower#124 (to grow a pool).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from celery.bin.worker import worker as command
from celery.worker.control import Panel

from shared.broker import celery_app
from shared.errors import SettingsInvalid
from shared.settings import Settings
from worker import options, remote
from worker.options import require_followed

ROOT = Path(__file__).parents[2]
SETTINGS = Settings(worker={"max_batch": 8})
NAMES_WHAT_TO_SET = re.compile(r"SCRIPTQUEUE_\w+|execution_timeout_s|`priority`|celery control shutdown")
ELSEWHERE = {  # rows of whole processes, and of Redis
    "`celery control revoke`": ("tests/integration/worker/test_flower.py", "test_celerys_command_to_terminate_a_task_"),
    "`celery inspect ping`": ("tests/integration/worker/test_celerys_commands.py", "test_two_workers_"),
    "`celery purge`": ("tests/integration/worker/test_celerys_commands.py", "test_a_purge_"),
    "two workers on a host": ("tests/integration/worker/test_celerys_commands.py", "test_two_workers_"),
    "Redis' clock steps forward": ("tests/integration/test_clocks.py", "test_a_step_forward_is_no_time_"),
    "Redis' clock steps back": ("tests/integration/test_clocks.py", "test_a_worker_that_died_before_a_step_back_"),
}
LEFT_TO_CELERY = {
    *("active", "active_queues", "clock", "conf", "hello", "memdump", "memsample", "objgraph", "ping", "query_task"),
    *("registered", "report", "reserved", "revoked", "scheduled", "stats"),
    *("election", "enable_events", "heartbeat", "shutdown"),
}


def rows() -> list[tuple[str, str]]:
    text = (ROOT / "docs/operations.md").read_text().partition("## With Celery's own options and commands")[2]
    lines = text.partition("\n## ")[0].splitlines()
    cells = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    return [(did, happens) for did, happens in cells[1:]]


def spans(cell: str) -> list[str]:
    return re.findall("`([^`]+)`", cell)


def option_row(did: str, happens: str) -> None:
    given = [span for span in spans(did) if span.startswith("-") or "=" in span]
    assert given
    for span in given:
        if happens.startswith("works"):
            require_followed(shlex.split(span), {}, SETTINGS)
            continue
        assert happens.startswith("refused: ")
        with pytest.raises(SettingsInvalid) as refused:
            require_followed(shlex.split(span), {}, SETTINGS)
        line = str(refused.value)
        assert span.split()[0].split("=")[0] in line
        assert set(NAMES_WHAT_TO_SET.findall(happens)) <= set(NAMES_WHAT_TO_SET.findall(line))
        assert "\n" not in line


def variable_row(did: str, happens: str) -> None:
    assert happens.startswith("refused by every process")
    assert set(celery_app.OF_CELERY) == {span for span in spans(did) if span.startswith("CELERY_")}
    for name in celery_app.OF_CELERY:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(name, "redis://user:secret@elsewhere/1")
            with pytest.raises(SettingsInvalid, match=name) as refused:
                celery_app.make_app(SETTINGS, patient=False)
        assert "secret" not in str(refused.value)


def command_row(did: str, happens: str) -> None:
    assert happens.startswith("nothing is changed")
    for span in spans(did):
        name = span.split()[-1]
        (reply,) = Panel.data[name](None, queue="other").items()
        assert reply[0] == "error"
        assert reply[1].startswith("nothing is changed: ")
        assert set(NAMES_WHAT_TO_SET.findall(happens)) <= set(NAMES_WHAT_TO_SET.findall(reply[1]))


def row_of_another_test(did: str, happens: str) -> None:
    file, beginning = next(place for start, place in ELSEWHERE.items() if did.startswith(start))
    assert f"def {beginning}" in (ROOT / file).read_text()


def case_of(did: str) -> Callable[[str, str], None]:
    if did.startswith(tuple(ELSEWHERE)):
        return row_of_another_test
    if did.startswith("`CELERY_"):
        return variable_row
    return command_row if did.startswith("`celery control ") else option_row


@pytest.fixture(autouse=True)
def _panel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Celery's commands with ours among them, for one test."""
    monkeypatch.setattr(Panel, "data", dict(Panel.data))
    monkeypatch.setattr(Panel, "meta", dict(Panel.meta))
    remote.refuse_commands()


@pytest.mark.parametrize(("did", "happens"), rows(), ids=[did for did, _ in rows()])
def test_each_row_of_the_table_is_what_happens(did: str, happens: str) -> None:
    case_of(did)(did, happens)


def test_every_option_of_celerys_has_been_decided_about() -> None:
    decided = [options.FOLLOWED, options.REFUSED.keys(), options.wanted(SETTINGS).keys()]
    known = {option.name for option in command.get_params(click.Context(command)) if option.expose_value}

    assert set().union(*decided) == known
    assert sum(map(len, decided)) == len(known)


def test_every_command_of_celerys_has_been_decided_about() -> None:
    ours = {*remote.REFUSED_COMMANDS, "add_consumer", "revoke", "terminate"}

    assert set(Panel.meta) == ours | LEFT_TO_CELERY


def test_what_celery_cannot_read_is_left_to_celery() -> None:
    require_followed(["--nonsense"], {}, SETTINGS)
    require_followed(["--help"], {}, SETTINGS)


@pytest.mark.parametrize("count", ["8", "auto", "64"])
def test_no_count_is_that_of_auto(count: str) -> None:
    with pytest.raises(SettingsInvalid, match="WORKER__MAX_BATCH"):
        require_followed(["-c", count], {}, Settings())


@pytest.mark.parametrize(
    ("variable", "value", "refused"),
    [
        ("CELERY_WORKER_CONCURRENCY", "4", True),
        ("CELERY_WORKER_CONCURRENCY", "8", False),
        ("CELERY_WORKER_CONCURRENCY", "", False),
        ("CELERY_WORKER_AUTOSCALE", "10,0", True),
        ("CELERY_WORKER_PURGE", "true", True),
        ("CELERY_WORKER_PURGE", "0", False),
        ("CELERY_WORKER_HOSTNAME", "gpu0@%h", False),
        ("CELERY_CONCURRENCY", "4", False),  # not Celery's
    ],
)
def test_a_variable_from_which_celery_reads_an_option_is_one(variable: str, value: str, refused: bool) -> None:
    if not refused:
        require_followed([], {variable: value}, SETTINGS)
        return
    with pytest.raises(SettingsInvalid, match=f"{variable}={value}: "):
        require_followed([], {variable: value}, SETTINGS)


def test_an_option_wins_over_its_variable_and_all_faults_are_in_the_line() -> None:
    variables = {"CELERY_WORKER_CONCURRENCY": "4", "CELERY_WORKER_POOL": "solo"}

    with pytest.raises(SettingsInvalid) as refused:
        require_followed(["-c", "8", "-B"], variables, SETTINGS)

    assert [fault.split(":")[0] for fault in str(refused.value).split("; ")] == [
        "CELERY_WORKER_POOL=solo",
        "-B/--beat",
    ]


def test_the_only_queue_may_be_added() -> None:
    assert Panel.data["add_consumer"](None, queue="sq:jobs") == {"ok": "consumes from sq:jobs, as always"}
