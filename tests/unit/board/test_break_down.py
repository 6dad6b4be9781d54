"""A finished script becomes shots: every word once and in order, no shot longer than it can say, numbers honoured."""

from __future__ import annotations

import json
import random
import re
from itertools import pairwise
from typing import Any

import pytest
from pydantic import ValidationError

from scriptqueue.further_fields import fields_named
from scriptqueue.schemas import MAX_SCENES, JobRequest
from shared.board.break_down import (
    ShotLimits,
    SpokenScript,
    Unsayable,
    given_fields,
    script_shots,
    shots_of,
    unsayable,
    with_shots_counted,
)
from shared.board.budget import tokens_a_scene
from shared.board.filled import filled
from shared.board.packing import Packer
from shared.board.script_pieces import script_pieces, script_words
from shared.board.script_shot import ScriptShot
from shared.board.speaking import fits_in, seconds_to_say
from shared.board.targets.fit import unmet
from shared.board.targets.room import bounded
from shared.board.timing import durations
from shared.eta import cost_of
from shared.store.dedup_key import dedup_key
from worker.backend.stub import stub_text
from worker.script.complete import complete_scenes
from worker.script.grammar import layout, storyboard_schema
from worker.script.output import fallback, parse, validate
from worker.script.prompt import messages

HAN = "清晨森林里起了雾一只猫从树后走出来停在溪边看着水里的月亮老人坐在海边长椅上打开封旧信"
KANA = "ある日おばあさんが川へ洗濯に行くと大きな桃がながれてきましたカメラはゆっくり"
ENGLISH = "the rain had stopped but nobody came out of Mr. Brown's old house 3.14 don't well-known"
SPANISH = "el último tren salió de la estación y ¿quién lo vio? la niña del paraguas rojo todavía espera"
SIGNS = ["", "", "", "", ",", ",", ".", ".", "!", "?", ";", ":", "…"]
WIDE = tuple(range(1, 61))


def spaced(text: str, draw: random.Random) -> str:
    words = text.split()
    return " ".join(draw.choice(words) + draw.choice(SIGNS) for _ in range(draw.randint(1, 160)))


def unspaced(characters: str, draw: random.Random) -> str:
    marks = ["", "", "", "", "", "，", "。", "！", "、", "——", "……"]
    return "".join(draw.choice(characters) + draw.choice(marks) for _ in range(draw.randint(1, 260)))


def lines(text: str, draw: random.Random) -> str:
    """The text as verses, paragraphs or a document."""
    kind = draw.choice(["paragraph", "verses", "paragraphs", "markdown", "odd"])
    if kind == "paragraph":
        return text
    parts = [part for part in re.split(r"(?<=[,.!?，。！])", text) if part]
    if kind == "markdown":
        heads = [f"# {draw.choice(['Act', '第一幕', 'Escena'])} {number}\n\n- " for number in range(len(parts))]
        return "\n\n".join(head + part for head, part in zip(heads, parts, strict=True))
    if kind == "odd":
        return "\t\u3000" + "\u200b \r\n\x07 \n".join(parts) + "\x00\u2028"
    return ("\n" if kind == "verses" else "\n\n").join(parts)


def scripts(count: int, in_lines: bool = True) -> list[str]:
    texts = []
    for seed in range(count):
        draw = random.Random(seed)
        kind = seed % 6
        text = {
            0: lambda d=draw: unspaced(HAN, d),
            1: lambda d=draw: spaced(ENGLISH, d),
            2: lambda d=draw: unspaced(KANA, d),
            3: lambda d=draw: spaced(SPANISH, d),
            4: lambda d=draw: f"{unspaced(HAN, d)} {spaced(ENGLISH, d)}“{unspaced(HAN, d)}”(see https://e.org/a/b?c=1)",
            5: lambda d=draw: "".join(d.choice(HAN) for _ in range(d.randint(1, 300))),  # no mark in it
        }[kind]()
        texts.append(lines(text, draw) if in_lines else text)
    return texts


def bare(text: str) -> str:
    return "".join(text.split())


def kept(script: str, shots: Any) -> tuple[ScriptShot, ...]:
    """The shots, which say the script."""
    assert not isinstance(shots, Unsayable), shots
    assert bare("".join(shot.words for shot in shots)) == bare(script_words(script))
    for shot in shots:
        assert fits_in(shot.words, shot.duration_s), shot
        assert shot.words == " ".join(shot.words.split())
    return tuple(shots)


def test_every_word_of_200_scripts_is_there_once_and_in_order() -> None:
    for script in scripts(200):
        shots = kept(script, shots_of(SpokenScript(script), ShotLimits(1, 60, WIDE)))

        assert all(shot.words for shot in shots)
        assert all(shot.duration_s == max(1, -(-(seconds_to_say(shot.words) - 1e-9) // 1)) for shot in shots)
        if not re.search(r"[\u3000-\u9fff]|https", script):  # between words only
            assert " ".join(shot.words for shot in shots).split() == script_words(script).split()


def test_any_number_of_shots_that_has_room_is_met_exactly() -> None:
    for script in scripts(12):
        pieces = script_pieces(script)
        fewest = Packer([p.seconds for p in pieces], [p.cost for p in pieces], 8).fewest()
        for count in {fewest, fewest + 1, (fewest + 60) // 2, 60} - {*range(61, 999)}:
            shots = kept(script, shots_of(SpokenScript(script), ShotLimits(count, count, tuple(range(3, 9)))))

            assert len(shots) == count
            assert all(3 <= shot.duration_s <= 8 for shot in shots)


def test_every_count_from_one_to_sixty_of_one_script() -> None:
    script = " ".join(["The cat sat on the mat, and looked at the door."] * 5)

    for count in range(1, 61):
        assert len(kept(script, shots_of(SpokenScript(script), ShotLimits(count, count, WIDE)))) == count


def test_a_target_is_met_exactly_in_whole_seconds_where_these_suffice() -> None:
    for number, script in enumerate(scripts(8)):
        needed = seconds_to_say(script_words(script))
        for target_s in (round(needed * 1.3 + 4), round(needed * 2 + 3) + 0.5, round(needed + 1.5, 1)):
            limits = ShotLimits(1, 60, WIDE, total_s=target_s)
            shots = kept(script, shots_of(SpokenScript(script), limits))

            assert sum(shot.duration_s for shot in shots) == pytest.approx(target_s, abs=1e-9), (number, target_s)
            if target_s == round(needed * 1.3 + 4):
                assert all(shot.duration_s == int(shot.duration_s) for shot in shots)


def test_a_target_no_longer_than_the_words_is_met_to_the_hundredth() -> None:
    script = "这是一句话。" * 41  # 246 characters, 60 s

    shots = kept(script, shots_of(SpokenScript(script), ShotLimits(1, 20, WIDE, total_s=60.2)))

    assert sum(shot.duration_s for shot in shots) == pytest.approx(60.2)


@pytest.mark.parametrize("made", [(4, 6, 8), (4, 8, 12, 16, 20)])
def test_a_video_models_own_seconds_are_kept(made: tuple[int, ...]) -> None:
    for script in scripts(30):
        shots = kept(script, shots_of(SpokenScript(script), ShotLimits(1, 60, made, are_only=True)))

        assert {shot.duration_s for shot in shots} <= set(made)


def test_shots_are_of_similar_length_and_end_where_sentences_do() -> None:
    script = " ".join(
        f"The {word} dog walked slowly down to the river, and it sat there." for word in ["big", "old", "wet"]
    )

    shots = kept(script, shots_of(SpokenScript(script), ShotLimits(3, 3, WIDE)))

    assert [shot.words[-1] for shot in shots] == [".", ".", "."]


def test_a_paragraph_is_a_shot_where_it_can_be() -> None:
    paragraphs = [
        "One two three four five six seven eight nine ten eleven.",
        "Short one here, five words.",
        "猫" * 20 + "。",
    ]

    script = "\n\n".join(paragraphs)
    shots = kept(script, shots_of(SpokenScript(script), ShotLimits(1, 9, WIDE)))

    assert [shot.words for shot in shots] == paragraphs


@pytest.mark.parametrize(
    "whole",
    [
        "Mr. Smith",
        "$3.14",
        "5.30 p.m.",
        "e.g. this",
        "J. R. Tolkien",
        "https://example.com/a/b?c=d&e=f",
        "someone@example.com",
        "1,000.50",
        "2026年",
        "第3个",
        "“你来了吗”",
        "（很小声）",
        "「行くよ」",
        "well-known",
        "don't",
        "……",
        "は。」",
    ],
)
def test_what_belongs_together_stays_in_one_shot(whole: str) -> None:
    before, after = (
        ("很久以前有个人走在路上，", "，后来他又回到了家里。")
        if not whole.isascii()
        else (
            "Long ago a man walked here with ",
            " and later on he came back to his home.",
        )
    )
    for count in (2, 3, 4):
        script = before + whole + after
        shots = kept(script, shots_of(SpokenScript(script), ShotLimits(count, count, WIDE)))

        assert any(whole in shot.words for shot in shots), shots


def test_a_word_longer_than_a_shot_is_cut_in_the_end() -> None:
    script = "a" * 2000

    shots = kept(script, shots_of(SpokenScript(script), ShotLimits(1, 20, tuple(range(3, 9)))))

    assert "".join(shot.words for shot in shots) == script


def test_marks_begin_no_shot_and_end_none_that_they_open() -> None:
    for script in scripts(60, in_lines=False):
        shots = kept(script, shots_of(SpokenScript(script), ShotLimits(1, 60, tuple(range(2, 9)))))
        for before, after in pairwise(shots):
            assert after.words[0] not in "，。！？、；：”’）」』》】,.!?;:)ーっゃゅょ", (before, after)
            assert before.words[-1] not in "“‘（「『《【(¿¡", (before, after)


def test_small_kana_stay_with_what_they_follow() -> None:
    script = "かっきょーどゎ" * 12

    shots = kept(script, shots_of(SpokenScript(script), ShotLimits(17, 17, WIDE)))

    assert not [shot for shot in shots if shot.words[0] in "っょーゎ"]


def test_packing_finds_what_trying_all_finds() -> None:
    draw = random.Random(7)
    for _ in range(60):
        count = draw.randint(2, 9)
        sizes = [draw.choice([1.0, 1.5, 2.0]) for _ in range(count)]
        costs = [draw.choice([0.0, 0.3, 1.0]) for _ in range(count)]
        parcels = draw.randint(1, count)
        packer, mean = Packer(sizes, costs, 100.0), sum(sizes) / parcels

        cuts, cost = packer.exactly(parcels)

        assert len(cuts) == parcels
        assert cost == pytest.approx(min(costs_of(sizes, costs, parcels, mean)))


def costs_of(sizes: list[float], costs: list[float], parcels: int, mean: float) -> list[float]:
    """Of every way to cut that the packer may think of."""
    if parcels == 1:
        return [((sum(sizes) - mean) / mean) ** 2] if sum(sizes) <= 3 * mean + 1e-9 else []
    found = []
    for first in range(1, len(sizes) - parcels + 2):
        size = sum(sizes[:first])
        if size <= 3 * mean + 1e-9:
            here = ((size - mean) / mean) ** 2 + costs[first - 1]
            found += [here + rest for rest in costs_of(sizes[first:], costs[first:], parcels - 1, mean)]
    return found


# -- requests ---------------------------------------------------------------------------------------------------------

SCRIPT = (
    "清晨，面馆刚刚开门。老板把第一碗面端给了一个没见过的客人。\n\n"
    "客人放下一张三十年前的照片，照片上是年轻时的老板。\n\n"
    "夜里，灯一盏一盏灭了，只有面馆还亮着，锅里的汤一直在响。"
)


def broken_down(prompt: str = SCRIPT, **given: Any) -> JobRequest:
    return JobRequest.model_validate({"prompt": prompt, "mode": "break_down", **given})


def test_narration_is_implied_and_said_once() -> None:
    assert broken_down().fields == ("narration",)
    assert broken_down(fields=["light"]).fields == ("light", "narration")
    assert broken_down(fields=["narration"]) == broken_down()
    assert JobRequest(prompt="x").fields == ()
    assert dedup_key(broken_down()) == dedup_key(broken_down(fields=["narration"]))
    assert dedup_key(broken_down()) != dedup_key(JobRequest(prompt=SCRIPT, fields=("narration",)))


@pytest.mark.parametrize(("mode", "most"), [("write", 4000), ("break_down", 20_000)])
def test_only_a_finished_script_may_be_long(mode: str, most: int) -> None:
    assert JobRequest.model_validate({"prompt": "长" * most, "mode": mode})
    with pytest.raises(ValidationError) as caught:
        JobRequest.model_validate({"prompt": "长" * (most + 1), "mode": mode})
    (fault,) = caught.value.errors()

    assert (fault["type"], fault["loc"], fault["ctx"]) == ("string_too_long", ("prompt",), {"max_length": most})


def test_limits_that_are_left_out_are_the_scripts() -> None:
    shots = script_shots(broken_down())
    assert shots
    whole = with_shots_counted(broken_down())
    given = with_shots_counted(broken_down(max_scenes=7))

    assert (whole.min_scenes, whole.max_scenes) == (len(shots), len(shots))
    assert given.max_scenes == 7
    assert script_shots(JobRequest.model_validate_json(whole.model_dump_json())) == shots  # as a worker reads it
    assert with_shots_counted(JobRequest(prompt="x")) == JobRequest(prompt="x")


@pytest.mark.parametrize(
    ("script", "given", "longest_s"),
    [
        ("猫" * 400, {}, 8),
        ("猫" * 700, {"max_scenes": 20}, 9),
        ("猫。" * 150, {"max_scenes": 8}, 10),
        ("The cat sat on the mat. " * 833, {}, 34),
        ("猫" * 14_700, {}, 60),
        ("猫" * 400, {"max_scenes": 8, "targets": ["sora-2"]}, 16),
        ("猫" * 400, {"max_scenes": 60, "targets": ["sora-2"]}, 8),
        ("一只猫。", {"target_duration_s": 600}, 10),
        ("猫" + "…" * 40, {}, 10),
    ],
)
def test_scenes_are_as_much_longer_as_a_script_needs(script: str, given: dict[str, Any], longest_s: int) -> None:
    request = broken_down(script, **given)
    whole = with_shots_counted(request)
    shots = script_shots(request)

    kept(script, shots)
    assert whole.scene_max_s == longest_s
    assert shots == script_shots(JobRequest.model_validate_json(whole.model_dump_json(exclude_unset=True)))


def test_the_numbers_of_a_script_are_the_storys() -> None:
    request = broken_down("他等了30秒。写一个60秒的广告，分10个镜头。")

    assert filled(request) == (request, [])


@pytest.mark.parametrize(
    ("request_", "field", "code", "words"),
    [
        (
            broken_down("猫" * 16_000),
            "prompt",
            "script_too_long",
            "takes 3903 s to say; 60 scenes of at most 60 s hold about 14760 of its 16000 characters",
        ),
        (
            broken_down("猫。" * 150, max_scenes=8, scene_max_s=8),
            "prompt",
            "script_too_long",
            "takes 74 s to say; 8 scenes of at most 8 s cannot hold it, 10 can (max_scenes), scenes of 10 s",
        ),
        (
            broken_down("猫" * 2050, scene_max_s=8),
            "prompt",
            "script_too_long",
            "60 scenes of at most 8 s cannot hold it, scenes of 9 s can (scene_max_s)",
        ),
        (
            broken_down("猫" * 200, max_scenes=3, scene_max_s=8, targets=["veo-3.1"]),
            "prompt",
            "script_too_long",
            "takes 49 s to say; 3 scenes of at most 8 s cannot hold it, 7 can (max_scenes)",
        ),
        (
            broken_down("猫" + "…" * 40, scene_max_s=8),
            "prompt",
            "script_too_long",
            "takes 10 s to say; 60 scenes of at most 8 s cannot hold it, scenes of 10 s can (scene_max_s)",
        ),
        (
            broken_down("猫" + "…" * 250, scene_max_s=60),
            "prompt",
            "script_too_long",
            "takes 62 s to say, and some of it, which cannot be cut, more than the 60 s of a scene",
        ),
        (
            broken_down("猫" * 100, target_duration_s=20),
            "prompt",
            "script_too_long",
            "takes 25 s to say, and target_duration_s is 20",
        ),
        (broken_down("# — …… !!! 🎬\n"), "prompt", "no_words", "holds no words that could be said"),
        (
            broken_down("一只猫。", target_duration_s=2),
            "target_duration_s",
            "unreachable_duration",
            "1 to 60 scenes of 3 to 8 s cannot last 2 s",
        ),
        (
            broken_down("一只猫。", target_duration_s=4000),
            "target_duration_s",
            "unreachable_duration",
            "1 to 60 scenes of 3 to 60 s cannot last 4000 s",
        ),
        (
            broken_down("一只猫。", target_duration_s=13, targets=["veo-3.1"]),
            "target_duration_s",
            "unreachable_duration",
            "1 to 60 scenes of 4, 6 or 8 s cannot last 13 s",
        ),
    ],
)
def test_what_the_limits_cannot_hold_is_told_with_what_it_needs(
    request_: JobRequest, field: str, code: str, words: str
) -> None:
    fault = unsayable(request_)

    assert fault
    assert (fault.field, fault.code) == (field, code)
    assert words in fault.words


def test_what_would_do_does() -> None:
    refused = unsayable(broken_down("猫。" * 150, max_scenes=8, scene_max_s=8))
    assert refused
    (scenes,), (longest_s,) = (re.findall(rf"(\d+){unit} can ", refused.words) for unit in ("", " s"))

    for less in (0, 1):
        more = broken_down("猫。" * 150, max_scenes=int(scenes) - less, scene_max_s=8)
        longer = broken_down("猫。" * 150, max_scenes=8, scene_max_s=int(longest_s) - less)
        assert [unsayable(each) is None for each in (more, longer)] == [not less] * 2


def test_shots_without_words_are_silent() -> None:
    request = broken_down("Hello there.", min_scenes=5, max_scenes=5)
    shots = script_shots(request) or ()
    board, repairs = validate(
        parse(stub_text(request, 5, fields_named(request.fields))), request, (), fields_named(request.fields)
    )

    assert [shot.words for shot in shots] == ["Hello", "there.", "", "", ""]
    assert [scene.narration for scene in board.scenes] == ["Hello", "there.", None, None, None]
    assert "narration" not in board.model_dump()["scenes"][4]
    assert not [repair for repair in repairs if "put back" in repair]


# -- boards -----------------------------------------------------------------------------------------------------------

FIELDS = fields_named(("light", "narration"))
REQUEST = broken_down(fields=["light"])


def words_of(board: Any) -> list[str]:
    return [scene.narration or "" for scene in board.scenes]


def written(**changes: Any) -> dict[str, Any]:
    return {**json.loads(stub_text(REQUEST, len(script_shots(REQUEST) or ()), FIELDS)), **changes}


def test_stub_and_fallback_and_validation_keep_every_word() -> None:
    shots = script_shots(REQUEST) or ()
    wanted = [shot.words for shot in shots]
    board, repairs = validate(written(), REQUEST, (), FIELDS)

    assert words_of(board) == wanted == words_of(fallback(REQUEST.prompt, REQUEST, (), FIELDS))
    assert [scene.duration for scene in board.scenes] == [shot.duration_s for shot in shots]
    assert not [repair for repair in repairs if "put back" in repair]
    assert words_of(fallback(REQUEST.prompt, REQUEST, board.scenes[:2], FIELDS)) == wanted


@pytest.mark.parametrize("change", ["other words", "none", "another name", "other seconds", "escaped"])
def test_words_that_are_not_the_scripts_are_put_back_and_told(change: str) -> None:
    raw = written()
    scene = raw["scenes"][1]
    if change == "other words":
        scene["narration"] = "完全不同的话"
    elif change == "none":
        del scene["narration"]
    elif change == "another name":
        scene["旁白"] = scene.pop("narration")[:3]
    elif change == "other seconds":
        scene["duration"] = 8 if scene["duration"] != 8 else 3
    else:
        scene["narration"] = scene["narration"] + "&amp;"

    board, repairs = validate(raw, REQUEST, (), FIELDS)

    assert words_of(board) == [shot.words for shot in script_shots(REQUEST) or ()]
    assert durations(REQUEST) == tuple(scene.duration for scene in board.scenes)
    assert [repair for repair in repairs if repair.startswith("scene 2: ") and "put back" in repair], repairs


def test_words_that_validation_would_mend_elsewhere_stay() -> None:
    """What is written of HTML, of paths and of nothing is the script's own."""
    script = "null\n\nAT&amp;T is at C:\\new and \\n is a sign <br> of 'undefined'."
    request = broken_down(script)
    fields = fields_named(request.fields)
    raw = json.loads(stub_text(request, len(script_shots(request) or ()), fields))

    board, repairs = validate(raw, request, (), fields)

    assert bare("".join(words_of(board))) == bare(script)
    assert not [repair for repair in repairs if "narration" in repair]


CAST = [{"id": "chef", "name": "老板", "look": "白围裙"}]


@pytest.mark.parametrize("script", [SCRIPT, "猫" * 328, "go " * 200, "a" * 300, "他说：“走！”……" * 20])
@pytest.mark.parametrize("given", [{}, {"scene_max_s": 8}, {"target_duration_s": 90}, {"characters": CAST}])
def test_no_narration_is_shortened_to_fit_its_shot(script: str, given: dict[str, Any]) -> None:
    """Not even of a text whose shots are too short for it, nor in a scene that was published."""
    request = with_shots_counted(broken_down(script, **given))
    fields, shots = fields_named(request.fields), script_shots(request) or ()
    raw = json.loads(stub_text(request, len(shots), fields))
    board, repairs = validate(raw, request, (), fields)
    published = complete_scenes(json.dumps(raw), request, fields)
    for scene in raw["scenes"]:
        scene["duration"] = 1
    mended, mends = validate(raw, request, published[:2], fields)

    assert words_of(board) == words_of(mended) == [shot.words for shot in shots]
    assert published == board.scenes == mended.scenes
    assert not [repair for repair in [*repairs, *mends] if "shortened" in repair]


def test_the_grammar_bounds_no_words_that_are_given() -> None:
    assert layout(FIELDS).speech
    assert layout(FIELDS, given_fields(REQUEST)).speech is None


def test_a_cast_that_is_given_is_seen_in_the_shots_and_told_to_the_model() -> None:
    request = with_shots_counted(broken_down(characters=CAST))
    fields = fields_named(request.fields)
    scenes = storyboard_schema(request, (), fields)["properties"]["scenes"]["prefixItems"]
    board = fallback(request.prompt, request, (), fields)

    assert request.fields == ("narration", "characters")
    assert scenes[0]["properties"]["characters"]["items"] == {"enum": ["chef"]}
    assert "chef 是老板（白围裙）" in messages(request, fields)[1]["content"]
    assert board.characters == request.characters
    assert [scene.characters for scene in board.scenes] == [()] * len(board.scenes)


def test_scenes_are_published_with_the_scripts_words() -> None:
    text = stub_text(REQUEST, len(script_shots(REQUEST) or ()), FIELDS)
    board, _ = validate(parse(text, FIELDS), REQUEST, (), FIELDS)

    assert complete_scenes(text, REQUEST, FIELDS) == board.scenes
    assert validate(parse(text, FIELDS), REQUEST, board.scenes[:2], FIELDS)[0] == board


def test_the_grammar_gives_the_words_and_the_prompt_has_the_script_once() -> None:
    shots = script_shots(REQUEST) or ()
    scenes = storyboard_schema(REQUEST, (), FIELDS)["properties"]["scenes"]
    content = messages(REQUEST, FIELDS)[1]["content"]

    assert scenes["minItems"] == scenes["maxItems"] == len(shots)
    for number, (scene, shot) in enumerate(zip(scenes["prefixItems"], shots, strict=True), 1):
        own = scene["properties"]
        assert own["narration"] == {"const": shot.words}
        assert own["duration"] == {"const": shot.duration_s}
        assert own["scene_number"] == {"const": number}
        assert content.count(shot.words) == 1
    assert layout(FIELDS, given_fields(REQUEST)).strings.count(True) == layout(FIELDS).strings.count(True) - 1
    assert "旁白" in content
    assert "narration" in messages(broken_down("One cat sleeps. Another one does not."))[1]["content"]


def test_what_is_seen_leaves_the_words_room_in_a_prompt_for_a_video_model() -> None:
    """Of 200 words, what the longest shot says is taken first."""
    longer = broken_down(" ".join(["go"] * 20), targets=["veo-3.1"])
    shorter = broken_down("go", targets=["veo-3.1"])
    fields = fields_named(longer.fields)
    most = [
        sum(field.max_characters for field in bounded(fields, request, is_spaced=True) if field.name != "narration")
        for request in (longer, shorter)
    ]

    assert 0 < most[1] - most[0] <= 4 * 19 + 8
    (given,) = (field for field in bounded(fields, longer, is_spaced=True) if field.name == "narration")
    assert given.max_characters >= next(field for field in fields if field.name == "narration").max_characters


def test_words_that_leave_no_room_in_a_prompt_for_a_video_model_are_at_fault_themselves() -> None:
    long = with_shots_counted(broken_down("猫" * 600, max_scenes=3, targets=["veo-3.1", "generic"]))
    fault = unmet(long)

    assert fault
    assert fault[:2] == ("prompt", "target_limits")


def test_a_part_has_its_own_scenes_and_words_alone() -> None:
    shots = script_shots(REQUEST) or ()
    part = range(1, 3)
    scenes = storyboard_schema(REQUEST, (), FIELDS, part)["properties"]["scenes"]
    content = messages(REQUEST, FIELDS, part, "一碗面。")[1]["content"]

    assert [scene["properties"]["scene_number"]["const"] for scene in scenes["prefixItems"]] == [2, 3]
    assert [shot.words in content for shot in shots] == [number in part for number in range(len(shots))]
    assert "一碗面" in content


def test_words_that_nobody_writes_cost_nothing() -> None:
    plain = JobRequest(prompt="x", min_scenes=4, max_scenes=4)

    assert tokens_a_scene(broken_down()) == tokens_a_scene(plain)
    assert cost_of(with_shots_counted(broken_down(min_scenes=4, max_scenes=4))) == cost_of(plain)


def test_a_request_that_writes_is_as_before() -> None:
    request = JobRequest(prompt="雨中的猫", fields=("narration",))
    fields = fields_named(request.fields)

    assert script_shots(request) is None
    assert unsayable(request) is None
    assert not given_fields(request)
    assert [*storyboard_schema(request, (), fields)["properties"]["scenes"]["prefixItems"][0]["properties"]] == [
        *("scene_number", "description", "duration", "camera", "action", "narration")
    ]
    assert len(script_shots(broken_down(min_scenes=MAX_SCENES, max_scenes=MAX_SCENES)) or ()) == MAX_SCENES
