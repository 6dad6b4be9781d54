"""Prompts in four languages, each with six fields and two video models, by the default of the embedded models as
a worker has it: the boards are valid, in the language of their prompt, and nothing of the JSON is in their texts."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from models.catalogue import EMBEDDED
from scriptqueue.schemas import FieldName, JobRequest, Sampling, Storyboard, TargetName
from shared.board.language import language_of
from shared.board.speaking import fits_in
from shared.settings import Settings
from shared.store.executions import Claim
from tests.quality.measures_text import has_debris, in_script
from worker.attempt import Attempt
from worker.backend.model import ModelBackend
from worker.backend.storyboard import make_storyboard

PROMPTS = {
    "zh": ("雨夜里，一只流浪猫敲开了书店的门", "老茶农清晨上山采茶的纪录短片", "新款折叠自行车的广告，城市通勤"),
    "en": (
        "A lighthouse keeper finds a message in a bottle",
        "How bread rises: a short science film for children",
        "An old tailor repairs the coat of a young musician before the concert",
    ),
    "ja": (
        "雨の日に図書館で出会った二人の物語",
        "京都の職人が和紙を作る朝の記録",
        "猫が主人公の小さなカフェの広告です",
    ),
    "es": (
        "Una abuela enseña a su nieto a hacer pan en un pueblo de la sierra",
        "El viaje de una gota de agua desde la montaña hasta el mar",
        "Un anuncio de café para los que se levantan antes del sol",
    ),
}
FIELDS: tuple[FieldName, ...] = ("size", "movement", "setting", "light", "narration", "sound")
TARGETS: tuple[tuple[TargetName, ...], ...] = (
    ("wan-2.2", "kling-3"),
    ("veo-3.1", "hunyuan-1.5"),
    ("ltx-2", "sora-2"),
)
WRITTEN = ("description", "action", "setting", "light", "narration", "sound")


@pytest.fixture(scope="module")
def backend() -> Iterator[ModelBackend]:
    backend = ModelBackend.load(Settings(model={"name": EMBEDDED[0].name}, worker={"max_batch": 8}))
    yield backend
    backend.close()


def board_of(backend: ModelBackend, language: str, number: int) -> tuple[str, Storyboard, list[str]]:
    request = JobRequest(
        prompt=PROMPTS[language][number],
        min_scenes=2,
        max_scenes=2,
        fields=FIELDS,
        targets=TARGETS[number],
        sampling=Sampling(seed=7 + number),
        allow_fallback=False,
    )
    outcome = make_storyboard(Attempt(Claim(f"{language}{number}", "tests", request, 1, 0.0)), backend)
    return language, outcome.storyboard, list(outcome.repairs)


@pytest.fixture(scope="module", params=[1, pytest.param(3, marks=pytest.mark.long)], ids=["four", "twelve"])
def boards(request: pytest.FixtureRequest, backend: ModelBackend) -> list[tuple[str, Storyboard, list[str]]]:
    wanted = [(language, number) for number in range(request.param) for language in PROMPTS]
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda job: board_of(backend, *job), wanted))


def texts_of(board: Storyboard) -> list[str]:
    scenes = [getattr(scene, name) for scene in board.scenes for name in WRITTEN]
    return [board.title, *filter(None, scenes)]


def test_each_board_is_in_the_language_of_its_prompt(boards: list[tuple[str, Storyboard, list[str]]]) -> None:
    found = [(language, language_of("\n".join(texts_of(board))), board.title) for language, board, _ in boards]

    assert [each for each in found if each[0] != each[1]] == []
    assert all(in_script(" ".join(texts_of(board)), language) for language, board, _ in boards)


def test_nothing_of_the_json_is_in_a_text(boards: list[tuple[str, Storyboard, list[str]]]) -> None:
    assert [text for _, board, _ in boards for text in texts_of(board) if has_debris(text)] == []


def test_each_shot_has_its_fields_its_prompts_and_time_to_speak(
    boards: list[tuple[str, Storyboard, list[str]]],
) -> None:
    for _, board, _ in boards:
        for scene in board.scenes:
            assert scene.size
            assert scene.movement
            assert len(scene.prompts or {}) == 2
            assert all(scene.description[:8] in prompt for prompt in (scene.prompts or {}).values())
            assert fits_in(scene.narration or "", scene.duration)
