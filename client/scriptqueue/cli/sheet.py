"""A storyboard as a sheet to look at and to print: title, timeline, a card a scene. SVG and HTML, each in one file
without anything from elsewhere. Pure functions of the storyboard; knows no jobs, files or pictures of pixels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from itertools import accumulate

from scriptqueue.further_fields import ALL_FIELDS
from scriptqueue.scene_fields import SCENE_FIELDS, Fields, Spoken, cast_names, labelled, portraits, readers_language
from scriptqueue.schemas import Camera, Scene, Storyboard
from scriptqueue.text_layout import width_em, wrapped

FONTS = (
    "'Inter','Helvetica Neue','Segoe UI','Noto Sans CJK SC','Noto Sans SC','Source Han Sans SC','PingFang SC',"
    "'Microsoft YaHei','WenQuanYi Micro Hei',Arial,sans-serif"
)
INK, GREY, LINE, PAPER = "#1b1f2a", "#5b6474", "#dfe3ea", "#ffffff"
WIDTH, MARGIN, GAP, COLUMNS = 1200, 48, 24, 3
INSIDE = WIDTH - 2 * MARGIN
CARD = (INSIDE - GAP * (COLUMNS - 1)) / COLUMNS
FRAME = CARD * 9 / 16
PADDING = 18
_NARROW = 18  # what is less wide holds no number of two digits
_NO_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Shot:
    """How a camera distance looks: its colours, and the framing as a drawing of 160 by 90."""

    strong: str
    soft: str
    drawing: str


_WIDE = (
    '<circle cx="124" cy="24" r="9" fill="{strong}" opacity=".35"/>'
    '<path d="M0 66 34 42 58 60 92 34 160 68V90H0Z" fill="{strong}" opacity=".3"/>'
    '<path d="M0 72H160V90H0Z" fill="{strong}" opacity=".5"/>'
    '<circle cx="72" cy="57" r="3.2" fill="{strong}"/>'
    '<rect x="69" y="61" width="6" height="13" rx="3" fill="{strong}"/>'
)
_MEDIUM = (
    '<path d="M0 70H160V90H0Z" fill="{strong}" opacity=".25"/>'
    '<circle cx="80" cy="33" r="13" fill="{strong}"/>'
    '<path d="M48 90C48 62 60 51 80 51S112 62 112 90Z" fill="{strong}"/>'
)
_CLOSE = (
    '<ellipse cx="80" cy="43" rx="29" ry="36" fill="{strong}"/>'
    '<path d="M66 66H94V82H66ZM18 90C24 80 50 75 80 75S136 80 142 90Z" fill="{strong}"/>'
)
SHOTS: dict[Camera, Shot] = {
    "wide shot": Shot("#2f6f8f", "#e3f0f5", _WIDE),
    "medium shot": Shot("#8a5a2b", "#f7ecdf", _MEDIUM),
    "close up": Shot("#8b3a5e", "#f8e6ee", _CLOSE),
}


@dataclass(frozen=True)
class Words:
    language: str
    scenes: str
    seconds: str
    spoken: Spoken


_EN = Words("en", "{} scenes", "{:g} s", "en")
_ZH = Words("zh-CN", "{} 个镜头", "{:g} 秒", "zh")
_CAMERA = next(field for field in SCENE_FIELDS if field.name == "camera")


def svg(board: Storyboard, note: str = "", fields: Fields = ALL_FIELDS) -> str:
    """One picture, as high as its text needs. `note` stands at its foot."""
    words, names = _words(board), cast_names(board)
    parts: list[str] = []
    y = float(MARGIN)
    for line in wrapped(board.title, INSIDE / 34):
        y += 36
        parts.append(_text(MARGIN, y, line, 32, weight=700))
    y += 30
    parts.append(_text(MARGIN, y, _summary(board, words), 16, fill=GREY))
    for line in (line for portrait in portraits(board) for line in wrapped(portrait, INSIDE / 14)):
        y += 22
        parts.append(_text(MARGIN, y, line, 14, fill=GREY))
    y += 24
    parts.append(_timeline(board, words, y))
    y += 92
    for first in range(0, len(board.scenes), COLUMNS):
        row = board.scenes[first : first + COLUMNS]
        texts = [_lines(scene, words, fields, names) for scene in row]
        height = max(_card_height(*both) for both in texts)
        for at, (scene, both) in enumerate(zip(row, texts, strict=True)):
            x = MARGIN + at * (CARD + GAP)
            parts += [_card(scene, words, x, y, height), _card_text(*both, x, y)]
        y += height + GAP
    for line in wrapped(note, INSIDE / 13):
        y += 16
        parts.append(_text(MARGIN, y, line, 12, fill=GREY))
    height = y + MARGIN - (0 if note else GAP)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}" '
        f'viewBox="0 0 {WIDTH} {height:.0f}" font-family="{FONTS}" '
        f'lang="{board.language or words.language}" role="img">'
        f"<title>{_escaped(board.title)}</title>"
        f'<rect width="{WIDTH}" height="{height:.0f}" fill="{PAPER}"/>{"".join(parts)}</svg>\n'
    )


def html(board: Storyboard, note: str = "", fields: Fields = ALL_FIELDS) -> str:
    """One page, which prints on sheets of A4 without cutting a card."""
    words, names = _words(board), cast_names(board)
    ends = list(accumulate(scene.duration for scene in board.scenes))
    spans = "".join(
        f'<li style="flex-grow:{scene.duration:g};--strong:{SHOTS[scene.camera].strong}">'
        f"{_span(board, scene, end, words)}</li>"
        for scene, end in zip(board.scenes, ends, strict=True)
    )
    cards = "".join(
        f'<article style="--strong:{SHOTS[scene.camera].strong};--soft:{SHOTS[scene.camera].soft}">'
        f'<svg viewBox="0 0 160 90" aria-hidden="true">{_drawing(scene.camera)}</svg>'
        f"<h2><b>{scene.scene_number}</b><span>{_CAMERA.shown(words.spoken, scene.camera)}</span>"
        f"<span>{words.seconds.format(scene.duration)}</span></h2>"
        f"<p>{_escaped(scene.description)}</p>{_html_lines(scene, words, fields, names)}</article>"
        for scene in board.scenes
    )
    return (
        f'<!doctype html>\n<html lang="{board.language or words.language}"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{_escaped(board.title)}</title><style>{_STYLE}</style>\n"
        f"<h1>{_escaped(board.title)}</h1><p class=sum>{_escaped(_summary(board, words))}</p>"
        f"{''.join(f'<p class=sum>{_escaped(portrait)}</p>' for portrait in portraits(board))}"
        f"<ol>{spans}</ol>\n<main>{cards}</main>\n<footer>{_escaped(note)}</footer></html>\n"
    )


def _span(board: Storyboard, scene: Scene, end: float, words: Words) -> str:
    """A scene on the timeline: what has room there."""
    width = INSIDE * scene.duration / board.total_duration
    number = f"<b>{scene.scene_number}</b>" if width >= _NARROW else ""
    seconds = f" {words.seconds.format(scene.duration)}" if width >= _NARROW * 2 else ""
    return f"{number}{seconds}<i>{end:g}</i>" if number else ""


def _html_lines(scene: Scene, words: Words, fields: Fields, names: Mapping[str, str]) -> str:
    lines = (scene.action, *labelled(scene, words.spoken, fields, names))
    return "".join(f"<p class=action>{_escaped(line)}</p>" for line in lines)


_STYLE = f"""
*{{box-sizing:border-box;margin:0;-webkit-print-color-adjust:exact;print-color-adjust:exact}}
html{{background:{PAPER};color:{INK};font:15px/1.5 {FONTS}}}
body{{max-width:{WIDTH}px;margin:auto;padding:{MARGIN}px}}
h1{{font-size:2rem;line-height:1.25;overflow-wrap:anywhere}}.sum,footer{{color:{GREY}}}footer{{font-size:.8rem}}
ol{{display:flex;list-style:none;padding:0;margin:1.2rem 0 2.4rem;gap:2px}}
li{{flex:1 1 0;min-width:0;position:relative;background:var(--strong);color:#fff;padding:.6rem 0;text-align:center;
white-space:nowrap;font-size:.85rem}}
li:first-child{{border-radius:8px 0 0 8px}}li:last-child{{border-radius:0 8px 8px 0}}
li i{{position:absolute;right:0;top:100%;color:{GREY};font-style:normal;font-size:.75rem}}
main{{display:grid;grid-template-columns:repeat(auto-fill,minmax(270px,1fr));gap:{GAP}px;margin-bottom:{GAP}px}}
article{{border:1px solid {LINE};border-radius:12px;overflow:hidden;break-inside:avoid;overflow-wrap:anywhere}}
article svg{{display:block;width:100%;background:var(--soft)}}article p{{padding:0 18px .6rem;font-weight:600}}
article .action{{font-weight:400;color:{GREY};padding-bottom:1.1rem}}
h2{{display:flex;gap:.6rem;align-items:center;padding:.9rem 18px .6rem;font-size:.85rem;color:var(--strong)}}
h2 b{{background:var(--strong);color:#fff;border-radius:99px;min-width:1.9rem;line-height:1.9rem;text-align:center}}
h2 span:last-child{{margin-left:auto}}
@media print{{@page{{size:A4 landscape;margin:10mm}}body{{padding:0}}
main{{grid-template-columns:repeat(3,1fr);gap:5mm}}html{{font-size:12px}}}}
"""


def _timeline(board: Storyboard, words: Words, y: float) -> str:
    """The scenes in a row, as wide as they are long."""
    parts, x = [], float(MARGIN)
    at_s, last_at = 0.0, 0.0
    for scene in board.scenes:
        width = INSIDE * scene.duration / board.total_duration
        long, short = f"{scene.scene_number} · {words.seconds.format(scene.duration)}", str(scene.scene_number)
        label = long if width_em(long) * 14 < width - 8 else short
        gap = min(1, width / 4)
        parts.append(
            f'<rect x="{x + gap:.1f}" y="{y:.1f}" width="{width - 2 * gap:.1f}" height="40" rx="6" '
            f'fill="{SHOTS[scene.camera].strong}"/>'
        )
        x, at_s = x + width, at_s + scene.duration
        if width >= _NARROW:
            parts.append(_text(x - width / 2, y + 25, label, 14, fill="#fff", weight=600, anchor="middle"))
        if width_em(f"{at_s:g} ") * 12 < x - last_at:
            parts.append(_text(x - 1, y + 58, f"{at_s:g}", 12, fill=GREY, anchor="end"))
            last_at = x
    return "".join(parts)


def _card(scene: Scene, words: Words, x: float, y: float, height: float) -> str:
    shot = SHOTS[scene.camera]
    clip = f"frame{scene.scene_number}"
    box = f'x="{x:.1f}" y="{y:.1f}" width="{CARD:.1f}"'
    parts = [
        f'<clipPath id="{clip}"><rect {box} height="{height:.1f}" rx="12"/></clipPath><g clip-path="url(#{clip})">'
        f'<rect {box} height="{FRAME:.1f}" fill="{shot.soft}"/>'
        f'<svg {box} height="{FRAME:.1f}" viewBox="0 0 160 90">{_drawing(scene.camera)}</svg></g>'
        f'<rect {box} height="{height:.1f}" rx="12" fill="none" stroke="{LINE}"/>'
    ]
    line_y = y + FRAME + 36
    left, right = x + PADDING, x + CARD - PADDING
    parts += [
        f'<circle cx="{left + 15:.1f}" cy="{line_y - 5:.1f}" r="15" fill="{shot.strong}"/>',
        _text(left + 15, line_y, str(scene.scene_number), 15, fill="#fff", weight=700, anchor="middle"),
        _text(left + 40, line_y, _CAMERA.shown(words.spoken, scene.camera), 14, fill=shot.strong, weight=600),
        _text(right, line_y, words.seconds.format(scene.duration), 14, fill=shot.strong, weight=600, anchor="end"),
    ]
    return "".join(parts)


def _card_text(description: list[str], rest: list[str], x: float, y: float) -> str:
    parts, left, line_y = [], x + PADDING, y + FRAME + 36 + 12
    for text in description:
        line_y += 24
        parts.append(_text(left, line_y, text, 16, weight=600))
    line_y += 8
    for text in rest:
        line_y += 22
        parts.append(_text(left, line_y, text, 15, fill=GREY))
    return "".join(parts)


def _card_height(description: list[str], rest: list[str]) -> float:
    return FRAME + 36 + 12 + 24 * len(description) + 8 + 22 * len(rest) + PADDING


def _lines(scene: Scene, words: Words, fields: Fields, names: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """The description's lines, and those below it."""
    inside = CARD - 2 * PADDING
    rest = [scene.action, *labelled(scene, words.spoken, fields, names)]
    return wrapped(scene.description, inside / 16), [line for text in rest for line in wrapped(text, inside / 15)]


def _drawing(camera: Camera) -> str:
    shot = SHOTS[camera]
    return shot.drawing.format(strong=shot.strong, soft=shot.soft)


def _words(board: Storyboard) -> Words:
    return _ZH if readers_language(board) == "zh" else _EN


def _summary(board: Storyboard, words: Words) -> str:
    return f"{words.scenes.format(len(board.scenes))} · {words.seconds.format(board.total_duration)}"


def _text(  # noqa: PLR0913
    x: float, y: float, text: str, size: int, *, fill: str = INK, weight: int = 400, anchor: str = "start"
) -> str:
    style = f'font-size="{size}" font-weight="{weight}" fill="{fill}" text-anchor="{anchor}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{_escaped(text)}</text>'


def _escaped(text: str) -> str:
    """As text of XML and HTML; a character that neither may hold is shown as a replacement."""
    return escape(_NO_XML.sub("\ufffd", text))
