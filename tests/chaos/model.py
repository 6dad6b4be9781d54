"""The embedded model, as a CPU has it by default: its worker is killed in the middle of a text, which becomes what it
would have been.
"""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

from models.catalogue import QWEN_CODER
from tests.chaos.crowd import Crowd, published
from tests.chaos.drills import verify
from tests.chaos.report import Report
from tests.chaos.stage import Stage, until

LAYER = "model"
GREEDY: dict[str, Any] = {
    "prompt": "雨中的猫",
    "min_scenes": 3,
    "max_scenes": 3,
    "sampling": {"do_sample": False, "temperature": 0, "seed": 1, "max_new_tokens": 120},
}
LOAD_S = 180.0


def run(report: Report, folder: Path) -> None:
    with (
        Stage(folder / "model", model__name=QWEN_CODER.name, model__device="cpu") as stage,
        Crowd(stage.api_url, stage.redis_url) as crowd,
    ):
        stage.start_api()
        worker = stage.start_worker("model")

        def play() -> str:
            stage.ready(1, LOAD_S)
            undisturbed = crowd.submit(**GREEDY)
            crowd.await_done([undisturbed], LOAD_S)
            killed = crowd.submit(**GREEDY)
            seen = crowd.jobs[killed]
            until(lambda: published(seen.record) or seen.done, LOAD_S, "a scene is published", every_s=0.01)
            assert not seen.done, "it ended before its worker could be killed"
            kept = until(lambda: stage.direct.get(f"sq:resume:{killed}"), 10, "tokens are kept")
            worker.send_worker(signal.SIGKILL)
            crowd.await_done([killed], LOAD_S)
            verify(crowd)
            assert seen.attempt == 2, seen.attempt
            whole, again = (json.loads(crowd.jobs[i].record["result"]) for i in (undisturbed, killed))
            assert again == whole, f"{again} is not {whole}"
            tokens = len(json.loads(kept)["token_ids"])
            return f"killed after {tokens} tokens with a scene published; the greedy text is the undisturbed one"

        report.check(LAYER, "kill -9 in mid-generation (embedded model)", play)
