"""The scene fields that a request may ask for besides those of every scene, a row each. Terms are the trade's own and
English in every language; readers see them in their own.

Knows no request. What a row means is in scene_fields.py.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import get_args

from scriptqueue.scene_fields import SCENE_FIELDS, Fields, SceneField, Wording
from scriptqueue.schemas import Angle, Movement, Size, Tempo, Transition

SHORT_CHARACTERS = 60
FRAME_CHARACTERS = 200
CAPTION_CHARACTERS = 40
SOUND_CHARACTERS = 80
SPOKEN_CHARACTERS = 200

FURTHER_FIELDS: Fields = (
    SceneField(
        "size",
        "term",
        zh=Wording("景别", terms=("大远景", "远景", "全景", "中全景", "中景", "中近景", "近景", "大特写")),
        en=Wording("shot size"),
        terms=get_args(Size),
        aliases=("景别", "shot_size", "framing"),
    ),
    SceneField(
        "angle",
        "term",
        zh=Wording("机位", terms=("平视", "仰拍", "俯拍", "顶拍", "贴地", "倾斜", "过肩", "主观视角")),
        en=Wording("angle"),
        terms=get_args(Angle),
        aliases=("机位", "camera_angle", "拍摄角度", "角度"),
    ),
    SceneField(
        "movement",
        "term",
        zh=Wording(
            "运镜",
            terms=(
                *("固定", "推近", "拉远", "左摇", "右摇", "上摇", "下摇", "左移", "右移"),
                *("升", "降", "环绕", "跟拍", "手持", "变焦推近", "变焦拉远"),
            ),
        ),
        en=Wording("camera movement"),
        terms=get_args(Movement),
        aliases=("运镜", "camera_movement", "camera_move", "镜头运动", "运动"),
    ),
    SceneField(
        "pace",
        "term",
        zh=Wording("节奏", terms=("慢", "正常", "快")),
        en=Wording("pace"),
        terms=get_args(Tempo),
        aliases=("节奏", "speed"),
    ),
    SceneField(
        "transition",
        "term",
        zh=Wording("转场", terms=("切", "叠化", "淡入淡出", "划像", "匹配剪辑")),
        en=Wording("transition"),
        terms=get_args(Transition),
        aliases=("转场", "transitions"),
    ),
    SceneField(
        "setting",
        "text",
        zh=Wording("地点", placeholder="地点和时间"),
        en=Wording("setting", placeholder="where and at what time of day"),
        max_characters=SHORT_CHARACTERS,
        aliases=("地点", "location", "place", "环境"),
    ),
    SceneField(
        "light",
        "text",
        zh=Wording("光线", placeholder="光线"),
        en=Wording("light", placeholder="the light"),
        max_characters=SHORT_CHARACTERS,
        aliases=("光线", "lighting", "灯光", "光影"),
    ),
    SceneField(
        "narration",
        "text",
        zh=Wording("旁白", placeholder="旁白", note="旁白是这个镜头里念出来的话。"),
        en=Wording("narration", placeholder="what the narrator says", note="Narration is spoken over the shot."),
        may_be_empty=True,
        spoken=True,
        aliases=("旁白", "voiceover", "voice_over", "解说"),
    ),
    SceneField(
        "dialogue",
        "lines",
        zh=Wording("台词", placeholder="台词", note="dialogue 是角色在这个镜头里说的话，最多三句，没有人说话就是 []。"),
        en=Wording(
            "dialogue",
            placeholder="what the character says",
            note="Dialogue is what characters say in the shot, at most three lines, [] where nobody speaks.",
        ),
        max_characters=SPOKEN_CHARACTERS,
        spoken=True,
        aliases=("台词", "对白", "对话", "dialog", "dialogues", "lines", "conversation"),
    ),
    SceneField(
        "sound",
        "text",
        zh=Wording("声音", placeholder="声音"),
        en=Wording("sound", placeholder="what is heard"),
        max_characters=SOUND_CHARACTERS,
        may_be_empty=True,
        aliases=("声音", "音效", "sound_effects", "sfx", "audio"),
    ),
    SceneField(
        "on_screen_text",
        "text",
        zh=Wording("字幕", placeholder="屏幕上的字"),
        en=Wording("on-screen text", placeholder="words on the screen"),
        max_characters=CAPTION_CHARACTERS,
        may_be_empty=True,
        aliases=("字幕", "屏幕文字", "caption", "title_card"),
    ),
    SceneField(
        "first_frame",
        "text",
        zh=Wording("首帧", placeholder="第一帧的画面"),
        en=Wording("first frame", placeholder="the picture at its beginning"),
        max_characters=FRAME_CHARACTERS,
        aliases=("首帧", "start_frame"),
    ),
    SceneField(
        "last_frame",
        "text",
        zh=Wording("尾帧", placeholder="最后一帧的画面"),
        en=Wording("last frame", placeholder="the picture at its end"),
        max_characters=FRAME_CHARACTERS,
        aliases=("尾帧", "end_frame"),
    ),
    SceneField(
        "characters",
        "ids",
        zh=Wording("角色", note="每个场景的 characters 是画面中看得见的角色的 id，没有人就是 []。"),
        en=Wording("characters", note="The characters of a scene are the ids of those who are seen in it, or []."),
        aliases=("角色", "人物", "出场角色", "出场人物", "cast", "character", "people", "persons", "character_ids"),
    ),
)
ALL_FIELDS: Fields = (*SCENE_FIELDS, *FURTHER_FIELDS)


def fields_named(names: Collection[str]) -> Fields:
    """Those of every scene, and of the further ones those that are named, in the table's order."""
    return (*SCENE_FIELDS, *(field for field in FURTHER_FIELDS if field.name in names)) if names else SCENE_FIELDS
