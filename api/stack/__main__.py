"""`python -m api.stack demo | up`: the whole service on this machine, for a first look or for a desk."""

from __future__ import annotations

import argparse
import logging
import shutil
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from rich.console import Console

from api.stack.child import STOP_SIGNALS
from api.stack.processes import Ports, Stack, StackFailed
from shared.errors import ScriptqueueError

RUN = Path(".run")
_AGAIN_S = 0.05


def main(argv: list[str] | None = None) -> int:
    """Exit 0 done, 1 failed with its reason on stderr, 130 interrupted."""
    parser = argparse.ArgumentParser(prog="python -m api.stack", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("demo", help="two storyboards, then stop")
    up = commands.add_parser("up", help="serve until Ctrl-C")
    up.add_argument("--port", type=int, default=8000, help="of the API (8000)")
    up.add_argument("--flower-port", type=int, default=5555, help="of Flower (5555)")
    arguments = parser.parse_args(argv)
    hear_stops()
    logging.getLogger("httpx").setLevel(logging.WARNING)
    console = Console()
    try:
        if arguments.command == "demo":
            return _demo(console)
        _up(Ports(arguments.port, arguments.flower_port), console)
    except KeyboardInterrupt:
        console.print("stopped", highlight=False)
        return 130 if arguments.command == "demo" else 0
    except (StackFailed, ScriptqueueError) as error:
        print(f"scriptqueue: {error}", file=sys.stderr)
        return 1


def _demo(console: Console) -> int:
    from api.stack.demo import show_both

    folder = RUN / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    with Stack(folder, Ports(), drain=False) as stack:
        _print_addresses(stack, console)
        good = show_both(stack.url, console)
    shutil.rmtree(folder / "redis", ignore_errors=True)
    return 0 if good else 1


def _up(ports: Ports, console: Console) -> NoReturn:
    with Stack(RUN / "up", ports, drain=True) as stack:
        _print_addresses(stack, console)
        if stack.redis_url:
            console.print(f"Redis   {stack.redis_url}  (SCRIPTQUEUE_REDIS__URL for `doctor`)", highlight=False)
        if stack.drawn_secret:
            console.print(f"webhooks are signed with {stack.drawn_secret}", highlight=False, markup=False)
        console.print(f"docs    {stack.url}/docs\nlogs    {RUN / 'up'}\nCtrl-C stops it all", highlight=False)
        stack.watch()


def _print_addresses(stack: Stack, console: Console) -> None:
    console.print(f"API     {stack.url}", highlight=False)
    console.print(f"Flower  {stack.flower_url}  (login {stack.flower_login})", highlight=False, markup=False)


def hear_stops() -> None:
    """Each is a KeyboardInterrupt from now on. One that Python swallows, for it came within a destructor, comes again a
    moment later."""
    for number in (*STOP_SIGNALS, signal.SIGALRM):  # a background job of a shell ignores SIGINT else
        signal.signal(number, _interrupt)
    sys.unraisablehook = _again


def _again(ignored: Any) -> None:
    if ignored.exc_type is KeyboardInterrupt:
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_S)
    else:
        sys.__unraisablehook__(ignored)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
