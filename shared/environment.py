"""Variables in the environment that others put there: what looks like a setting and is none, and what a shell left on a
value; and files that hold one.

Kubernetes tells each pod of every Service of its namespace (`enableServiceLinks`), and Docker's old links did the same
of containers, in variables that begin with the Service's name, which may well be ours. Knows shapes, no setting.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_ADDRESS = r"(tcp|udp|sctp)://\S+:[0-9]+"
_NUMBER = r"[0-9]+"
# The end of the name, and the whole value; both must fit.
_LINKS = tuple(
    (re.compile(rf"\w+_{name}"), re.compile(value, re.IGNORECASE))
    for name, value in (
        (r"SERVICE_HOST", r"[0-9a-f:.]+"),
        (r"SERVICE_PORT(_\w+)?", _NUMBER),
        (r"PORT(_[0-9]+_(TCP|UDP|SCTP))?", _ADDRESS),
        (r"PORT_[0-9]+_(TCP|UDP|SCTP)_PROTO", r"tcp|udp|sctp"),
        (r"PORT_[0-9]+_(TCP|UDP|SCTP)_PORT(_START|_END)?", _NUMBER),
        (r"PORT_[0-9]+_(TCP|UDP|SCTP)_ADDR", r"[0-9a-f:.]+"),
        (r"NAME", r"(/[\w.-]+){2,}"),
    )
)


def is_service_link(name: str, value: str) -> bool:
    """Told by name and value: `X_PORT=8000` is somebody's mistake, `X_PORT=tcp://10.96.0.7:8000` is Kubernetes'."""
    return any(shape.fullmatch(name.upper()) and meant.fullmatch(value) for shape, meant in _LINKS)


def service_links(environment: Mapping[str, str], prefix: str) -> list[str]:
    """The names of those that begin so."""
    return [name for name, value in environment.items() if name.startswith(prefix) and is_service_link(name, value)]


def stands_in_quotes(value: str) -> bool:
    """`docker run --env-file` keeps the quotes that a shell would take off."""
    return len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'"


def read_secret(name: str, path: str) -> str:
    """What a file holds, without its last line break, which is an editor's; raises ValueError, with `name`."""
    try:
        return Path(path).read_text().removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise ValueError(f"{name}: {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{name}: {path} holds no text") from None
