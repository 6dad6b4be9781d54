"""What the model is told: a professional video-script assistant, the JSON shape, the limits, and last the prompt.

Constant text comes first, so that requests share the prefix in the KV cache. The prompt is data: it is never formatted.
"""

from __future__ import annotations

import json

from scriptqueue.scene_fields import SCENE_FIELDS, Fields, SceneField, Spoken, of_kind
from scriptqueue.schemas import JobRequest
from shared.board.language import language_of, written_language
from shared.board.language_tags import chinese_name, is_spaced, is_traditional, language_name, main_language, words_in
from shared.board.languages import CHINESE, ENGLISH
from shared.board.targets.room import bounded
from shared.board.targets.seconds import shot_seconds
from shared.board.timing import durations, usual_seconds

SYSTEM = {
    "zh": "你是一个专业的视频脚本创作助手。你把创意写成分镜脚本，画面具体、前后连贯，只输出 JSON，不输出任何其他文字。",
    "en": (
        "You are a professional video script assistant. You turn an idea into a storyboard with concrete, coherent "
        "scenes, and you output JSON only, no other text."
    ),
}

USUAL_WORD_CHARACTERS = 6  # of languages with blanks between words, with its blank
_TITLE = {"zh": "标题", "en": "the title"}


def messages(request: JobRequest, fields: Fields = SCENE_FIELDS) -> list[dict[str, str]]:
    """The conversation, system first."""
    tag = written_language(request)
    spoken = words_in(tag)
    task = _task_zh(request, fields, tag) if spoken == "zh" else _task_en(request, fields, tag)
    return [
        {"role": "system", "content": SYSTEM[spoken]},
        {"role": "user", "content": task + request.prompt + _reminder(request, tag)},
    ]


def _task_zh(request: JobRequest, fields: Fields, tag: str) -> str:
    terms = "".join(f"{field.name} 只能是 {_choice(field, '、', ' 或 ')}。" for field in of_kind("term", fields))
    texts = _listed([field.zh.label for field in of_kind("text", fields)], "、", "和")
    notes = "".join(field.zh.note for field in fields)
    return (
        f"请根据创意写一个分镜脚本，格式为：\n{_example('zh', fields, usual_seconds(request))}\n"
        f"{terms}每个场景 {_seconds(request, '、', ' 或 ', ' 到 ')} 秒，场景之间连贯，"
        f"{texts}用{chinese_name(tag)}写，各一句话，要具体、互不重复。{notes}{_count_zh(request)}"
        f"{_room_zh(request, fields)}"
        f"{_wishes(request, '画面风格：{}。', '画幅 {}。', '另外的要求：{}。')}只输出 JSON。\n创意："
    )


def _task_en(request: JobRequest, fields: Fields, tag: str) -> str:
    terms = "".join(f"{field.name} is {_choice(field, ', ', ' or ')}. " for field in of_kind("term", fields))
    notes = "".join(f"{field.en.note} " for field in fields if field.en.note)
    return (
        f"Write a storyboard for the idea, in this form:\n{_example('en', fields, usual_seconds(request))}\n"
        f"{terms}Each scene lasts {_seconds(request, ', ', ' or ', ' to ')} seconds; the scenes are coherent, "
        f"concrete, one sentence for each text, and never repeat each other. {notes}{_count_en(request)}"
        f"{_room_en(request, fields, tag)}{_language_en(tag)}"
        f"{_wishes(request, 'The visual style is {}. ', 'The aspect ratio is {}. ', 'Besides: {}. ')}"
        "Output JSON only.\nThe idea: "
    )


def _reminder(request: JobRequest, tag: str) -> str:
    """Last, where the idea is in another language: small models go on in that of what they read last."""
    if request.language in {"auto", CHINESE, ENGLISH}:
        return ""
    if words_in(tag) == CHINESE:
        return f"\n（所有文字都用{chinese_name(tag)}{'書寫' if is_traditional(tag) else '书写'}）"
    is_own = main_language(tag) == language_of(request.prompt)
    return "" if is_own else f"\n(Write all texts in {language_name(tag) or tag}.)"


def _seconds(request: JobRequest, comma: str, last: str, to: str) -> str:
    """What a scene may last, as the grammar has it."""
    least, most = request.scene_min_s, request.scene_max_s
    seconds = shot_seconds(request) or ((least,) if least == most else ())
    return _listed([*map(str, seconds)], comma, last) if seconds else f"{least}{to}{most}"


def _room_zh(request: JobRequest, fields: Fields) -> str:
    short = _shortened(request, fields, spaced=False)
    return f"{'，'.join(f'{field.zh.label}不超过 {field.max_characters} 个字' for field in short)}。" if short else ""


def _room_en(request: JobRequest, fields: Fields, tag: str) -> str:
    """Words where the language has blanks between them."""
    spaced = is_spaced(tag)
    unit, each = ("words", USUAL_WORD_CHARACTERS) if spaced else ("characters", 1)
    short = _shortened(request, fields, spaced=spaced)
    limits = [f"{field.en.label} at most {field.max_characters // each} {unit}" for field in short]
    return f"Limits: {', '.join(limits)}. " if limits else ""


def _shortened(request: JobRequest, fields: Fields, *, spaced: bool) -> Fields:
    """Those that the grammar bounds closer than without targets; who knows of it ends a sentence in time."""
    most = bounded(fields, request, is_spaced=spaced)
    return tuple(field for field, own in zip(most, fields, strict=True) if field.max_characters < own.max_characters)


def _wishes(request: JobRequest, *sentences: str) -> str:
    """What the request says of the whole board. A label on a line of its own is copied into texts by small models."""
    wishes = (request.style, request.aspect_ratio, request.instructions)
    given = ((sentence, wish.strip().rstrip(".。")) for sentence, wish in zip(sentences, wishes, strict=True) if wish)
    return "".join(sentence.replace("{}", wish) for sentence, wish in given)


def _example(spoken: Spoken, fields: Fields, seconds: int) -> str:
    """The shape of the JSON, with one scene."""
    scene = {field.name: _example_value(field, spoken, seconds) for field in fields}
    return json.dumps({"title": _TITLE[spoken], "scenes": [scene]}, ensure_ascii=False, separators=(",", ":"))


def _example_value(field: SceneField, spoken: Spoken, seconds: int) -> str | int:
    match field.kind:
        case "number":
            return 1
        case "seconds":
            return seconds
        case "term":
            return field.terms[0]
        case "text":
            return field.wording(spoken).placeholder


def _choice(field: SceneField, comma: str, last: str) -> str:
    return _listed([f'"{term}"' for term in field.terms], comma, last)


def _listed(words: list[str], comma: str, last: str) -> str:
    return last.join(part for part in (comma.join(words[:-1]), words[-1]) if part)


def _language_en(tag: str) -> str:
    return "" if tag == ENGLISH else f"Write all texts in {language_name(tag) or tag}. "


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
