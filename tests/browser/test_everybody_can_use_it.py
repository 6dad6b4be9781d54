"""The page for everybody: two languages, keyboard only, screen readers, light and dark, 360 pixels, and key holders."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from scriptqueue.schemas import JobRequest
from shared.settings import Settings
from tests.browser.chromium import OpenPage, shoot
from tests.integration.api.serving import served
from tests.integration.worker.processes import done, submit, until

FIELDS = "import('/page/fields.js').then(({FIELDS}) => FIELDS.map(({name, fallback}) => [name, fallback]))"
KEYS = "Promise.all(['zh', 'en'].map((l) => import(`/page/words.${l}.js`).then(({WORDS}) => Object.keys(WORDS))))"


@pytest.fixture(scope="module", autouse=True)
def boards(api: httpx.Client) -> list[str]:
    """Two jobs that are done and one that failed; the oldest in the list, whichever test is the first."""
    ids = [submit(api, "雨中的猫"), submit(api, "A lighthouse keeper", min_scenes=5)]
    ids.append(submit(api, "nonsense", stub={"invalid": True}, allow_fallback=False))
    for identity in ids:
        done(api, identity)
    return ids


@pytest.fixture(scope="module")
def locked(api: httpx.Client, empty_redis: str) -> Iterator[str]:
    """The address of an API that wants a key."""
    with served(Settings(redis={"url": empty_redis}, api={"keys": "studio:right"})) as url:
        yield url


@pytest.mark.parametrize(
    ("locale", "title", "tag"), [("zh-CN", "新建分镜", "zh-CN"), ("de-DE", "New storyboard", "en")]
)
def test_the_page_speaks_the_browsers_language(
    api: httpx.Client, open_page: OpenPage, locale: str, title: str, tag: str
) -> None:
    page = open_page(str(api.base_url), locale=locale)

    expect(page.locator("h1")).to_have_text(title)
    expect(page.locator("html")).to_have_attribute("lang", tag)


def test_another_language_keeps_the_draft_and_is_remembered(api: httpx.Client, open_page: OpenPage) -> None:
    page = open_page(str(api.base_url), locale="zh-CN")
    page.locator("#prompt").fill("半句话")

    page.get_by_role("button", name="English").click()

    expect(page.locator("h1")).to_have_text("New storyboard")
    expect(page.locator("#prompt")).to_have_value("半句话")
    page.reload()
    expect(page.locator("h1")).to_have_text("New storyboard")


def test_both_languages_have_the_same_words(api: httpx.Client, open_page: OpenPage) -> None:
    chinese, english = open_page(str(api.base_url)).evaluate(KEYS)

    only_one = set(chinese) ^ set(english)
    assert {key.partition(".")[0] for key in only_one} <= {"fault", "repair"}  # what the service itself says in English


def test_the_form_offers_every_field_with_the_apis_own_default(api: httpx.Client, open_page: OpenPage) -> None:
    offered = dict(open_page(str(api.base_url)).evaluate(FIELDS))

    defaults: dict[str, Any] = {}
    for name, field in JobRequest.model_fields.items():
        default = field.get_default(call_default_factory=True)
        nested = {
            "sampling": ["do_sample", "temperature", "top_p", "seed", "max_new_tokens"],
            "webhook": ["url", "events"],
        }
        defaults |= {f"{name}/{leaf}": None for leaf in nested[name]} if name in nested else {name: default}
    defaults = {name: str(value).lower() if isinstance(value, bool) else value for name, value in defaults.items()}
    defaults |= {name: [*defaults[name]] for name in ("characters", "fields", "targets")}  # JSON knows no tuples
    elsewhere = {"prompt", "base", "rewrite", "note"}  # above the form, and on the cards of a board
    assert {name: None if "/" in name else value for name, value in offered.items()} == {
        name: value for name, value in defaults.items() if name not in elsewhere
    }


def test_people_are_called_by_their_names(api: httpx.Client, open_page: OpenPage) -> None:
    cast = [
        {"id": "yu", "name": "小雨 <b>", "look": "红色雨衣"},
        {"id": "tom", "name": "Old Tom", "look": "a white beard"},
    ]
    body = {"prompt": "雨", "characters": cast, "fields": ["dialogue"]}
    job = api.post("/jobs", json=body, headers={"Prefer": "wait=20"}).json()

    page = open_page(f"{api.base_url}/#/jobs/{job['id']}")

    expect(page.locator(".cast li")).to_have_text(["小雨 <b>: 红色雨衣", "Old Tom: a white beard"])
    expect(page.locator(".card-characters").first).to_contain_text("小雨 <b>")
    expect(page.locator(".card-dialogue").first).to_contain_text("Old Tom: stub 1")


@pytest.mark.parametrize(("scheme", "other"), [("light", "dark"), ("dark", "light")])
def test_the_documentation_of_the_api_comes_from_here(
    open_page: OpenPage, api: httpx.Client, scheme: str, other: Any
) -> None:
    page = open_page(f"{api.base_url}/docs", color_scheme=scheme)

    expect(page.locator("#operations-jobs-jobs_submit")).to_contain_text("Queue a prompt")
    assert page.evaluate("() => document.documentElement.classList.contains('dark-mode')") == (scheme == "dark")
    page.emulate_media(color_scheme=other)
    expect(page.locator("html.dark-mode")).to_have_count(int(other == "dark"))


def test_the_keyboard_alone_is_enough(api: httpx.Client, open_page: OpenPage, boards: list[str]) -> None:
    page = open_page(str(api.base_url))
    expect(page.locator(".rows li[data-id]")).to_have_count(api_count(api))
    page.keyboard.press("Tab")
    expect(page.locator("#skip")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("#prompt")).to_be_focused()
    page.keyboard.type("written without a mouse")
    page.keyboard.press("Control+Enter")
    page.wait_for_url(re.compile("#/jobs/.+"))
    expect(page.locator("h1")).to_be_focused()
    expect(page.locator(".job")).to_have_attribute("data-status", "succeeded")

    page.keyboard.press("Shift+Tab")
    expect(page.locator(".rows a:focus")).to_have_count(1)
    page.keyboard.press("End")
    expect(page.locator(f".rows li[data-id='{boards[0]}'] a")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(boards[0]))
    expect(page.locator(".card")).to_have_count(3)


def api_count(api: httpx.Client) -> int:
    return len(api.get("/jobs?limit=100").json()["jobs"])


def test_two_results_stand_side_by_side(api: httpx.Client, open_page: OpenPage, boards: list[str]) -> None:
    page = open_page(str(api.base_url))
    for identity in boards[:2]:
        page.locator(f".rows li[data-id='{identity}'] input").check()

    page.get_by_role("button", name="Compare", exact=True).click()

    expect(page.locator(".pair")).to_have_count(6)  # the heads, and the longer one's five scenes
    expect(page.locator(".scene.none")).to_have_count(2)
    shoot(page, "compare-1440")


@pytest.mark.parametrize(
    ("locale", "see", "begin", "example"),
    [
        ("en-GB", "See what comes out", "Start with its prompt", "A lighthouse keeper finds"),
        ("zh-CN", "看看写出来的样子", "从它的提示词开始", "灯塔看守人捡到"),
    ],
)
def test_a_sample_shows_what_comes_out(
    api: httpx.Client, open_page: OpenPage, locale: str, see: str, begin: str, example: str
) -> None:
    page = open_page(str(api.base_url), locale=locale)
    assert page.locator(".sample .card").count() >= 5
    page.get_by_role("link", name=see).click()

    expect(page.locator(".sample-prompt")).to_contain_text(example)
    expect(page.locator(".card-tools").filter(visible=True)).to_have_count(0)
    page.get_by_role("button", name=begin).click()

    assert example in page.locator("#prompt").input_value()
    expect(page.locator(".examples")).to_be_hidden()


def test_a_screen_reader_is_told_of_scenes_and_of_the_end(api: httpx.Client, open_page: OpenPage) -> None:
    page = open_page(str(api.base_url))
    page.evaluate("""() => {
      window.heard = [];
      const news = document.getElementById('news');
      new MutationObserver(() => news.textContent && heard.push(news.textContent)).observe(news, {childList: true});
    }""")

    identity = submit(api, "a whale", stub={"seconds": 6, "scenes": 3})
    page.evaluate("id => { location.hash = `/jobs/${id}` }", identity)

    page.wait_for_function("() => heard.includes('The storyboard is complete.')")

    assert any(text.startswith("Scene ") for text in page.evaluate("heard"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
def test_axe_finds_no_serious_fault(
    api: httpx.Client, open_page: OpenPage, boards: list[str], scheme: str, width: int
) -> None:
    locale = "zh-CN" if width == 360 else "en-GB"
    page = open_page(str(api.base_url), width=width, locale=locale, color_scheme=scheme, reduced_motion="reduce")
    first, second, failed = boards
    views = {
        "compose": ("", "#prompt"),
        "job": (f"jobs/{first}", ".card"),
        "failed": (f"jobs/{failed}", ".fault.general"),
        "queue": ("queue", ".cells"),
        "sample": ("sample", ".card"),
        "compare": (f"compare/{first}/{second}", ".scene"),
        "jobs": ("jobs", ".rows li"),
    }
    found = {}
    for name, (path, sign) in views.items():
        page.evaluate("path => { location.hash = '/' + path }", path)
        expect(page.locator(sign).filter(visible=True).first).to_be_visible()
        if name == "compose":
            page.locator(".options > summary").click()
        shoot(page, f"{name}-{scheme}-{width}")
        found[name] = faults(page)

    assert {name: view_faults for name, view_faults in found.items() if view_faults} == {}


def faults(page: Page) -> list[str]:
    violations = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:120]}"
        for one in violations
        if one["impact"] in {"serious", "critical"}
    ]


def test_the_colours_follow_the_switch_and_are_remembered(api: httpx.Client, open_page: OpenPage) -> None:
    page = open_page(str(api.base_url), color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)

    page.get_by_label("Colours").select_option("dark")

    assert page.evaluate(ground) != light
    page.reload()
    assert page.evaluate(ground) != light


def test_a_key_is_asked_for_and_kept_where_its_owner_says(locked: str, open_page: OpenPage) -> None:
    page = open_page(locked)
    key = page.get_by_label("API key")
    expect(key).to_be_focused()
    key.fill("wrong")
    key.press("Enter")
    expect(page.locator("#key-fault")).to_have_text("The service does not know this key.")
    key.fill("right")
    page.get_by_label("Keep on this device").check()
    shoot(page, "key")
    key.press("Enter")
    expect(page.locator("#key-panel")).to_be_hidden()

    page.locator("#prompt").fill("behind a lock")
    page.get_by_role("button", name="Write the storyboard").click()

    expect(page.locator(".card")).to_have_count(3)  # its stream, too, carries the key
    assert page.evaluate("localStorage.getItem('scriptqueue.key')") == '"right"'
    page.reload()
    expect(page.locator(".rows li[data-id]")).to_have_count(1)


def test_the_queue_view_shows_the_worker_and_its_rows(api: httpx.Client, open_page: OpenPage) -> None:
    identity = submit(api, "forever", stub={"hang": True})
    page = open_page(f"{api.base_url}/#/queue")

    expect(page.locator(".cells .busy")).to_have_count(1)

    expect(page.locator("table").last).to_contain_text("stub")
    expect(page.get_by_text("placeholder storyboards")).to_be_visible()
    expect(page.locator(".figure", has_text="senders of webhooks").locator("dd")).to_have_text("0")
    api.post(f"/jobs/{identity}/cancel")


def test_a_queue_in_which_nobody_writes_has_no_curve(api: httpx.Client, open_page: OpenPage) -> None:
    until(lambda: api.get("/queue").json()["tokens_per_s"] == 0, what="the worker's last ten seconds are empty")
    errors: list[str] = []
    page = open_page("about:blank")
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)

    page.goto(f"{api.base_url}/#/queue")
    expect(page.locator(".figure", has_text="rows").locator("dd")).to_have_text("0 / 2")

    assert page.locator("polyline").get_attribute("points") == ""
    assert "NaN" not in page.content()
    assert errors == []


def test_the_list_can_be_narrowed_to_jobs_that_are_being_canceled(api: httpx.Client, open_page: OpenPage) -> None:
    def with_one(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "counts": {"canceling": 1}})

    page = open_page("about:blank")
    page.route("**/jobs?*counts=true*", with_one)
    page.goto(str(api.base_url))

    with page.expect_response(lambda response: "status=canceling" in response.url) as answer:
        page.get_by_role("button", name="canceling").click()

    assert answer.value.ok


def test_what_a_webhook_tells_is_chosen_and_shown_again(open_page: OpenPage, api: httpx.Client) -> None:
    page = open_page(str(api.base_url))
    page.locator("#prompt").fill("海边")
    page.locator(".options > summary").click()
    page.locator("#field-webhook-url").fill("https://example.com/hook")
    page.locator("#field-webhook-events").fill("scene, done")
    page.locator("#prompt").press("Control+Enter")
    page.wait_for_url(re.compile("#/jobs/.+"))
    job_id = page.url.rsplit("/", 1)[1]

    assert api.get(f"/jobs/{job_id}/request").json()["webhook"]["events"] == ["scene", "done"]
    page.get_by_role("button", name="Use as a draft").click()
    expect(page.locator("#field-webhook-events")).to_have_value("scene, done")


def test_the_forms_faults_speak_the_readers_language(api: httpx.Client, open_page: OpenPage) -> None:
    page = open_page(str(api.base_url), locale="zh-CN")
    page.locator("#prompt").fill("雨")
    page.locator("#field-min_scenes").fill("5")
    page.locator("#field-max_scenes").fill("2")
    page.locator("#field-scene_max_s").fill("99")
    page.locator("#field-language").fill("中文")

    page.locator("button[type=submit]").click()

    expect(page.locator("#fault-max_scenes")).to_have_text("不能小于下限（5）")
    expect(page.locator("#fault-scene_max_s")).to_have_text("不能大于 60")
    expect(page.locator("#fault-language")).to_contain_text("须是 auto 或语言标签")


def test_a_cast_is_written_in_rows_and_a_draft_brings_it_back(api: httpx.Client, open_page: OpenPage) -> None:
    page = open_page(str(api.base_url))
    page.get_by_role("button", name="Lighthouse").click()
    page.get_by_role("button", name="Add a person").click()
    page.locator("[data-part=name]").fill("小雨")
    page.locator("[data-part=look]").fill("red raincoat")
    page.get_by_role("button", name="Add a person").click()
    page.locator("[data-part=name]").last.fill("Old Tom")
    page.locator("[data-part=look]").last.fill("white beard")
    page.locator(".chip", has_text="Dialogue").click()
    page.locator(".chip", has_text="veo-3.1").click()
    page.locator("#prompt").press("Control+Enter")
    page.wait_for_url(re.compile("#/jobs/.+"))

    request = api.get(f"/jobs/{page.url.rsplit('/', 1)[1]}/request").json()
    assert request["characters"] == [
        {"id": "person_1", "name": "小雨", "look": "red raincoat"},
        {"id": "old_tom", "name": "Old Tom", "look": "white beard"},
    ]
    assert (request["fields"], request["targets"]) == (["dialogue", "characters"], ["veo-3.1"])
    page.get_by_role("button", name="Use as a draft").click()
    expect(page.locator("[data-part=name]").first).to_have_value("小雨")
    expect(page.locator(".chip", has_text="Dialogue").locator("input")).to_be_checked()


def test_texts_name_their_language(api: httpx.Client, open_page: OpenPage, boards: list[str]) -> None:
    page = open_page(f"{api.base_url}/#/jobs/{boards[0]}")  # a Chinese board on the English page

    expect(page.locator(".job h1")).to_have_attribute("lang", "zh-CN")
    expect(page.locator(".card-description .text").first).to_have_attribute("lang", "zh-CN")
    row = page.locator(f".rows li[data-id='{boards[1]}'] .row-label")
    expect(row).to_have_attribute("lang", "en")
