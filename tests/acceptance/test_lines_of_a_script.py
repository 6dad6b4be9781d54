"""Scripts with speakers in three languages, broken down by the smaller embedded model as a worker has it: every word
is said once, in order, by whom the script says; the model writes who they are and what is seen."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from models.catalogue import QWEN_CODER
from scriptqueue.schemas import JobRequest, Sampling, Storyboard
from shared.board.break_down import with_shots_counted
from shared.board.cast import MAX_LOOK_CHARACTERS
from shared.settings import Settings
from shared.store.executions import Claim
from tests.quality.measures_text import has_debris
from worker.attempt import Attempt
from worker.backend.model import ModelBackend
from worker.backend.storyboard import make_storyboard

SCRIPTS = {
    "清晨，面馆刚刚开门。\n老板（低声）：您要点什么？\n客人：一碗面。\n老板笑着说：“这张照片是我。”": (
        ("老板", "客人"),
        [
            *("", "清晨，面馆刚刚开门。", "c1", "（低声）您要点什么？", "c2", "一碗面。"),
            *("", "老板笑着说：", "c1", "这张照片是我。"),
        ],
    ),
    "Rain on the harbour.\n\nANNA\nThe last ferry is gone.\n\nBOB (tired)\nThen we walk.\n\nThey go.": (
        ("ANNA", "BOB"),
        ["", "Rain on the harbour.", "c1", "The last ferry is gone.", "c2", "(tired) Then we walk.", "", "They go."],
    ),
    "Ana: ¿Quién apagó la luz?\nLuis: Nadie.\n«Escucha», susurró Ana.": (
        ("Ana", "Luis"),
        ["c1", "¿Quién apagó la luz?", "c2", "Nadie.", "c1", "Escucha,", "", "susurró Ana."],
    ),
}


@pytest.fixture(scope="module")
def boards() -> list[tuple[str, Storyboard, str, list[str]]]:
    backend = ModelBackend.load(Settings(model={"name": QWEN_CODER.name}, worker={"max_batch": 4}))

    def board_of(script: str) -> tuple[str, Storyboard, str, list[str]]:
        request = with_shots_counted(
            JobRequest(
                prompt=script,
                mode="break_down",
                fields=("dialogue", "characters"),
                sampling=Sampling(seed=7),
                allow_fallback=False,
            )
        )
        outcome = make_storyboard(Attempt(Claim("lines", "tests", request, 1, 0.0)), backend)
        return script, outcome.storyboard, outcome.source, list(outcome.repairs)

    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(board_of, SCRIPTS))
    backend.close()
    return made


def test_every_word_is_said_once_in_order_by_who_says_it(boards: list[tuple[str, Storyboard, str, list[str]]]) -> None:
    for script, board, source, repairs in boards:
        heard: list[str] = []
        for scene in board.scenes:
            heard += ["", scene.narration] if scene.narration else []
            heard += [part for one in scene.dialogue or () for part in (one.character, one.line)]

        assert heard == SCRIPTS[script][1]
        assert source == "model" or not [repair for repair in repairs if "put back" in repair]


def test_the_cast_is_who_speaks_with_looks_of_the_models_own(
    boards: list[tuple[str, Storyboard, str, list[str]]],
) -> None:
    for script, board, _, _ in boards:
        cast = board.characters or ()
        print(board.model_dump_json(indent=1))

        assert tuple(one.name for one in cast[:2]) == SCRIPTS[script][0]
        assert all(one.look != one.name and len(one.look) <= MAX_LOOK_CHARACTERS for one in cast[:2])
        assert not [one.look for one in cast if has_debris(one.look)]
