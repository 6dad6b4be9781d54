"""What people and models call a camera distance, as one of the three that the pipeline knows."""

from __future__ import annotations

import re
from typing import Any, get_args

from scriptqueue.schemas import Camera

CAMERAS: tuple[Camera, ...] = get_args(Camera)
DEFAULT: Camera = "medium shot"

_WORDS: tuple[tuple[Camera, str], ...] = (
    ("close up", r"特写|近景|微距|大特|close|\becu\b|\bcu\b|\bmcu\b|macro|detail|insert"),
    (
        "wide shot",
        r"全景|远景|广角|鸟瞰|航拍|俯拍|大场面|wide|long|full|aerial|establish|drone|bird|panoram|\bws\b|\bls\b",
    ),
    ("medium shot", r"中景|中近|半身|跟拍|medium|mid|waist|\bms\b|follow|track|two.shot|over.the.shoulder"),
)


def read_camera(value: Any) -> Camera | None:
    """The camera meant, or None when the words say nothing of distance."""
    text = str(value).strip().lower()
    if text in CAMERAS:
        return text
    return next((camera for camera, words in _WORDS if re.search(words, text)), None)
