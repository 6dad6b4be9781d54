"""Jobs and the queue for human eyes, as rich renderables. Knows no HTTP. A prompt is never read as markup, and never as
a terminal's commands."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import datetime

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from scriptqueue.cli.terminal import shown
from scriptqueue.further_fields import ALL_FIELDS
from scriptqueue.responses import QueueView
from scriptqueue.scene_fields import Fields, cast_names, labelled, portraits
from scriptqueue.schemas import DeadJob, Delivery, Job, Storyboard
from scriptqueue.stream import DoneEvent, Event, ProgressEvent, SceneEvent, StatusEvent

OF_A_LINE = ("queue", "progress", "error", "result", "prompt_start")  # of a job, for `list_line`


def line(job: Job) -> str:
    """Where a job is, in a few words."""
    if job.queue:
        eta = f", about {job.queue.eta_s:.0f} s" if job.queue.eta_s is not None else ""
        waits_for = f", waits for {shown(job.queue.waits_for)}" if job.queue.waits_for else ""
        return f"queued, position {job.queue.position}{eta}{waits_for}"
    if job.progress:
        progress = job.progress
        return (
            f"{job.status}: {progress.phase}, {progress.tokens} tokens, "
            f"{progress.scenes_done} scenes, {progress.fraction:.0%}"
        )
    return str(job.status) + (f": {job.error.detail} ({job.error.code})" if job.error else "")


def list_line(job: Job) -> str:
    """A job among others, with the title of its board or the beginning of its prompt."""
    title = job.result.title if job.result else job.prompt_start
    return f"{job.id}  {moment(job.created_at)}  {line(job)}  {' '.join(title.split())}".rstrip()


def moment(time: datetime) -> str:
    """As a clock on the reader's wall shows it, with its distance from UTC."""
    return f"{time.astimezone():%F %T %z}"


def fraction(job: Job) -> float:
    return 1.0 if job.done else job.progress.fraction if job.progress else 0.0


def stage(job: Job) -> Hashable:
    """Changes with what a log should tell: its state, another attempt, each scene, a model that it waits for."""
    waits_for = job.queue.waits_for if job.queue else None
    return job.status, job.attempt, waits_for, job.progress.scenes_done if job.progress else 0


def card(job: Job, board: Storyboard, fields: Fields = ALL_FIELDS) -> RenderableType:
    """The storyboard of a job, a card a scene, and where it came from."""
    names = cast_names(board)
    scenes = [
        Panel(
            Group(
                Text(shown(scene.description)),
                Text(shown(scene.action), "italic"),
                *(Text(shown(line)) for line in labelled(scene, "en", fields, names)),
                Text(shown(scene.video_prompt), "dim"),
                *(Text(shown(f"{target}: {text}"), "dim") for target, text in (scene.prompts or {}).items()),
            ),
            title=Text(f"{scene.scene_number}  {scene.camera}  {scene.duration:g} s"),
            title_align="left",
        )
        for scene in board.scenes
    ]
    head = Text.assemble((shown(board.title), "bold"), f"  {len(board.scenes)} scenes, {board.total_duration:g} s")
    cast = [Text(shown(portrait)) for portrait in portraits(board)]
    return Group(head, *cast, *scenes, Text(shown(f"{job.id} · {origin(job)}"), "dim"))


def event_line(event: Event) -> str:
    """One line of a job's life."""
    match event:
        case StatusEvent(data=change):
            what = f"{change.status}" + (f", attempt {change.attempt}" if change.attempt else "")
        case ProgressEvent(data=now):
            what = f"{now.phase}, {now.tokens} tokens, {now.scenes_done} scenes, {now.fraction:.0%}"
        case SceneEvent(data=scene):
            what = f"scene {scene.scene_number}: {scene.camera}, {scene.duration:g} s: {scene.description}"
        case DoneEvent(data=job):
            what = f"done: {line(job)}"
    return f"{event.id}  {what}"


def dead_job_line(job: DeadJob) -> str:
    return f"{job.id}  {moment(job.failed_at)}  {job.attempts} attempts, {job.crashes} crashes: {job.prompt!r:.60}"


def delivery_line(event: Delivery) -> str:
    """One line: the event, its state, and how its last try ended."""
    what = f"{event.number}  {event.type}  {event.state}, {event.tries} {'try' if event.tries == 1 else 'tries'}"
    if event.attempts:
        last = event.attempts[-1]
        what += f", the last {moment(last.at)}: {last.error or last.status} after {last.took_s:.1f} s"
    return what + (f", the next {moment(event.next_attempt_at)}" if event.next_attempt_at else "")


def queue_summary(view: QueueView) -> RenderableType:
    waiting = ", ".join(f"{depth} {priority}" for priority, depth in view.depth.items())
    eta = "unknown" if view.eta_s is None else f"about {view.eta_s:.0f} s"
    most = sorted(view.failures_last_hour.items(), key=lambda failure: -failure[1])
    failed = ", ".join(f"{count} {shown(code)}" for code, count in most) or "none"
    summary = Text(
        f"waiting: {waiting}\nrunning: {view.running}\na new job: {eta}\n"
        f"failed in the last hour: {failed}\nsenders of webhooks: {view.webhook_senders}"
    )
    for model, count in view.unserved.items():
        summary.append(f"\n{count} wait for a worker that serves {shown(model)}")
    if not view.workers:
        return Group(summary, Text("no worker"))
    table = Table("worker", "state", "model", "device", "busy", "tokens/s")
    for worker in view.workers:
        device = ", ".join(filter(None, (f"{worker.device} {worker.dtype}", worker.batching, worker.attention)))
        cells = (worker.worker, worker.state, worker.model, device)
        busy = f"{worker.busy}/{worker.slots}"
        table.add_row(*(Text(shown(cell)) for cell in (*cells, busy, f"{worker.tokens_per_s:.1f}")))
    return Group(summary, table)


def writer(job: Job) -> str:
    """What wrote it."""
    model = [" ".join(filter(None, (job.model.name, job.model.dtype)))] if job.model else []
    return " · ".join([f"source: {job.source}", *model])


def origin(job: Job) -> str:
    """What wrote it, at what cost, what was read in its prompt, and what was mended."""
    parts = [writer(job)]
    if job.metrics:
        parts.append(f"{job.metrics.output_tokens} tokens in {job.metrics.run_s:.1f} s")
    return " · ".join([*parts, *job.notes, *job.repairs])
