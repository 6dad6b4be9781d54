"""What the writer of some scenes of a board is told of the others: what comes later, what stood there, the note.

The scenes before one that is written stand in the text itself, so they are not told again. Knows no model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scriptqueue.scene_fields import Fields, Spoken
from scriptqueue.schemas import JobRequest
from shared.board.kept import KeptBoard
from shared.board.voices import spoken_in


def words_around(request: JobRequest, base: KeptBoard, spoken: Spoken, fields: Fields) -> str:
    """After the idea; last what should be different, for small models heed most what they read last."""
    is_zh = spoken == "zh"
    numbers = [place + 1 for place in base.holes]
    later = {place + 1: scene for place, scene in base.kept.items() if place >= base.holes[0]}
    before = {number: scene for number in numbers if request.note and (scene := base.scenes[number - 1])}
    parts = [_task(numbers, len(base.scenes), is_zh=is_zh)]
    for scenes, words in (
        (later, "已经写好、不变的后面的场景：" if is_zh else "Scenes that come later and stay:"),
        (before, "要改的场景原来是：" if is_zh else "What is to be changed was:"),
    ):
        parts += [words + _listed(scenes, is_zh=is_zh, fields=fields)] if scenes else []
    if request.note:
        parts.append(("修改要求：" if is_zh else "What should be different: ") + request.note)
    return "\n" + "\n".join(parts)


def _task(numbers: list[int], count: int, *, is_zh: bool) -> str:
    which = ("、" if is_zh else ", ").join(map(str, numbers))
    if is_zh:
        return f"这个分镜脚本共 {count} 个场景，现在只写第 {which} 个，要和前后的场景连贯、不重复。"
    scenes = f"scene{'s'[: len(numbers) > 1]} {which}"
    return (
        f"The storyboard has {count} scenes; write only {scenes}, coherent with those before and after, and like none."
    )


def _listed(scenes: Mapping[int, Mapping[str, Any]], *, is_zh: bool, fields: Fields) -> str:
    return "".join(f"\n{number}. {_in_short(scene, is_zh=is_zh, fields=fields)}" for number, scene in scenes.items())


def _in_short(scene: Mapping[str, Any], *, is_zh: bool, fields: Fields) -> str:
    """What is seen, done and said."""
    texts = (scene["description"], scene["action"], spoken_in(scene, fields))
    return ("；" if is_zh else "; ").join(" ".join(text.split()).rstrip("。.") for text in texts if text)
