"""The last line: a storyboard from the prompt itself, one scene a sentence. Deterministic, and never fails."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import count, pairwise
from typing import Any, Literal

from scriptqueue.camera import CAMERAS
from scriptqueue.scene_fields import MAX_TITLE_CHARACTERS, SCENE_FIELDS, Fields, written
from scriptqueue.schemas import JobRequest, Scene, Storyboard
from shared.board.break_down import script_shots
from shared.board.kept import kept_board
from shared.board.language import written_language
from shared.board.language_tags import is_traditional, words_in
from shared.board.scenes import assemble, values_of
from shared.board.text import printable
from shared.board.timing import durations, usual_seconds

# Sentence ends; neither the point in 3.5 nor the comma in 1,000 is one.
_Words = Literal["zh", "zh-Hant", "en"]

_ENDS = re.compile(r"[，。！？；;!?\n…、]+|(?<!\d)[.,]+|[.,]+(?!\d)")
_VIEWS = {
    "zh": ("全貌", "近处", "细节", "另一侧", "远处", "光影", "气氛", "开端", "高潮", "尾声"),
    "zh-Hant": ("全貌", "近處", "細節", "另一側", "遠處", "光影", "氣氛", "開端", "高潮", "尾聲"),
    "en": ("overview", "from near", "a detail", "from behind", "from afar", "the light", "the mood", "the end"),
}
_ACTIONS = {
    "zh": {"wide shot": "镜头缓缓推近", "medium shot": "镜头跟随主体移动", "close up": "镜头停在细节上"},
    "zh-Hant": {"wide shot": "鏡頭緩緩推近", "medium shot": "鏡頭跟隨主體移動", "close up": "鏡頭停在細節上"},
    "en": {
        "wide shot": "the camera slowly pushes in",
        "medium shot": "the camera follows the subject",
        "close up": "the camera rests on the details",
    },
}


def fallback(
    prompt: str, request: JobRequest, published: Sequence[Scene] = (), fields: Fields = SCENE_FIELDS
) -> Storyboard:
    """At least `min_scenes` different scenes for any prompt; what is more than `max_scenes` is joined, not dropped.
    Scenes that are `published` take the place of the first ones. A script has a scene for each of its shots."""
    tag = written_language(request)
    spoken: _Words = "zh-Hant" if is_traditional(tag) else words_in(tag)
    fixed = durations(request)
    sentences = _sentences(prompt)
    title = (sentences[0] if sentences else prompt.strip())[:MAX_TITLE_CHARACTERS]
    title = printable(title) or {"zh": "分镜脚本", "zh-Hant": "分鏡腳本", "en": "storyboard"}[spoken]
    least, most = (len(fixed), len(fixed)) if fixed else (request.min_scenes, request.max_scenes)
    views, shots = _endless_views(spoken), script_shots(request)
    if shots:
        sentences = [shot.words or f"{title} — {next(views)}" for shot in shots]
    sentences = _join(sentences, most, ", " if spoken == "en" else "，")
    while len(sentences) < least:
        sentences.append(f"{title} — {next(views)}")
    scenes = [
        _scene(sentence, index, fixed[index] if fixed else usual_seconds(request), spoken, fields)
        for index, sentence in enumerate(sentences)
    ]
    if shots:
        scenes = [_without_empty(scene | shot.given) for scene, shot in zip(scenes, shots, strict=True)]
    scenes[: len(published)] = values_of(published, fields)
    if base := kept_board(request):
        title, scenes = base.title, base.around(scenes)
    return assemble(title, scenes, request, fields, request.characters)


def _scene(sentence: str, index: int, seconds: float, spoken: _Words, fields: Fields) -> dict[str, Any]:
    camera = CAMERAS[index % len(CAMERAS)]
    values: dict[str, Any] = {
        field.name: [] if field.is_list else field.default or field.wording("en" if spoken == "en" else "zh").fallback
        for field in written(fields)
    }
    known = {"description": sentence, "duration": seconds, "camera": camera, "action": _ACTIONS[spoken][camera]}
    return _without_empty(values | known)


def _without_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    """A list may be empty; a text that says nothing is absent."""
    return {name: value for name, value in values.items() if value or value == []}


def _sentences(prompt: str) -> list[str]:
    """The prompt's sentences, each once."""
    parts = (printable(part) for part in _ENDS.split(prompt))
    return list(dict.fromkeys(part for part in parts if any(c.isalnum() for c in part) or _shows(part)))


def _join(sentences: list[str], most: int, comma: str) -> list[str]:
    """Neighbours joined until there are at most `most`."""
    if len(sentences) <= most:
        return sentences
    edges = [len(sentences) * index // most for index in range(most + 1)]
    return [comma.join(sentences[start:end]) for start, end in pairwise(edges)]


def _endless_views(spoken: _Words) -> Iterator[str]:
    yield from _VIEWS[spoken]
    yield from (f"{view} {turn}" for turn in count(2) for view in _VIEWS[spoken])


def _shows(text: str) -> bool:
    """Emoji and symbols are worth a scene, bare punctuation is not."""
    return any(ord(c) > 0x2190 and not "\u3000" <= c <= "\u303f" and not "\uff00" <= c <= "\uffef" for c in text)
