"""The README's first screen, followed to the letter in an empty folder: clone, `make demo`, two storyboards."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.marks import alive, new_mark
from tests.integration.worker.processes import ROOT

LIMIT_S = 1200.0  # an environment of its own, with torch


@pytest.mark.timeout(LIMIT_S + 60)
def test_a_clone_and_make_demo_print_two_storyboards_of_the_model_and_leave_nothing(tmp_path: Path) -> None:
    """With an environment of its own; only pip's cache and the model's are shared with this machine."""
    first_block = re.search(r"^```console\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert first_block is not None
    commands = [line[2:] for line in first_block[1].splitlines() if line.startswith("$ ")]
    assert commands == ["git clone <this repository> scriptqueue && cd scriptqueue", "make demo"]
    script = "\n".join(commands).replace("<this repository>", str(ROOT))
    mark = new_mark()
    ours = ("MAKE", "MFLAGS", "OMP_NUM_THREADS")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)} | mark

    ended = subprocess.run(
        ["bash", "-ec", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )

    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    boards = [json.loads(text) for text in re.findall(r"^\{.*?^\}", ended.stdout, re.MULTILINE | re.DOTALL)]
    assert [len(board["scenes"]) >= 3 for board in boards] == [True, True]
    assert re.search(r"[\u4e00-\u9fff]{4}", boards[0]["scenes"][0]["description"])
    assert all(board["total_duration"] == sum(scene["duration"] for scene in board["scenes"]) for board in boards)
    sources = re.findall(r"· source: (\w+)", ended.stdout)
    assert len(sources) == 2
    assert {*sources} <= {"model", "repaired"}  # one in twelve has a text that ends with a blank: trimmed, and told
    assert alive(mark) == []
