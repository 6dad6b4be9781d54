"""An OpenTimelineIO timeline: a clip a shot that lacks its media, with a marker and all fields as metadata.

A writer of our own, of plain JSON: OpenTimelineIO itself may abort a process at its exit that wrote metadata by it (its
issue 1474, open since 2022). The tests read with it, in a process apart. It ends texts at a zero character, so they are
on one line here as elsewhere.
"""

from __future__ import annotations

import json
from typing import Any

from scriptqueue.schemas import Scene, Storyboard
from shared.board.exports.shots import TimedShot, on_one_line, shots

METADATA = "scriptqueue"
_Json = dict[str, Any]


def otio_text(board: Storyboard, fps: int) -> str:
    clips = [_clip(shot, fps) for shot in shots(board)]
    track = _of("Track.1", name="shots", kind="Video", children=clips)
    tracks = _of("Stack.1", name="tracks", children=[track])
    timeline = _of("Timeline.1", name=on_one_line(board.title), metadata=_metadata(board), tracks=tracks)
    return json.dumps(timeline, ensure_ascii=False, indent=2) + "\n"


def _clip(shot: TimedShot, fps: int) -> _Json:
    first, end = shot.frames(fps)
    marker = _of("Marker.2", name=on_one_line(shot.scene.description), marked_range=_span(1, fps), color="GREEN")
    return _of(
        "Clip.2",
        name=shot.name,
        metadata=_metadata(shot.scene),
        source_range=_span(end - first, fps),
        markers=[marker],
        media_references={"DEFAULT_MEDIA": _of("MissingReference.1")},
        active_media_reference_key="DEFAULT_MEDIA",
    )


def _span(frames: int, fps: int) -> _Json:
    start, duration = (_of("RationalTime.1", value=float(value), rate=float(fps)) for value in (0, frames))
    return _of("TimeRange.1", start_time=start, duration=duration)


def _metadata(whole: Storyboard | Scene) -> _Json:
    values = whole.model_dump(mode="json", exclude={"scenes"})
    return {METADATA: _flat(values)}


def _flat(value: Any) -> Any:
    """Its texts on one line each."""
    if isinstance(value, str):
        return on_one_line(value)
    if isinstance(value, dict):
        return {name: _flat(inner) for name, inner in value.items()}
    return [_flat(inner) for inner in value] if isinstance(value, list) else value


def _of(schema: str, **values: Any) -> _Json:
    return {"OTIO_SCHEMA": schema, **values}
