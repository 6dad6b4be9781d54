"""`scriptqueue submit` of many prompts: read them from a file, queue them a few at a time, wait for them if asked.

Results come in the order of the prompts, each as soon as it and those before it are there.
"""

from __future__ import annotations

import asyncio
import json
import sys
from argparse import Namespace
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from scriptqueue.calls import CONCURRENCY, Prompt
from scriptqueue.cli.terminal import ShowProgress
from scriptqueue.client import ApiError, AsyncClient, ClientError, PartlySubmitted, ServiceUnreachable, WaitTimedOut
from scriptqueue.schemas import Job

PromptOutcome = Job | ClientError
OnPromptOutcome = Callable[[int, PromptOutcome], None]

STAGES = 10  # of many prompts, each with a line in a log


def is_bulk(arguments: Namespace) -> bool:
    """Whether several jobs are meant: a file holds a prompt a line, but a script is all of its file."""
    return len(arguments.prompts) > 1 or (arguments.file is not None and arguments.mode != "break_down")


def read_text(file: str) -> str:
    """A file's text, `-`: of stdin; raises ValueError that says what is wrong with it."""
    name = "stdin" if file == "-" else file
    try:
        return (sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        recode = f"; if it is GBK: iconv -f GBK -t UTF-8 {name}" if file != "-" else ""
        raise ValueError(f"{name} is not UTF-8 at byte {error.start}{recode}") from None
    except OSError as error:
        raise ValueError(f"cannot read {name}: {error.strerror}") from None


def prompts_of(text: str) -> list[Prompt]:
    """A prompt a line; a line that begins with `{` is a request as JSON. Empty lines say nothing."""
    found: list[Prompt] = []
    for number, ended in enumerate(text.split("\n"), 1):
        line = ended.removesuffix("\r")
        if not line.strip():
            continue
        if not line.lstrip().startswith("{"):
            found.append(line)
            continue
        try:
            found.append(json.loads(line))
        except ValueError as error:
            raise ValueError(f"line {number} is no JSON: {error}") from None
    if not found:
        raise ValueError("there is no prompt to submit")
    return found


def error_line(error: ClientError) -> str:
    """One line of JSON in the place of a job."""
    fields = error.problem.model_dump() if isinstance(error, ApiError) else {"code": "client", "detail": str(error)}
    return json.dumps({"error": fields}, ensure_ascii=False)


class Bulk:
    """One submit of many prompts, and what has come of it."""

    def __init__(self, prompts: list[Prompt], options: dict[str, Any], key: str | None, *, wait: bool) -> None:
        self._prompts = prompts
        self._options = options
        self._key = key
        self._wait = wait
        self._places = asyncio.Semaphore(CONCURRENCY)
        self.outcomes: dict[int, PromptOutcome] = {}
        self.accepted = 0

    async def run(
        self, client: AsyncClient, timeout_s: float | None, show_progress: ShowProgress, show: OnPromptOutcome
    ) -> None:
        """`show` is called with each outcome in the order of the prompts."""
        shown = 0
        waits: list[asyncio.Task[None]] = []

        def ended(place: int, outcome: PromptOutcome) -> None:
            nonlocal shown
            self.outcomes[place] = outcome
            while shown in self.outcomes:
                show(shown, self.outcomes[shown])
                shown += 1
            ends, all_ends = len(self.outcomes), len(self._prompts)
            show_progress(self.line, ends / all_ends, ends * STAGES // all_ends)

        async def until_done(place: int, job: Job) -> None:
            async with self._places:
                try:
                    outcome: PromptOutcome = await client.wait(job.id, timeout_s)
                except ClientError as error:
                    outcome = error
            ended(place, outcome)

        def submitted(place: int, outcome: PromptOutcome) -> None:
            if isinstance(outcome, ServiceUnreachable):
                raise outcome  # the others would wait for it one after another
            if isinstance(outcome, Job):
                self.accepted += 1
                if self._wait:
                    waits.append(group.create_task(until_done(place, outcome)))
                    return
            ended(place, outcome)

        async with asyncio.TaskGroup() as group:
            with suppress(PartlySubmitted):  # each refusal is shown in its place
                await client.submit_many(
                    self._prompts, on_progress=submitted, idempotency_key=self._key, **self._options
                )

    @property
    def line(self) -> str:
        succeeded = sum(isinstance(o, Job) and o.result is not None for o in self.outcomes.values())
        done = sum(isinstance(o, Job) and o.done for o in self.outcomes.values())
        late = sum(isinstance(o, WaitTimedOut) for o in self.outcomes.values())
        refused = sum(isinstance(o, ClientError) for o in self.outcomes.values()) - late
        parts = [f"{self.accepted} of {len(self._prompts)} submitted"]
        parts += [f"{succeeded} succeeded"] if self._wait or succeeded else []
        parts += [f"{done - succeeded} unsuccessful"] if done > succeeded else []
        parts += [f"{late} not done in time"] if late else []
        parts += [f"{refused} refused"] if refused else []
        return ", ".join(parts)
