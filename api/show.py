"""A job for human eyes, as rich renderables. Knows no HTTP."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from shared.schemas import Job


def storyboard(job: Job) -> RenderableType:
    """The result of a job that succeeded: title, scenes, and where it came from."""
    assert job.result is not None
    board = job.result
    head = Text.assemble((board.title, "bold"), f"  {len(board.scenes)} scenes, {board.total_duration:g} s")
    table = Table("#", "s", "camera", "description", "action", show_lines=True)
    for scene in board.scenes:
        table.add_row(
            str(scene.scene_number), f"{scene.duration:g}", scene.camera, Text(scene.description), Text(scene.action)
        )
    return Group(head, table, Text(_origin(job), "dim"))


def _origin(job: Job) -> str:
    parts = [f"source: {job.source}"]
    if job.model:
        parts.append(" ".join(filter(None, (job.model.name, job.model.dtype))))
    if job.metrics:
        parts.append(f"{job.metrics.output_tokens} tokens in {job.metrics.run_s:.1f} s")
    parts += job.repairs
    return " · ".join(parts)
