"""The sheet of a storyboard: nothing is lost of it, nothing can break out of it, and its lines fit."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scriptqueue.cli import sheet, sheet_design
from scriptqueue.cli.render import png
from scriptqueue.schemas import AspectRatio, Scene, Storyboard
from scriptqueue.text_layout import width_em, wrapped

CAMERAS = ("wide shot", "medium shot", "close up")
DURATIONS = (3, 8, 5, 4.5)
PAGE = Path(__file__).parents[2] / "api" / "page"


def board(description: str = "清晨的森林", title: str = "雾", scenes: int = 4) -> Storyboard:
    durations = [DURATIONS[number % 4] for number in range(scenes)]
    return Storyboard(
        title=title,
        total_duration=sum(durations),
        scenes=tuple(
            Scene(
                scene_number=number + 1,
                description=description,
                duration=durations[number],
                camera=CAMERAS[number % 3],
                action=f"雾散开 {number + 1}",
                video_prompt=description + ", 4k",
            )
            for number in range(scenes)
        ),
    )


def of_class(svg: str, name: str) -> list[ET.Element]:
    return [node for node in ET.fromstring(svg).iter() if node.get("class") == name]


def text_of(svg: str) -> str:
    return "".join(ET.fromstring(svg).itertext())


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300).filter(str.strip)


@given(texts, texts)
def test_any_text_makes_a_well_formed_picture_that_holds_all_of_it(title: str, description: str) -> None:
    drawn = text_of(sheet.svg(board(description, title)))

    def bare(text: str) -> str:
        return re.sub(r"[^\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", re.sub(r"\s", "", text))

    assert bare(drawn).count(bare(description)) >= 4
    assert bare(title) in bare(drawn)


@given(texts, st.integers(2, 40))
@example("00IA)¤⺀I", 5)
def test_no_line_is_wider_than_it_may_be_and_no_character_is_lost(text: str, width: int) -> None:
    lines = wrapped(text, width)

    assert all(width_em(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_chinese_breaks_between_characters_but_not_before_a_full_stop() -> None:
    assert wrapped("清晨的森林。雾散开", 5) == ["清晨的森", "林。雾散开"]
    assert wrapped("他说（几乎没有）", 3) == ["他说", "（几乎", "没有）"]


def test_latin_words_stay_whole_unless_one_is_wider_than_a_line() -> None:
    assert wrapped("one two three", 5) == ["one two", "three"]
    assert wrapped("ab", 0.7) == ["a", "b"]


@pytest.mark.parametrize("draw", [sheet.svg, sheet.html])
def test_a_prompt_is_text_and_no_markup(draw: object) -> None:
    drawn = draw(board("<script>alert(1)</script>", '"><img src=x>'))  # type: ignore[operator]

    assert "<script" not in drawn
    assert "<img" not in drawn
    assert "&lt;script&gt;alert" in drawn


@pytest.mark.parametrize("draw", [sheet.svg, sheet.html])
def test_a_sheet_takes_nothing_from_elsewhere(draw: object) -> None:
    drawn = draw(board())  # type: ignore[operator]

    assert not re.search(r"(?:href|src|url\((?!#frame))", drawn.replace('xmlns="http://www.w3.org/2000/svg"', ""))


def test_the_timeline_is_as_wide_as_the_scenes_are_long() -> None:
    widths = [float(bar.get("width", "0")) for bar in of_class(sheet.svg(board()), "strip")]

    assert [round((width + 2) / sheet.INSIDE * 20.5, 2) for width in widths] == [3, 8, 5, 4.5]
    assert re.findall(r"flex-grow:([\d.]+)", sheet.html(board())) == ["3", "8", "5", "4.5"]


def test_the_words_are_those_of_the_storyboards_language() -> None:
    assert "4 个镜头 · 20.5 秒" in sheet.svg(board())
    assert "特写" in sheet.html(board())
    assert "4 scenes · 20.5 s" in sheet.svg(board("A misty forest", "Mist"))


@pytest.mark.parametrize("scenes", [1, 20])
def test_a_picture_of_pixels_is_drawn_of_any_number_of_scenes(scenes: int) -> None:
    picture = png(sheet.svg(board(scenes=scenes), "stub"))

    assert picture.startswith(b"\x89PNG")
    assert int.from_bytes(picture[16:20]) == 2 * sheet.WIDTH


@pytest.mark.parametrize(
    "seconds", [(1,) * 60, (60, 1, 1, 2), (1, *(60,) * 59)], ids=["60 alike", "one long", "one short"]
)
def test_scenes_of_any_length_have_their_place_on_the_timeline(seconds: tuple[int, ...]) -> None:
    plain = board(scenes=len(seconds))
    scenes = tuple(
        scene.model_copy(update={"duration": each}) for scene, each in zip(plain.scenes, seconds, strict=True)
    )
    drawn = plain.model_copy(update={"scenes": scenes, "total_duration": sum(seconds)})

    bars = of_class(sheet.svg(drawn), "strip")

    assert len(bars) == len(seconds)
    assert all(float(bar.get("width", "-1")) >= 0 for bar in bars)
    numbers = [node for node in ET.fromstring(sheet.svg(drawn)).iter() if node.get("text-anchor") == "middle"]
    ends = [(float(node.get("x", "0")), width_em(node.text or "") * 13) for node in numbers]
    assert all(at - wide / 2 > before + half / 2 for (before, half), (at, wide) in pairwise(ends))
    assert sheet.html(drawn).count("<li ") == len(seconds)


@pytest.mark.parametrize("draw", [sheet.svg, sheet.html])
def test_a_card_tells_when_its_scene_is(draw: Callable[..., str]) -> None:
    drawn = draw(board())

    assert re.findall(r"\d+:[\d.]+ – \d+:[\d.]+", drawn) == [
        *("0:00 – 0:03", "0:03 – 0:11", "0:11 – 0:16", "0:16 – 0:20.5"),
    ]


@pytest.mark.parametrize("draw", [sheet.svg, sheet.html])
def test_prompts_are_there_where_they_are_wanted(draw: Callable[..., str]) -> None:
    plain = board()
    scene = Scene.model_validate({**plain.scenes[0].model_dump(), "prompts": {"kling-3": "a slow push in"}})
    with_target = plain.model_copy(update={"scenes": (scene, *plain.scenes[1:])})

    without, with_prompts = (draw(with_target, prompts=prompts) for prompts in (False, True))

    assert ("4k" in without, "push" in without) == (False, False)
    assert ("4k" in with_prompts, "push" in with_prompts) == (True, True)


@pytest.mark.parametrize("ratio", ["16:9", "9:16", "1:1", "21:9", None])
def test_a_frame_has_the_boards_shape_and_stays_on_its_card(ratio: AspectRatio | None) -> None:
    shaped = board().model_copy(update={"aspect_ratio": ratio})
    wide, high = (ratio or "16:9").split(":")

    frames = of_class(sheet.svg(shaped), "frame")

    assert len(frames) == 4
    for frame in frames:
        width, height = (float(frame.get(side, "0")) for side in ("width", "height"))
        assert width / height == pytest.approx(int(wide) / int(high), rel=0.01)
        assert width <= sheet.TEXT
        assert height <= sheet.FRAME + 0.1
    assert f"--ratio:{int(wide) / int(high):.4g}" in sheet.html(shaped)


@pytest.mark.parametrize("title", ['a "quoted\\ end"; } body { display: none', "</style><b>", "a\x0cb\nc"])
def test_no_title_ends_the_style_that_heads_each_sheet(title: str) -> None:
    style = sheet.html(board(title=title)).partition("<style>")[2].partition("</style>")[0]

    (content,) = re.findall(r'@top-left{content:"([^"]*)"', style)
    assert style.endswith("@page :first{@top-left{content:none}}")
    unescaped = re.sub(r"\\([0-9a-f]+) ", lambda found: chr(int(found[1], 16)), content)
    assert unescaped == title.replace("\x0c", "\ufffd")


def test_the_page_prints_the_same_design() -> None:
    """Its colours and the sizes of its figures are those of the sheet."""
    css, lines = ((PAGE / name).read_text() for name in ("base.css", "scene_lines.js"))
    names = {"wide shot": "wide", "medium shot": "medium", "close up": "close"}
    named = {"ink": sheet_design.INK, "soft": sheet_design.GREY, "line": sheet_design.LINE, "edge": sheet_design.EDGE}
    named |= {names[camera]: colour for camera, colour in sheet_design.SHOTS.items()}

    assert {name: re.findall(rf"--{name}: light-dark\((#\w+)", css) for name in named} == {
        name: [colour] for name, colour in named.items()
    }
    (figures,) = re.findall(r"FIGURES = {(.*?)}", lines)
    assert {name: float(size) for name, size in re.findall(r'"([\w ]+)": ([\d.]+)', figures)} == sheet_design.FIGURES
