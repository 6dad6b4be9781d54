"""What more than one language must say alike: the lists of the page, of Lua and of the client are those of Python."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest

from api.http.metrics import BLAMES
from scriptqueue.responses import BatchCounts, MinuteView, Worker
from scriptqueue.schemas import (
    PRIORITIES,
    DeliveryType,
    EventName,
    JobRequest,
    Phase,
    Priority,
    Source,
    Status,
    WebhookEvent,
    WorkerPhase,
)
from scriptqueue.stream import EVENT_NAMES, DoneEvent, ProgressEvent, SceneEvent, StatusEvent
from shared.errors import NotRetryable
from shared.repair_codes import REPAIR_ROWS
from shared.store.entry import again
from shared.store.scripts import LUA_FOLDER, scripts
from shared.workers import WorkerState

PAGE = Path(__file__).parents[2] / "api" / "page"
SHAPES = Path(__file__).parents[2] / "client" / "scriptqueue" / "schemas.py"


def list_in(file: str, before: str) -> list[str]:
    """The list of strings that follows these words in a file of the page."""
    (found,) = re.findall(re.escape(before) + r"(\[[^\]]*\])", (PAGE / file).read_text())
    return list(json.loads(found))


def test_the_page_shows_every_priority_the_first_first() -> None:
    assert list_in("queue.js", "const PRIORITIES = ") == list(PRIORITIES)


def test_the_page_draws_every_end_of_a_job() -> None:
    ends = {status for status in Status if status.done}

    assert (
        set(list_in("last_hour.js", "const ENDS = ")) == ends == MinuteView.model_fields.keys() - {"minute", "cached"}
    )


def test_the_page_offers_every_priority_and_the_apis_default() -> None:
    (fallback,) = re.findall(r'choice\("priority", \[[^\]]*\], "(\w+)"\)', (PAGE / "fields.js").read_text())

    assert sorted(list_in("fields.js", 'choice("priority", ')) == sorted(PRIORITIES)
    assert fallback == JobRequest.model_fields["priority"].default


def test_the_page_filters_by_every_status() -> None:
    assert list_in("statuses.js", "const STATUSES = ") == [*Status]
    others = [path for path in PAGE.glob("*.js") if path.name != "statuses.js"]
    assert [path.name for path in others if re.search(r'"queued", *"running"', path.read_text())] == []


def test_the_page_offers_to_retry_what_may_be_retried() -> None:
    record = {"request": JobRequest(prompt="x").model_dump_json()}

    def retryable(status: Status) -> bool:
        try:
            again({"status": status, **record})
        except NotRetryable:
            return False
        return True

    assert list_in("statuses.js", "const RETRIED = ") == list(filter(retryable, Status))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_has_a_word_for_each(language: str) -> None:
    words = re.findall(r'^ *"?([\w.]+)"?:', (PAGE / f"words.{language}.js").read_text(), re.MULTILINE)
    kinds = {"choice": Priority, "phase": Phase, "source": Source, "state": WorkerPhase}

    wanted = {f"{kind}.{value}" for kind, values in kinds.items() for value in get_args(values)}
    wanted |= {f"status.{status}" for status in Status}
    assert wanted - set(words) == set()


def test_a_batch_counts_every_status() -> None:
    assert set(BatchCounts.model_fields) == {*Status, "gone"}


def test_a_worker_is_shown_as_it_says_of_itself() -> None:
    assert set(Worker.model_fields) <= set(WorkerState.__dataclass_fields__)


def test_each_event_has_its_shape_and_each_that_a_webhook_asks_for_its_type() -> None:
    shapes = (StatusEvent, ProgressEvent, SceneEvent, DoneEvent)

    assert {name for shape in shapes for name in get_args(shape.model_fields["event"].annotation)} == EVENT_NAMES
    assert set(get_args(EventName)) == EVENT_NAMES
    assert [f"job.{event}" for event in get_args(WebhookEvent)] == list(get_args(DeliveryType))


def test_metrics_have_a_series_for_each_blame_that_lua_counts() -> None:
    documented = re.search(r"blame \(([\w|]+)\)", (LUA_FOLDER / "release.lua").read_text())
    assert documented is not None
    assert documented[1] == "|".join(BLAMES)


def test_lua_has_the_lists_of_python() -> None:
    text = scripts()["submit"].text

    assert "local PRIORITIES = {'high', 'normal', 'low'}\n" in text
    assert "local RANK = {high = 0, normal = 1, low = 2}\n" in text
    assert "local FINAL = {succeeded = true, failed = true, canceled = true, expired = true}\n" in text
    assert "local TOMBSTONE_S = 604800\n" in text
    assert "local TASK = 'scriptqueue.run'\n" in text


def test_lua_spells_no_priority_and_remembers_only_sources_that_there_are() -> None:
    for path in LUA_FOLDER.glob("*.lua"):
        code = re.sub(r"--.*", "", path.read_text())
        assert not re.search(rf"'({'|'.join(PRIORITIES)})'", code), path.name
    (kept,) = re.findall(r"local KEPT_SOURCES = \{(.*)\}", (LUA_FOLDER / "sharing.lua").read_text())
    assert set(re.findall(r"(\w+) =", kept)) < set(get_args(Source))


def test_the_page_says_every_repair_and_every_fault_of_ours_in_chinese() -> None:
    words = (PAGE / "service_words.zh.js").read_text()
    kept = set(re.findall(r'"((?:repair|fault)\.\w+)":', words))

    repairs = {f"repair.{row.code}" for row in REPAIR_ROWS}
    faults = {f"fault.{code}" for code in re.findall(r'PydanticCustomError\(\s*"(\w+)"', SHAPES.read_text())}
    assert repairs | faults <= kept
    assert {key for key in kept if key.startswith("repair.")} == repairs


def test_the_page_uses_only_values_that_a_repair_has() -> None:
    words = (PAGE / "service_words.zh.js").read_text()
    used = dict(re.findall(r'"repair\.(\w+)": \(\{ ([\w, ]+) \}\)', words))

    for code, names in used.items():
        parts = [set(re.findall(r"\{(\w+)\}", row.sentence)) for row in REPAIR_ROWS if row.code == code]
        known = set.intersection(*({*one, "field"} if "at" in one else one for one in parts))
        assert {*names.split(", ")} <= known, code
