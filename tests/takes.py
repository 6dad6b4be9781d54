"""Boards that others start from, drawn at random, and what must hold of whatever is made of one."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from scriptqueue.further_fields import fields_named
from scriptqueue.schemas import Base, JobRequest, Scene, Storyboard
from shared.board.rebase import COMPUTED_OF_SCENE, Origin, Rebased, rebased, standing
from worker.script.output import parse, validate

PROMPTS = ("雨中的猫", "A robot learns to paint", "海")
TEXTS = (
    *(
        "雨夜的小巷里，一只猫躲在纸箱下。",
        'He says "go"\\and leaves',
        "🎬 a<b & c's end",
        "  ",
        "The boat leaves at night!",
    ),
    *("云\u200d海", "老人慢慢打开一封旧信；远处的灯塔亮了", "100 % sure, 3.5 m — or not…"),
)
CAST = [{"id": "yu", "name": "小雨", "look": "红色雨衣"}, {"id": "bo", "name": "Bo", "look": "a blue coat"}]
FIELD_SETS: tuple[list[str], ...] = ([], [], ["movement", "light"], ["narration", "sound"], ["dialogue", "size"])


@dataclass(frozen=True)
class Take:
    """A whole request, the base's scenes by the places that they have in what is made, and the base's title."""

    request: JobRequest
    kept: dict[int, Scene]
    title: str


def drawn_take(seed: int, **more: Any) -> Take:
    """A board of one to seven scenes, and some of it to write: anew, between, or after the last."""
    draw = random.Random(seed)
    origin = _drawn_origin(draw)
    given: list[Any] = [scene.model_dump(mode="json") for scene in origin.board.scenes]
    source: list[int | None] = [*range(len(given))]
    by_job = draw.random() < 0.5
    for _ in range(0 if by_job else draw.randint(0, 2)):
        at = draw.randint(0, len(given))
        given.insert(at, None)
        source.insert(at, None)
    appended = draw.randint(0, 2)
    anew = draw.sample(range(1, len(given) + 1), draw.randint(0, min(3, len(given))))
    numbers = sorted({*anew, *range(len(given) + 1, len(given) + appended + 1)})
    if not numbers and None not in source:
        numbers = [draw.randint(1, len(given))]
    value: dict[str, Any] = {"rewrite": numbers, "note": draw.choice(["at night", "换成雪天", '"quoted" \\ note'])}
    kept = {
        place: origin.board.scenes[at] for place, at in enumerate(source) if at is not None and place + 1 not in numbers
    }
    holes = len(given) + appended - len(kept)
    if draw.random() < 0.4:
        value["target_duration_s"] = (
            sum(scene.duration for scene in kept.values()) + 3 * holes + draw.randint(0, 5 * holes)
        )
    board = None if by_job else {**origin.board.model_dump(mode="json"), "scenes": given}
    base = Base.model_validate({"job": "0f8b3c52-6f0e-4d0a-9f5e-3f1b8a6f2f10", "storyboard": board})
    found = rebased({**value, **more, "base": base.model_dump()}, base, origin)
    assert isinstance(found, Rebased), found
    request = standing(JobRequest.model_validate(found.values))
    assert isinstance(request, JobRequest), (request, value)
    return Take(request, kept, origin.board.title)


def _drawn_origin(draw: random.Random) -> Origin:
    names = draw.choice(FIELD_SETS)
    cast = {"characters": CAST} if "dialogue" in names or draw.random() < 0.2 else {}
    style = {"style": "水彩"} if draw.random() < 0.3 else {}
    request = JobRequest.model_validate(
        {"prompt": draw.choice(PROMPTS), "fields": names, "min_scenes": 1, **cast, **style}
    )
    fields = fields_named(request.fields)
    raw = {"title": draw.choice(TEXTS[:3]), "scenes": [_drawn_scene(draw, request) for _ in range(draw.randint(1, 7))]}
    board, _ = validate(raw, request, (), fields)
    return Origin(request, board)


def _drawn_scene(draw: random.Random, request: JobRequest) -> dict[str, Any]:
    texts = [text for text in TEXTS if text.strip()]
    whole = {
        **dict.fromkeys(("movement",), "push in"),
        **dict.fromkeys(("size",), "full"),
        **{name: draw.choice(texts) for name in ("light", "sound", "narration")},
        "dialogue": [{"character": "yu", "line": draw.choice(texts)}],
        "characters": draw.choice([[], ["yu"], ["bo", "yu"]]),
    }
    return {
        "description": draw.choice(texts),
        "duration": draw.choice([3, 5, 8, 4.5]),
        "camera": draw.choice(["wide shot", "close up"]),
        "action": draw.choice(texts),
        **{name: value for name, value in whole.items() if name in request.fields and draw.random() < 0.8},
    }


def read_take(take: Take, text: str, published: tuple[Scene, ...] = ()) -> Storyboard:
    """The board of a text; fails where a kept scene is another one, or the text had said so."""
    fields = fields_named(take.request.fields)
    board, repairs = validate(parse(text, fields), take.request, published, fields)
    assert not [repair for repair in repairs if "base" in repair or "published" in repair]
    check_take(take, board)
    return board


def check_take(take: Take, board: Storyboard) -> None:
    Storyboard.model_validate_json(board.model_dump_json())
    assert board.title == take.title
    assert len(board.scenes) == take.request.min_scenes == take.request.max_scenes
    for place, scene in take.kept.items():
        now = board.scenes[place]
        assert now.model_dump_json(exclude=set(COMPUTED_OF_SCENE)) == scene.model_dump_json(
            exclude=set(COMPUTED_OF_SCENE)
        )
        assert now.video_prompt == scene.video_prompt
    if take.request.target_duration_s is not None:
        assert board.total_duration == take.request.target_duration_s
