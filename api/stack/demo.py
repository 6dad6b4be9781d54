"""`make demo`: one Chinese and one English prompt through the real service, with progress and storyboards."""

from __future__ import annotations

import json
import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from scriptqueue.cli import format
from scriptqueue.client import Client
from scriptqueue.schemas import Job

PROMPTS = ("一个程序员在咖啡店找到灵感的故事", "A lighthouse keeper finds a message in a bottle")
_POLL_S = 0.5
OPTIONS: dict[str, Any] = {"min_scenes": 3, "max_scenes": 4}


def show_both(url: str, console: Console) -> bool:
    """Whether both storyboards came."""
    with Client(url) as client:
        jobs = client.submit_many(PROMPTS, **OPTIONS)
        jobs = _until_done(client, jobs, console)
    for prompt, job in zip(PROMPTS, jobs, strict=True):
        print(f"\n{prompt}\nstatus: {format.line(job)} · {format.origin(job)}")
        if job.result:
            print(json.dumps(job.result.model_dump(mode="json"), indent=2, ensure_ascii=False))
    return all(job.result is not None for job in jobs)


def _until_done(client: Client, jobs: list[Job], console: Console) -> list[Job]:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        tasks = {job.id: bar.add_task(prompt, total=1.0) for prompt, job in zip(PROMPTS, jobs, strict=True)}
        while not all(job.done for job in jobs):
            time.sleep(_POLL_S)
            jobs = [job if job.done else client.get(job.id) for job in jobs]
            for job in jobs:
                bar.update(tasks[job.id], completed=format.fraction(job))
    return jobs
