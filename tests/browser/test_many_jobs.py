"""The list where there is much in it: batches and takes under heads, days, counts by status, one deed for many jobs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.chromium import OpenPage, shoot
from tests.browser.test_everybody_can_use_it import faults
from tests.integration.worker.processes import done, submit, until

JOB, HEAD, DAY = ".rows li[data-id]", ".rows .group-row", ".rows .day-row"
# Rows as `key` of a head, or the id of a job, `+` before one that stands under a head.
ROWS_OF = """async (jobs, shut = []) => {
  const { rowsOf } = await import('/page/groups.js');
  const known = new Map(jobs.map((job) => [job.id, { batch: null, base: null, ...job }]));
  const ids = jobs.filter((job) => !job.hidden).map((job) => job.id);
  const named = (row) => (row.id ? (row.group ? '+' : '') + row.id : row.key);
  return rowsOf(ids, (id) => known.get(id), new Set(shut)).map(named);
}"""
# Rows as above, `#` before a day; `jobs` have one each.
ROWS_UNDER_DAYS = """async (jobs) => {
  const { rowsOf } = await import('/page/groups.js');
  const { isDay, withDays } = await import('/page/days.js');
  const known = new Map(jobs.map((job) => [job.id, { batch: null, base: null, ...job }]));
  const named = (row) => (isDay(row) ? '#' + row.day : row.id ? (row.group ? '+' : '') + row.id : row.key);
  return withDays(rowsOf(jobs.map((job) => job.id), (id) => known.get(id)), (id) => known.get(id)).map(named);
}"""
NAME_OF_DAY = """async ([moment, now]) => {
  const { dayName, dayOf } = await import('/page/days.js');
  return dayName(dayOf(moment), new Date(now));
}"""
PLACES = """async (heights) => {
  const { DAY_PX, HEAD_PX, ROW_PX, rowAt, topsOf } = await import('/page/groups.js');
  const kinds = { j: [{ id: 'x' }, ROW_PX], h: [{ ids: [] }, HEAD_PX], d: [{ day: 0 }, DAY_PX] };
  const tops = topsOf([...heights].map((kind) => kinds[kind][0]));
  const wrong = [];
  for (let at = 0; at + 1 < tops.length; at++) {
    for (const px of [tops[at], tops[at + 1] - 1]) if (rowAt(tops, px) !== at) wrong.push([at, px]);
  }
  return [tops.at(-1) === [...heights].reduce((sum, kind) => sum + kinds[kind][1], 0), wrong];
}"""


@pytest.fixture(autouse=True)
def no_jobs(api: httpx.Client) -> None:
    """Each test has the list for itself."""
    for job in api.get("/jobs?limit=100").json()["jobs"]:
        api.post(f"/jobs/{job['id']}/cancel")
        done(api, job["id"])
        api.delete(f"/jobs/{job['id']}")


def batch(api: httpx.Client, *prompts: str, **fields: Any) -> dict[str, Any]:
    jobs = [{"prompt": prompt, "use_cache": False, **fields} for prompt in prompts]
    return dict(api.post("/batches", json={"jobs": jobs}).raise_for_status().json())


def ended(api: httpx.Client, made: dict[str, Any]) -> dict[str, Any]:
    return dict(until(lambda: (now := api.get(made["urls"]["self"]).json())["done"] and now, what="done"))


def failing(api: httpx.Client, count: int) -> list[str]:
    ids = [submit(api, f"fails {n}", stub={"invalid": True}, allow_fallback=False) for n in range(count)]
    for identity in ids:
        done(api, identity)
    return ids


def chip(page: Page, name: str) -> Locator:
    return page.locator(".status-chips").get_by_role("button", name=name)


@pytest.mark.parametrize(
    ("jobs", "shut", "rows"),
    [
        ([], [], []),
        ([{"id": "b"}, {"id": "a"}], [], ["b", "a"]),
        ([{"id": "b", "batch": "x"}, {"id": "a", "batch": "x"}], [], ["batch:x", "+b", "+a"]),
        ([{"id": "b", "batch": "x"}, {"id": "a", "batch": "x"}], ["batch:x"], ["batch:x"]),
        ([{"id": "b", "batch": "y"}, {"id": "a", "batch": "x"}], [], ["b", "a"]),  # each alone
        # takes stand at the newest, whatever came between
        ([{"id": "c", "base": "a"}, {"id": "b"}, {"id": "a"}], [], ["takes:a", "+c", "+a", "b"]),
        # the take of a take
        (
            [{"id": "c", "base": "b"}, {"id": "b", "base": "a"}, {"id": "a"}],
            [],
            ["takes:a", "+c", "+b", "+a"],
        ),
        # the board that both began from is not there (deleted, or further down)
        ([{"id": "c", "base": "a"}, {"id": "b", "base": "a"}], [], ["takes:a", "+c", "+b"]),
        # it is there, and does not match what is searched for
        (
            [{"id": "c", "base": "a"}, {"id": "b", "base": "a"}, {"id": "a", "hidden": True}],
            [],
            ["takes:a", "+c", "+b"],
        ),
        # two takes of a job of a batch: they are no part of the batch
        (
            [{"id": "d", "base": "a"}, {"id": "c", "base": "a"}, {"id": "b", "batch": "x"}, {"id": "a", "batch": "x"}],
            [],
            ["takes:a", "+d", "+c", "batch:x", "+b", "+a"],
        ),
        # no service says so, and no page may hang
        ([{"id": "b", "base": "a"}, {"id": "a", "base": "b"}], [], ["takes:b", "+b", "+a"]),
    ],
)
def test_what_belongs_together_stands_together(
    api: httpx.Client, open_page: OpenPage, jobs: list[dict[str, Any]], shut: list[str], rows: list[str]
) -> None:
    page = open_page(str(api.base_url))

    seen = page.evaluate(f"([jobs, shut]) => ({ROWS_OF})(jobs, shut)", [jobs, shut])

    assert seen == rows


@pytest.mark.parametrize("heights", ["j", "hj", "hjjhjj", "jjjjjjjh", "h" * 9, "djjdhjdj"])
def test_rows_are_found_by_their_place(api: httpx.Client, open_page: OpenPage, heights: str) -> None:
    page = open_page(str(api.base_url))

    assert page.evaluate(PLACES, heights) == [True, []]


@pytest.mark.parametrize(
    ("jobs", "rows"),
    [
        ([], []),
        ([{"id": "b", "day": 2}, {"id": "a", "day": 2}], ["#2", "b", "a"]),
        ([{"id": "b", "day": 2}, {"id": "a", "day": 1}], ["#2", "b", "#1", "a"]),
        # a take stands with its board, which is older
        (
            [{"id": "c", "day": 2, "base": "a"}, {"id": "b", "day": 1}, {"id": "a", "day": 1}],
            ["#2", "takes:a", "+c", "+a", "#1", "b"],
        ),
        # the service's clock went back
        ([{"id": "c", "day": 2}, {"id": "b", "day": 1}, {"id": "a", "day": 2}], ["#2", "c", "#1", "b", "a"]),
    ],
)
def test_what_is_of_one_day_stands_under_it(
    api: httpx.Client, open_page: OpenPage, jobs: list[dict[str, Any]], rows: list[str]
) -> None:
    page = open_page(str(api.base_url))

    assert page.evaluate(ROWS_UNDER_DAYS, jobs) == rows


@pytest.mark.parametrize(
    ("zone", "locale", "days"),
    [
        (
            "Asia/Shanghai",
            "zh-CN",
            {
                "2026-11-26T16:30:00Z": "今天",  # half past midnight there
                "2026-11-26T15:30:00Z": "昨天",
                "2026-11-24T16:00:00Z": "11月25日星期三",
                "2025-12-31T15:59:59Z": "2025年12月31日星期三",
            },
        ),
        (
            "America/New_York",
            "en-GB",
            {
                "2026-11-27T05:00:00Z": "Today",
                "2026-11-26T16:30:00Z": "Yesterday",
                "2026-11-25T16:30:00Z": "Wednesday 25 November",
                "2026-11-28T06:00:00Z": "Saturday 28 November",  # the service's clock is ahead
                "2026-01-01T04:59:59Z": "Wednesday, 31 December 2025",
            },
        ),
    ],
)
def test_a_day_is_the_readers_own(
    api: httpx.Client, open_page: OpenPage, zone: str, locale: str, days: dict[str, str]
) -> None:
    page = open_page(str(api.base_url), timezone_id=zone, locale=locale)

    assert {at: page.evaluate(NAME_OF_DAY, [at, "2026-11-27T06:00:00Z"]) for at in days} == days


def test_a_day_of_25_hours_is_one_day(api: httpx.Client, open_page: OpenPage) -> None:
    page = open_page(str(api.base_url), timezone_id="Europe/Berlin")

    # 00:30 in summer time, and 00:10 in winter time of the next day
    assert page.evaluate(NAME_OF_DAY, ["2026-10-24T22:30:00Z", "2026-10-25T23:10:00Z"]) == "Yesterday"


def test_days_are_headings_that_the_arrows_pass(api: httpx.Client, open_page: OpenPage) -> None:
    today, yesterday, *before = reversed([submit(api, f"number {n}") for n in range(4)])
    done(api, today)
    now = datetime.fromisoformat(api.get(f"/jobs/{today}").json()["created_at"])
    page = open_page("about:blank", timezone_id="UTC")
    page.clock.set_fixed_time(now)

    def age(route: Route) -> None:
        listing = route.fetch().json()
        for job in listing["jobs"]:
            days = 0 if job["id"] == today else 1 if job["id"] == yesterday else 40
            job["created_at"] = (datetime.fromisoformat(job["created_at"]) - timedelta(days=days)).isoformat()
        route.fulfill(json=listing)

    page.route("**/jobs?*", age)
    page.goto(str(api.base_url))
    long_ago = f"{now - timedelta(days=40):%A %-d %B}"
    headings = page.locator(".rows").get_by_role("heading", level=3)
    expect(page.locator(JOB)).to_have_count(4)
    expect(page.locator(DAY)).to_have_text(["Today", "Yesterday", long_ago])
    expect(headings).to_have_text(["Today", "Yesterday", long_ago])
    assert [len(text) for text in page.locator(".row-time").all_inner_texts()] == [5] * 4  # 14:05, for the day is above
    shoot(page, "days")

    page.locator(f"{JOB}[data-id='{today}'] a").focus()
    for key, reached in [
        ("ArrowUp", today),
        ("ArrowDown", yesterday),
        ("ArrowDown", before[0]),
        ("End", before[1]),
        ("ArrowUp", before[0]),
        ("ArrowUp", yesterday),
        ("Home", today),
    ]:
        page.keyboard.press(key)
        expect(page.locator(f"{JOB}[data-id='{reached}'] a")).to_be_focused()
    expect(page.locator(f"{JOB} a[tabindex='0']")).to_have_count(1)

    page.get_by_label("Search titles and prompts").fill("number 2")
    expect(page.locator(DAY)).to_have_text(["Yesterday"])
    page.get_by_label("Choose all that are shown").check()
    expect(page.locator(".chosen-count")).to_have_text("1 chosen")
    page.clock.set_fixed_time(now + timedelta(days=1))
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator(DAY)).to_have_text([f"{now - timedelta(days=1):%A %-d %B}"])  # it was midnight
    page.unroute_all(behavior="ignoreErrors")


def test_a_batch_stands_under_a_head_that_counts_stops_and_deletes_it(api: httpx.Client, open_page: OpenPage) -> None:
    other = submit(api, "alone")
    done(api, other)
    made = batch(api, "one", "two", "three", metadata={"stub": {"seconds": 60}})
    page = open_page(str(api.base_url))
    head = page.locator(HEAD)
    expect(head).to_contain_text("Batch of 3")
    expect(page.locator(JOB)).to_have_count(4)

    head.get_by_role("button", name="Batch of 3").click()
    expect(page.locator(JOB)).to_have_count(1)
    head.get_by_role("button", name="Batch of 3").click()

    head.get_by_role("button", name="Cancel those that are not done").click()
    ended(api, made)
    expect(head).to_contain_text("3 canceled")
    shoot(page, "batch-head")

    head.get_by_role("button", name="Delete all of these").click()
    page.get_by_role("button", name="Yes, delete").click()
    expect(page.locator(JOB)).to_have_count(1)
    expect(head).to_have_count(0)
    assert [api.get(f"/jobs/{identity}").status_code for identity in made["jobs"]] == [410] * 3
    assert api.get(f"/jobs/{other}").status_code == 200


def test_takes_of_one_board_stand_together(api: httpx.Client, open_page: OpenPage) -> None:
    first = submit(api, "雨中的猫")
    done(api, first)
    done(api, submit(api, "something between"))
    for scene in (1, 2):
        take = api.post("/jobs", json={"base": {"job": first}, "rewrite": [scene], "note": "closer"}).json()
        done(api, take["id"])

    page = open_page(str(api.base_url))

    expect(page.locator(HEAD)).to_contain_text("3 takes")
    expect(page.locator(HEAD)).to_contain_text("3 done")
    expect(page.locator(f"{JOB}.grouped")).to_have_count(3)
    expect(page.locator(f"{JOB}:not(.grouped)")).to_have_count(1)


def test_chips_count_by_status_and_narrow_the_list(api: httpx.Client, open_page: OpenPage) -> None:
    failing(api, 2)
    done(api, submit(api, "one that is written"))
    page = open_page(str(api.base_url))
    expect(chip(page, "All")).to_contain_text("3")
    expect(chip(page, "failed")).to_contain_text("2")
    expect(chip(page, "canceled")).to_be_hidden()

    chip(page, "failed").click()

    expect(page.locator(JOB)).to_have_count(2)
    expect(chip(page, "failed")).to_have_attribute("aria-pressed", "true")
    chip(page, "All").click()
    expect(page.locator(JOB)).to_have_count(3)


def test_all_that_are_shown_are_tried_again_then_deleted(api: httpx.Client, open_page: OpenPage) -> None:
    ids = failing(api, 3)
    kept = submit(api, "one that is written")
    done(api, kept)
    page = open_page(str(api.base_url))
    page.get_by_label("Search titles and prompts").fill("fails")
    expect(page.locator(JOB)).to_have_count(3)
    page.get_by_label("Choose all that are shown").check()
    bar = page.get_by_role("group", name="Chosen jobs")
    expect(bar).to_contain_text("3 chosen")

    bar.get_by_role("button", name="Try 3 again").click()
    expect(page.locator(JOB)).to_have_count(6)
    assert sorted(job["retry_of"] for job in api.get("/jobs").json()["jobs"] if job["retry_of"]) == sorted(ids)

    expect(page.locator(f"{JOB}[data-status='failed']")).to_have_count(6)
    page.get_by_label("Choose all that are shown").check()
    shoot(page, "many-chosen")
    bar.get_by_role("button", name="Delete 6").click()
    page.get_by_role("button", name="Yes, delete").click()
    expect(page.get_by_text("No job matches.")).to_be_visible()
    assert [job["id"] for job in api.get("/jobs").json()["jobs"]] == [kept]


def test_what_is_refused_stays_and_is_told_once(api: httpx.Client, open_page: OpenPage) -> None:
    ids = failing(api, 3)
    page = open_page(str(api.base_url))
    refusal = {"status": 409, "code": "job_not_finished", "title": "No.", "detail": "It runs again."}

    def refuse(route: Route) -> None:
        if route.request.method == "DELETE":
            route.fulfill(status=409, json=refusal)
        else:
            route.fallback()

    for identity in ids[:2]:
        page.route(f"**/jobs/{identity}", refuse)
    page.get_by_label("Choose all that are shown").check()
    page.get_by_role("button", name="Delete 3").click()
    page.get_by_role("button", name="Yes, delete").click()

    expect(page.locator(JOB)).to_have_count(2)
    expect(page.locator(".jobs-chosen .fault")).to_have_text("It runs again.")
    expect(page.locator(".chosen-count")).to_have_text("2 chosen")


def test_a_passing_fault_is_waited_out_and_makes_no_job_twice(api: httpx.Client, open_page: OpenPage) -> None:
    (identity,) = failing(api, 1)
    page = open_page(str(api.base_url))
    keys: list[str] = []

    def once_lost(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) == 1:
            route.fetch()
            route.abort()
        else:
            route.fallback()

    page.route(f"**/jobs/{identity}/retry", once_lost)
    page.get_by_label("Choose: fails 0").check()
    page.get_by_role("button", name="Try 1 again").click()

    expect(page.locator(JOB)).to_have_count(2)
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert len(api.get("/jobs").json()["jobs"]) == 2


@pytest.mark.parametrize(("width", "locale", "scheme"), [(360, "zh-CN", "dark"), (1440, "en-GB", "light")])
def test_axe_finds_no_fault_in_a_list_with_heads_and_choices(
    api: httpx.Client, open_page: OpenPage, width: int, locale: str, scheme: str
) -> None:
    failing(api, 1)
    ended(api, batch(api, "one", "two"))
    page = open_page(f"{api.base_url}/#/jobs", width=width, locale=locale, color_scheme=scheme, reduced_motion="reduce")
    page.locator(f"{HEAD} input").check()
    expect(page.locator(".chosen-count")).to_be_visible()
    shoot(page, f"list-chosen-{width}")

    assert faults(page) == []
    small = (
        page.locator(".jobs button, .jobs label, .jobs a")
        .filter(visible=True)
        .evaluate_all(
            "all => all.filter(e => e.getBoundingClientRect().height < 24).map(e => e.outerHTML.slice(0, 80))"
        )
    )
    assert small == []


def test_heads_are_reached_by_the_arrows(api: httpx.Client, open_page: OpenPage) -> None:
    ended(api, batch(api, "one", "two"))
    page = open_page(str(api.base_url))
    expect(page.locator(JOB)).to_have_count(2)
    page.locator(f"{JOB} a").last.focus()

    page.keyboard.press("Home")
    expect(page.locator(f"{HEAD} .group-toggle")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(JOB)).to_have_count(0)
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    expect(page.locator(f"{JOB} a").first).to_be_focused()
