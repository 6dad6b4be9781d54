"""The `scriptqueue` command: a thin hand on `scriptqueue.client`.

Results go to stdout, progress and errors to stderr. Exit status: 0 succeeded, 1 failed, 2 usage (also a request that
the service found invalid), 3 the service cannot be reached, 130 interrupted.
"""

from __future__ import annotations

import asyncio
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import cast, get_args

from scriptqueue.cli import format, render, takes
from scriptqueue.cli.arguments import DEFAULT_URL, STATUSES, USAGE, arguments_of, options_of
from scriptqueue.cli.bulk import Bulk, PromptOutcome, error_line, is_bulk, prompts_of, read_text
from scriptqueue.cli.show import FAILED, awaited, entered, exit_status, going_on, print_job, put_out
from scriptqueue.cli.terminal import accept_any_text, print_err, print_json, progress_line
from scriptqueue.client import AccessDenied, AsyncClient, Client, ClientError, RequestInvalid, ServiceUnreachable
from scriptqueue.schemas import Delivery, ExportFormat, Job

UNREACHABLE, INTERRUPTED = 3, 130
START_IT = "Is it running there? `make up` starts it; --url or SCRIPTQUEUE_URL name another address"

Doctor = Callable[[str, Namespace, Mapping[str, str]], int]


def main(argv: list[str] | None = None, *, doctor: Doctor | None = None) -> int:
    """`doctor`: the server's own checks, which look at Redis and at this machine; None where only the client is."""
    accept_any_text()
    try:
        try:
            return _run(arguments_of(argv), doctor)
        finally:
            sys.stdout.flush()  # what is left would be written at the interpreter's exit, where nobody catches anything
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `scriptqueue ... | head`: nobody reads on, and the interpreter must not try at its exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _run(arguments: Namespace, doctor: Doctor | None) -> int:
    try:
        if arguments.command == "doctor":
            if doctor is None:
                raise ValueError("doctor is a command of the server's package")
            return doctor(_service(arguments)[0], arguments, os.environ)
        if arguments.command == "render" and arguments.file is not None:
            return render.from_file(arguments)
        if arguments.command == "submit" and is_bulk(arguments):
            return _submit_many(arguments)
        with Client(*_service(arguments), on_trouble=_say_that_it_waits) as client:
            return COMMANDS[arguments.command](client, arguments)
    except ServiceUnreachable as error:
        return _complain(f"{error}. {START_IT}", UNREACHABLE)
    except AccessDenied as error:
        return _complain(f"{error}. {_about_the_key(arguments)}", FAILED)
    except ClientError as error:
        return _complain(error, _fault(error))
    except render.CannotDraw as error:
        return _complain(error, FAILED)
    except ValueError as error:  # no URL, or a prompt on stdin that is no text
        return _complain(error, USAGE)


def _service(arguments: Namespace) -> tuple[str, str | None]:
    url = arguments.url or os.environ.get("SCRIPTQUEUE_URL") or DEFAULT_URL
    return url, arguments.api_key or os.environ.get("SCRIPTQUEUE_API_KEY") or None


def _say_that_it_waits(error: ClientError) -> None:
    print_err(f"scriptqueue: {error}; trying again")


def _about_the_key(arguments: Namespace) -> str:
    """The service answers alike to no key and to an unknown one; here it is known which."""
    if arguments.api_key:
        return "It does not know the key of --api-key"
    if os.environ.get("SCRIPTQUEUE_API_KEY"):
        return "It does not know the key in SCRIPTQUEUE_API_KEY"
    return "Set SCRIPTQUEUE_API_KEY, or give --api-key"


def _submit(client: Client, arguments: Namespace) -> int:
    if len(arguments.prompts) == (arguments.file is not None):
        raise ValueError("give a PROMPT, `-` to read one from stdin, or --file FILE; not both")
    prompt = "-" if arguments.file is not None else arguments.prompts[0]
    prompt = read_text(arguments.file or "-").removesuffix("\n") if prompt == "-" else prompt
    job = client.submit(prompt, idempotency_key=arguments.idempotency_key, **options_of(arguments))
    return entered(client, job, arguments)


def _submit_many(arguments: Namespace) -> int:
    if arguments.prompts and arguments.file is not None:
        raise ValueError("give prompts or --file FILE, not both")
    prompts = prompts_of(read_text(arguments.file)) if arguments.file is not None else arguments.prompts
    bulk = Bulk(prompts, options_of(arguments), arguments.idempotency_key, wait=arguments.wait)
    statuses = []

    def show_one(place: int, outcome: PromptOutcome) -> None:
        if isinstance(outcome, Job):
            put_out(outcome, arguments, f"{outcome.id}  {format.line(outcome)}")
            statuses.append(exit_status(outcome))
        else:
            print_err(f"scriptqueue: prompt {place + 1}: {outcome}")
            if arguments.json:
                print_json(error_line(outcome))
            statuses.append(_fault(outcome))

    async def run() -> None:
        with progress_line() as show_progress:
            async with AsyncClient(*_service(arguments), on_trouble=_say_that_it_waits) as client:
                await bulk.run(client, arguments.timeout, show_progress, show_one)

    try:
        with _only_the_first_fault():
            asyncio.run(run())
    except (KeyboardInterrupt, ServiceUnreachable):
        print_err(f"{bulk.line}; the accepted ones go on: `scriptqueue list` shows them")
        raise
    return USAGE if set(statuses) == {USAGE} else max(map(bool, statuses), default=0)


@contextmanager
def _only_the_first_fault() -> Iterator[None]:
    """Out of a task group an error comes wrapped, and perhaps with its like."""
    try:
        yield
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from None


def _get(client: Client, arguments: Namespace) -> int:
    return print_job(client.get(arguments.id), arguments)


def _wait(client: Client, arguments: Namespace) -> int:
    return print_job(awaited(client, arguments.id, arguments), arguments)


def _events(client: Client, arguments: Namespace) -> int:
    status = 0
    with going_on(arguments.id):
        for event in client.events(arguments.id, arguments.after):
            put_out(event, arguments, format.event_line(event))
            if event.event == "done":
                status = exit_status(event.data)
    return status


def _result(client: Client, arguments: Namespace) -> int:
    print_json(client.result(arguments.id).model_dump_json(indent=None if arguments.json else 2))
    return 0


def _render(client: Client, arguments: Namespace) -> int:
    if arguments.id is None:
        raise ValueError("give the ID of a job or --file FILE")
    return render.from_job(client.get(arguments.id), arguments)


def _export(client: Client, arguments: Namespace) -> int:
    known = get_args(ExportFormat)
    if arguments.target:
        arguments.format = arguments.format or "prompts"
    name = render.named_format(arguments, known)
    if not name:
        raise ValueError(f"give --format {'|'.join(known)} or -o FILE")
    file = client.export(arguments.id, cast(ExportFormat, name), fps=arguments.fps, target=arguments.target)
    return render.put(file, arguments.output)


def _cancel(client: Client, arguments: Namespace) -> int:
    print_job(client.cancel(arguments.id), arguments)
    return 0


def _retry(client: Client, arguments: Namespace) -> int:
    return entered(client, client.retry(arguments.id, execution_timeout_s=arguments.execution_timeout), arguments)


def _delete(client: Client, arguments: Namespace) -> int:
    client.delete(arguments.id)
    return 0


def _list(client: Client, arguments: Namespace) -> int:
    shown = None if arguments.json else format.OF_A_LINE
    for job in client.list(STATUSES.get(arguments.status), arguments.limit, fields=shown):
        put_out(job, arguments, format.list_line(job))
    return 0


def _queue(client: Client, arguments: Namespace) -> int:
    view = client.queue()
    put_out(view, arguments, format.queue_summary(view))
    return 0


def _dead(client: Client, arguments: Namespace) -> int:
    if arguments.requeue is not None:
        return print_job(client.requeue(arguments.requeue), arguments)
    for dead in client.dead():
        put_out(dead, arguments, format.dead_job_line(dead))
    return 0


def _deliveries(client: Client, arguments: Namespace) -> int:
    return _print_deliveries(client.deliveries(arguments.id), arguments)


def _redeliver(client: Client, arguments: Namespace) -> int:
    return _print_deliveries(client.redeliver(arguments.id, arguments.number), arguments)


def _print_deliveries(deliveries: list[Delivery], arguments: Namespace) -> int:
    for delivery in deliveries:
        put_out(delivery, arguments, format.delivery_line(delivery))
    return 0


COMMANDS: dict[str, Callable[[Client, Namespace], int]] = {
    "submit": _submit,
    "run": takes.run_prompt,
    "rewrite": takes.rewrite_scenes,
    "takes": takes.list_takes,
    "check": takes.check_file,
    "get": _get,
    "wait": _wait,
    "events": _events,
    "result": _result,
    "render": _render,
    "export": _export,
    "cancel": _cancel,
    "retry": _retry,
    "delete": _delete,
    "list": _list,
    "queue": _queue,
    "dead": _dead,
    "deliveries": _deliveries,
    "redeliver": _redeliver,
}


def _fault(error: ClientError) -> int:
    return USAGE if isinstance(error, RequestInvalid) else FAILED


def _complain(error: Exception | str, status: int) -> int:
    print_err(f"scriptqueue: {error}")
    return status


if __name__ == "__main__":
    sys.exit(main())
