"""What a director does with a finished board on the page: rewrites, edits, moves, steps back, takes side by side."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.chromium import OpenPage, shoot
from tests.browser.test_everybody_can_use_it import faults
from tests.integration.worker.processes import done, submit

Board = Callable[..., tuple[Page, str]]
COMPUTED = ("scene_number", "video_prompt")


@pytest.fixture
def board(api: httpx.Client, open_page: OpenPage) -> Board:
    """`board(locale="zh-CN")`: the page of a finished board of six scenes, and its job."""

    def opened(path: str = "/#/jobs/", **options: Any) -> tuple[Page, str]:
        identity = submit(api, "雨中的猫", min_scenes=6)
        done(api, identity)
        page = open_page(f"{api.base_url}{path}{identity}", **options)
        expect(page.locator(".card-tools").filter(visible=True)).to_have_count(6)
        return page, identity

    return opened


def card(page: Page, number: int) -> Locator:
    return page.locator(".card").nth(number - 1)


def press(page: Page, number: int, name: str) -> None:
    card(page, number).get_by_role("button", name=name, exact=True).click()


def order(page: Page) -> list[str]:
    """The scenes' texts as they stand, each by its last digit; a hole is `-`."""
    texts = [one.locator(".card-description").all_inner_texts() for one in page.locator(".card").all()]
    return [text[0].strip(")")[-1] if text else "-" for text in texts]


def saved(page: Page, api: httpx.Client, button: str = "Save as a take") -> dict[str, Any]:
    """Presses it; the job that came of it."""
    before = page.url
    page.get_by_role("button", name=button).click()
    page.wait_for_function("before => location.href !== before", arg=before)
    expect(page.locator(".job")).to_have_attribute("data-status", "succeeded")
    return dict(api.get(f"/jobs/{page.url.rpartition('/')[2]}").json())


def kept(job: dict[str, Any]) -> list[dict[str, Any]]:
    return [{k: v for k, v in scene.items() if k not in COMPUTED} for scene in job["result"]["scenes"]]


def test_one_scene_is_written_anew_with_a_note(api: httpx.Client, board: Board) -> None:
    page, identity = board()
    before = kept(api.get(f"/jobs/{identity}").json())

    press(page, 3, "Rewrite")
    page.keyboard.type("at night")
    job = saved(page, api, "Rewrite this scene")

    assert job["base_of"] == identity
    assert [at for at, scene in enumerate(kept(job)) if scene != before[at]] == [2]
    assert api.get(f"/jobs/{job['id']}/request").json()["note"] == "at night"
    expect(page.locator(".takes a[aria-current]")).to_have_text("Take 2")
    shoot(page, "take-2")
    page.get_by_role("link", name="Compare with take 1").click()
    expect(page.locator(".pair")).to_have_count(7)
    assert page.locator(".scene:has(mark)").count() == 2  # the third one of both
    shoot(page, "takes-compared")


def test_a_scene_is_edited_in_place_and_kept_as_a_take(api: httpx.Client, board: Board) -> None:
    page, identity = board()
    press(page, 2, "Edit")
    form = card(page, 2).locator("form")
    form.locator("[data-field=description]").fill("一只黑猫 <b>&</b>")
    form.locator("[data-field=duration]").fill("7.5")
    form.locator("[data-field=camera]").select_option("wide shot")
    shoot(page, "edit")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".storyboard .total")).to_have_text("0:32.5")
    expect(card(page, 2).get_by_role("button", name="Edit")).to_be_focused()

    job = saved(page, api)

    assert (job["source"], job["base_of"]) == ("edited", identity)
    scene = job["result"]["scenes"][1]
    assert (scene["description"], scene["duration"], scene["camera"]) == ("一只黑猫 <b>&</b>", 7.5, "wide shot")
    assert scene["video_prompt"].startswith("一只黑猫 <b>&</b>, ")
    assert page.locator("main b").count() == 0


def test_cards_are_moved_inserted_removed_and_every_step_goes_back(api: httpx.Client, board: Board) -> None:
    page, _ = board()
    press(page, 5, "Move earlier")
    expect(card(page, 4).get_by_role("button", name="Move earlier")).to_be_focused()
    assert order(page) == ["1", "2", "3", "5", "4", "6"]
    press(page, 1, "Insert a scene after this")
    expect(card(page, 2).locator("h3")).to_be_focused()
    assert order(page) == ["1", "-", "2", "3", "5", "4", "6"]
    press(page, 7, "Remove this scene")
    assert order(page) == ["1", "-", "2", "3", "5", "4"]
    page.reload()  # what is not saved yet stays in this tab
    expect(page.locator(".card")).to_have_count(6)
    assert order(page) == ["1", "-", "2", "3", "5", "4"]

    page.get_by_role("button", name="Undo").click()
    assert order(page) == ["1", "2", "3", "4", "5", "6"]
    page.get_by_role("button", name="Redo").click()
    shoot(page, "changed")
    job = saved(page, api, "Write the missing scene")

    assert [scene["description"][-2] for scene in job["result"]["scenes"]] == ["1", "2", "2", "3", "5", "4"]
    expect(page.locator(".changes")).to_be_hidden()


@pytest.mark.parametrize("width", [360, 1440])
def test_a_card_is_dragged_to_another_place(board: Board, width: int) -> None:
    page, _ = board(width=width)

    card(page, 5).locator(".card-time").drag_to(card(page, 4), target_position={"x": 5, "y": 5})

    assert order(page) == ["1", "2", "3", "5", "4", "6"]
    page.get_by_role("button", name="Discard").click()
    assert order(page) == ["1", "2", "3", "4", "5", "6"]


def test_what_no_board_may_hold_is_told_on_its_card(api: httpx.Client, board: Board) -> None:
    page, _ = board(locale="zh-CN")
    press(page, 4, "修改")
    card(page, 4).locator("[data-field=duration]").fill("99")
    page.keyboard.press("Control+Enter")

    page.get_by_role("button", name="存为新的一版").click()

    expect(card(page, 4).locator(".fault")).to_have_text("时长 99 秒超出范围，改为 8 秒")
    expect(card(page, 4).locator("[data-field=duration]")).to_be_focused()
    shoot(page, "fault-on-a-card")
    card(page, 4).locator("[data-field=duration]").fill("8")
    page.keyboard.press("Control+Enter")
    assert saved(page, api, "存为新的一版")["result"]["total_duration"] == 33


def test_the_keyboard_alone_changes_a_board(api: httpx.Client, board: Board) -> None:
    page, _ = board()
    page.locator("h1").focus()
    card(page, 1).locator("h3").focus()
    page.keyboard.press("Alt+ArrowRight")
    assert order(page) == ["2", "1", "3", "4", "5", "6"]
    page.keyboard.press("Control+z")
    assert order(page) == ["1", "2", "3", "4", "5", "6"]
    page.keyboard.press("Control+Shift+z")
    card(page, 3).get_by_role("button", name="Edit").press("Enter")
    page.keyboard.press("Control+a")
    page.keyboard.type("written by hand")
    page.keyboard.press("Escape")
    expect(card(page, 3).get_by_role("button", name="Edit")).to_be_focused()
    card(page, 3).get_by_role("button", name="Remove this scene").press("Enter")
    assert order(page) == ["2", "1", "4", "5", "6"]
    page.get_by_role("button", name="Save as a take").press("Enter")
    expect(page.locator(".takes a[aria-current]")).to_have_text("Take 2")
    assert order(page) == ["2", "1", "4", "5", "6"]


def test_a_title_is_changed_and_names_the_tab(api: httpx.Client, board: Board) -> None:
    page, _ = board()
    expect(page).to_have_title("雨中的猫 · scriptqueue")
    page.get_by_role("button", name="Change the title").click()
    page.get_by_role("textbox", name="Title").fill("夜猫")
    page.keyboard.press("Enter")
    expect(page).to_have_title("夜猫 · scriptqueue")

    assert saved(page, api)["result"]["title"] == "夜猫"


def test_a_prompt_is_copied_from_its_card(board: Board) -> None:
    page, _ = board(permissions=["clipboard-read", "clipboard-write"])

    press(page, 2, "Copy this prompt")

    page.wait_for_function("navigator.clipboard.readText().then(text => text.startsWith('雨中的猫 (2), '))")


def test_scenes_of_a_job_that_ran_out_of_time_become_a_board(api: httpx.Client, open_page: OpenPage) -> None:
    stub = {"seconds": 8, "scenes": 4}
    identity = submit(api, "来不及", stub=stub, execution_timeout_s=5, allow_fallback=False)
    count = len(done(api, identity)["scenes"])
    page = open_page(f"{api.base_url}/#/jobs/{identity}", locale="zh-CN")
    expect(page.locator(".failure")).to_contain_text("请调高最长运行时间")
    shoot(page, "failed-in-time")

    job = saved(page, api, "用这些镜头做成分镜")

    assert count > 0
    assert (job["source"], len(job["result"]["scenes"])) == ("edited", count)


def test_a_failed_job_shows_what_was_written_and_what_to_do(api: httpx.Client, open_page: OpenPage) -> None:
    identity = submit(api, "nonsense", stub={"invalid": True}, allow_fallback=False)
    done(api, identity)
    page = open_page(f"{api.base_url}/#/jobs/{identity}", locale="zh-CN")

    page.get_by_text("模型写的内容").click()

    expect(page.locator(".failure pre")).to_have_text("no storyboard")
    expect(page.locator(".failure")).to_contain_text("请重试")
    assert page.locator(".failure").get_by_text("no scenes in").filter(visible=True).count() == 0


def test_the_scene_grows_while_it_is_written(api: httpx.Client, open_page: OpenPage) -> None:
    identity = submit(api, "a whale in the bay", stub={"seconds": 12, "scenes": 3})
    page = open_page(f"{api.base_url}/#/jobs/{identity}")

    expect(page.locator(".place")).to_have_count(3)
    expect(page.locator(".live")).to_contain_text("a whale")
    shoot(page, "growing")
    assert not set('{}":') & set(page.locator(".live").inner_text())
    expect(page.locator(".doing")).to_contain_text("so far")
    expect(page.locator(".place")).to_have_count(1)
    api.post(f"/jobs/{identity}/cancel")


def test_the_list_is_searched(api: httpx.Client, open_page: OpenPage) -> None:
    for prompt in ("the only zebra", "another horse", "queued ZEBRA"):
        done(api, submit(api, prompt))
    page = open_page(str(api.base_url))

    page.get_by_label("Search titles and prompts").fill("zebra")

    expect(page.locator(".rows li[data-id]")).to_have_count(2)
    page.get_by_label("Search titles and prompts").fill("no such thing")
    expect(page.get_by_text("No job matches.")).to_be_visible()


@pytest.mark.parametrize("width", [360, 1440])
def test_times_in_the_list_are_never_cut(api: httpx.Client, open_page: OpenPage, width: int) -> None:
    done(api, submit(api, "x" * 300, priority="high"))
    page = open_page(f"{api.base_url}/#/jobs", width=width)
    expect(page.locator(".rows li").first).to_be_visible()

    for time in page.locator(".row-time").all():
        assert time.evaluate("e => e.scrollWidth <= e.clientWidth + 1 && e.getBoundingClientRect().right <= innerWidth")


@pytest.mark.parametrize(("width", "locale", "scheme"), [(360, "zh-CN", "dark"), (768, "en-GB", "light")])
def test_axe_finds_no_fault_in_a_board_that_is_changed(board: Board, width: int, locale: str, scheme: str) -> None:
    page, _ = board(width=width, locale=locale, color_scheme=scheme, reduced_motion="reduce")
    edit, rewrite, insert = ("Edit", "Rewrite", "Insert a scene after this")
    if locale == "zh-CN":
        edit, rewrite, insert = ("修改", "重写", "在此之后插入镜头")
    press(page, 1, edit)
    press(page, 2, rewrite)
    press(page, 3, insert)
    page.locator(".menu > summary").click()
    shoot(page, f"changing-{width}")

    assert faults(page) == []
    small = (
        page.locator("main button, main summary, main a, main input, .row-choose")
        .filter(visible=True)
        .evaluate_all(
            "all => all.map(e => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()])"
            ".filter(([, box]) => box.height < 24 || box.width < 24).map(([html]) => html)"
        )
    )
    assert small == []


def test_notes_and_repairs_speak_chinese(api: httpx.Client, open_page: OpenPage) -> None:
    prompt = "雨中的猫，30秒，分3个镜头"
    answer = api.post("/jobs", json={"prompt": prompt, "metadata": {"stub": {"invalid": True}}}).json()
    job = done(api, answer["id"])
    page = open_page(f"{api.base_url}/#/jobs/{job['id']}", locale="zh-CN")

    expect(page.locator(".notes li").first).to_contain_text("提示词中的“")
    expect(page.locator(".repairs li").first).to_contain_text("由提示词按句拆分")
    read = json.dumps(page.locator(".notes, .repairs").all_inner_texts())
    assert "prompt" not in read


@pytest.mark.parametrize("title", ["夜猫", 'a "quoted\\ end"; } body { display: none', "*/ </style> \\22"])
def test_a_sheet_has_its_title_at_the_head_of_each_page(api: httpx.Client, open_page: OpenPage, title: str) -> None:
    scene = {"description": "a", "duration": 5, "camera": "wide shot", "action": "b"}
    base = {"storyboard": {"title": title, "scenes": [scene] * 2}}
    job = api.post("/jobs", json={"prompt": "x", "base": base}).json()
    page = open_page(f"{api.base_url}/#/jobs/{job['id']}")
    expect(page.locator(".card")).to_have_count(2)
    page.evaluate("window.print = () => {}")
    heads = "document.adoptedStyleSheets.flatMap(s => [...s.cssRules]).map(rule => rule.cssText)"
    for name, prompts in (("Print the sheet", 0), ("Print with prompts", 2)):
        page.locator(".menu > summary").click()
        page.get_by_role("button", name=name).click()

        page.emulate_media(media="print")

        assert page.locator(".card-prompt summary").filter(visible=True).count() == prompts
        assert page.locator(".card-frame").filter(visible=True).count() == 2
        rules = page.evaluate(heads)
        assert len(rules) == 2  # nothing of the title is a rule of its own
        page.emulate_media(media="screen")


@pytest.mark.parametrize(("ratio", "shape"), [("16:9", 16 / 9), ("9:16", 9 / 16), ("1:1", 1), ("21:9", 21 / 9)])
def test_frames_have_the_boards_shape(api: httpx.Client, open_page: OpenPage, ratio: str, shape: float) -> None:
    identity = submit(api, "a shape", aspect_ratio=ratio)
    done(api, identity)
    page = open_page(f"{api.base_url}/#/jobs/{identity}")
    expect(page.locator(".camera-icon").first).to_be_visible()

    icon: Any = page.locator(".camera-icon").first.bounding_box()
    page.emulate_media(media="print")
    frame: Any = page.locator(".card-frame").first.bounding_box()

    assert icon["width"] / icon["height"] == pytest.approx(shape, rel=0.02)
    assert frame["width"] / frame["height"] == pytest.approx(shape, rel=0.05)
