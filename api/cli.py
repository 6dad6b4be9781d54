"""The `scriptqueue` command: a thin hand on `api.client`.

Results go to stdout, progress and errors to stderr. Exit status: 0 succeeded, 1 failed, 2 usage (also a request that
the service found invalid), 3 the service cannot be reached, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from api import show
from api.arguments import DEFAULT_URL, options_of, parser
from api.client import ApiError, Client, ClientError, ServiceUnreachable
from shared.schemas import Job, Status

FAILED, USAGE, UNREACHABLE, INTERRUPTED = 1, 2, 3, 130
REQUEST_FAULTS = {"invalid_request", "malformed_json", "body_too_large"}


def main(argv: list[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `scriptqueue ... | head`: nobody reads on, and the interpreter must not try at its exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _run(arguments: Namespace) -> int:
    url = arguments.url or os.environ.get("SCRIPTQUEUE_URL") or DEFAULT_URL
    key = arguments.api_key or os.environ.get("SCRIPTQUEUE_API_KEY") or None
    try:
        with Client(url, key) as client:
            return COMMANDS[arguments.command](client, arguments)
    except ServiceUnreachable as error:
        return _complain(error, UNREACHABLE)
    except ApiError as error:
        return _complain(error, USAGE if error.code in REQUEST_FAULTS else FAILED)
    except ClientError as error:
        return _complain(error, FAILED)
    except ValueError as error:  # no URL, or a prompt on stdin that is no text
        return _complain(error, USAGE)


def _submit(client: Client, arguments: Namespace) -> int:
    job = client.submit(_prompt(arguments.prompt), **options_of(arguments))
    if not arguments.wait:
        return _tell(job, arguments)
    _note(f"job {job.id}")
    return _tell(_watched(client, job.id, arguments), arguments)


def _get(client: Client, arguments: Namespace) -> int:
    return _tell(client.get(arguments.id), arguments)


def _wait(client: Client, arguments: Namespace) -> int:
    return _tell(_watched(client, arguments.id, arguments), arguments)


def _cancel(client: Client, arguments: Namespace) -> int:
    _tell(client.cancel(arguments.id), arguments)
    return 0


def _list(client: Client, arguments: Namespace) -> int:
    for job in client.list(arguments.status, arguments.limit):
        _print(job.model_dump_json() if arguments.json else f"{job.id}  {job.created_at:%F %T}  {show.line(job)}")
    return 0


def _queue(client: Client, arguments: Namespace) -> int:
    view = client.queue()
    _print(view.model_dump_json() if arguments.json else show.queue(view))
    return 0


COMMANDS: dict[str, Callable[[Client, Namespace], int]] = {
    "submit": _submit,
    "get": _get,
    "wait": _wait,
    "cancel": _cancel,
    "list": _list,
    "queue": _queue,
}


def _watched(client: Client, job_id: object, arguments: Namespace) -> Job:
    """The job when it is done; until then a live line on a terminal, plain lines elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        return client.wait(
            str(job_id), arguments.timeout, lambda job: print(show.line(job), file=sys.stderr, flush=True)
        )
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=1.0)

        def update(job: Job) -> None:
            bar.update(task, description=show.line(job), completed=show.fraction(job))

        return client.wait(str(job_id), arguments.timeout, update)


def _tell(job: Job, arguments: Namespace) -> int:
    if arguments.json:
        _print(job.model_dump_json())
    else:
        _print(show.card(job, job.result) if job.result else f"{job.id}  {show.line(job)}")
    return FAILED if job.done and job.status is not Status.SUCCEEDED else 0


def _print(what: str | RenderableType) -> None:
    if isinstance(what, str):
        print(what, flush=True)
    else:
        Console().print(what)


def _prompt(argument: str) -> str:
    if argument != "-":
        return argument
    try:
        return sys.stdin.buffer.read().decode().removesuffix("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"stdin is not UTF-8 at byte {error.start}") from None


def _complain(error: Exception, status: int) -> int:
    _note(f"scriptqueue: {error}")
    return status


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
