"""What the model is told: a professional video-script assistant, the JSON shape, the limits, and last the prompt.

Constant text comes first, so that requests share the prefix in the KV cache. The prompt is data: it is never formatted.
"""

from __future__ import annotations

import unicodedata
from typing import Literal

from scriptqueue.schemas import JobRequest
from worker.script.grammar import durations

SYSTEM = {
    "zh": "你是一个专业的视频脚本创作助手。你把创意写成分镜脚本，画面具体、前后连贯，只输出 JSON，不输出任何其他文字。",
    "en": (
        "You are a professional video script assistant. You turn an idea into a storyboard with concrete, coherent "
        "scenes, and you output JSON only, no other text."
    ),
}

_EXAMPLE = {
    "zh": (
        '{"title":"标题","scenes":[{"scene_number":1,"description":"画面描述","duration":5,'
        '"camera":"wide shot","action":"动作描述"}]}'
    ),
    "en": (
        '{"title":"the title","scenes":[{"scene_number":1,"description":"what is seen","duration":5,'
        '"camera":"wide shot","action":"what happens"}]}'
    ),
}


def messages(request: JobRequest) -> list[dict[str, str]]:
    """The conversation, system first."""
    spoken = language(request)
    task = _task_zh(request) if spoken == "zh" else _task_en(request)
    return [{"role": "system", "content": SYSTEM[spoken]}, {"role": "user", "content": task + request.prompt}]


def language(request: JobRequest) -> Literal["zh", "en"]:
    """`auto`: English when Latin letters outnumber Chinese characters by far (a word is several letters)."""
    if request.language != "auto":
        return request.language
    latin = sum("LATIN" in unicodedata.name(c, "") for c in request.prompt if c.isalpha())
    chinese = sum("CJK" in unicodedata.name(c, "") for c in request.prompt)
    return "en" if latin > 4 * chinese else "zh"


def optimize_prompt_for_video(description: str, quality_keywords: str) -> str:
    """A scene's prompt for a text-to-video model."""
    return f"{description}, {quality_keywords}"


def _task_zh(request: JobRequest) -> str:
    return (
        f"请根据创意写一个分镜脚本，格式为：\n{_EXAMPLE['zh']}\n"
        'camera 只能是 "wide shot"、"medium shot" 或 "close up"。每个场景 3 到 8 秒，场景之间连贯，'
        f"描述和动作用中文写，各一句话，要具体、互不重复。{_count_zh(request)}只输出 JSON。\n创意："
    )


def _task_en(request: JobRequest) -> str:
    return (
        f"Write a storyboard for the idea, in this form:\n{_EXAMPLE['en']}\n"
        'camera is "wide shot", "medium shot" or "close up". Each scene lasts 3 to 8 seconds; the scenes are coherent, '
        f"concrete, one sentence for each text, and never repeat each other. {_count_en(request)}"
        "Output JSON only.\nThe idea: "
    )


def _count_zh(request: JobRequest) -> str:
    fixed = durations(request)
    if fixed:
        return f"共 {len(fixed)} 个场景，总时长 {request.target_duration_s:g} 秒。"
    return f"至少 {request.min_scenes} 个、最多 {request.max_scenes} 个场景。"


def _count_en(request: JobRequest) -> str:
    fixed = durations(request)
    if fixed:
        return f"Exactly {len(fixed)} scenes, {request.target_duration_s:g} seconds in all. "
    return f"At least {request.min_scenes} and at most {request.max_scenes} scenes. "
