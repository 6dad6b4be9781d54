"""Which options of `celery worker` this worker follows, and what to set instead of the others.

Its pool is threads, one for each row of the batch, and its queue is one: an option that says otherwise would change the
pool behind the settings' back, or would be taken and do nothing. Knows Celery's command line; not what a worker does.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import click
from celery.bin.worker import worker as command

from shared.errors import SettingsInvalid
from shared.rings import QUEUE
from shared.settings import Settings
from worker.exits import fatal

FOLLOWED = frozenset(  # as Celery does
    {"hostname", "statedb", "optimization", "task_events", "include", "pidfile", "uid", "gid"}
    | {"without_gossip", "without_mingle", "without_heartbeat", "heartbeat_interval"}
)
_ROWS = "a worker has a thread for each row of its batch: set SCRIPTQUEUE_WORKER__MAX_BATCH"
_NO_CHILDREN = "its pool is threads of one process, which has no children"
_TIME_LIMIT = "a thread cannot be stopped so: a request's `execution_timeout_s` does it"
_DAEMON = "nobody would hear why it ended: let systemd or a shell's `&` run `python -m worker`"
_NO_BEAT = "nothing is scheduled here"
_ONE_QUEUE = f"jobs have one queue, {QUEUE}, and each has a `priority`"
REFUSED = {
    "autoscale": _ROWS,
    "max_tasks_per_child": _NO_CHILDREN,
    "max_memory_per_child": f"{_NO_CHILDREN}: let systemd's MemoryMax or the container limit it",
    "pool_start_method": _NO_CHILDREN,
    "time_limit": _TIME_LIMIT,
    "soft_time_limit": _TIME_LIMIT,
    "exclude_queues": _ONE_QUEUE,
    "purge": "doorbells are no jobs, and what waits is rung again: cancel jobs by `scriptqueue cancel`",
    "disable_prefetch": "a doorbell is taken only when a row is free, or nearly so, anyway",
    "logfile": "it logs to stderr: redirect that",
    "detach": _DAEMON,
    "umask": _DAEMON,
    "executable": _DAEMON,
    "beat": _NO_BEAT,
    "schedule_filename": _NO_BEAT,
    "scheduler": _NO_BEAT,
}


def wanted(settings: Settings) -> dict[str, tuple[str, str]]:
    """The options that must say what holds anyway: that value, and what to set for another."""
    rows = settings.worker.max_batch
    return {
        "concurrency": ("" if rows == "auto" else str(rows), _ROWS),  # by then nobody knows how many auto will be
        "pool": ("threads", "a model cannot be forked or shared by processes: its pool is threads"),
        "queues": (QUEUE, _ONE_QUEUE),
        "prefetch_multiplier": ("1", "one worker would keep doorbells from the others"),
        "loglevel": (settings.log.level, "set SCRIPTQUEUE_LOG__LEVEL"),
    }


def require_followed(arguments: Sequence[str], environment: Mapping[str, str], settings: Settings) -> None:
    """Of a command line after `celery worker`; raises `SettingsInvalid`. One that Celery cannot read passes: it says so
    itself."""
    context = click.Context(command, info_name="worker", auto_envvar_prefix="CELERY_WORKER")
    try:
        options, rest, _ = command.make_parser(context).parse_args(list(arguments))
    except click.UsageError:
        return
    _require(given(context, options, environment), rest, settings)


def gate(settings: Settings, node: Callable[[], str]) -> click.Option:
    """What `app.user_options["worker"]` takes, Celery's way to add an option: it comes last, and lets no other through
    that is not followed. `node`: the worker's name where no option gives it one."""

    class Gate(click.Option):
        def handle_parse_result(self, context: Any, options: Any, arguments: Any) -> Any:
            with fatal("scriptqueue worker"):
                found = given(context, options, os.environ)
                _require(found, arguments, settings)
                if "hostname" not in found:
                    context.params["hostname"] = node()
            return super().handle_parse_result(context, options, arguments)

    return Gate(["--scriptqueue"], hidden=True, expose_value=False)


def given(
    context: click.Context, options: Mapping[str, Any], environment: Mapping[str, str]
) -> dict[str, tuple[str, str]]:
    """What was set, by the option's name: how it was written, and its value. On the command line, else where Celery
    looks too, in `CELERY_WORKER_...`."""
    found = {}
    for option in _options(context):
        name = str(option.name)
        variable = f"{context.auto_envvar_prefix}_{name}".upper()
        text = environment.get(variable)
        if name in options:
            value = "" if option.is_flag else str(options[name])
            found[name] = f"{'/'.join(option.opts)} {value}".strip(), value
        elif text and not (option.is_flag and not click.BOOL.convert(text, option, context)):
            found[name] = f"{variable}={text}", text
    return found


def _require(found: Mapping[str, tuple[str, str]], rest: Sequence[str], settings: Settings) -> None:
    faults = [f"{setting}: Celery's own settings are not taken" for setting in rest]
    same = wanted(settings)
    for name, (written, value) in found.items():
        holds, instead = same.get(name, (None, REFUSED.get(name, "no option of this worker")))
        if name not in FOLLOWED and value.lower() != str(holds).lower():
            faults.append(f"{written}: {instead}")
    if faults:
        raise SettingsInvalid("; ".join(faults))


def _options(context: click.Context) -> Iterator[click.Option]:
    yield from (
        option
        for option in command.get_params(context)
        if isinstance(option, click.Option) and option.expose_value  # without --help and our own
    )
