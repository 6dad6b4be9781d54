"""What the documents tell a reader to type, typed: every `console` block and every `python` block, on a running stack.

Blocks of other kinds (`sh`, `ini`) are for machines that a test does not have: Docker, systemd, a model of 12 GB.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.acceptance.test_stack import Launched
from tests.integration.worker.processes import ROOT, done, submit, until

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ELSEWHERE = ("git clone", "make ")  # typed by test_newcomer.py; their targets are looked at here


def blocks(document: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", document.read_text(), re.MULTILINE | re.DOTALL)


def anchors(document: Path) -> set[str]:
    """What a link may name after `#`: each heading, as it is rendered."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def typed(block: str) -> list[str]:
    """The commands of a console block: lines after `$ `, with those after `> ` that go on with them."""
    commands: list[str] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            commands.append(line[2:])
        elif line.startswith("> ") and commands:
            commands[-1] += "\n" + line[2:]
    return commands


class Desk:
    """A shell beside a running service, as the reader has it: its commands on the path, its address known."""

    def __init__(self, url: str, redis_url: str, folder: Path, job_id: str) -> None:
        self._url = url
        self._folder = folder
        self._job_id = job_id
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self._environment = {
            **os.environ,
            "PATH": path,
            "PYTHONPATH": str(ROOT),
            "SCRIPTQUEUE_URL": url,
            "SCRIPTQUEUE_REDIS__URL": redis_url,
            "SCRIPTQUEUE_MODEL__NAME": "stub",
            "SCRIPTQUEUE_FLOWER__PASSWORD": "x",
            "SCRIPTQUEUE_WEBHOOKS__SECRET": SECRET,
        }

    def run(self, command: list[str]) -> None:
        ended = subprocess.run(
            command, cwd=self._folder, env=self._environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert ended.returncode == 0, (
            f"{command[-1]}\n-> {ended.returncode}\n{ended.stdout[-2000:]}{ended.stderr[-2000:]}"
        )

    def here(self, text: str) -> str:
        """The text with the addresses and the id of this service in the place of the document's."""
        address = self._url.removeprefix("http://")
        return re.sub(r"(127\.0\.0\.1|localhost):8000", address, text).replace("JOB_ID", self._job_id)


@pytest.fixture(scope="module")
def desk(redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder, redis_url = tmp_path_factory.mktemp("desk"), f"{redis_server}/2"
    (folder / "prompts.txt").write_text("雨中的猫\n海边的灯塔\n")
    up = Launched(
        folder,
        "up",
        "--port=0",
        "--flower-port=0",
        SCRIPTQUEUE_MODEL__NAME="stub",
        SCRIPTQUEUE_REDIS__URL=redis_url,
        SCRIPTQUEUE_FLOWER__PASSWORD="x",
        SCRIPTQUEUE_WEBHOOKS__SECRET=SECRET,
        SCRIPTQUEUE_WEBHOOKS__ALLOW_PRIVATE="true",
    )
    try:
        url = until(lambda: (found := re.search(r"API +(\S+)\n.*Ctrl-C", up.log_text, re.DOTALL)) and found[1])
        with httpx.Client(base_url=url, trust_env=False) as api:
            job_id = submit(api, "一个例子")
            done(api, job_id)
        yield Desk(url, redis_url, folder, job_id)
        up.process.terminate()
        assert up.process.wait(60) == 0
    finally:
        up.close()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_of_a_document_succeeds(document: Path, desk: Desk) -> None:
    for block in blocks(document, "console"):
        commands = [command for command in typed(block) if not command.startswith(ELSEWHERE)]
        if commands:  # one shell, so that a later line may use what an earlier one set
            desk.run(["bash", "-c", desk.here("set -eo pipefail\n" + "\n".join(commands))])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_python_example_of_a_document_runs(document: Path, desk: Desk) -> None:
    for block in blocks(document, "python"):
        desk.run([sys.executable, "-c", desk.here(block)])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_make_target_and_every_linked_file_of_a_document_exists(document: Path) -> None:
    text = document.read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert set(re.findall(r"(?:^\$ |`| && )make ([a-z-]+)", text, re.MULTILINE)) <= targets
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("http")]
    parted = [link.partition("#") for link in links]
    linked = [(document.parent / file if file else document, anchor) for file, _, anchor in parted]
    assert [path for path, _ in linked if not path.exists()] == []
    assert [(path, anchor) for path, anchor in linked if anchor and anchor not in anchors(path)] == []
