"""The words of the `scriptqueue` command and the request that they make. What a value may be, the service decides."""

from __future__ import annotations

import re
import sys
from argparse import SUPPRESS, ArgumentParser, Namespace
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn, get_args

import shtab

from scriptqueue.cli.readers import read_cast, read_names, read_object, read_span
from scriptqueue.schemas import (
    AspectRatio,
    ExportFormat,
    FieldName,
    FrameRate,
    Mode,
    Priority,
    Status,
    TargetName,
    WebhookEvent,
)

DEFAULT_URL = "http://127.0.0.1:8000"
USAGE = 2
FORMATS = ("svg", "html", "png")


STATUSES = {**{str(status): str(status) for status in Status}, "done": "succeeded"}  # as the page calls it

_CHOICES = re.compile(r"invalid choice: '(.*?)' \(choose from (.*)\)")


class Parser(ArgumentParser):
    """Says first what is wrong, then where help is. Takes no option by a part of its name, for that may become
    another's."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **options})

    def error(self, message: str) -> NoReturn:
        if choice := _CHOICES.search(message):
            message += _suggestion(choice[1], re.findall(r"[\w.:-]+", choice[2]))
        print(f"scriptqueue: {message}\n`{self.prog} --help` shows what there is", file=sys.stderr)
        sys.exit(USAGE)


def arguments_of(words: Sequence[str] | None) -> Namespace:
    """Exits with 2 and one line when the words cannot be meant."""
    top, commands = parser()
    arguments, strange = top.parse_known_args(words)
    if strange:
        command = commands[arguments.command]
        command.error(
            f"there is no option {strange[0]}"
            + _suggestion(strange[0], re.findall(r"--[a-z-]+", command.format_help()))
        )
    return arguments


def _suggestion(word: str, known: Iterable[str]) -> str:
    close = get_close_matches(word.partition("=")[0], [name for name in known if name != word], n=1)
    return f"; did you mean {close[0]}?" if close else ""


def parser() -> tuple[Parser, dict[str, Parser]]:
    """Of the whole command line, and of each command."""
    everywhere = _everywhere()
    waiting = Parser(add_help=False)
    waiting.add_argument("--timeout", type=float, metavar="S", help="give up after so many seconds; the job goes on")
    one = Parser(add_help=False)
    one.add_argument("id", metavar="ID", help="of the job")

    top = Parser(
        prog="scriptqueue",
        parents=[_everywhere()],
        description="Queue creative prompts, get validated video storyboards.",
        epilog="Exit status: 0 succeeded, 1 failed, 2 usage, 3 the service cannot be reached, 130 interrupted.",
    )
    shtab.add_argument_to(
        top, "--print-completion", help="for your shell: source <(scriptqueue --print-completion bash)"
    )
    top.set_defaults(json=False, url=None, api_key=None)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    added: dict[str, Parser] = {}

    def add(name: str, help: str, *parents: Parser) -> Parser:
        added[name] = commands.add_parser(name, parents=[everywhere, *parents], help=help)
        return added[name]

    _describe_request(add("submit", "queue prompts", waiting))
    _describe_run(add("run", "submit a prompt, wait, and print the storyboard as JSON", waiting))
    _describe_rewrite(add("rewrite", "a new job that writes some scenes of a job's storyboard anew", one, waiting))
    add("takes", "the jobs that start from one another's storyboards, the oldest first", one)
    _describe_check(add("check", "is a storyboard valid: 0 yes, 1 it was mended, 2 no"))
    add("get", "a job as it is now", one)
    add("wait", "a job when it is done", one, waiting)
    add("events", "what happens to a job, as it happens", one).add_argument(
        "--after", type=int, default=0, metavar="N", help="only events after number N"
    )
    add("result", "the bare storyboard of a job, as JSON", one)
    _describe_sheet(add("render", "a storyboard as a sheet to look at and to print"))
    _describe_export(add("export", "a storyboard as a file for spreadsheets, players, editors", one))
    add("cancel", "stop a job", one)
    retry = add("retry", "a new job like one that failed, was canceled or expired", one, waiting)
    retry.add_argument("--wait", action="store_true", help="until it is done, and show the storyboard")
    retry.add_argument("--execution-timeout", type=float, metavar="S", help="longest run; else as before")
    add("delete", "forget a job that is done, its prompt and its result", one)
    listing = add("list", "your jobs, newest first")
    listing.add_argument("--status", choices=STATUSES, help="`done` is `succeeded`")
    listing.add_argument("--limit", type=int, default=20, metavar="N", help="at most so many (20)")
    add("queue", "how full the queue is and who works on it")
    add("dead", "your jobs that ended their worker too often").add_argument(
        "--requeue", metavar="ID", help="queue a new job like this one, which leaves the list"
    )
    add("deliveries", "what became of the events for a job's webhook", one)
    add("redeliver", "send a job's webhook events again: all that failed", one).add_argument(
        "--number", type=int, metavar="N", help="the event with this number, whatever became of it"
    )
    add("doctor", "what is wrong here, and what to do about it").add_argument(
        "--repair", action="store_true", help="mend records and indexes that disagree"
    )
    return top, added


def _everywhere() -> Parser:
    """Before the command or after it: what is not given leaves no trace that would hide what is."""
    parser = Parser(add_help=False, argument_default=SUPPRESS)
    parser.add_argument("--json", action="store_true", default=SUPPRESS, help="one line of JSON instead of text")
    service = parser.add_argument_group("service")
    service.add_argument("--url", help=f"its address ($SCRIPTQUEUE_URL, {DEFAULT_URL})")
    service.add_argument("--api-key", metavar="KEY", help="$SCRIPTQUEUE_API_KEY, which `ps` does not show")
    return parser


def options_of(arguments: Namespace) -> dict[str, Any]:
    """The fields of the request that were given; what was not is the service's to choose."""
    least, most = arguments.scenes or (None, None)
    shortest_s, longest_s = arguments.scene_seconds or (None, None)
    sampling = {name: getattr(arguments, name) for name in ("temperature", "top_p", "seed", "max_new_tokens")}
    webhook = {"url": arguments.webhook, "events": arguments.webhook_event}
    options = {
        "mode": arguments.mode,
        "model": arguments.model,
        "language": arguments.language,
        "min_scenes": _first(arguments.min_scenes, least),
        "max_scenes": _first(arguments.max_scenes, most),
        "scene_min_s": shortest_s,
        "scene_max_s": longest_s,
        "target_duration_s": arguments.duration,
        "outline": True if arguments.outline else None,
        "read_prompt": False if arguments.no_read_prompt else None,
        "distinct": False if arguments.no_distinct else None,
        "characters": arguments.characters,
        "fields": arguments.fields,
        "style": arguments.style,
        "instructions": arguments.instructions,
        "aspect_ratio": arguments.aspect_ratio,
        "targets": arguments.targets,
        "quality_keywords": arguments.quality_keywords,
        "priority": arguments.priority,
        "allow_fallback": False if arguments.no_fallback else None,
        "use_cache": False if arguments.no_cache else None,
        "sampling": _without_none(sampling) or None,
        "candidates": arguments.candidates,
        "queue_timeout_s": arguments.queue_timeout,
        "execution_timeout_s": arguments.execution_timeout,
        "result_ttl_s": arguments.result_ttl,
        "deadline": arguments.deadline,
        "webhook": _without_none(webhook) or None,
        "metadata": arguments.metadata,
    }
    return _without_none(options)


def _describe_request(submit: ArgumentParser) -> None:
    submit.add_argument(
        "prompts", nargs="*", metavar="PROMPT", help="several make several jobs; `-` reads one from stdin"
    )
    file = submit.add_argument("--file", metavar="FILE", help="a prompt, or a request as JSON, a line; `-`: stdin")
    submit.add_argument("--mode", choices=get_args(Mode), help="`break_down`: a finished script, whose words are kept")
    file.complete = shtab.FILE  # type: ignore[attr-defined]
    submit.add_argument("--wait", action="store_true", help="until it is done, and show the storyboard")
    submit.add_argument("--idempotency-key", metavar="KEY", help="repeated with it, a submit gets the first job")
    _describe_wishes(submit)


def _describe_run(run: ArgumentParser) -> None:
    run.add_argument("prompt", metavar="PROMPT", help="`-` reads it from stdin")
    run.add_argument("--mode", choices=get_args(Mode), help="`break_down`: a finished script, whose words are kept")
    _describe_wishes(run)


def _describe_rewrite(rewrite: ArgumentParser) -> None:
    rewrite.add_argument("numbers", nargs="+", type=int, metavar="SCENE", help="its number; after the last one: append")
    rewrite.add_argument("--note", metavar="TEXT", help="what should be different")
    rewrite.add_argument("--wait", action="store_true", help="until it is done, and show the storyboard")
    rewrite.add_argument("--idempotency-key", metavar="KEY", help="repeated with it, a rewrite gets the first job")
    rewrite.set_defaults(mode=None)
    _describe_wishes(rewrite)


def _describe_check(check: ArgumentParser) -> None:
    file = check.add_argument("file", metavar="FILE", help="a storyboard or a job as JSON; `-`: stdin")
    file.complete = shtab.FILE  # type: ignore[attr-defined]
    check.add_argument("--scene-seconds", type=read_span, metavar="MIN-MAX", help="that each may last, 3-8")
    check.add_argument("--duration", type=float, metavar="S", help="of the whole video, exactly")
    check.add_argument("--targets", type=read_names(TargetName), metavar="NAMES", help="video models that it is for")


def _describe_wishes(submit: ArgumentParser) -> None:
    """What a request says besides its prompt."""
    story = submit.add_argument_group("storyboard")
    story.add_argument("--language", metavar="TAG", help="to write in: zh-Hant, pt-BR, ja; auto: the prompt's own")
    story.add_argument("--scenes", type=read_span, metavar="MIN-MAX", help="how many; `4` is 4-4")
    story.add_argument("--min-scenes", type=int, metavar="N")
    story.add_argument("--max-scenes", type=int, metavar="N")
    story.add_argument("--scene-seconds", type=read_span, metavar="MIN-MAX", help="that each may last, 3-8; `5` is 5-5")
    story.add_argument("--duration", type=float, metavar="S", help="of the whole video, exactly")
    story.add_argument("--outline", action="store_true", help="outline the scenes first, a line each; takes longer")
    story.add_argument(
        "--no-read-prompt", action="store_true", help="a length or a number of scenes in the prompt asks for nothing"
    )
    story.add_argument("--no-distinct", action="store_true", help="scenes may be the same or nearly so")
    story.add_argument(
        "--fields", type=read_names(FieldName), metavar="NAMES", help="more of each scene: light,movement,narration"
    )
    cast = story.add_argument(
        "--characters",
        type=read_cast,
        metavar="FILE",
        help='the cast: a file of JSON, or JSON: [{"id", "name", "look"}]',
    )
    cast.complete = shtab.FILE  # type: ignore[attr-defined]
    story.add_argument("--style", metavar="TEXT", help="the visual style of the whole board")
    story.add_argument("--instructions", metavar="TEXT", help="what the writer must heed")
    story.add_argument("--model", metavar="NAME", help="only workers that serve it write the job; see `queue`")
    story.add_argument("--aspect-ratio", choices=get_args(AspectRatio))
    story.add_argument(
        "--targets",
        type=read_names(TargetName),
        metavar="NAMES",
        help="video models to write prompts for: wan-2.2,veo-3.1",
    )
    story.add_argument("--quality-keywords", metavar="TEXT", help="appended to each video prompt")
    sampling = submit.add_argument_group("sampling")
    sampling.add_argument("--temperature", type=float, metavar="T", help="0 is greedy")
    sampling.add_argument("--top-p", type=float, metavar="P")
    sampling.add_argument("--seed", type=int, metavar="N", help="the same seed, the same storyboard")
    sampling.add_argument("--max-new-tokens", type=int, metavar="N")
    sampling.add_argument("--candidates", type=int, metavar="N", help="write so many at once, keep the best")
    job = submit.add_argument_group("job")
    job.add_argument("--priority", choices=get_args(Priority))
    job.add_argument("--no-fallback", action="store_true", help="fail rather than split the prompt into sentences")
    job.add_argument("--no-cache", action="store_true", help="generate afresh")
    job.add_argument("--metadata", type=read_object, metavar="JSON", help="an object, echoed with the job")
    job.add_argument("--webhook", metavar="URL", help="told of the job's end")
    job.add_argument("--webhook-event", action="append", choices=get_args(WebhookEvent), help="also of these")
    job.add_argument(
        "--deadline", metavar="TIME", help="such as 2026-05-01T18:00:00+08:00: not started by then, expired"
    )
    job.add_argument("--queue-timeout", type=float, metavar="S", help="longest wait for its start")
    job.add_argument("--execution-timeout", type=float, metavar="S", help="longest run")
    job.add_argument("--result-ttl", type=float, metavar="S", help="how long the result is kept")


def _describe_sheet(render: ArgumentParser) -> None:
    render.add_argument("id", nargs="?", metavar="ID", help="of the job; or --file")
    file = render.add_argument(
        "--file", metavar="FILE", help="a job or a storyboard as JSON, without a service; `-`: stdin"
    )
    file.complete = shtab.FILE  # type: ignore[attr-defined]
    render.add_argument("--format", choices=FORMATS, help="else by the ending of FILE, else svg")
    render.add_argument("--prompts", action="store_true", help="with the prompts for video models")
    output = render.add_argument("-o", "--output", metavar="FILE", help="else stdout")
    output.complete = shtab.FILE  # type: ignore[attr-defined]


def _describe_export(export: ArgumentParser) -> None:
    export.add_argument("--format", choices=get_args(ExportFormat), help="else by the ending of FILE")
    export.add_argument(
        "--fps", type=int, choices=get_args(FrameRate), help="frames a second, for otio, edl and fcpxml (24)"
    )
    export.add_argument("--target", choices=get_args(TargetName), help="the prompts for this video model")
    output = export.add_argument("-o", "--output", metavar="FILE", help="else stdout")
    output.complete = shtab.FILE  # type: ignore[attr-defined]


def _without_none(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)
