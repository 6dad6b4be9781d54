"""The name by which Celery and its monitors know this worker, unless `-n` gives it one: no other on this host has it.

Knows the host's names for sockets, by which a name is held until the process ends; not Celery.
"""

from __future__ import annotations

import errno
import re
import socket
from itertools import count


def own_node(device: str) -> str:
    """`cuda1@HOST` for a device with a number, else `celery@HOST`; `cuda1-2@HOST` for the next that would be called so.

    The lowest number that is free, so that a worker that starts again is mostly the one that monitors know.
    """
    card = re.fullmatch(r"cuda:(\d+)", device)
    name = f"cuda{card[1]}" if card else "celery"
    host = socket.gethostname()
    numbered = (f"{name}-{number}@{host}" if number > 1 else f"{name}@{host}" for number in count(1))
    return next(node for node in numbered if held(node))


def held(node: str) -> bool:
    """Whether the name is this process' from now on. Where sockets cannot be had at all, it is."""
    holder = socket.socket(socket.AF_UNIX)
    try:
        holder.bind(f"\0scriptqueue/{node}")
    except OSError as error:
        holder.close()
        return error.errno != errno.EADDRINUSE
    holder.detach()  # open until the process ends, however it ends
    return True
