"""What people and models call a camera distance, as one of the three that the pipeline knows.

The distance that a text names first is meant. Only where none is named do angles, lenses and movements count, by the
distance that they are shot from. Words are whole words, and abbreviations are capitals unless they stand alone.
"""

from __future__ import annotations

import re
from typing import Any, get_args

from scriptqueue.schemas import Camera

CAMERAS: tuple[Camera, ...] = get_args(Camera)
DEFAULT: Camera = "medium shot"

# Compounds stand before their parts: "medium close up" is near, "medium wide" is far. A word that means other things as
# well (full, long, close, mid) counts beside the word that makes it a distance, or alone.
_GAP = r"[\s_-]*"
_SHOT = rf"{_GAP}(?:shots?|views?|framing|frame|takes?)\b"
_DISTANCES: dict[Camera, str] = {
    "close up": rf"(?:(?:medium|mid){_GAP})?\bclose{_GAP}ups?\b|\b(?:medium|mid)[\s_-]+close\b|\b(?:close|tight|choker)"
    rf"{_SHOT}|\bclose{_GAP}range\b|\bup close\b|\b(?:head|bust){_SHOT}|\bhead and shoulders\b|^(?:close|tight)$"
    r"|大?特写|中?近景|近距离",
    "wide shot": rf"\b(?:medium|mid)[\s_-]+(?:wide|long|full)\b|\bwide\b(?![\s_-]*(?:angle|eyed|open|spread|smile))"
    rf"|\b(?:long|full|far|distant|master){_SHOT}|\bfull{_GAP}(?:body|figure|length)\b|\bextreme[\s_-]+long\b"
    r"|^(?:long|full|far)$|[大中]?[远全]景|远距离|大场面",
    "medium shot": rf"\bmedium\b|\bmid{_SHOT}|^mid$|\bwaist\b|\b(?:cowboy|american|knee){_SHOT}"
    r"|中景(?![色象致观物])|中距离",
}
_HINTS: dict[Camera, str] = {
    "close up": rf"\bmacro\b|\b(?:details?|insert){_SHOT}|^(?:details?|insert)$|微距|细节",
    "wide shot": r"\bwide[\s_-]*angle\b|\baerial\b|\bdrone\b|\boverhead\b|\btop[\s_-]*down\b|\bestablish(?:ing|ment)?\b"
    r"|\bbird'?s?[\s_-]*(?:eye|view)|\bpanoram\w*|\bgod'?s[\s_-]*eye|全身|广角|鸟瞰|航拍|俯拍|俯视|俯瞰|无人机",
    "medium shot": rf"\bover[\s_-]*(?:the[\s_-]*)?shoulder\b|\b(?:two|three|2|3){_SHOT}|\bpov\b|\bpoint of view\b"
    r"|\b(?:follow|track)(?:ing|s)?\b|半身|过肩|双人|主观|跟拍|跟随",
}
_ABBREVIATIONS: dict[Camera, tuple[str, ...]] = {
    "close up": ("MCU", "CU", "ECU", "XCU", "BCU", "VCU"),
    "wide shot": ("ELS", "XLS", "EWS", "XWS", "VLS", "VWS", "LS", "WS", "FS", "MLS", "MWS"),
    "medium shot": ("MS", "OTS", "POV"),
}


def _table(words: dict[Camera, str]) -> tuple[tuple[Camera, re.Pattern[str]], ...]:
    return tuple((camera, re.compile(pattern, re.IGNORECASE)) for camera, pattern in words.items())


_TIERS = (_table(_DISTANCES), _table(_HINTS))
_CAPITALS = tuple(
    (camera, re.compile(rf"(?<![A-Za-z])(?:{'|'.join(names)})(?![A-Za-z])")) for camera, names in _ABBREVIATIONS.items()
)


def read_camera(value: Any) -> Camera | None:
    """The camera meant, or None when the words say nothing of distance."""
    text = str(value).strip()[:400].replace("’", "'")
    if text.lower() in CAMERAS:
        return next(camera for camera in CAMERAS if camera == text.lower())
    if len(text.strip(".")) <= len("ELS"):  # an abbreviation and nothing else
        text = text.upper()
    named, hinted = _TIERS
    return _first((*named, *_CAPITALS), text) or _first(hinted, text)


def _first(words: tuple[tuple[Camera, re.Pattern[str]], ...], text: str) -> Camera | None:
    """The camera whose words come first; where two begin at one place, the table's order decides."""
    found = [(match.start(), camera) for camera, pattern in words if (match := pattern.search(text))]
    return min(found, key=lambda place: place[0])[1] if found else None
