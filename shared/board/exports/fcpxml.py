"""A Final Cut Pro project (FCPXML 1.9, which DaVinci Resolve takes as well): a gap a shot, with its texts as a marker.

A writer of our own for the reason of edl.py's. All times are whole frames from the board's start.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from scriptqueue.schemas import Storyboard
from shared.board.exports.shots import TimedShot, on_one_line, shots

SHORT_SIDE = 1080  # pixels
_NO_RATIO = "16:9"


def fcpxml_text(board: Storyboard, fps: int) -> str:
    root = Element("fcpxml", version="1.9")
    width, height = _size(board.aspect_ratio or _NO_RATIO)
    SubElement(
        SubElement(root, "resources"),
        "format",
        id="r1",
        frameDuration=f"1/{fps}s",
        width=str(width),
        height=str(height),
    )
    title = on_one_line(board.title)
    event = SubElement(SubElement(root, "library"), "event", name=title)
    placed = list(shots(board))
    sequence = SubElement(
        SubElement(event, "project", name=title),
        "sequence",
        format="r1",
        duration=_time(placed[-1].frames(fps)[1], fps),
        tcStart="0s",
        tcFormat="NDF",
    )
    spine = SubElement(sequence, "spine")
    for shot in placed:
        spine.append(_gap(shot, fps))
    indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n{tostring(root, encoding="unicode")}\n'


def _gap(shot: TimedShot, fps: int) -> Element:
    first, end = shot.frames(fps)
    gap = Element("gap", name=shot.name, offset=_time(first, fps), start="0s", duration=_time(end - first, fps))
    note = "\n".join(f"{name}: {text}" for name, text in shot.details if name != "description")
    SubElement(gap, "marker", start="0s", duration=_time(1, fps), value=on_one_line(shot.scene.description), note=note)
    return gap


def _time(frames: int, fps: int) -> str:
    return f"{frames}/{fps}s" if frames else "0s"


def _size(ratio: str) -> tuple[int, int]:
    """Width and height in pixels."""
    across, down = map(int, ratio.split(":"))
    return SHORT_SIDE * across // min(across, down), SHORT_SIDE * down // min(across, down)
