"""The written language is the prompt's own in any script; a few Latin words are English until they clearly are none.

Prompts that were answered in another language than their own: Tencent/WeKnora#728, codedogQBY/ReadAny#133,
haotian-liu/LLaVA#959, PromtEngineer/localGPT#530, devswha/patina#548; short texts that a detector takes for another
language: Mimino666/langdetect#105, languagetool-org/languagetool-website-2018#44.
"""

from __future__ import annotations

from typing import Literal

import pytest

from scriptqueue.schemas import JobRequest
from shared.board.language import language_of, written_language
from shared.board.languages import KNOWN_LANGUAGES
from worker.script.output import fallback
from worker.script.prompt import SYSTEM, messages

PROMPTS = {
    "zh": [
        "一个程序员在咖啡店找到灵感的故事",
        "森林",
        "為台北的夜市拍一支廣告",  # traditional
        "為Coca-Cola Zero Sugar拍廣告",
        "帮Starbucks Frappuccino做广告",
        "MacBook Pro M3 Max评测",
        "coca-cola zero sugar广告",
        "The Lord of the Rings影评",
        "sound of music评测",
        "帮我写一个关于the story of my life的视频",
        "用 Python 和 Kubernetes 部署 LLM",
        "优の良品新品广告",
        "奈雪の茶新品广告",
        "一个女孩在东京的居酒屋里说ありがとう",
        "一支叫Привет的乐队",
        "ㄅㄆㄇ",
        "2024",
        "🐱🌧️",
        "！！！",
        "...",
    ],
    "en": [
        "A cat in the rain",
        "cat",
        "x",
        "probe",
        "Robot",
        "Paris",
        "Pizza",
        "I love you",
        "La La Land remake",
        "El Nino storm in Lima",
        "Samba in Rio de Janeiro",
        "Espresso macchiato commercial",
        "Hygge in Copenhagen",
        "São Paulo at night",
        "Beyoncé and Häagen-Dazs",
        "jalapeño popper ad",
        "Vincent van Gogh paints the stars",
        "Le Mans race",
        "Street food in Mexico City, tacos al pastor",
        "de Havilland aircraft over London",
        "Nike Air Max 90",
        "Der Spiegel cover story",
        "a naïve café owner learns to dance",
        "UN PEACEKEEPERS IN THE DESERT",
        "A calligrapher writes 福 on red paper",
        "The story of 孙悟空",
        "An ad for Яндекс",
        "A tourist in Seoul says 안녕 to a cat",
        "The word amor is written on the wall of a house",
        "The girl who reads El gato y el sol to her little brother in the park",
        "ᏣᎳᎩ",  # a script that no row names
    ],
    "ja": [
        "雨の中の猫",
        "桜の季節",
        "東京タワーの夜景",
        "ラーメン",
        "iPhoneの広告を作って",
        "コーヒーショップでひらめいたプログラマーの物語",
    ],
    "ko": [
        "비 오는 날의 고양이",
        "Coca-Cola 광고",
        "커피숍에서 영감을 얻은 프로그래머의 이야기",
        "대한민국 大韓民國의 역사",
    ],
    "ru": [
        "Кот под дождём идёт по улице",
        "Масло масляное",
        "Реклама Coca-Cola Zero Sugar",
        "ты можешь отвечать на русском языке?",
    ],
    "uk": ["Кіт під дощем іде вулицею"],
    "bg": ["Котка под дъжда", "Инфлацията е когато цените на стоките и услугите се покачват с времето"],
    "sr": ["Мачка на киши тражи свој дом"],
    "kk": ["Жаңбырдағы мысық үйін іздейді"],
    "ar": ["قطة تحت المطر"],
    "fa": ["گربه‌ای زیر باران"],
    "ur": ["بارش میں ایک بلی"],
    "he": ["חתול בגשם"],
    "th": ["แมวในสายฝน"],
    "el": ["Γάτα στη βροχή"],
    "hi": ["बारिश में बिल्ली", "एक लड़का अपने दोस्त को खोजता है"],
    "mr": ["पावसात एक मांजर आहे"],
    "bn": ["বৃষ্টিতে একটি বিড়াল"],
    "ta": ["மழையில் ஒரு பூனை"],
    "ka": ["კატა წვიმაში"],
    "km": ["ឆ្មាក្នុងភ្លៀង"],
    "es": [
        "Un gato bajo la lluvia",
        "Un perro en la playa",
        "UN PERRO EN LA PLAYA",
        "Publicidad de 30 segundos para una cafetería",
        "Quiero que me construyas un vídeo para ser viral de 8 minutos tu eliges todo",
        "Una historia sobre 北京",
    ],
    "pt": [
        "Um gato na chuva",
        "Um robô aprende a dançar com as crianças",
        "A menina não encontra o seu cão",
        "Visita à fábrica de chocolate",
    ],
    "fr": [
        "Portrait de Mamadou Keïta, luthier de koras à Saint-Louis du Sénégal",
        "Visite de nuit à Notre-Dame",
        "Un chat sous la pluie",
        "Une pub Coca-Cola Zero Sugar pour les sportifs",
        "Un chien perdu retrouve sa maison",
    ],
    "de": ["Eine Katze im Regen", "Ein Roboter lernt tanzen und findet einen Freund", "Werbespot für ein Fahrrad"],
    "it": ["Un gatto sotto la pioggia", "La bambina che non trova il suo cane"],
    "nl": ["Een kat in de regen", "De oude man en de zee", "De jongen zoekt zijn hond"],
    "pl": ["Kot w deszczu szuka swojej pani i znajduje ją", "Chłopiec, który nie śpi"],
    "tr": ["Yağmurda bir kedi", "Bir çocuk ve köpeği"],
    "vi": ["Một con mèo trong mưa"],
    "id": ["Seekor kucing di tengah hujan"],
    "sv": ["En katt som inte tycker om regnet"],
    "nb": ["En katt som ikke liker seg ute i regnet"],
    "da": ["En kat der ikke kan lide at gå ud i regnen, men som elsker mig"],
    "fi": ["Kissa, joka ei pidä sateesta ja istuu sisällä"],
    "cs": ["Kočka, která se bojí deště"],
    "ro": ["O pisică în ploaie care nu găsește casa"],
    "hu": ["Egy macska az esőben"],
}
EACH = [(tag, prompt) for tag, prompts in PROMPTS.items() for prompt in prompts]


@pytest.mark.parametrize(("tag", "prompt"), EACH, ids=[f"{tag}: {prompt}" for tag, prompt in EACH])
def test_a_prompt_is_answered_in_its_own_language(tag: str, prompt: str) -> None:
    assert written_language(JobRequest(prompt=prompt)) == tag


@pytest.mark.parametrize("spoken", ["zh", "en"])
def test_a_language_that_is_named_is_the_answers_own_whatever_the_prompts(spoken: Literal["zh", "en"]) -> None:
    assert {written_language(JobRequest(prompt=prompt, language=spoken)) for _, prompt in EACH} == {spoken}


def test_every_language_of_the_table_has_one_row_and_can_be_met() -> None:
    tags = [row.tag for row in KNOWN_LANGUAGES]

    assert len(set(tags)) == len(tags)
    assert all(
        row.letters or row.words for place, row in enumerate(KNOWN_LANGUAGES) if row.script in _scripts_before(place)
    )


def _scripts_before(place: int) -> set[str]:
    return {row.script for row in KNOWN_LANGUAGES[:place]}


@pytest.mark.parametrize(("prompt", "name"), [("雨の中の猫", "Japanese"), ("Un gato bajo la lluvia", "Spanish")])
def test_a_model_is_asked_in_english_words_that_name_the_language(prompt: str, name: str) -> None:
    system, user = messages(JobRequest(prompt=prompt))
    _, english = messages(JobRequest(prompt=prompt, language="en"))

    assert system["content"] == SYSTEM["en"]
    assert user["content"] == english["content"].replace("Output JSON", f"Write all texts in {name}. Output JSON")


def test_the_words_of_the_fallback_are_english_where_they_are_not_chinese() -> None:
    scene = fallback("雨の中の猫", JobRequest(prompt="雨の中の猫")).scenes[0]

    assert (scene.description, scene.action) == ("雨の中の猫", "the camera slowly pushes in")


def test_a_long_prompt_is_read_quickly_and_always_alike() -> None:
    text = "Der alte Mann und das Meer, " * 140

    assert {language_of(text) for _ in range(3)} == {"de"}
