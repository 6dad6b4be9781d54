"""What the model is told: a professional video-script assistant, the JSON shape, the limits, and last the prompt.

Constant text comes first, so that requests share the prefix in the KV cache. The prompt is data: it is never formatted.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from scriptqueue.scene_fields import SCENE_FIELDS, Fields, SceneField, Spoken, of_kind
from scriptqueue.schemas import JobRequest
from shared.board.break_down import given_fields, script_shots
from shared.board.cast import WRITTEN_IDS
from shared.board.kept import kept_board
from shared.board.language import language_of, written_language
from shared.board.language_tags import chinese_name, is_spaced, is_traditional, language_name, main_language, words_in
from shared.board.languages import CHINESE, ENGLISH, JAPANESE
from shared.board.speaking import seconds_to_say
from shared.board.targets.room import bounded, written_ids
from shared.board.targets.seconds import shot_seconds
from shared.board.timing import durations, usual_seconds
from worker.script.around import words_around

SYSTEM = {
    "zh": "你是一个专业的视频脚本创作助手。你把创意写成分镜脚本，画面具体、前后连贯，只输出 JSON，不输出任何其他文字。",
    "en": (
        "You are a professional video script assistant. You turn an idea into a storyboard with concrete, coherent "
        "scenes, and you output JSON only, no other text."
    ),
}

# Of a text that outlines its scenes first.
OUTLINING = {
    "zh": "你是一个专业的视频脚本创作助手。你把创意写成分镜脚本，画面具体、前后连贯，先列提纲，再输出 JSON。",
    "en": (
        "You are a professional video script assistant. You turn an idea into a storyboard with concrete, coherent "
        "scenes: first an outline, then the JSON, and no other text."
    ),
}
_ONLY_JSON = {"zh": "只输出 JSON。", "en": "Output JSON only."}
_OUTLINE_FIRST = {
    "zh": "先列提纲：每个场景一行，写这一场发生什么，有开端、有转折、有结局，各行不同；再按提纲输出 JSON。",
    "en": (
        "First outline it, one line for each scene: what happens in it, from the beginning over a turn to the end, "
        "each line something new. Then output the JSON of these scenes."
    ),
}

USUAL_WORD_CHARACTERS = 6  # of languages with blanks between words, with its blank
_PORTRAIT = {"zh": {"name": "名字", "look": "外貌"}, "en": {"name": "a name", "look": "how they look"}}
_TITLE = {"zh": "标题", "en": "the title"}


def messages(
    request: JobRequest, fields: Fields = SCENE_FIELDS, part: range | None = None, before: str = ""
) -> list[dict[str, str]]:
    """The conversation, system first. Of a script that is broken down in parts the scenes of one part, and what is seen
    `before` them."""
    tag = written_language(request)
    spoken = words_in(tag)
    base = kept_board(request)
    if base and base.holes:
        content = (_task_zh if spoken == "zh" else _task_en)(request, fields, tag) + request.prompt
        content += words_around(request, base, spoken, fields)
    elif shots := script_shots(request):
        shots = shots if part is None else shots[part.start : part.stop]
        task = _script_task_zh if spoken == "zh" else _script_task_en
        words = "\n".join(shot.words for shot in shots if shot.words)
        content = task(request, fields, tag, [shot.duration_s for shot in shots], before) + words
    else:
        content = (_task_zh if spoken == "zh" else _task_en)(request, fields, tag) + request.prompt
    return [
        {"role": "system", "content": (OUTLINING if request.outline else SYSTEM)[spoken]},
        {"role": "user", "content": content + _reminder(request, tag)},
    ]


def _task_zh(request: JobRequest, fields: Fields, tag: str) -> str:
    terms = "".join(f"{field.name} 只能是 {_choice(field, '、', ' 或 ')}。" for field in of_kind("term", fields))
    texts = _listed([field.zh.label for field in of_kind("text", fields)], "、", "和")
    notes = "".join(field.zh.note for field in fields)
    return (
        f"请根据创意写一个分镜脚本，格式为：\n{_example('zh', fields, request)}\n"
        f"{terms}每个场景 {_seconds(request, '、', ' 或 ', ' 到 ')} 秒，场景之间连贯，"
        f"{texts}用{chinese_name(tag)}写，各一句话，要具体、互不重复。{notes}{_cast_zh(request)}"
        f"{_speech_zh(request, fields)}{_count_zh(request)}{_room_zh(request, fields)}"
        f"{_last_zh(request)}\n创意："
    )


def _task_en(request: JobRequest, fields: Fields, tag: str) -> str:
    terms = "".join(f"{field.name} is {_choice(field, ', ', ' or ')}. " for field in of_kind("term", fields))
    notes = "".join(f"{field.en.note} " for field in fields if field.en.note)
    return (
        f"Write a storyboard for the idea, in this form:\n{_example('en', fields, request)}\n"
        f"{terms}Each scene lasts {_seconds(request, ', ', ' or ', ' to ')} seconds; the scenes are coherent, "
        f"concrete, one sentence for each text, and never repeat each other. {notes}{_cast_en(request)}"
        f"{_speech_en(request, fields, tag)}{_count_en(request)}{_room_en(request, fields, tag)}{_language_en(tag)}"
        f"{_last_en(request)}\nThe idea: "
    )


# A script's task shows no example: small models copy its texts into every scene, and the grammar gives the shape.


def _script_task_zh(request: JobRequest, fields: Fields, tag: str, seconds: Sequence[float], before: str) -> str:
    written = [field for field in fields if field.name not in given_fields(request)]
    terms = "".join(f"{field.name} 只能是 {_choice(field, '、', ' 或 ')}。" for field in of_kind("term", fields))
    texts = "，".join(f"{field.name} 写{field.zh.placeholder}" for field in written if field.kind == "text")
    notes = "".join(field.zh.note for field in written)
    shown = f"上一个镜头的画面：{before.rstrip('。')}。" if before else ""
    return (
        f"下面是一段已经写好的旁白，会一字不差地念出来，共 {len(seconds)} 个镜头，总时长 {math.fsum(seconds):g} 秒。"
        f"请为每个镜头设计画面，输出 JSON：先写 title，再逐个写 scenes。旁白（narration）和时长已经给出；{texts}。"
        f"{terms}写念到这句话时观众看到的具体画面：人物、地点、动作、物件，各一句话，用{chinese_name(tag)}写，各镜头不同，"
        f"不要重复旁白的原话。{notes}{_cast_zh(request)}{_room_zh(request, fields)}{shown}"
        f"{_last_zh(request)}\n旁白：\n"
    )


def _script_task_en(request: JobRequest, fields: Fields, tag: str, seconds: Sequence[float], before: str) -> str:
    written = [field for field in fields if field.name not in given_fields(request)]
    terms = "".join(f"{field.name} is {_choice(field, ', ', ' or ')}. " for field in of_kind("term", fields))
    texts = ", ".join(f"{field.name} ({field.en.placeholder})" for field in written if field.kind == "text")
    notes = "".join(f"{field.en.note} " for field in written if field.en.note)
    shown = f"The shot before shows: {before.rstrip('.')}. " if before else ""
    return (
        f"Below is a finished narration, spoken word for word over {len(seconds)} shots, "
        f"{math.fsum(seconds):g} seconds in all. Design the picture for each shot, as JSON: a title, then the scenes. "
        f"The narration and the duration of each are given; write {texts}: the people, the place and the things that "
        "the viewer sees while it is said, one sentence each, in other words than the narration, a different picture "
        f"for each shot. {terms}{notes}{_cast_en(request)}{_room_en(request, fields, tag)}{_language_en(tag)}{shown}"
        f"{_last_en(request)}\nThe narration:\n"
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


def _cast_zh(request: JobRequest) -> str:
    if request.writes_cast:
        most = len(written_ids(request))
        return f"先写 characters，最多 {most} 个角色，look 写清年龄、发型和衣着，全片不变。"
    people = "；".join(f"{one.id} 是{one.name}（{one.look}）" for one in request.characters)
    return f"角色只有：{people}。文字里用名字。" if people else ""


def _cast_en(request: JobRequest) -> str:
    if request.writes_cast:
        most = len(written_ids(request))
        return f"First write the characters, at most {most}; a look says age, hair and clothes, and never changes. "
    people = "; ".join(f"{one.id} is {one.name} ({one.look})" for one in request.characters)
    return f"The only characters are: {people}. Texts call them by name. " if people else ""


def _speech_zh(request: JobRequest, fields: Fields) -> str:
    most = _most_spoken(request, fields, CHINESE)
    shots = "，".join(f"{seconds:g} 秒的镜头最多 {count} 个字" for seconds, count in most.items())
    return f"念出来的话，{shots}，句子要完整。" if most else ""


def _speech_en(request: JobRequest, fields: Fields, tag: str) -> str:
    unit = "words" if is_spaced(tag) else "characters"
    most = _most_spoken(request, fields, tag)
    shots = ", ".join(f"at most {count} {unit} in a scene of {seconds:g} seconds" for seconds, count in most.items())
    return f"What is spoken has {shots}, in whole sentences. " if most else ""


def _most_spoken(request: JobRequest, fields: Fields, tag: str) -> dict[float, int]:
    """By the seconds of the shortest and the longest scene how many words or characters one has time for, as the
    grammar bounds it; empty where nothing is spoken. Who knows of it ends a sentence in time."""
    seconds = durations(request) or shot_seconds(request) or (request.scene_min_s, request.scene_max_s)
    each_s = seconds_to_say("a" if is_spaced(tag) else "字" if main_language(tag) in {CHINESE, JAPANESE} else "ก")
    ends = (min(seconds), max(seconds)) if any(field.spoken for field in fields) else ()
    return {end: int(end / each_s + 1e-9) for end in ends}


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


def _last_zh(request: JobRequest) -> str:
    order = (_OUTLINE_FIRST if request.outline else _ONLY_JSON)["zh"]
    return f"{_wishes(request, '画面风格：{}。', '画幅 {}。', '另外的要求：{}。')}{order}"


def _last_en(request: JobRequest) -> str:
    order = (_OUTLINE_FIRST if request.outline else _ONLY_JSON)["en"]
    return f"{_wishes(request, 'The visual style is {}. ', 'The aspect ratio is {}. ', 'Besides: {}. ')}{order}"


def _wishes(request: JobRequest, *sentences: str) -> str:
    """What the request says of the whole board. A label on a line of its own is copied into texts by small models."""
    wishes = (request.style, request.aspect_ratio, request.instructions)
    given = ((sentence, wish.strip().rstrip(".。")) for sentence, wish in zip(sentences, wishes, strict=True) if wish)
    return "".join(sentence.replace("{}", wish) for sentence, wish in given)


def _example(spoken: Spoken, fields: Fields, request: JobRequest) -> str:
    """The shape of the JSON, with two scenes that differ in all that may: of one alone small models copy what it has
    into every scene."""
    character = request.characters[0].id if request.characters else WRITTEN_IDS[0]
    cast = {"characters": {character: _PORTRAIT[spoken]}} if request.writes_cast else {}
    scenes = [
        {field.name: _example_value(field, spoken, place, seconds, character) for field in fields}
        for place, seconds in enumerate(_example_seconds(request))
    ]
    return json.dumps({"title": _TITLE[spoken], **cast, "scenes": scenes}, ensure_ascii=False, separators=(",", ":"))


def _example_seconds(request: JobRequest) -> tuple[int, ...]:
    """Of each scene of the example: the usual, and what comes nearest to it."""
    usual = usual_seconds(request)
    allowed = shot_seconds(request) or range(request.scene_min_s, request.scene_max_s + 1)
    other = min((s for s in allowed if s != usual), key=lambda s: (abs(s - usual), s), default=usual)
    return (usual, other) if request.max_scenes > 1 else (usual,)


def _example_value(field: SceneField, spoken: Spoken, place: int, seconds: int, character: str) -> Any:
    """Of the scene at a `place`, 0 or 1."""
    match field.kind:
        case "number":
            return place + 1
        case "seconds":
            return seconds
        case "term":
            return field.terms[-place]
        case "ids":
            return [character]
        case "lines":
            return [{"character": character, "line": field.placeholders(spoken)[place]}]
        case "text":
            return field.placeholders(spoken)[place]


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
