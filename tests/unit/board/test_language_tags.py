"""The language that is written, by its tag (BCP 47) and its name, from the request to prompt, fallback and board."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from api.routes.completing import completed
from scriptqueue.cli import sheet
from scriptqueue.cli.arguments import arguments_of, options_of
from scriptqueue.schemas import JobRequest
from shared.board.language_names import DIALECTS, LANGUAGE_NAMES, REGION_NAMES, WRITING_NAMES
from shared.board.language_tags import is_spaced, language_name, words_in
from shared.board.languages import KNOWN_LANGUAGES
from shared.board.other_language import strays
from shared.settings import Settings
from shared.store.dedup_key import dedup_key
from worker.script.fallback import fallback
from worker.script.prompt import SYSTEM, messages

PROMPT = "雨中的猫"


def wanted(language: str = "auto", prompt: str = PROMPT, **options: Any) -> JobRequest:
    return JobRequest.model_validate({"prompt": prompt, "language": language, **options})


@pytest.mark.parametrize(
    ("tag", "usual", "name"),
    [
        ("zh-hant", "zh-Hant", "Traditional Chinese"),
        ("ZH-tw", "zh-TW", "Traditional Chinese (Taiwan)"),
        ("zh-cmn-Hans-CN", "zh-cmn-Hans-CN", "Simplified Chinese (China)"),
        ("pt-br", "pt-BR", "Brazilian Portuguese"),
        ("sr-Latn", "sr-Latn", "Serbian (Latin script)"),
        ("sr-cyrl-rs", "sr-Cyrl-RS", "Serbian (Cyrillic script, Serbia)"),
        ("es-419", "es-419", "Latin American Spanish"),
        ("es-AR", "es-AR", "Spanish (Argentina)"),
        ("en-GB", "en-GB", "British English"),
        ("ca-valencia", "ca-valencia", "Catalan (valencia)"),
        ("de-DE-1996", "de-DE-1996", "German (Germany, 1996)"),
        ("iw", "iw", "Hebrew"),
        ("zh-yue", "zh-yue", "Cantonese"),
        ("haw", "haw", "Hawaiian"),
    ],
)
def test_a_tag_is_written_as_usual_and_named_to_the_model(tag: str, usual: str, name: str) -> None:
    request = wanted(tag, prompt="A cat in the rain")

    assert request.language == usual
    assert language_name(usual) == name
    assert completed(request, Settings())[0].language == usual
    if words_in(usual) == "en":
        assert f"Write all texts in {name}. " in messages(request)[1]["content"]


def test_every_language_has_a_name_and_those_that_are_told_apart_keep_theirs() -> None:
    assert {row.tag: language_name(row.tag) for row in KNOWN_LANGUAGES} == {
        row.tag: row.name for row in KNOWN_LANGUAGES
    }
    tags = [
        *LANGUAGE_NAMES,
        *DIALECTS,
        *(f"sr-{script}" for script in WRITING_NAMES),
        *(f"en-{r}" for r in REGION_NAMES),
    ]
    assert all(wanted(tag).language == tag and language_name(tag) for tag in tags)
    assert len(LANGUAGE_NAMES) > 300


@pytest.mark.parametrize(
    "tag",
    ["", "en_US", "x-pirate", "i-klingon", "français", "中文", "zh Hant", "-", "en-", "a", "1", "en--US", "e" * 40],
)
def test_what_is_no_tag_is_refused(tag: str) -> None:
    with pytest.raises(ValidationError) as refused:
        wanted(tag)

    (fault,) = refused.value.errors()
    assert fault["loc"] == ("language",)


@pytest.mark.parametrize(
    "tag", ["xx", "qaa", "en-ZZ", "sr-Zyyy", "klingon", "en-u-ca-buddhist", "de-x-dialect", "fr-999"]
)
def test_a_tag_without_a_name_is_refused_by_the_service(tag: str) -> None:
    with pytest.raises(RequestValidationError) as refused:
        completed(wanted(tag), Settings())

    (fault,) = refused.value.errors()
    assert (fault["type"], fault["loc"]) == ("unknown_language", ("body", "language"))


@pytest.mark.parametrize(
    ("tag", "phrase"),
    [
        ("zh", "用中文写"),
        ("zh-Hans", "用简体中文写"),
        ("zh-CN", "用简体中文写"),
        ("zh-Hant", "用繁體中文写"),
        ("zh-HK", "用繁體中文（香港）写"),
    ],
)
def test_chinese_is_asked_for_in_chinese(tag: str, phrase: str) -> None:
    system, user = messages(wanted(tag, prompt="A cat in the rain"))

    assert system["content"] == SYSTEM["zh"]
    assert phrase in user["content"]


def test_the_fallbacks_own_words_are_traditional_where_these_are_wanted() -> None:
    board = fallback("貓", wanted("zh-TW", prompt="貓"))

    assert [scene.action for scene in board.scenes] == ["鏡頭緩緩推近", "鏡頭跟隨主體移動", "鏡頭停在細節上"]
    assert board.language == "zh-TW"


@pytest.mark.parametrize(
    ("tag", "spaced"),
    [
        *(("zh", False), ("zh-Hant", False), ("zh-Latn", True), ("ja", False), ("yue", False), ("th", False)),
        *(("lo-LA", False), ("ko", True), ("sr-Latn", True), ("pa-Arab", True), ("bo", False), ("vi", True)),
    ],
)
def test_words_stand_apart_or_not(tag: str, spaced: bool) -> None:
    assert is_spaced(tag) is spaced


@pytest.mark.parametrize(
    ("options", "language"),
    [
        ({}, None),
        ({"language": "auto"}, None),
        ({"language": "zh"}, None),
        ({"language": "EN"}, None),
        ({"read_prompt": False}, None),
        ({"language": "ja"}, "ja"),
        ({"language": "zh-Hant"}, "zh-Hant"),
        ({"fields": ["light"]}, "zh"),
        ({"style": "ink"}, "zh"),
        ({"targets": ["generic"], "prompt": "Un gato bajo la lluvia"}, "es"),
        ({"scene_max_s": 9, "prompt": "A cat"}, "en"),
        ({"language": "en", "fields": ["light"]}, "en"),
    ],
    ids=str,
)
def test_a_board_says_its_language_where_anything_new_is_used(options: dict[str, Any], language: str | None) -> None:
    board = fallback("猫", wanted(**options))

    assert board.language == language
    assert ("language" in board.model_dump()) == (language is not None)


def test_sheets_are_in_the_boards_language_with_the_readers_words() -> None:
    board = fallback("雨の中の猫", wanted("ja", prompt="雨の中の猫", fields=["size"]))

    page = sheet.html(board)

    assert '<html lang="ja" ' in page
    assert "3 scenes" in page


def test_what_is_written_in_another_language_is_no_others_answer() -> None:
    assert len({dedup_key(wanted(tag)) for tag in ("auto", "zh", "zh-Hant", "zh-TW", "ja")}) == 5
    assert dedup_key(wanted("zh-hant")) == dedup_key(wanted("zh-Hant"))


def test_the_command_takes_a_tag() -> None:
    assert options_of(arguments_of(["submit", "x", "--language", "pt-BR"])) == {"language": "pt-BR"}


@pytest.mark.parametrize(
    ("tag", "prompt", "ends"),
    [
        ("pt-BR", "A cat in the rain", "\n(Write all texts in Brazilian Portuguese.)"),
        ("ja", "雨中的猫", "\n(Write all texts in Japanese.)"),
        ("zh-Hant", "一隻貓", "\n（所有文字都用繁體中文書寫）"),
        ("zh-CN", "A cat", "\n（所有文字都用简体中文书写）"),
        *(("pt-BR", "um gato na chuva e o cão que não dorme", ""), ("en-GB", "A cat in the rain", "")),
        *(("en", "雨中的猫", ""), ("zh", "A cat", ""), ("auto", "雨の中の猫", "")),
    ],
)
def test_who_reads_an_idea_in_another_language_is_reminded_after_it(tag: str, prompt: str, ends: str) -> None:
    assert messages(wanted(tag, prompt=prompt))[1]["content"].endswith(prompt + ends)


@pytest.mark.parametrize(
    ("tag", "text", "line"),
    [
        ("ja", "The cat is seen in the rain", "written in English, not in Japanese"),
        ("pt-BR", "The cat is seen in the rain, and it runs", "written in English, not in Brazilian Portuguese"),
        ("en", "雨中的猫", "written in Chinese, not in English"),
        ("zh-Hant", "画面里一只猫在奔跑", "written in Simplified Chinese, not in Traditional Chinese"),
        ("zh-Hans", "畫面裡一隻貓在奔跑", "written in Traditional Chinese, not in Simplified Chinese"),
        *(("zh", "畫面裡一隻貓", None), ("zh-TW", "畫面裡一隻貓在奔跑", None), ("ja", "雨の中の猫が走る", None)),
        *(("pt", "um gato na chuva e o cão que não dorme", None), ("es", "um gato na chuva e o cão que não", None)),
        *(("sv", "Katt", None), ("nl", "Een kat in de regen", None), ("auto", "雨の中の猫", None)),
        *(("yue", "雨入面有隻貓", None), ("sw", "The cat", None)),
        ("sr-Latn", "Mačka na kiši traži put kući i ne nalazi ga", None),
        ("sr-Latn", "The cat is seen in the rain", "written in English, not in Serbian (Latin script)"),
        ("sw", "The cat is seen in the rain", "written in English, not in Swahili"),
    ],
)
def test_a_board_in_another_language_is_told(tag: str, text: str, line: str | None) -> None:
    board = fallback(text, wanted(tag, prompt=text))
    scenes = tuple(scene.model_copy(update={"description": text, "action": text}) for scene in board.scenes)

    assert strays(board.model_copy(update={"scenes": scenes}), wanted(tag)) == ([line] if line else [])
