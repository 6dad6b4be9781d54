"""Ten thousand jobs in the list: what is drawn and what is read stays as little as for twenty. How many milliseconds
that takes, `python -m tests.bench.page` says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Request, expect

from tests.browser.chromium import OpenPage, service, shoot
from tests.browser.seeding import READ_ALL, ROWS, seed

JOBS = 10_000
HEADS = 10  # of its batches
MOST_ROWS = 40  # on a screen of 900 pixels, and some beyond
COUNT_CHANGES = """() => {
  const everything = {subtree: true, childList: true, attributes: true, characterData: true};
  window.touched = 0;
  new MutationObserver((all) => (touched += all.length)).observe(document.querySelector('.rows'), everything);
}"""
MODEL_AGAINST_TRUTH = (Path(__file__).parent / "listing_truth.js").read_text()


@pytest.fixture(scope="module")
def full(empty_redis: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with service(empty_redis, tmp_path_factory.mktemp("service"), with_worker=False) as api:
        seed(api, JOBS)
        yield api


def test_ten_thousand_rows_cost_as_much_as_a_screenful(full: httpx.Client, open_page: OpenPage) -> None:
    page = open_page(str(full.base_url))
    cursors: list[str | None] = []

    def note(request: Request) -> None:
        if "/jobs?" in request.url:
            cursors.append(next(iter(parse_qs(urlsplit(request.url).query).get("cursor", [])), None))

    page.on("request", note)
    expect(page.locator(ROWS).first).to_be_visible()

    page.evaluate(READ_ALL)

    expect(page.locator(".jobs-head .hint")).to_have_text(str(JOBS))
    assert len(set(cursors) - {None}) == JOBS // 100 - 1  # the first page may have come before anybody listened
    assert page.locator(ROWS).count() <= MOST_ROWS
    rows = int(page.locator(ROWS).first.get_attribute("aria-setsize") or 0)
    assert rows - JOBS - HEADS in {1, 2}  # days: it may be midnight
    last = page.locator(f"{ROWS}[aria-posinset='{rows}']")
    expect(last).to_be_visible()
    shoot(page, "ten-thousand")

    cursors.clear()
    page.evaluate(COUNT_CHANGES)
    full.post(f"/jobs/{last.get_attribute('data-id')}/cancel")

    expect(last).to_have_attribute("data-status", "canceled")
    assert len(set(cursors)) <= 3  # the newest page, and those on the screen
    assert page.evaluate("touched") < 20 * MOST_ROWS


def test_the_list_agrees_with_the_truth_whatever_comes_and_goes(full: httpx.Client, open_page: OpenPage) -> None:
    page = open_page(str(full.base_url))

    for seed_number in range(30):
        seen, truth = page.evaluate(MODEL_AGAINST_TRUTH, seed_number)
        assert seen == truth, seed_number
