"""A job as the command shows it, in words or as JSON, and the waiting for one. Knows the client; not which command."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import BaseModel
from rich.console import RenderableType

from scriptqueue.cli import format
from scriptqueue.cli.terminal import print_err, print_json, print_out, progress_line
from scriptqueue.client import Client
from scriptqueue.schemas import Job, Status

FAILED = 1


def entered(client: Client, job: Job, arguments: Namespace) -> int:
    """A job that was just made, or how it ended when that is waited for."""
    if not arguments.wait:
        return print_job(job, arguments)
    print_err(f"job {job.id}")
    return print_job(awaited(client, job.id, arguments), arguments)


def awaited(client: Client, job_id: object, arguments: Namespace) -> Job:
    """The job when it is done."""
    with going_on(job_id), progress_line() as show_progress:
        return client.wait(
            str(job_id),
            arguments.timeout,
            lambda job: show_progress(format.line(job), format.fraction(job), format.stage(job)),
        )


@contextmanager
def going_on(job_id: object) -> Iterator[None]:
    """Ctrl-C ends the watching, not the job."""
    try:
        yield
    except KeyboardInterrupt:
        print_err(f"the job goes on; `scriptqueue wait {job_id}` follows it, `scriptqueue cancel {job_id}` stops it")
        raise


def print_job(job: Job, arguments: Namespace) -> int:
    put_out(job, arguments, format.card(job, job.result) if job.result else f"{job.id}  {format.line(job)}")
    return exit_status(job)


def put_out(what: BaseModel, arguments: Namespace, words: str | RenderableType) -> None:
    if arguments.json:
        print_json(what.model_dump_json())
    else:
        print_out(words)


def exit_status(job: Job) -> int:
    return FAILED if job.done and job.status is not Status.SUCCEEDED else 0
