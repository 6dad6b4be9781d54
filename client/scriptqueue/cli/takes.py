"""`scriptqueue run`, `rewrite`, `takes` and `check`: boards at once, anew, side by side, and held to what is valid."""

from __future__ import annotations

import json
from argparse import Namespace

from scriptqueue.cli import format
from scriptqueue.cli.arguments import options_of
from scriptqueue.cli.bulk import read_text
from scriptqueue.cli.show import awaited, entered, put_out
from scriptqueue.cli.terminal import print_err, print_json
from scriptqueue.client import Client
from scriptqueue.responses import CheckedStoryboard
from scriptqueue.takes import board_of

MENDED = 1


def run_prompt(client: Client, arguments: Namespace) -> int:
    prompt = read_text("-").removesuffix("\n") if arguments.prompt == "-" else arguments.prompt
    job = client.submit(prompt, **options_of(arguments))
    print_err(f"job {job.id}")
    board = board_of(awaited(client, job.id, arguments))
    print_json(board.model_dump_json(indent=None if arguments.json else 2))
    return 0


def rewrite_scenes(client: Client, arguments: Namespace) -> int:
    options = {"idempotency_key": arguments.idempotency_key, **options_of(arguments)}
    return entered(client, client.rewrite(arguments.id, arguments.scenes, arguments.note, **options), arguments)


def list_takes(client: Client, arguments: Namespace) -> int:
    for job in client.takes(arguments.id):
        put_out(job, arguments, format.list_line(job))
    return 0


def check_file(client: Client, arguments: Namespace) -> int:
    shortest_s, longest_s = arguments.scene_seconds or (None, None)
    wanted = {
        "scene_min_s": shortest_s,
        "scene_max_s": longest_s,
        "target_duration_s": arguments.duration,
        "targets": arguments.targets,
    }
    held_to = {name: value for name, value in wanted.items() if value is not None}
    checked = client.check(_board_in(arguments.file), **held_to)
    put_out(checked, arguments, _words(checked))
    return MENDED if checked.mended else 0


def _board_in(file: str) -> dict[str, object]:
    """A bare storyboard, or the result of a job; raises ValueError."""
    try:
        document = json.loads(read_text(file))
    except json.JSONDecodeError as error:
        raise ValueError(f"{file} is no JSON: {error}") from None
    if isinstance(document, dict) and "status" in document:
        document = document.get("result")
    if not isinstance(document, dict):
        raise ValueError(f"{file} holds no storyboard")
    return document


def _words(checked: CheckedStoryboard) -> str:
    board = checked.storyboard
    what = "mended" if checked.mended else "valid"
    head = f"{what}: {len(board.scenes)} scenes, {board.total_duration:g} s: {board.title}"
    return "\n".join((head, *checked.repairs))
