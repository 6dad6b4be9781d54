"""The words of the `scriptqueue` command and the request that they make. What a value may be, the service decides."""

from __future__ import annotations

import re
from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError, Namespace
from typing import Any, get_args

from shared.schemas import JobRequest, Priority, Status

DEFAULT_URL = "http://127.0.0.1:8000"
LANGUAGES = get_args(JobRequest.model_fields["language"].annotation)


def parser() -> ArgumentParser:
    everywhere = _everywhere()
    waiting = ArgumentParser(add_help=False)
    waiting.add_argument("--timeout", type=float, metavar="S", help="give up after so many seconds; the job goes on")
    one = ArgumentParser(add_help=False)
    one.add_argument("id", metavar="ID", help="of the job")

    top = ArgumentParser(
        prog="scriptqueue",
        parents=[_everywhere()],
        description="Queue creative prompts, get validated video storyboards.",
        epilog="Exit status: 0 succeeded, 1 failed, 2 usage, 3 the service cannot be reached.",
    )
    top.set_defaults(json=False, url=None, api_key=None)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    submit = commands.add_parser("submit", parents=[everywhere, waiting], help="queue a prompt")
    _describe_request(submit)
    commands.add_parser("get", parents=[everywhere, one], help="a job as it is now")
    commands.add_parser("wait", parents=[everywhere, one, waiting], help="a job when it is done")
    commands.add_parser("cancel", parents=[everywhere, one], help="stop a job")
    listing = commands.add_parser("list", parents=[everywhere], help="your jobs, newest first")
    listing.add_argument("--status", choices=[str(status) for status in Status])
    listing.add_argument("--limit", type=int, default=20, metavar="N", help="at most so many (20)")
    commands.add_parser("queue", parents=[everywhere], help="how full the queue is and who works on it")
    return top


def _everywhere() -> ArgumentParser:
    """Before the command or after it: what is not given leaves no trace that would hide what is."""
    parser = ArgumentParser(add_help=False, argument_default=SUPPRESS)
    parser.add_argument("--json", action="store_true", default=SUPPRESS, help="one line of JSON instead of text")
    service = parser.add_argument_group("service")
    service.add_argument("--url", help=f"its address ($SCRIPTQUEUE_URL, {DEFAULT_URL})")
    service.add_argument("--api-key", metavar="KEY", help="$SCRIPTQUEUE_API_KEY, which `ps` does not show")
    return parser


def options_of(arguments: Namespace) -> dict[str, Any]:
    """The fields of the request that were given; what was not is the service's to choose."""
    least, most = arguments.scenes or (None, None)
    sampling = {name: getattr(arguments, name) for name in ("temperature", "top_p", "seed", "max_new_tokens")}
    options = {
        "language": arguments.language,
        "min_scenes": _first(arguments.min_scenes, least),
        "max_scenes": _first(arguments.max_scenes, most),
        "target_duration_s": arguments.duration,
        "priority": arguments.priority,
        "allow_fallback": False if arguments.no_fallback else None,
        "use_cache": False if arguments.no_cache else None,
        "sampling": {name: value for name, value in sampling.items() if value is not None} or None,
    }
    return {name: value for name, value in options.items() if value is not None}


def _describe_request(submit: ArgumentParser) -> None:
    submit.add_argument("prompt", metavar="PROMPT", help="`-` reads it from stdin")
    submit.add_argument("--wait", action="store_true", help="until it is done, and show the storyboard")
    story = submit.add_argument_group("storyboard")
    story.add_argument("--language", choices=LANGUAGES)
    story.add_argument("--scenes", type=_range, metavar="MIN-MAX", help="how many; `4` is 4-4")
    story.add_argument("--min-scenes", type=int, metavar="N")
    story.add_argument("--max-scenes", type=int, metavar="N")
    story.add_argument("--duration", type=float, metavar="S", help="of the whole video, exactly")
    sampling = submit.add_argument_group("sampling")
    sampling.add_argument("--temperature", type=float, metavar="T", help="0 is greedy")
    sampling.add_argument("--top-p", type=float, metavar="P")
    sampling.add_argument("--seed", type=int, metavar="N", help="the same seed, the same storyboard")
    sampling.add_argument("--max-new-tokens", type=int, metavar="N")
    job = submit.add_argument_group("job")
    job.add_argument("--priority", choices=get_args(Priority))
    job.add_argument("--no-fallback", action="store_true", help="fail rather than split the prompt into sentences")
    job.add_argument("--no-cache", action="store_true", help="generate afresh")


def _range(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)(?:-(\d+))?", text)
    if not match:
        raise ArgumentTypeError(f"{text!r} is not MIN-MAX, such as 3-6")
    return int(match[1]), int(match[2] or match[1])


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)
