"""Random boards of all fields, in Chinese and English, for every target: all words are in the prompt, and no limit is
broken that could be kept. Texts are as long as the grammar lets a model write them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from scriptqueue.further_fields import ALL_FIELDS, FURTHER_FIELDS, fields_named
from scriptqueue.scene_fields import SceneField, Spoken
from scriptqueue.schemas import Character, JobRequest, Scene, Storyboard
from shared.board.targets.fit import misfits, unmet
from shared.board.targets.measure import count_words
from shared.board.targets.prompts import calls_of
from shared.board.targets.room import bounded
from shared.board.targets.scene_texts import PEOPLE
from shared.board.targets.seconds import shot_seconds
from shared.board.targets.table import CAMERA, TARGETS, Target
from shared.board.validate import validate

NAMES = [*TARGETS]
HAN = "雨中的老街一只橘猫蹲在屋檐下抖落水珠走进巷子清晨柔和光线风吹过海面灯塔渔船缓靠岸孩跑金色沙滩笑着回头"
WORDS = (
    "the cat",
    "walks",
    "through",
    "the rain",
    "from some old",
    "street",
    "where",
    "lanterns",
    "glow",
    "softly,",
    "it's",
)
FURTHER = [field.name for field in FURTHER_FIELDS if not field.is_list]
FAST, SLOW, LONG = 300, 2_000, 20_000


def a_text(most: int, spoken: Spoken, chance: Random) -> str:
    """Of any length to the most that the grammar allows, often just that."""
    length = chance.choice((chance.randint(2, most), most, chance.randint(2, min(30, most))))
    if spoken == "zh":
        return (HAN[chance.randrange(40) :] + HAN * 9)[:length]
    few = chance.choices(WORDS, k=chance.randint(3, 12))
    return " ".join(few * 60)[:length].rsplit(" ", 1)[0].strip() or "fog"


def a_board(targets: list[str], chance: Random) -> tuple[JobRequest, Spoken, Storyboard, list[str]]:
    """As a model writes it under the grammar of a request for these targets, and what validation says of it."""
    spoken: Spoken = chance.choice(("zh", "en"))
    wishes: dict[str, Any] = {
        "prompt": "雨" if spoken == "zh" else "rain",
        "min_scenes": 1,
        "targets": targets,
        "fields": chance.sample(FURTHER, chance.choice((0, len(FURTHER), chance.randint(1, len(FURTHER))))),
        "style": chance.choice((None, a_text(40, spoken, chance))),
        "characters": a_cast(spoken, chance),
    }
    request = JobRequest.model_validate(wishes)
    while fault := unmet(request):  # the narrowest leave no room for all of it
        wishes = (
            {**wishes, "style": None} if fault[0] == "style" else {**wishes, "characters": wishes["characters"][1:]}
        )
        request = JobRequest.model_validate(wishes)
    if request.characters and chance.random() < 0.5:
        request = JobRequest.model_validate({**wishes, "fields": [*request.fields, "dialogue"]})
        request = request if unmet(request) is None else JobRequest.model_validate(wishes)
    fields = fields_named(request.fields)
    may = bounded(fields, request, is_spaced=spoken == "en")
    scenes = [
        {field.name: _value(field, number, request, spoken, chance) for field in may}
        for number in range(1, chance.randint(1, 6) + 1)
    ]
    board, repairs = validate({"title": "t", "scenes": scenes}, request, fields=fields)
    return request, spoken, board, repairs


def a_cast(spoken: Spoken, chance: Random) -> list[dict[str, str]]:
    names = ("小雨", "阿明", "老灯塔守") if spoken == "zh" else ("Anna", "Old Tom", "the keeper of the light")
    looks = (a_text(chance.choice((20, 60, 300)), spoken, chance) for _ in names)
    cast = [
        {"id": f"p{n}", "name": name, "look": look} for n, (name, look) in enumerate(zip(names, looks, strict=True))
    ]
    return chance.sample(cast, chance.randint(0, 3))


def _value(field: SceneField, number: int, request: JobRequest, spoken: Spoken, chance: Random) -> Any:
    match field.kind:
        case "number":
            return number
        case "text":
            return "" if field.may_be_empty and chance.random() < 0.2 else a_text(field.max_characters, spoken, chance)
        case "term":
            return chance.choice(field.terms)
        case "ids":
            return chance.sample([one.id for one in request.characters], chance.randint(0, len(request.characters)))
        case "lines":
            return [
                {"character": chance.choice(request.characters).id, "line": a_text(20, spoken, chance)}
                for _ in range(chance.randint(0, 3))
            ]
        case "seconds":
            return chance.choice(shot_seconds(request) or range(3, 9))


def missing(scene: Scene, target: Target, spoken: Spoken, prompt: str, board: Storyboard) -> list[str]:
    """The fields that the target has a place for, and whose words are not all in the prompt."""
    values, cast = {**scene.model_dump(), "style": board.style}, board.characters or ()
    turned = target.name == "wan-2.2" and values.get("movement", "static") != "static"
    spoken_terms: Spoken = "zh" if spoken == "zh" and target.reads_chinese else "en"
    absent = []
    for place in target.places:
        text = values.get(place)
        if place in PEOPLE:
            absent += [text for text in words_of_people(scene, cast, place) if text not in prompt]
            continue
        if text is None or (turned and place == "angle"):
            continue
        if place in CAMERA:
            field = next(field for field in ALL_FIELDS if field.name == place)
            words = {*re.findall(r"\w+", field.shown(spoken_terms, text))}
            if not words <= {*re.findall(r"[a-z]+", prompt.lower())} and not all(word in prompt for word in words):
                absent.append(place)
        elif text not in prompt:
            absent.append(place)
    return absent


def words_of_people(scene: Scene, cast: Sequence[Character], place: str) -> list[str]:
    """What a prompt has of them to the letter: the lines, and the looks of all who are seen or speak."""
    lines = scene.dialogue or ()
    if place == "dialogue":
        return [line.line for line in lines]
    there = {*(scene.characters or ()), *(line.character for line in lines)}
    return [one.look for one in cast if one.id in there]


def check(request: JobRequest, spoken: Spoken, board: Storyboard, repairs: list[str]) -> None:
    durations = [scene.duration for scene in board.scenes]
    for name in request.targets:
        target, limits = TARGETS[name], TARGETS[name].limits
        prompts = [(scene.prompts or {})[name] for scene in board.scenes]
        for scene, prompt in zip(board.scenes, prompts, strict=True):
            assert missing(scene, target, spoken, prompt, board) == []
            assert "cinematic" not in prompt
            assert count_words(prompt) <= (limits.most_words or 10_000)
        for call in calls_of(board, name) if limits.call_s else ():  # else a call is a shot
            assert sum(len(prompts[number - 1]) for number in call) <= (limits.call_characters or 10**6)
            assert sum(durations[number - 1] for number in call) <= (limits.call_s or (0, 10**6))[1]
            assert len(call) <= (limits.call_shots or 10**6)
        if len(request.targets) == 1:
            assert {*durations} <= {*(limits.shot_s or durations)}
        odd = bool(limits.shot_s) and not {*durations} <= {*limits.shot_s}
        short = any(count_words(prompt) < (limits.least_words or 0) for prompt in prompts)
        long = bool(limits.usual_shot_s) and max(durations) > (limits.usual_shot_s or 0)
        assert sum(line.startswith(f"{name} ") for line in repairs) == odd + short + long
    assert not any("takes at most" in line for line in misfits(board))


@pytest.mark.parametrize(
    ("targets", "share"),
    [*(([name], 20) for name in NAMES), (NAMES, 2)],
    ids=["all" if len(names) > 1 else names[0] for names in (*([name] for name in NAMES), NAMES)],
)
@pytest.mark.parametrize(
    "examples",
    [
        FAST,
        pytest.param(SLOW, marks=pytest.mark.slow),
        pytest.param(LONG, marks=pytest.mark.long),
    ],
)
def test_no_limit_is_broken_and_no_word_is_lost(examples: int, targets: list[str], share: int) -> None:
    """Half of the boards for all targets together, the others for one alone."""

    @settings(
        max_examples=examples // share,
        derandomize=examples == FAST,
        database=None,
        deadline=None,
        phases=[Phase.generate],
    )
    @given(st.integers(0, 2**64 - 1))
    def holds(seed: int) -> None:
        check(*a_board(targets, Random(seed)))

    holds()
