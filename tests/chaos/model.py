"""The embedded model, as a CPU has it by default: its worker is killed in the middle of a text, which becomes what it
would have been.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from models.catalogue import QWEN_CODER
from tests.chaos.crowd import Crowd, published
from tests.chaos.drills import verify
from tests.chaos.report import Report
from tests.chaos.stage import Stage, Worker, until

LAYER = "model"
GREEDY: dict[str, Any] = {
    "prompt": "雨中的猫",
    "min_scenes": 3,
    "max_scenes": 3,
    "sampling": {"do_sample": False, "temperature": 0, "seed": 1, "max_new_tokens": 120},
}
STAYS, WRITTEN = 2, (1, 3)  # numbers of scenes: the one that stays is published with the first that is written
LOAD_S = 600.0  # and a text; on a slow machine with other work


class Play(NamedTuple):
    """One worker with the model, which may still be loading it, its supervisor, and who watches its jobs."""

    stage: Stage
    crowd: Crowd
    worker: Worker

    def board_of(self, job_id: str) -> dict[str, Any]:
        self.crowd.await_done([job_id], LOAD_S)
        return dict(json.loads(self.crowd.jobs[job_id].record["result"]))

    def broken_off(self, **body: Any) -> tuple[str, int]:
        """A job whose worker is killed when a scene is published; and how many tokens it had then."""
        killed = self.crowd.submit(**body)
        seen = self.crowd.jobs[killed]
        until(lambda: published(seen.record) or seen.done, LOAD_S, "a scene is published", every_s=0.01)
        assert not seen.done, "it ended before its worker could be killed"
        kept = until(lambda: self.stage.direct.get(f"sq:resume:{killed}"), 60, "tokens are kept")
        self.worker.send_worker(signal.SIGKILL)
        self.crowd.await_done([killed], LOAD_S)
        verify(self.crowd)
        assert seen.attempt == 2, seen.attempt
        return killed, len(json.loads(kept)["token_ids"])


def fresh(play: Play) -> str:
    whole = play.board_of(play.crowd.submit(**GREEDY))
    killed, tokens = play.broken_off(**GREEDY)
    again = play.board_of(killed)
    assert again == whole, f"{again} is not {whole}"
    return f"killed after {tokens} tokens with a scene published; the greedy text is the undisturbed one"


def rewrite(play: Play) -> str:
    base_id = play.crowd.submit(**GREEDY)
    base = play.board_of(base_id)
    sampling = {"temperature": 0.7, "seed": 5, "max_new_tokens": 120}
    body: dict[str, Any] = {"base": {"job": base_id}, "rewrite": WRITTEN, "note": "夜里的雪天", "sampling": sampling}
    whole = play.board_of(play.crowd.submit(prompt=GREEDY["prompt"], **body))
    killed, tokens = play.broken_off(prompt=GREEDY["prompt"], **body)
    again = play.board_of(killed)
    assert again == whole, f"{again} is not {whole}"
    stays, stayed = (json.dumps(board["scenes"][STAYS - 1]) for board in (base, again))
    assert stayed == stays, f"{stayed} is not {stays}"
    assert all(again["scenes"][number - 1] != base["scenes"][number - 1] for number in WRITTEN)
    return f"killed after {tokens} tokens of a take; its text is the undisturbed one, and what stays stayed"


DRILLS = {
    "kill -9 in mid-generation (embedded model)": fresh,
    "kill -9 in mid-rewrite (embedded model)": rewrite,
}


@contextmanager
def playing(folder: Path) -> Iterator[Play]:
    with (
        Stage(folder / "model", model__name=QWEN_CODER.name, model__device="cpu") as stage,
        Crowd(stage.api_url, stage.redis_url) as crowd,
    ):
        stage.start_api()
        yield Play(stage, crowd, stage.start_worker("model"))


def run(report: Report, folder: Path) -> None:
    with playing(folder) as play:
        for fault, drill in DRILLS.items():
            report.check(LAYER, fault, lambda: drill(play))  # noqa: B023 - it is played at once
