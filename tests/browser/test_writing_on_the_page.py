"""From a prompt to its storyboard in a real browser: what comes, what is stopped, and what a bad line may not lose."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, get_args
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Page, Request, Route, expect

from scriptqueue.schemas import ExportFormat
from shared.board.exports.file_names import file_name
from tests.browser.chromium import OpenPage, shoot
from tests.integration.api.wire import Wire
from tests.integration.worker.processes import done, submit, until

WATCH_CARDS = """() => {
  window.seen = [];
  new MutationObserver(() => {
    const cards = document.querySelectorAll('.job .card').length;
    if (cards && seen.at(-1)?.[0] !== cards) seen.push([cards, document.querySelector('.job').dataset.status]);
  }).observe(document.getElementById('main'), {childList: true, subtree: true});
}"""


@pytest.fixture
def wire(api: httpx.Client) -> Iterator[Wire]:
    """A line between the browser and the API; `line(wire)` is its address."""
    wire = Wire(("127.0.0.1", urlsplit(str(api.base_url)).port or 0))
    yield wire
    wire.close()


def line(wire: Wire) -> str:
    return f"http://127.0.0.1:{wire.port}"


def write(page: Page, prompt: str, **stub: Any) -> None:
    """Types a prompt and what the stub shall do, and sends it."""
    page.locator("#prompt").fill(prompt)
    page.locator(".options > summary").click()
    page.locator("#field-metadata").fill(json.dumps({"stub": stub}))
    page.locator("button[type=submit]").click()


def job_id(page: Page) -> str:
    page.wait_for_url(re.compile("#/jobs/.+"))
    return page.url.rpartition("/")[2]


def of(page: Page, status: str) -> None:
    expect(page.locator(".job")).to_have_attribute("data-status", status)


@pytest.mark.parametrize("width", [360, 1440])
def test_scenes_appear_one_by_one_while_the_job_runs(api: httpx.Client, open_page: OpenPage, width: int) -> None:
    page = open_page(str(api.base_url), width=width, locale="zh-CN")
    page.evaluate(WATCH_CARDS)

    write(page, f"雨中的猫 {width}", seconds=4, scenes=4)

    expect(page.locator(".job .card").first).to_be_visible()
    shoot(page, f"scenes-arrive-{width}")
    of(page, "succeeded")
    shoot(page, f"storyboard-{width}")
    seen = page.evaluate("seen")
    assert seen[0] == [1, "running"]
    assert [cards for cards, _ in seen] == [1, 2, 3, 4]
    result = api.get(f"/jobs/{job_id(page)}/result").json()
    assert page.locator(".job .card-description").all_inner_texts() == [one["description"] for one in result["scenes"]]
    assert page.locator(".storyboard .total").inner_text() == "0:20"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_time_of_a_board_is_one_line_in_proportion(api: httpx.Client, open_page: OpenPage) -> None:
    answer = api.post("/jobs", json={"prompt": "雨中的猫", "target_duration_s": 14, "max_scenes": 3}).json()
    scenes = done(api, answer["id"])["scenes"]
    page = open_page(f"{api.base_url}/#/jobs/{answer['id']}")

    pieces = page.locator(".storyboard .strip span")
    expect(pieces).to_have_count(len(scenes))

    widths = [pieces.nth(n).bounding_box()["width"] for n in range(len(scenes))]  # type: ignore[index]
    per_second = [width / scene["duration"] for width, scene in zip(widths, scenes, strict=True)]
    assert max(per_second) - min(per_second) < 1
    assert len({scene["duration"] for scene in scenes}) > 1


def test_all_of_six_scenes_are_on_the_screen_at_once(api: httpx.Client, open_page: OpenPage) -> None:
    identity = submit(api, "雨中的猫", min_scenes=6)
    done(api, identity)
    page = open_page(f"{api.base_url}/#/jobs/{identity}")

    cards = page.locator(".card")
    expect(cards).to_have_count(6)

    boxes: list[Any] = [cards.nth(n).bounding_box() for n in range(6)]
    assert all(box["x"] + box["width"] <= 1440 and box["y"] + box["height"] <= 900 for box in boxes)


def test_what_was_read_in_the_prompt_stands_above_the_storyboard(api: httpx.Client, open_page: OpenPage) -> None:
    answer = api.post("/jobs", json={"prompt": "雨中的猫，分3个镜头"}).json()
    done(api, answer["id"])
    page = open_page(f"{api.base_url}/#/jobs/{answer['id']}")

    expect(page.locator(".notes li")).to_have_text(['"3个镜头" in the prompt: max_scenes is 3'])
    expect(page.locator(".repairs")).to_be_hidden()


def test_a_running_job_is_canceled_and_tried_again(api: httpx.Client, open_page: OpenPage) -> None:
    page = open_page(str(api.base_url))
    write(page, "a hen", hang=True)
    of(page, "running")
    first = job_id(page)

    page.get_by_role("button", name="Cancel", exact=True).click()

    of(page, "canceled")
    assert api.get(f"/jobs/{first}").json()["status"] == "canceled"
    assert page.evaluate("document.activeElement.tagName") == "H1"  # the button that had the focus is gone
    page.get_by_role("button", name="Try again").click()
    page.wait_for_function("id => !location.hash.endsWith(id)", arg=first)
    again = api.get(f"/jobs/{job_id(page)}").json()
    assert again["retry_of"] == first
    api.post(f"/jobs/{again['id']}/cancel")


def test_an_answer_that_was_overtaken_takes_no_final_state_back(api: httpx.Client, open_page: OpenPage) -> None:
    page = open_page(str(api.base_url))
    write(page, "a late hen", hang=True)
    of(page, "running")
    older = api.get(f"/jobs/{job_id(page)}").json()
    held: list[Route] = []
    page.route("**/cancel", lambda route: held.append(route))  # noqa: PLW0108 - playwright takes no builtin
    page.get_by_role("button", name="Cancel", exact=True).click()
    api.post(f"/jobs/{older['id']}/cancel")
    of(page, "canceled")  # as the stream told

    with page.expect_response("**/cancel"):
        held[0].fulfill(json={**older, "status": "canceling"})
    page.evaluate("new Promise((done) => setTimeout(done, 200))")

    assert page.locator(".job").get_attribute("data-status") == "canceled"


def test_a_reload_in_the_middle_finds_the_job_and_all_its_scenes(api: httpx.Client, open_page: OpenPage) -> None:
    page = open_page(str(api.base_url))
    write(page, "a lighthouse", seconds=5, scenes=5)
    expect(page.locator(".job .card").first).to_be_visible()

    page.reload()

    of(page, "succeeded")
    assert page.locator(".job .card-number").all_inner_texts() == ["1", "2", "3", "4", "5"]


def test_a_dropped_connection_is_told_and_nothing_is_lost(api: httpx.Client, wire: Wire, open_page: OpenPage) -> None:
    page = open_page(line(wire))
    write(page, "a storm", seconds=4, scenes=4)
    expect(page.locator(".job .card").first).to_be_visible()
    page.evaluate("document.querySelector('.job .card').dataset.mark = 'drawn before'")

    wire.cut()

    expect(page.locator("#link")).to_contain_text("Connection lost")
    shoot(page, "connection-lost")
    done(api, job_id(page))
    wire.mend()
    of(page, "succeeded")
    expect(page.locator("#link")).to_be_hidden()
    assert page.locator(".job .card-number").all_inner_texts() == ["1", "2", "3", "4"]
    expect(page.locator(".job .card").first).to_have_attribute("data-mark", "drawn before")  # resumed, not begun anew


def test_a_stream_goes_on_after_the_last_event_that_came(api: httpx.Client, wire: Wire, open_page: OpenPage) -> None:
    page = open_page(line(wire))
    last_ids: list[str | None] = []

    def note(request: Request) -> None:
        if request.url.endswith("/events"):
            last_ids.append(request.headers.get("last-event-id"))

    page.on("request", note)
    write(page, "a ship", seconds=4, scenes=4)
    expect(page.locator(".job .card").first).to_be_visible()

    wire.cut()
    wire.mend()

    of(page, "succeeded")
    assert last_ids[0] is None
    assert int(last_ids[-1] or 0) > 0


def test_an_answer_that_was_lost_makes_no_second_job(api: httpx.Client, open_page: OpenPage) -> None:
    page = open_page(str(api.base_url))
    answers: list[str] = []

    def lose_the_first(route: Route) -> None:
        if route.request.method != "POST" or answers:
            route.continue_()
            return
        answers.append(route.fetch().json()["id"])
        route.abort()

    page.route("**/jobs", lose_the_first)

    write(page, "only once", seconds=0)

    assert [job_id(page)] == answers


def test_a_prompt_that_could_not_be_sent_outlives_a_reload(api: httpx.Client, wire: Wire, open_page: OpenPage) -> None:
    page = open_page(line(wire))
    wire.cut()
    write(page, "a patient prompt", seconds=0)
    expect(page.get_by_text("Not sent yet")).to_be_visible()
    wire.mend()
    assert api.get(f"/jobs/{job_id(page)}/request").json()["prompt"] == "a patient prompt"

    page.goto(line(wire))
    page.locator("#prompt").fill("half a thought")
    page.reload()

    expect(page.locator("#prompt")).to_have_value("half a thought")


def test_a_fault_is_told_at_its_field(api: httpx.Client, open_page: OpenPage) -> None:
    page = open_page(str(api.base_url))
    page.locator("#prompt").fill("x")
    page.locator(".options > summary").click()
    page.locator("#field-max_scenes").fill("2")
    page.locator("#field-sampling-temperature").fill("9")
    page.locator(".options > summary").click()

    page.locator("button[type=submit]").click()

    expect(page.locator("#fault-max_scenes")).to_contain_text("at least min_scenes")
    expect(page.locator("#fault-sampling-temperature")).to_be_visible()
    expect(page.locator("#field-max_scenes")).to_be_focused()
    shoot(page, "faults")
    page.locator("#field-max_scenes").fill("")
    page.locator("#field-sampling-temperature").fill("")
    page.locator("#field-metadata").fill("{no json")
    page.locator("button[type=submit]").click()
    expect(page.locator("#fault-metadata")).to_have_text("cannot be read")
    expect(page.locator("#fault-max_scenes")).to_be_hidden()


def test_what_people_write_is_text_and_never_markup(api: httpx.Client, open_page: OpenPage) -> None:
    prompt = "<img src=x onerror=alert(1)> <b>cat</b>"
    identity = submit(api, prompt)
    done(api, identity)
    page = open_page(f"{api.base_url}/#/jobs/{identity}")

    of(page, "succeeded")

    expect(page.locator("h1")).to_contain_text("<img src=x")
    assert page.locator("main img, main b").count() == 0


def test_a_storyboard_is_saved_for_other_programs(api: httpx.Client, open_page: OpenPage) -> None:
    identity = submit(api, "雨中的花园")
    title = done(api, identity)["result"]["title"]
    page = open_page(f"{api.base_url}/#/jobs/{identity}")

    menu = page.locator(".menu > summary")
    texts = {text.lower() for text in page.locator(".menu button").all_text_contents()}
    assert texts >= {name for name in get_args(ExportFormat) if name != "json"}
    for name in ("CSV", "SRT"):
        menu.click()
        with page.expect_download() as saved:
            page.get_by_role("button", name=name, exact=True).click()
        expect(page.locator(".menu")).not_to_have_attribute("open", "")
        assert saved.value.suggested_filename == f"{file_name(title)}.{name.lower()}"
        wanted = api.get(f"/jobs/{identity}/result", params={"format": name.lower()}).content
        assert saved.value.path().read_bytes() == wanted
    menu.click()
    page.locator(".menu select").select_option("veo-3.1")
    with page.expect_download() as saved:
        page.get_by_role("button", name="PROMPTS", exact=True).click()
    assert saved.value.suggested_filename == f"{file_name(title)}.txt"
    wanted = api.get(f"/jobs/{identity}/result", params={"format": "prompts", "target": "veo-3.1"}).content
    assert saved.value.path().read_bytes() == wanted


def test_a_board_in_another_language_says_so(api: httpx.Client, open_page: OpenPage) -> None:
    identity = submit(api, "um gato na chuva", language="pt-BR")
    done(api, identity)
    page = open_page(f"{api.base_url}/#/jobs/{identity}")

    expect(page.locator(".job-line")).to_contain_text("Brazilian Portuguese")
    expect(page.locator(".card .text").first).to_have_attribute("lang", "pt-BR")
    expect(page.locator(".job h1")).to_have_attribute("lang", "pt-BR")


def test_a_storyboard_is_copied_saved_printed_and_deleted(api: httpx.Client, open_page: OpenPage) -> None:
    identity = submit(api, "a garden")
    result = done(api, identity)["result"]
    page = open_page(f"{api.base_url}/#/jobs/{identity}", permissions=["clipboard-read", "clipboard-write"])

    menu = page.locator(".menu > summary")
    menu.click()
    shoot(page, "exports")
    page.get_by_role("button", name="Copy JSON").click()
    until(lambda: page.evaluate("navigator.clipboard.readText()") == json.dumps(result, indent=2), what="copied")
    menu.click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download JSON").click()
    assert json.loads(saved.value.path().read_text()) == result
    page.emulate_media(media="print")
    assert page.locator(".jobs, .actions, .top").filter(visible=True).count() == 0
    assert page.locator(".card-frame").filter(visible=True).count() == len(result["scenes"])
    shoot(page, "sheet")
    page.emulate_media(media="screen")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Yes, delete").click()
    expect(page.locator("#prompt")).to_be_visible()
    assert api.get(f"/jobs/{identity}").status_code == 410


def test_what_was_finished_in_time_is_saved_and_a_retry_takes_longer(api: httpx.Client, open_page: OpenPage) -> None:
    stub = {"seconds": 4, "scenes": 4}
    failed = done(api, submit(api, "雨中的猫", stub=stub, min_scenes=4, execution_timeout_s=2.5))
    page = open_page(f"{api.base_url}/#/jobs/{failed['id']}")
    of(page, "failed")
    buttons = page.locator(".actions").first

    page.locator(".menu summary").click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download JSON").click()
    board = json.loads(saved.value.path().read_text())
    buttons.get_by_role("button", name="Try again, for up to 5.0 s").click()
    page.wait_for_url(lambda url: failed["id"] not in url)

    assert board["scenes"] == failed["scenes"]
    assert len(board["scenes"]) == 2
    again = done(api, job_id(page))
    assert (again["retry_of"], again["status"]) == (failed["id"], "succeeded")
