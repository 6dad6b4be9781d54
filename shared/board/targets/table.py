"""The video models that prompts are written for, a row each: what a prompt of each has a place for, and its limits.

Data, from docs/targets.md's sources; how a prompt is put together is compilers.py's. A limit that is not `sure` was
read on a reseller's or another third party's page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from scriptqueue.schemas import TargetName

READ_ON = "2026-11"
THIRD_PARTIES = "third parties' pages; the vendor's own was not read"
COMMON_FAULTS = (
    "blurred picture, flicker, warped or melting objects, distorted faces, extra or fused fingers, extra limbs, "
    "people who change their looks, sudden cuts, watermark, logo"
)
_WAN_FAULTS = (
    "色调艳丽，过曝，静态，细节模糊不清，字幕，风格，作品，画作，画面，静止，整体发灰，最差质量，低质量，JPEG压缩残留，"
    "丑陋的，残缺的，多余的手指，画得不好的手部，画得不好的脸部，畸形的，毁容的，形态畸形的肢体，手指融合，"
    "静止不动的画面，杂乱的背景，三条腿，背景人很多，倒着走"
)  # its repository's own, to the letter


@dataclass(frozen=True)
class Limits:
    """What a model takes; None and () where it says nothing. A word is one of a script with blanks, or a character of
    one without (measure.py)."""

    shot_s: tuple[int, ...] = ()  # the only seconds that a shot may last, evenly apart
    usual_shot_s: int | None = None  # a shot that is longer is made worse, or in parts
    call_s: tuple[int, int] | None = None  # the fewest and the most seconds of a call
    call_shots: int | None = 1  # the most shots of a call; None: as many as its seconds hold
    call_characters: int | None = None  # the most characters of all prompts of a call
    least_words: int | None = None  # of a prompt
    most_words: int | None = None
    references: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))  # the most of each kind


@dataclass(frozen=True)
class Target:
    """`places`: the fields of a scene, and the board's style, that its prompt has a place for, in its order. That of
    `characters` is the looks of all who are seen or speak."""

    name: TargetName
    places: tuple[str, ...]
    limits: Limits
    source: str
    sure: bool = False
    negative_prompt: str | None = None  # None: it takes none
    reads_chinese: bool = False
    has_lines: bool = False  # a prompt of it is more than one line
    read_on: str = READ_ON


CAMERA = ("camera", "size", "angle", "movement", "pace")

TARGETS: Mapping[TargetName, Target] = MappingProxyType(
    {
        target.name: target
        for target in (
            Target(
                "generic",
                places=(
                    *("description", "characters", "action", *CAMERA, "setting", "light", "style"),
                    *("on_screen_text", "narration", "dialogue", "sound"),
                ),
                limits=Limits(),
                source="this project: what all guides have in common",
                sure=True,
                negative_prompt=COMMON_FAULTS,
                reads_chinese=True,
            ),
            Target(
                "wan-2.2",
                places=(
                    "style",
                    "description",
                    "characters",
                    "setting",
                    "action",
                    "light",
                    "camera",
                    "size",
                    "angle",
                    "movement",
                ),
                limits=Limits(usual_shot_s=5, least_words=60, most_words=200),
                source="https://github.com/Wan-Video/Wan2.2 (wan/configs/shared_config.py, wan/utils)",
                sure=True,
                negative_prompt=_WAN_FAULTS,
                reads_chinese=True,
            ),
            Target(
                "hunyuan-1.5",
                places=("description", "characters", "action", "setting", *CAMERA, "light", "style", "on_screen_text"),
                limits=Limits(usual_shot_s=5, references=MappingProxyType({"images": 1})),
                source=(
                    "https://github.com/Tencent-Hunyuan/HunyuanVideo-1.5"
                    " (assets/HunyuanVideo_1_5_Prompt_Handbook_EN.md)"
                ),
                sure=True,
                reads_chinese=True,
            ),
            Target(
                "ltx-2",
                places=(
                    *("description", "characters", "setting", "light", "action", *CAMERA),
                    *("on_screen_text", "sound", "narration", "dialogue", "style"),
                ),
                limits=Limits(call_s=(2, 20)),
                source=THIRD_PARTIES,
                negative_prompt=COMMON_FAULTS,
            ),
            Target(
                "minimax-h3",
                places=(
                    *("style", "description", "characters", "setting", "light", "action", *CAMERA),
                    *("on_screen_text", "narration", "dialogue", "sound"),
                ),
                limits=Limits(call_s=(1, 15), call_shots=None),
                source="https://github.com/MiniMax-AI/MiniMax-H3 (skills/h3-prompt-writing/references/base-en.txt)",
                sure=True,
                reads_chinese=True,
                has_lines=True,
            ),
            Target(
                "kling-3",
                places=(
                    *("description", "characters", "action", "setting", *CAMERA, "light", "style"),
                    *("on_screen_text", "narration", "dialogue", "sound"),
                ),
                limits=Limits(call_s=(3, 15), call_shots=6, call_characters=2500),
                source=THIRD_PARTIES,
                negative_prompt=COMMON_FAULTS,
                reads_chinese=True,
            ),
            Target(
                "veo-3.1",
                places=(
                    *("description", "characters", *CAMERA, "action", "setting", "light"),
                    *("on_screen_text", "narration", "dialogue", "sound", "style"),
                ),
                limits=Limits(
                    shot_s=(4, 6, 8), least_words=50, most_words=200, references=MappingProxyType({"images": 3})
                ),
                source=THIRD_PARTIES,
                negative_prompt=COMMON_FAULTS,
            ),
            Target(
                "sora-2",
                places=(
                    *("style", "description", "characters", "setting", *CAMERA, "light", "action"),
                    *("on_screen_text", "narration", "dialogue", "sound"),
                ),
                limits=Limits(shot_s=(4, 8, 12, 16, 20), references=MappingProxyType({"characters": 2})),
                source=THIRD_PARTIES,
                has_lines=True,
            ),
            Target(
                "seedance-2",
                places=(
                    *("description", "characters", "action", *CAMERA, "setting", "light", "style"),
                    *("on_screen_text", "narration", "dialogue", "sound"),
                ),
                limits=Limits(
                    shot_s=tuple(range(4, 16)), references=MappingProxyType({"images": 9, "videos": 3, "sounds": 3})
                ),
                source=THIRD_PARTIES,
                reads_chinese=True,
            ),
        )
    }
)
