"""The `scriptqueue` command of a machine that has the server: the client's, with `doctor`. Its old name, kept."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Mapping

from scriptqueue.cli.main import main as command


def main(argv: list[str] | None = None) -> int:
    return command(argv, doctor=_doctor)


def _doctor(url: str, arguments: Namespace, environment: Mapping[str, str]) -> int:
    from api import doctor  # brings redis and the settings, which took half the start of every other command

    return doctor.run_checks(url, arguments, environment)


if __name__ == "__main__":
    sys.exit(main())
