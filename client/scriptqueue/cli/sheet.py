"""A storyboard as a sheet to look at, to draw into and to print: title, timeline, a card a scene with an empty frame.
The same design as the page's print (api/page/print.css), as SVG and as HTML, each in one file without anything from
elsewhere. Pure functions of the storyboard; knows no jobs, files or pictures of pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from scriptqueue.cli.sheet_design import (
    EDGE,
    FONTS,
    GREY,
    INK,
    LINE,
    PAPER,
    SHOTS,
    TEXT_KINDS,
    Card,
    cards_of,
    drawable,
    figure,
    mixed,
    ratio_of,
    sheet_words,
    summary,
)
from scriptqueue.further_fields import ALL_FIELDS
from scriptqueue.scene_fields import Fields, portraits
from scriptqueue.schemas import Storyboard
from scriptqueue.text_layout import width_em, wrapped

WIDTH, MARGIN, GAP, COLUMNS = 1200, 48, 24, 3
INSIDE = WIDTH - 2 * MARGIN
CARD = (INSIDE - GAP * (COLUMNS - 1)) / COLUMNS
PADDING = 14
TEXT = CARD - 2 * PADDING
BAND, STRIP = 38, 26  # how high a card's head and the timeline are
FRAME = TEXT * 9 / 16  # the highest frame


def svg(board: Storyboard, note: str = "", fields: Fields = ALL_FIELDS, *, prompts: bool = False) -> str:
    """One picture, as high as its text needs. `note` stands at its foot."""
    words, cards = sheet_words(board), cards_of(board, fields, prompts=prompts)
    parts: list[str] = []
    y = float(MARGIN)
    for line in wrapped(board.title, INSIDE / 34):
        y += 36
        parts.append(_text(MARGIN, y, line, 32, weight=700))
    y += 30
    parts.append(_text(MARGIN, y, summary(board, words), 16, fill=GREY))
    for line in (line for portrait in portraits(board) for line in wrapped(portrait, INSIDE / 14)):
        y += 22
        parts.append(_text(MARGIN, y, line, 14, fill=GREY))
    y += 20
    parts.append(_strip(board, y))
    y += STRIP + GAP
    for first in range(0, len(cards), COLUMNS):
        row = cards[first : first + COLUMNS]
        height = max(map(_height, row))
        for at, card in enumerate(row):
            parts += _card(card, ratio_of(board), MARGIN + at * (CARD + GAP), y, height)
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


def html(board: Storyboard, note: str = "", fields: Fields = ALL_FIELDS, *, prompts: bool = False) -> str:
    """One page, which prints on sheets of A4 across without cutting a card: the title at the head of each further
    sheet, numbers at the foot of all."""
    words, cards = sheet_words(board), cards_of(board, fields, prompts=prompts)
    spans = "".join(
        f'<li style="flex-grow:{card.scene.duration:g};--shot:{card.colour}">{card.scene.scene_number}</li>'
        for card in cards
    )
    ratio = ratio_of(board)
    return (
        f'<!doctype html>\n<html lang="{board.language or words.language}" style="--ratio:{ratio:.4g}">'
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{_escaped(board.title)}</title><style>{_STYLE}{_running_head(board.title)}</style>\n"
        f"<h1>{_escaped(board.title)}</h1><p class=sum>{_escaped(summary(board, words))}</p>"
        f"{''.join(f'<p class=sum>{_escaped(portrait)}</p>' for portrait in portraits(board))}"
        f"<ol>{spans}</ol>\n<main>{''.join(_html_card(card, ratio) for card in cards)}</main>\n"
        f"<footer>{_escaped(note)}</footer></html>\n"
    )


def _html_card(card: Card, ratio: float) -> str:
    texts = "".join(f"<p class={kind}>{_escaped(text)}</p>" for kind, text in card.texts)
    return (
        f'<article style="--shot:{card.colour}"><h2><b>{card.scene.scene_number}</b><i>{card.timecode}</i>'
        f"<span>{card.length}</span></h2><div class=frame></div>"
        f"<p class=camera>{figure(card, ratio)}{card.camera}</p>{texts}</article>"
    )


_TEXTS = "".join(
    f"article .{name}{{font-size:{kind.size}px;font-weight:{kind.weight};color:{kind.colour}}}"
    for name, kind in TEXT_KINDS.items()
)
_STYLE = f"""
*{{box-sizing:border-box;margin:0;-webkit-print-color-adjust:exact;print-color-adjust:exact}}
html{{background:{PAPER};color:{INK};font:15px/1.5 {FONTS}}}
body{{max-width:{WIDTH}px;margin:auto;padding:{MARGIN}px;overflow-wrap:anywhere}}
h1{{font-size:2rem;line-height:1.25}}.sum,footer{{color:{GREY}}}footer{{font-size:.8rem}}
ol{{display:flex;list-style:none;padding:0;margin:1rem 0 1.6rem;border:1px solid {EDGE};border-radius:3px;
overflow:hidden}}
li{{flex:1 1 0;min-width:0;overflow:hidden;border-top:3px solid var(--shot);line-height:{STRIP - 7}px;font-size:.8rem;
text-align:center;background:color-mix(in srgb,var(--shot) 22%,{PAPER})}}
li+li{{border-left:2px solid {PAPER}}}
main{{display:grid;grid-template-columns:repeat(auto-fill,minmax(270px,1fr));gap:{GAP}px;margin-bottom:{GAP}px}}
article{{border:1px solid {EDGE};border-top:4px solid var(--shot);border-radius:6px;overflow:hidden;
break-inside:avoid;padding-bottom:.6rem}}
h2{{display:flex;gap:.6rem;align-items:baseline;padding:.3rem {PADDING}px;font-size:.95rem;
border-bottom:1px solid {LINE};background:color-mix(in srgb,var(--shot) 9%,{PAPER})}}
h2 b{{font-size:1.1rem}}h2 i{{color:{GREY};font:.85rem ui-monospace,Consolas,monospace}}h2 span{{margin-left:auto}}
.frame{{aspect-ratio:var(--ratio);width:min(100% - {2 * PADDING}px,{FRAME:.0f}px*var(--ratio));margin:10px auto;
border:1px solid {EDGE}}}
article p{{padding:0 {PADDING}px .35rem}}.camera{{display:flex;gap:.5rem;align-items:center;color:{GREY}}}
.camera svg{{height:18px;flex:none}}
{_TEXTS}
@media print{{@page{{size:A4 landscape;margin:16mm 12mm 14mm;
@bottom-right{{content:counter(page) " / " counter(pages);font:9pt {FONTS};color:{GREY}}}}}
body{{padding:0;max-width:none}}html{{font-size:12px}}main{{grid-template-columns:repeat(3,minmax(0,1fr));gap:5mm}}
.frame{{width:min(100% - {2 * PADDING}px,47mm*var(--ratio))}}}}
"""


def _running_head(title: str) -> str:
    """The title at the head of each sheet but the first, as a string that nothing in it can end."""
    text = "".join(
        f"\\{ord(letter):x} " if letter in '"\\<&' or ord(letter) < ord(" ") else letter for letter in drawable(title)
    )
    return (
        f'@page{{@top-left{{content:"{text}";font:600 9pt {FONTS};color:{GREY}}}}}'
        "@page :first{@top-left{content:none}}"
    )


def _strip(board: Storyboard, y: float) -> str:
    """The scenes in a row, as wide as they are long; a number where there is room for one."""
    parts, x = [], float(MARGIN)
    for scene in board.scenes:
        width = INSIDE * scene.duration / board.total_duration
        colour, gap, number = SHOTS[scene.camera], min(1, width / 4), str(scene.scene_number)
        box = f'x="{x + gap:.1f}" width="{width - 2 * gap:.1f}"'
        parts.append(
            f'<rect {box} y="{y:.1f}" height="{STRIP}" fill="{mixed(colour, 0.22)}" class="strip"/>'
            f'<rect {box} y="{y:.1f}" height="3" fill="{colour}"/>'
        )
        if width_em(number) * 13 < width - 4:
            parts.append(_text(x + width / 2, y + 19, number, 13, anchor="middle"))
        x += width
    return "".join(parts)


def _card(card: Card, ratio: float, x: float, y: float, height: float) -> Iterator[str]:
    box, left, right = f'x="{x:.1f}" width="{CARD:.1f}"', x + PADDING, x + CARD - PADDING
    number = str(card.scene.scene_number)
    yield f'<rect {box} y="{y:.1f}" height="{BAND}" fill="{mixed(card.colour, 0.09)}"/>'
    yield f'<rect {box} y="{y:.1f}" height="4" fill="{card.colour}"/>'
    yield f'<rect {box} y="{y:.1f}" height="{height:.1f}" rx="2" fill="none" stroke="{EDGE}"/>'
    yield _text(left, y + 27, number, 18, weight=700)
    yield _text(left + 12 + width_em(number) * 18, y + 26, card.timecode, 14, fill=GREY)
    yield _text(right, y + 26, card.length, 15, weight=600, anchor="end")
    frame_width = min(TEXT, FRAME * ratio)
    yield (
        f'<rect x="{x + (CARD - frame_width) / 2:.1f}" y="{y + BAND + 10:.1f}" width="{frame_width:.1f}" '
        f'height="{frame_width / ratio:.1f}" fill="none" stroke="{EDGE}" class="frame"/>'
    )
    line_y = y + BAND + 10 + FRAME + 26
    yield f'<g transform="translate({left:.1f} {line_y - 15:.1f})">{figure(card, ratio)}</g>'
    yield _text(left + 10 + 18 * ratio, line_y, card.camera, 14, fill=GREY)
    for kind, text in card.texts:
        line_y += 5
        how = TEXT_KINDS[kind]
        for line in wrapped(text, TEXT / how.size):
            line_y += how.leading
            yield _text(left, line_y, line, how.size, fill=how.colour, weight=how.weight)


def _height(card: Card) -> float:
    texts = sum(
        5 + TEXT_KINDS[kind].leading * len(wrapped(text, TEXT / TEXT_KINDS[kind].size)) for kind, text in card.texts
    )
    return BAND + 10 + FRAME + 26 + texts + PADDING


def _text(  # noqa: PLR0913
    x: float, y: float, text: str, size: int, *, fill: str = INK, weight: int = 400, anchor: str = "start"
) -> str:
    style = f'font-size="{size}" font-weight="{weight}" fill="{fill}" text-anchor="{anchor}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{_escaped(text)}</text>'


def _escaped(text: str) -> str:
    return escape(drawable(text))
