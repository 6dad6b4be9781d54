"""The page's view of the queue: a new stack has no figures yet, and a bad hour is seen. The console stays empty."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from playwright.sync_api import ConsoleMessage, Page, expect

from scriptqueue.responses import QueueView
from tests.browser.chromium import OpenPage, shoot
from tests.integration.worker.processes import done, submit

WORKER = {"worker": "w", "state": "ready", "model": "m", "device": "cpu", "dtype": "fp32", "slots": 2}
NONE_ENDED = dict.fromkeys(("succeeded", "failed", "canceled", "expired", "cached"), 0)
IDLE = {**WORKER, "busy": 0, "tokens_per_s": 0}
EMPTY: dict[str, Any] = {
    "depth": {"high": 0, "normal": 0, "low": 0},
    "running": 0,
    "workers": [],
    "tokens_per_s": 0,
    "webhook_senders": 0,
    "failures_last_hour": {},
    "eta_s": None,
}


def opened(open_page: OpenPage, api: httpx.Client, **options: Any) -> tuple[Page, list[str]]:
    """The page, and what its console will say in red."""
    page, complaints = open_page(str(api.base_url), **options), []

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(message.text)

    page.on("console", heard)
    return page, complaints


@pytest.mark.parametrize(
    "figures",
    [
        {},
        {"workers": [IDLE]},
        {"workers": [{**IDLE, "slots": 0}], "eta_s": 0},
        {"depth": {"normal": 3}, "workers": [{**WORKER, "busy": 2, "tokens_per_s": 31.5}], "tokens_per_s": 31.5},
        {"depth": {}, "running": 1},
        {"failures_last_hour": {"timeout": 1, "of_a_newer_version": 4, "<b>": 2}},
        {"failures_last_hour": {"output_invalid": 0}},
        {"last_hour": [{"minute": "2026-01-01T00:00:00Z", **NONE_ENDED}]},
        {"last_hour": [{"minute": "2999-01-01T00:00:00Z", **NONE_ENDED, "succeeded": 3, "cached": 3}]},
    ],
)
def test_no_figure_makes_the_console_complain(api: httpx.Client, open_page: OpenPage, figures: dict[str, Any]) -> None:
    body = QueueView.model_validate(EMPTY | figures).model_dump_json()
    page, complaints = opened(open_page, api)
    page.route("**/queue", lambda route: route.fulfill(body=body, content_type="application/json"))

    page.evaluate("location.hash = '/queue'")
    with page.expect_response("**/queue"):
        pass  # the second, so that the first is drawn

    expect(page.locator(".figure").first.locator("dd")).not_to_have_text("–")
    assert complaints == []
    assert page.locator("[points*=NaN], [style*=NaN]").count() == 0
    assert "NaN" not in page.locator("main").inner_text()


def test_the_last_hour_is_told_by_its_minutes(api: httpx.Client, open_page: OpenPage) -> None:
    def minute(ago: int, **ended: int) -> dict[str, Any]:
        at = datetime.now(UTC) - timedelta(minutes=ago)
        return {"minute": at.replace(second=0, microsecond=0).isoformat(), **NONE_ENDED, **ended}

    hour = [minute(50, succeeded=2, cached=1), minute(3, failed=1), minute(1, succeeded=4, canceled=1)]
    depth = {"high": 1, "normal": 2, "low": 0}
    page, complaints = opened(open_page, api)
    body = QueueView.model_validate(EMPTY | {"last_hour": hour, "depth": depth}).model_dump_json()
    page.route("**/queue", lambda route: route.fulfill(body=body, content_type="application/json"))

    page.evaluate("location.hash = '/queue'")

    expect(page.locator(".hour-summary")).to_have_text("6 done · 1 failed · 1 canceled · 1 of them from the cache")
    columns = [
        round(float(x)) for x in page.locator(".hour rect").evaluate_all("all => all.map(e => e.getAttribute('x'))")
    ]
    assert [column - columns[0] for column in columns] == [0, 47, 49, 49]
    assert 8 <= columns[0] <= 9
    expect(page.locator(".figure", has_text="waiting")).to_contain_text("1 high · 2 normal")
    shoot(page, "queue-hour")
    assert complaints == []


@pytest.mark.parametrize(
    ("locale", "heading", "nothing", "reason"),
    [
        ("en-GB", "Failed in the last hour", "No job failed.", "The model wrote no storyboard"),
        ("zh-CN", "最近一小时的失败", "没有失败的任务。", "模型没有写出分镜"),
    ],
)
def test_failures_of_the_hour_are_shown_by_their_reason(
    api: httpx.Client, open_page: OpenPage, locale: str, heading: str, nothing: str, reason: str
) -> None:
    before = api.get("/queue").json()["failures_last_hour"].get("output_invalid", 0)
    page, complaints = opened(open_page, api, locale=locale)
    page.evaluate("location.hash = '/queue'")
    expect(page.get_by_role("heading", name=heading)).to_be_visible()
    expect(page.get_by_text(nothing)).to_be_visible(visible=before == 0)

    done(api, submit(api, stub={"invalid": True}, allow_fallback=False))

    row = page.get_by_role("row", name=reason)
    expect(row.locator(".number")).to_have_text(str(before + 1))
    expect(page.get_by_text(nothing)).to_be_hidden()
    shoot(page, f"queue-failures-{locale}")
    assert complaints == []
