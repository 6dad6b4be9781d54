"""A CMX3600 edit decision list: an event a shot, from a reel that is still to be made, with its texts as comments.

A writer of our own: OpenTimelineIO's adapter had its last release in 2023, and needs the library that otio.py does
without. Time code is non-drop at a whole rate and begins at zero, as the board does. All transitions are cuts, for a
dissolve needs the pictures of both sides; what the board wants stands in a comment.
"""

from __future__ import annotations

from collections.abc import Iterator

from scriptqueue.schemas import Storyboard
from shared.board.exports.shots import TimedShot, on_one_line, shots


def edl_text(board: Storyboard, fps: int) -> str:
    lines = [f"TITLE: {on_one_line(board.title)}", "FCM: NON-DROP FRAME", ""]
    for shot in shots(board):
        lines += _event(shot, fps)
    return "\n".join(lines)


def _event(shot: TimedShot, fps: int) -> Iterator[str]:
    first, end = shot.frames(fps)
    times = " ".join(timecode(frame, fps) for frame in (0, end - first, first, end))
    yield f"{shot.scene.scene_number:03}  AX       V     C        {times}"
    yield f"* FROM CLIP NAME: {shot.name}"
    for name, text in shot.details:
        yield f"* {name.upper().replace('_', ' ')}: {text}"
    yield ""


def timecode(frame: int, fps: int) -> str:
    """`01:02:03:04`, non-drop."""
    seconds, rest = divmod(frame, fps)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}:{rest:02}"
