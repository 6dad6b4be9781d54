"""What a sheet shows, whatever it is drawn in: colours, kinds of text, and what stands on each card. The page has the
same (api/page/base.css, board.css, scene_lines.js). Knows no format.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

from scriptqueue.scene_fields import SCENE_FIELDS, Fields, Spoken, cast_names, labelled, readers_language
from scriptqueue.schemas import Camera, Scene, Storyboard

FONTS = (
    "'Inter','Helvetica Neue','Segoe UI','Noto Sans CJK SC','Noto Sans SC','Source Han Sans SC','PingFang SC',"
    "'Microsoft YaHei','WenQuanYi Micro Hei',Arial,sans-serif"
)
INK, GREY, LINE, EDGE, PAPER = "#1b1f23", "#545c64", "#d5d9dd", "#7b848c", "#ffffff"  # as the page's
SHOTS: Mapping[Camera, str] = {"wide shot": "#2f6fa8", "medium shot": "#0c7f77", "close up": "#a35a1c"}
FIGURES: Mapping[Camera, float] = {"wide shot": 0.42, "medium shot": 0.62, "close up": 1.05}  # how much of a frame
_NO_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Words:
    language: str
    scenes: str
    seconds: str
    prompt: str
    spoken: Spoken


_EN = Words("en", "{} scenes", "{:g} s", "Video prompt", "en")
_ZH = Words("zh-CN", "{} 个镜头", "{:g} 秒", "视频提示词", "zh")
_CAMERA = next(field for field in SCENE_FIELDS if field.name == "camera")


@dataclass(frozen=True)
class Card:
    """What stands on one: the seconds when its scene begins and ends, its texts and their weights."""

    scene: Scene
    start: float
    end: float
    camera: str
    length: str
    texts: tuple[tuple[str, str], ...]  # of a kind, in their order: see TEXT_KINDS

    @property
    def colour(self) -> str:
        return SHOTS[self.scene.camera]

    @property
    def timecode(self) -> str:
        return f"{_clock(self.start)} – {_clock(self.end)}"


@dataclass(frozen=True)
class TextKind:
    """How a text is set: pixels, pixels from line to line, weight, colour."""

    size: int
    leading: int
    weight: int
    colour: str


TEXT_KINDS = {
    "description": TextKind(16, 23, 700, INK),
    "action": TextKind(15, 22, 400, INK),
    "line": TextKind(14, 21, 400, GREY),
    "prompt": TextKind(13, 19, 400, GREY),
}


def cards_of(board: Storyboard, fields: Fields, *, prompts: bool) -> list[Card]:
    words, names = sheet_words(board), cast_names(board)
    ends = list(accumulate(scene.duration for scene in board.scenes))
    return [
        Card(
            scene,
            end - scene.duration,
            end,
            _CAMERA.shown(words.spoken, scene.camera),
            words.seconds.format(scene.duration),
            tuple(_texts(scene, words, fields, names, prompts=prompts)),
        )
        for scene, end in zip(board.scenes, ends, strict=True)
    ]


def _texts(
    scene: Scene, words: Words, fields: Fields, names: Mapping[str, str], *, prompts: bool
) -> Iterator[tuple[str, str]]:
    yield "description", scene.description
    yield "action", scene.action
    for line in labelled(scene, words.spoken, fields, names):
        yield "line", line
    if prompts:
        yield "prompt", f"{words.prompt}: {scene.video_prompt}"
        for target, text in scene.model_dump().get("prompts", {}).items():
            yield "prompt", f"{target}: {text}"


def figure(card: Card, ratio: float) -> str:
    """A frame, 18 high, with a figure as near as the camera is."""
    width, middle, size = 18 * ratio, 9 * ratio, FIGURES[card.scene.camera] * min(1, ratio)
    shoulders = f"M{middle - 6 * size:.1f} 17a{6 * size:.1f} {7.5 * min(size + 0.2, 1):.1f} 0 0 1 {12 * size:.1f} 0z"
    return (
        f'<svg width="{width:.1f}" height="18" viewBox="0 0 {width:.1f} 18">'
        f'<g fill="{card.colour}"><circle cx="{middle:.1f}" cy="{9 - 3 * size:.1f}" r="{3.4 * size:.1f}"/>'
        f'<path d="{shoulders}"/></g>'
        f'<rect x=".75" y=".75" width="{width - 1.5:.1f}" height="16.5" rx="2" fill="none" stroke="{EDGE}" '
        'stroke-width="1.5"/></svg>'
    )


def ratio_of(board: Storyboard) -> float:
    """Of a frame's width to its height."""
    wide, high = (board.aspect_ratio or "16:9").split(":")
    return int(wide) / int(high)


def mixed(colour: str, share: float) -> str:
    """So much of the colour on the paper, as color-mix() has it."""
    parts = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#" + "".join(f"{round(255 + (part - 255) * share):02x}" for part in parts)


def _clock(seconds: float) -> str:
    """75.5 -> 1:15.5, as the page has it."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    return f"{minutes}:{rest // 10:02}" + (f".{rest % 10}" if rest % 10 else "")


def sheet_words(board: Storyboard) -> Words:
    return _ZH if readers_language(board) == "zh" else _EN


def summary(board: Storyboard, words: Words) -> str:
    return f"{words.scenes.format(len(board.scenes))} · {words.seconds.format(board.total_duration)}"


def drawable(text: str) -> str:
    """A character that neither XML nor HTML may hold is shown as a replacement."""
    return _NO_XML.sub("\ufffd", text)
