"""Who says what of a finished script: by its labels, a screenplay's cues and what stands beside a quote."""

from __future__ import annotations

import random
import time

import pytest

from shared.board.break_down import ShotLimits, SpokenScript, Unsayable, shots_of
from shared.board.script_shot import ScriptShot
from shared.board.script_voices import Speakers, speaker_names, voices

ZH: Speakers = (("rain", "小雨"), ("boss", "老板"))
EN: Speakers = (("anna", "Anna"), ("bob", "Mr. Brown"))
ES: Speakers = (("ana", "Ana"), ("luis", "Luis"))
JA: Speakers = (("a", "アンナ"), ("b", "ボブ"))


def heard(script: str, speakers: Speakers) -> list[tuple[str, str]]:
    return [(voice.speaker, " ".join(voice.text.split())) for voice in voices(script, speakers)]


@pytest.mark.parametrize(
    ("speakers", "script", "wanted"),
    [
        (ZH, "小雨：走吧。\n老板:等等！", [("rain", "走吧。"), ("boss", "等等！")]),
        (ZH, "小雨（低声）：走吧。", [("rain", "（低声）走吧。")]),
        (ZH, "**小雨**：“走吧。”", [("rain", "走吧。")]),
        (ZH, "- 【小雨】：走吧。\n[老板] 等等。", [("rain", "走吧。"), ("boss", "等等。")]),
        (ZH, "旁白：天黑了。\n雨停了。\n小雨：走吧。", [("", "天黑了。 雨停了。"), ("rain", "走吧。")]),
        (ZH, "小雨\n走吧。\n快点。\n\n他们走了。", [("rain", "走吧。 快点。"), ("", "他们走了。")]),
        (ZH, "天黑了。小雨低声说：“走吧。”", [("", "天黑了。小雨低声说："), ("rain", "走吧。")]),
        (ZH, "“走吧，”小雨说，“快点。”", [("rain", "走吧，"), ("", "小雨说，"), ("rain", "快点。")]),
        (ZH, "“走！”小雨喊道：“快！”", [("", "“走！”小雨喊道："), ("rain", "快！")]),
        (ZH, "「走吧。」老板問。", [("boss", "走吧。"), ("", "老板問。")]),
        (EN, 'anna: Go.\nMR. BROWN: Time is 10:30.', [("anna", "Go."), ("bob", "Time is 10:30.")]),
        (EN, '"Go," said Anna, and left.', [("anna", "Go,"), ("", "said Anna, and left.")]),
        (EN, "Mr. Brown whispered: “Go.” Ah.", [("", "Mr. Brown whispered:"), ("bob", "Go."), ("", "Ah.")]),
        (EN, "“Go”, Anna quickly said.", [("anna", "Go,"), ("", "Anna quickly said.")]),
        (EN, "Anna: I do not know\nwhat.\nIt rained.", [("anna", "I do not know what."), ("", "It rained.")]),
        (ES, "LUIS (riendo): No.\n«Ven», dijo Ana.", [("luis", "(riendo) No."), ("ana", "Ven,"), ("", "dijo Ana.")]),
        (JA, "アンナは「行くよ」と言った。", [("", "アンナは"), ("a", "行くよ"), ("", "と言った。")]),
        (JA, "「待って」とボブが叫んだ。", [("b", "待って"), ("", "とボブが叫んだ。")]),
    ],
)  # fmt: skip
def test_a_voice_is_heard_where_the_script_tells_whose_it_is(
    speakers: Speakers, script: str, wanted: list[tuple[str, str]]
) -> None:
    assert heard(script, speakers) == wanted


@pytest.mark.parametrize(
    ("speakers", "script"),
    [
        (ZH, "“走吧。”她说。"),
        (ZH, "老板的妈妈说：“走吧。”"),
        (ZH, "小雨对老板说：“走吧。”"),
        (ZH, "小雨看着他，低声说：“走吧。”"),
        (ZH, "门上写着“欢迎光临”。"),
        (ZH, "他对小雨说：“走吧。”"),
        (ZH, "妈妈和小雨说：“走吧。”"),
        (ZH, "他问小雨：“走吗？”"),
        (EN, 'He asked Anna: "Go?"'),
        (EN, 'Carol and Anna said: "Go."'),
        (ZH, "小雨说：你好。"),
        (ZH, "小雨：……"),
        (ZH, "小雨和老板：走吧。"),
        (ZH, "注意：明天下雨。"),
        (EN, 'The mother of Anna said: "Go."'),
        (EN, '"Go," said Anna\'s mother.'),
        (EN, '"Go," she said.'),
        (EN, 'Anna and Mr. Brown said: "Go."'),
        (EN, "Carol: Go."),
        (EN, "See https://example.com and Annabelle said: “Go.”"),
        (EN, "Anna"),
        (ES, "«Ven», dijo ella."),
        (JA, "アンナは「花」の絵を見た。"),
    ],
)
def test_what_nothing_tells_is_the_narrators_with_all_its_marks(speakers: Speakers, script: str) -> None:
    assert heard(script, speakers) == [("", script)]


@pytest.mark.parametrize(
    ("script", "names"),
    [
        ("小雨：走吧。\n老板（笑）：好。\n旁白：他们走了。", ("小雨", "老板")),
        ("小雨：走吧。", ()),  # one alone could be anything
        ("场景：雨夜\n时间：晚上\n第一幕：相遇\n备注：无", ()),
        ("Scene 1: A street\nNarrator: It rained.\nNOTE: later\nhttps://a.b/c\n10:30 it began", ()),
        ("INT. DINER - NIGHT\n\nANNA (V.O.)\nGo.\n\nFADE OUT:\n\nBOB\nNo.\n\nTHE END", ("ANNA", "BOB")),
        ("A: 1 a\nB: 2 b\nC: 3 c\nD: 4 d\nE: 5 e\nE: 6 f\nD: 7 g\nC: 8 h\nA: 9 i", ("A", "C", "D", "E")),
        ("Anna: Go.\nANNA: No.\nBob said: Well.", ("Anna",)),
    ],
)
def test_names_are_those_of_labels_and_of_cues_in_capitals(script: str, names: tuple[str, ...]) -> None:
    assert speaker_names(script) == names


@pytest.mark.parametrize(
    "cue",
    [
        *("JULIAN (cont'd)", "SPECIALIST O'HARA (tensely)", "MOM (O. S.)", "C-3PO", "GROUPIE #1", "SARAH'S FRIEND"),
        *("MICHAEL (as DOROTHY)", "@McCLANE", "@ചന്ദ്രൻ"),
    ],
)
def test_a_cue_as_fountain_has_it_names_who_speaks_and_ends_with_the_speech(cue: str) -> None:
    """ifrost/afterwriting-labs#97, vilcans/screenplain#11 and #22, lmparppei/Beat#69, Tagirijus/fountain#9,
    wildwinter/screenplay-tools#1, bgrundmann/obsidian-fountain#28."""
    script = f"This is an action.\n\n{cue}\nWorld!\n(a beat)\nAgain.\n\nThis should be an action.\n\n{cue}\nMore.\n"
    (name,) = speaker_names(script)
    how = {"(tensely)", "(as DOROTHY)"} & {cue[cue.find("(") :]}
    begun = f"{how.pop()} " if how else ""

    assert cue.removeprefix("@").startswith(name)
    assert heard(script, (("x", name),)) == [
        ("", "This is an action."),
        ("x", f"{begun}World! (a beat) Again."),
        ("", "This should be an action."),
        ("x", f"{begun}More."),
    ]


# -- random scripts ---------------------------------------------------------------------------------------------------

Voices = list[tuple[str, str]]  # who, and what, as it was meant
WORDS = {
    "zh": "清晨森林里起了雾一只猫从树后走出来停在溪边看着水里的月亮人坐在海边长椅上打开封旧信",
    "ja": "ある日おばあさんが川へ洗濯に行くと大きな桃がながれてきましたカメラゆっくり",
    "en": "the rain had stopped but nobody came out of that old house 3.14 don't well-known",
    "es": "el último tren salió de la estación y quién lo vio la niña del paraguas rojo todavía espera",
}
CAST = {"zh": ZH, "ja": JA, "en": EN, "es": ES}


def words(language: str, draw: random.Random, most: int) -> str:
    count = draw.randint(1, most)
    if language in {"zh", "ja"}:
        marks = ["", "", "", "", "，", "、", "……"]
        return "".join(draw.choice(WORDS[language]) + draw.choice(marks) for _ in range(count)) + "。"
    text = " ".join(draw.choice(WORDS[language].split()) + draw.choice(["", "", "", ","]) for _ in range(count))
    return f"The {text}."


def passage(language: str, draw: random.Random) -> tuple[str, Voices]:
    """A paragraph, as it is written and as it is meant."""
    wide, cast = language in {"zh", "ja"}, CAST[language]
    one, name = draw.choice(cast)
    line = words(language, draw, 40 if draw.random() < 0.2 else 8)
    if draw.random() < 0.3:
        return line, [("", line)]
    if draw.random() < 0.25:
        return f"{name.upper()}\n{line}\n{line}", [(one, line), (one, line)]
    if draw.random() < 0.5:
        how = draw.choice(["", "", "（低声）" if wide else "(quietly)"])
        colon = draw.choice(["：", ":"]) if wide else ": "
        return f"{name}{how}{colon}{line}", [(one, how), (one, line)]
    before, after = {
        "zh": (f"{name}笑着说：“", f"”{name}轻声问。"),
        "ja": (f"{name}は「", f"」と{name}が言った。"),
        "en": (f'{name} asked softly: "', f'" {name} replied.'),
        "es": (f"{name} preguntó: «", f"» —dijo {name}."),
    }[language]
    if language == "ja":
        return f"{before}{line}」と言った。", [("", name + "は"), (one, line), ("", "と言った。")]
    if draw.random() < 0.5:
        return f"{before}{line}{after[0]}", [("", before), (one, line)]
    return f"{before[-1]}{line}{after}", [(one, line), ("", after)]


def scripts(count: int) -> list[tuple[str, Speakers, Voices]]:
    made = []
    for seed in range(count):
        draw, language = random.Random(seed), [*CAST][seed % len(CAST)]
        parts = [passage(language, draw) for _ in range(draw.randint(1, 24))]
        script = "".join(
            f"{text}\n{draw.choice(['', chr(10)]) if chr(10) not in text else chr(10)}" for text, _ in parts
        )
        script = "\n\n".join(text for text, _ in parts) if draw.random() < 0.5 else script
        if any("\n" in text for text, _ in parts):  # a cue has a blank line above
            script = "\n\n".join(text for text, _ in parts)
        made.append((script, CAST[language], [voice for _, voiced in parts for voice in voiced]))
    return made


def spelled(meant: Voices) -> list[tuple[str, str]]:
    """Each letter and digit with who says it."""
    return [(who, character) for who, text in meant for character in text if character.isalnum()]


def voices_of(shots: tuple[ScriptShot, ...]) -> Voices:
    """In the order in which a board is heard: of each shot the narration, then its lines."""
    return [
        voice
        for shot in shots
        for voice in (("", shot.words), *((one.character, one.line) for one in shot.lines or ()))
    ]


@pytest.mark.parametrize("seconds", [tuple(range(3, 9)), tuple(range(1, 61)), (4, 6, 8)])
def test_every_word_of_200_scripts_is_said_once_in_order_by_who_says_it(seconds: tuple[int, ...]) -> None:
    lines = 0
    for script, speakers, meant in scripts(200):
        shots = cut(SpokenScript(script, speakers), ShotLimits(1, 60, seconds))

        assert spelled(voices_of(shots)) == spelled(meant), script
        for shot in shots:
            assert shot.lines is not None
            assert len(shot.lines) <= 3
            assert shot.seconds <= shot.duration_s + 1e-9
            assert {one.character for one in shot.lines} <= {one for one, _ in speakers}
            assert all(any(map(str.isalnum, text)) for text in shot.spoken)
        lines += sum(len(shot.lines or ()) for shot in shots)
    assert lines > 1000


def cut(script: SpokenScript, limits: ShotLimits) -> tuple[ScriptShot, ...]:
    shots = shots_of(script, limits)
    assert not isinstance(shots, Unsayable), shots
    return shots


def test_any_number_of_shots_and_any_target_that_has_room_is_met() -> None:
    for script, speakers, meant in scripts(24):
        whole, any_s = SpokenScript(script, speakers), tuple(range(1, 61))
        fewest = cut(whole, ShotLimits(1, 60, (60,)))
        for count in {len(fewest), len(fewest) + 1, 60}:
            shots = cut(whole, ShotLimits(count, count, any_s))
            assert (len(shots), spelled(voices_of(shots))) == (count, spelled(meant))
        target_s = 8 * len(fewest) + sum(shot.duration_s for shot in cut(whole, ShotLimits(60, 60, any_s)))
        timed = cut(whole, ShotLimits(1, 60, any_s, total_s=target_s))
        assert sum(shot.duration_s for shot in timed) == pytest.approx(target_s)
        assert spelled(voices_of(timed)) == spelled(meant)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (ShotLimits(1, 60, (3, 8)), "takes 70 scenes with its lines and what is told between them, and at most 60"),
        (ShotLimits(1, 60, tuple(range(1, 9)), total_s=200), "takes 70 scenes with its lines"),
    ],
)  # fmt: skip
def test_more_turns_than_scenes_are_refused_with_how_many_there_are(limits: ShotLimits, words: str) -> None:
    script = SpokenScript("小雨：走。\n他走了。\n" * 69 + "小雨：好。", ZH)
    fault = shots_of(script, limits)

    assert isinstance(fault, Unsayable)
    assert (fault.field, fault.code) == ("prompt", "script_too_long")
    assert words in fault.words


def test_a_target_that_the_scenes_are_too_many_for_is_refused_with_their_number() -> None:
    fault = shots_of(SpokenScript("小雨：走。\n他走了。\n" * 9, ZH), ShotLimits(1, 60, (3, 4, 5, 6, 7, 8), total_s=20))

    assert isinstance(fault, Unsayable)
    assert "takes 14 s to say in 10 scenes at least, and target_duration_s is 20" in fault.words


def test_a_shot_has_three_lines_at_most_and_what_is_told_before_them() -> None:
    shots = cut(SpokenScript("天黑了。\n" + "小雨：走。\n老板：好。\n" * 3, ZH), ShotLimits(1, 60, (3, 8)))

    assert [(shot.words, len(shot.lines or ())) for shot in shots] == [("天黑了。", 3), ("", 3)]


@pytest.mark.parametrize(
    "script", ["“小雨”" * 5000, "小雨说：“走”" * 2800, "*" * 20_000, "a" + "*" * 19_999, "小雨" + "（" * 19_000]
)
def test_the_longest_script_of_marks_takes_no_time(script: str) -> None:
    started = time.process_time()
    speaker_names(script)
    voices(script, ZH)

    assert time.process_time() - started < 4
