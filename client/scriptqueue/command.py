"""The `scriptqueue` command where only the client is installed: its extra `command` brings what it draws with."""

from __future__ import annotations

import sys


def main(argv: list[str] | None = None) -> int:
    try:
        from scriptqueue.cli.main import main as command
    except ModuleNotFoundError as error:
        print(
            f"scriptqueue: the command needs {error.name}: install the client with its extra, "
            "`pip install './client[command]'` in a checkout",
            file=sys.stderr,
        )
        return 1
    return command(argv)
