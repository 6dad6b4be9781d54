"""The table of video models, the prompts for them, and what of a request and a board does not fit them."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from api.routes.completing import resolved
from api.routes.service import targets as list_targets
from scriptqueue.cli.arguments import arguments_of, options_of
from scriptqueue.further_fields import FURTHER_FIELDS, fields_named
from scriptqueue.schemas import FieldName, JobRequest, Movement, Storyboard, TargetName
from shared.board.filled import filled
from shared.board.targets.compilers import compiler_of
from shared.board.targets.fit import misfits
from shared.board.targets.measure import count_words, is_chinese, spoken_language
from shared.board.targets.prompts import calls_of, target_prompts
from shared.board.targets.scene_texts import PEOPLE, SceneTexts
from shared.board.targets.seconds import listed_seconds
from shared.board.targets.table import CAMERA, TARGETS, Target
from shared.board.timing import durations
from shared.board.validate import validate
from shared.settings import Settings
from shared.store.dedup_key import dedup_key
from shared.store.entry import fingerprint, new_job_of
from worker.backend.stub import stub_text
from worker.script.complete import complete_scenes
from worker.script.fallback import fallback
from worker.script.grammar import storyboard_schema
from worker.script.parse import parse
from worker.script.prompt import messages

DOCUMENT = Path(__file__).parents[3] / "docs/targets.md"
NAMES = get_args(TargetName)
FIELDS = tuple(name for name in get_args(FieldName) if name not in PEOPLE)
ZH = {
    "description": "雨中的老街，一只橘猫蹲在屋檐下",
    "action": "橘猫抖落水珠",
    "duration": 5,
    "camera": "wide shot",
    "size": "extreme wide",
    "angle": "low",
    "movement": "push in",
    "pace": "slow",
    "setting": "清晨",
    "light": "柔和的晨光",
    "narration": "它又回来了。",
    "sound": "雨声",
    "on_screen_text": "归途",
}
EN = {
    "description": "A ginger cat under the eaves",
    "action": "It shakes off the rain",
    "duration": 5,
    "camera": "medium shot",
    "size": "full",
    "angle": "eye level",
    "movement": "orbit",
    "pace": "fast",
    "setting": "an old street",
    "light": "soft dawn",
    "narration": "It is back.",
    "sound": "rain on tiles",
}


def wanted(**options: Any) -> JobRequest:
    return JobRequest.model_validate({"prompt": "雨中的猫", "min_scenes": 1, **options})


def board_of(*scenes: dict[str, Any], **options: Any) -> tuple[Storyboard, list[str]]:
    request = wanted(fields=FIELDS, **options)
    return validate({"title": "t", "scenes": list(scenes)}, request, fields=fields_named(FIELDS))


def prompt_of(scene: dict[str, Any], target: str, **options: Any) -> str:
    prompts = board_of(scene, targets=[target], **options)[0].scenes[0].prompts
    assert prompts is not None
    return prompts[target]


# -- the table ---------------------------------------------------------------------------------------------------------


def test_every_name_has_a_row() -> None:
    assert [*TARGETS] == [*NAMES]


def documented(target: Target) -> list[str]:
    """Its row of docs/targets.md."""
    limits = target.limits
    places = [place for place in target.places if place not in CAMERA[1:] or not set(CAMERA) <= set(target.places)]
    seconds = [
        f"{listed_seconds(limits.shot_s)} only" if limits.shot_s else "",
        f"about {limits.usual_shot_s} s" if limits.usual_shot_s else "",
        f"{limits.call_s[0]} to {limits.call_s[1]} s a call" if limits.call_s else "",
        {1: "", None: "any number of shots a call"}.get(limits.call_shots, f"at most {limits.call_shots} shots a call"),
    ]
    length = [
        f"{limits.least_words} to {limits.most_words} words" if limits.most_words else "",
        f"at most {limits.call_characters} characters a call" if limits.call_characters else "",
    ]
    negative = "takes none" if target.negative_prompt is None else "a text of its own"
    return [
        f"`{target.name}`",
        ", ".join(places),
        "; ".join(filter(None, seconds)),
        "; ".join(filter(None, length)),
        ", ".join(f"{kind}: {most}" for kind, most in limits.references.items()),
        "Chinese" if target.reads_chinese else "Chinese with English terms",
        negative,
        target.source if target.sure else f"second-hand: {target.source}",
    ]


def test_the_document_has_every_row() -> None:
    lines = DOCUMENT.read_text().partition("\n|---")[2].split("\n\n")[0].splitlines()[1:]

    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert rows == [documented(target) for target in TARGETS.values()]


def test_the_api_lists_them_as_they_are() -> None:
    shown = json.loads(asyncio.run(list_targets()).model_dump_json())["targets"]

    assert [row["name"] for row in shown] == [*NAMES]
    for row in shown:
        assert [*row] == ["name", "limits", "negative_prompt", "source", "read_on", "sure"]
    by_name = {row["name"]: row for row in shown}
    assert by_name["veo-3.1"]["limits"] == {
        "shot_s": [4, 6, 8],
        "call_shots": 1,
        "least_words": 50,
        "most_words": 200,
        "references": {"images": 3},
    }
    assert by_name["minimax-h3"]["limits"] == {"call_s": [1, 15]}
    assert by_name["wan-2.2"]["negative_prompt"].startswith("色调艳丽，过曝，静态")
    assert {row["name"] for row in shown if not row["sure"]} == {"ltx-2", "kling-3", "veo-3.1", "sora-2", "seedance-2"}


# -- the prompts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "scene", "prompt"),
    [
        (
            "generic",
            ZH,
            "雨中的老街，一只橘猫蹲在屋檐下。橘猫抖落水珠。镜头：大远景，仰拍，推近，节奏慢。地点：清晨。光线：柔和的晨光。"
            "风格：水彩。屏幕上写着“归途”。旁白说：“它又回来了。”声音：雨声。",
        ),
        (
            "wan-2.2",
            EN,
            "Style: 水彩。A ginger cat under the eaves. Setting: an old street. It shakes off the rain. "
            "Lighting: soft dawn. Camera: medium shot, full shot, orbit.",
        ),
        (
            "hunyuan-1.5",
            EN,
            "A ginger cat under the eaves. It shakes off the rain. Setting: an old street. "
            "Camera: medium shot, full shot, eye level. Orbit: the camera circles around, at a fast pace. "
            "Lighting: soft dawn. Style: 水彩。",
        ),
        (
            "minimax-h3",
            EN,
            "integrated_multimodal_description: [Shot 1] Style: 水彩。A ginger cat under the eaves. "
            "Setting: an old street. Lighting: soft dawn. It shakes off the rain. "
            "Camera: medium shot, full shot, eye level. The camera move is orbit (arc shot) at fast speed. "
            "A narrator (S1) says in an off-screen voiceover: <d>[English] It is back.</d>\n\n"
            "overall_soundscape: rain on tiles.\n\nnon_diegetic_music: N/A",
        ),
        (
            "veo-3.1",
            ZH,
            "雨中的老街，一只橘猫蹲在屋檐下。Camera: extreme wide shot, low angle, push in, slow pace. 橘猫抖落水珠。"
            'Setting: 清晨。Lighting: 柔和的晨光。On the screen stands "归途". A narrator says: "它又回来了。" '
            "Sound: 雨声。Style: 水彩。",
        ),
        (
            "sora-2",
            EN,
            "Style: 水彩。A ginger cat under the eaves. Setting: an old street.\n\n"
            "Cinematography:\n- Camera shot: medium shot, full shot, eye level\n- Camera motion: orbit, fast pace\n"
            "- Lighting: soft dawn\n\nActions:\n- It shakes off the rain\n\n"
            'Dialogue:\n- Narrator: "It is back."\n\nBackground sound:\n- rain on tiles',
        ),
    ],
)
def test_a_prompt_has_its_targets_form(target: str, scene: dict[str, Any], prompt: str) -> None:
    assert prompt_of(scene, target, style="水彩") == prompt


@pytest.mark.parametrize("target", NAMES)
def test_a_scene_with_nothing_further_has_a_prompt_too(target: str) -> None:
    plain = {name: ZH[name] for name in ("description", "action", "duration", "camera")}

    prompt = prompt_of(plain, target)

    assert "雨中的老街" in prompt
    assert "橘猫抖落水珠" in prompt
    assert not re.search("None|narrat|旁白|cinematic|4k", prompt)


@pytest.mark.parametrize("movement", get_args(Movement))
def test_hunyuan_and_h3_say_each_move_in_their_words_beside_its_name(movement: str) -> None:
    for target in ("hunyuan-1.5", "minimax-h3"):
        prompt = prompt_of({**EN, "movement": movement}, target)

        assert movement in prompt.lower()
        assert "camera" in prompt.lower()


@pytest.mark.parametrize(("movement", "angles"), [("push in", 0), ("static", 1), (None, 1)])
def test_wan_has_no_angle_beside_a_move_and_at_most_four_terms(movement: str | None, angles: int) -> None:
    scene = {**EN, "movement": movement, "size": "close up"}

    terms = re.search(r"Camera: (.*)\.", prompt_of(scene, "wan-2.2"))

    assert terms is not None
    assert terms[1].count("eye level") == angles
    assert len(terms[1].split(", ")) <= 4


def test_shots_are_put_into_calls_and_last_as_long_as_they_did() -> None:
    scenes = [{**EN, "description": f"cat {number}", "duration": 5} for number in range(1, 6)]
    board, _ = board_of(*scenes, targets=["minimax-h3", "kling-3", "veo-3.1"])

    assert {scene.duration for scene in board.scenes} == {5}
    assert calls_of(board, "minimax-h3") == calls_of(board, "kling-3") == [[1, 2, 3], [4, 5]]
    assert calls_of(board, "veo-3.1") == [[1], [2], [3], [4], [5]]
    heads = [re.search(r"\[Shot \d\](?: At [\d:.]+,)?", prompt) for prompt in target_prompts(board, "minimax-h3")]
    assert [head and head[0] for head in heads] == [
        *("[Shot 1]", "[Shot 2] At 00:05.000,", "[Shot 3] At 00:10.000,"),
        *("[Shot 1]", "[Shot 2] At 00:05.000,"),
    ]


def test_a_call_of_kling_holds_no_more_characters_than_it_takes() -> None:
    board, _ = board_of(*({**EN, "duration": 3, "action": f"{number} " + "runs " * 131} for number in range(5)))

    prompts = target_prompts(board, "kling-3")

    assert calls_of(board, "kling-3") == [[1, 2], [3, 4], [5]]
    assert 2500 < sum(map(len, prompts[:3])) < 2600


def test_the_time_of_a_cut_never_has_sixty_seconds() -> None:
    shot = SceneTexts({"description": "x", "action": "y", "camera": "close up"}, "en", 2, 59.9996)

    assert "At 01:00.000," in compiler_of("minimax-h3")(shot, TARGETS["minimax-h3"].places)


def test_a_board_made_before_gets_the_prompts_that_it_would_have_had() -> None:
    made, _ = board_of(ZH, EN, targets=NAMES, style="水彩")
    before, _ = board_of(ZH, EN, style="水彩")

    assert before.scenes[0].prompts is None
    for target in get_args(TargetName):
        assert target_prompts(before, target) == [scene.prompts and scene.prompts[target] for scene in made.scenes]


@pytest.mark.parametrize("targets", [["minimax-h3", "generic"], ["veo-3.1"]])
def test_scenes_published_one_by_one_have_the_prompts_of_the_whole_board(targets: list[str]) -> None:
    request = wanted(fields=["light", "movement"], targets=targets, min_scenes=4)
    fields = fields_named(request.fields)
    text = stub_text(request, 4, fields)

    board, repairs = validate(parse(text, fields), request, fields=fields)

    assert complete_scenes(text, request, fields) == board.scenes
    assert complete_scenes(text[: len(text) * 2 // 3], request, fields) == board.scenes[:2]
    assert repairs == misfits(board)


# -- measures ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words", "chinese", "language"),
    [
        ("A cat's tail, 4 seconds.", 5, False, "English"),
        ("雨中的猫。", 4, True, "Chinese"),
        ("iPhone 17 在雨中亮起来", 8, True, "Chinese"),
        ("A night in 北京 with friends", 7, False, "Chinese"),
        ("雨の中の猫", 5, False, "Japanese"),
        ("кот под дождём", 3, False, "Russian"),
        ("비 오는 거리", 3, False, "Korean"),
    ],
)
def test_words_are_counted_in_every_script(text: str, words: int, chinese: bool, language: str) -> None:
    assert count_words(text) == words
    assert is_chinese(text) is chinese
    assert spoken_language(text) == language


# -- seconds -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "allowed"), [("veo-3.1", [4, 6, 8]), ("sora-2", [4, 8]), ("seedance-2", [*range(4, 9)])]
)
def test_one_target_alone_sets_the_seconds_of_grammar_prompt_stub_and_fallback(target: str, allowed: list[int]) -> None:
    request = wanted(targets=[target], min_scenes=3)

    scenes = storyboard_schema(request)["properties"]["scenes"]["prefixItems"]
    assert {json.dumps(scene["properties"]["duration"]) for scene in scenes} == {json.dumps({"enum": allowed})}
    task = messages(request)[1]["content"]
    assert f"每个场景 {'、'.join(map(str, allowed[:-1]))} 或 8 秒" in task
    board, repairs = validate(parse(stub_text(request, 3)), request)
    assert {scene.duration for scene in (*board.scenes, *fallback("雨", request).scenes)} <= {*allowed}
    assert repairs == misfits(board)


def test_several_targets_leave_the_seconds_and_say_what_does_not_fit() -> None:
    board, repairs = board_of({**EN, "duration": 5}, {**ZH, "duration": 8}, targets=["wan-2.2", "veo-3.1", "generic"])

    assert [scene.duration for scene in board.scenes] == [5, 8]
    assert repairs == [
        "wan-2.2 makes shots of about 5 s; longer: scene 2",
        "wan-2.2 wants at least 60 words; fewer: scenes 1, 2 (24 the fewest)",
        "veo-3.1 makes shots of 4, 6 or 8 s; not so: scene 1",
        "veo-3.1 wants at least 50 words; fewer: scene 1 (38 the fewest)",
    ]


def test_seconds_that_the_one_target_does_not_make_become_the_nearest_and_are_told() -> None:
    board, repairs = board_of({**EN, "duration": 5}, {**ZH, "duration": 3}, targets=["veo-3.1"])

    assert [scene.duration for scene in board.scenes] == [6, 4]
    assert repairs[:2] == [
        "scene 1: duration 5 s set to 6 s, for veo-3.1",
        "scene 2: duration 3 s set to 4 s, for veo-3.1",
    ]


@pytest.mark.parametrize("target", ["veo-3.1", "sora-2", "seedance-2"])
def test_every_length_is_met_in_the_targets_seconds_or_refused(target: str) -> None:
    met = 0
    for total_s in range(3, 65):
        request = wanted(targets=[target], target_duration_s=total_s)
        try:
            resolved(request, Settings())
        except RequestValidationError:
            continue
        fixed = durations(request)
        assert fixed is not None
        assert sum(fixed) == total_s
        assert {*fixed} <= {*TARGETS[request.targets[0]].limits.shot_s}
        assert max(fixed) - min(fixed) <= 4
        met += 1
    assert met == {"veo-3.1": 31, "sora-2": 16, "seedance-2": 61}[target]


@pytest.mark.parametrize(
    ("options", "pointer", "words"),
    [
        (
            {"targets": ["veo-3.1"], "target_duration_s": 15},
            "target_duration_s",
            "veo-3.1 makes shots of 4, 6 or 8 s; 1 to 8 of them do not sum to 15 s",
        ),
        ({"targets": ["sora-2"], "target_duration_s": 26}, "target_duration_s", "4 or 8 s"),
        ({"targets": ["seedance-2"], "target_duration_s": 20.5}, "target_duration_s", "4 to 8 whole s"),
        ({"targets": ["generic", "wan-2.2"], "style": "水" * 200}, "style", "wan-2.2: 200 words at most"),
    ],
)
def test_what_no_board_could_keep_is_refused(options: dict[str, Any], pointer: str, words: str) -> None:
    with pytest.raises(RequestValidationError) as raised:
        resolved(wanted(**options), Settings())

    fault = raised.value.errors()[0]
    assert fault["loc"] == ("body", pointer)
    assert words in fault["msg"]


def test_with_a_second_target_any_length_will_do() -> None:
    for options in (
        {"targets": ["veo-3.1", "generic"], "target_duration_s": 15},
        {"targets": ["wan-2.2"], "style": "水"},
    ):
        request = wanted(**options)
        assert resolved(request, Settings()).targets == request.targets


@pytest.mark.parametrize(
    ("prompt", "target", "seconds"),
    [("30秒的咖啡广告", "veo-3.1", 30), ("15秒的咖啡广告", "veo-3.1", 14), ("30秒的咖啡广告", "sora-2", 28)],
)
def test_a_length_in_the_prompt_is_met_as_nearly_as_the_target_can(prompt: str, target: str, seconds: int) -> None:
    request, notes = filled(JobRequest.model_validate({"prompt": prompt, "targets": [target]}))

    assert request.target_duration_s == seconds
    assert ("cannot be met" in notes[0]) == (f"{seconds}秒" not in prompt)
    assert resolved(request, Settings()).target_duration_s == seconds
    assert sum(durations(request) or ()) == seconds


# -- the request -------------------------------------------------------------------------------------------------------


def test_an_unknown_target_is_refused_with_the_list() -> None:
    with pytest.raises(ValidationError) as raised:
        wanted(targets=["generic", "wan-9"])

    fault = raised.value.errors()[0]
    assert fault["loc"] == ("targets", 1)
    assert all(name in fault["msg"] for name in NAMES)


def test_the_order_and_repetitions_of_names_make_no_other_request() -> None:
    one, other = wanted(targets=["wan-2.2", "generic", "wan-2.2"]), wanted(targets=["generic", "wan-2.2"])

    assert one == other
    assert dedup_key(one) == dedup_key(other) != dedup_key(wanted())
    assert fingerprint("job", [one]) != fingerprint("job", [wanted()])
    assert JobRequest.model_validate_json(new_job_of(one).text) == one


def test_without_targets_nothing_of_them_is_anywhere() -> None:
    board, _ = board_of(ZH)

    assert "prompts" not in board.model_dump_json()
    assert "targets" not in new_job_of(wanted()).text
    assert storyboard_schema(wanted(targets=["generic"])) == storyboard_schema(wanted())
    assert messages(wanted(targets=["generic"])) == messages(wanted())
    assert board.scenes[0].video_prompt == board_of(ZH, targets=NAMES)[0].scenes[0].video_prompt


def test_a_board_with_prompts_is_read_back() -> None:
    board, _ = board_of(ZH, EN, targets=NAMES)

    assert Storyboard.model_validate_json(board.model_dump_json()) == board


def test_the_command_takes_targets() -> None:
    options = options_of(arguments_of(["submit", "x", "--targets", "wan-2.2, veo-3.1"]))

    assert options == {"targets": ["wan-2.2", "veo-3.1"]}
    with pytest.raises(SystemExit):
        arguments_of(["submit", "x", "--targets", "wan"])


def test_every_place_is_a_field_or_the_style_and_every_field_has_one_or_none_for_all() -> None:
    placed = {place for target in TARGETS.values() for place in target.places}

    assert {field.name for field in FURTHER_FIELDS} - placed == {"transition", "first_frame", "last_frame"}
