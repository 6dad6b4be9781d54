"""The Lua scripts: every transition of a job is one of them, and every Redis key stands in them (lua/prelude.lua
and, of webhooks, lua/outbox.lua).

Knows how to find and register the scripts, sync or async; not what they mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

CHANGED_CHANNEL = "sq:changed"
CANCEL_CHANNEL = "sq:cancel"

Name = Literal[
    "submit", "read", "list", "delete", "batch",
    "claim", "renew", "finish", "give_back", "cancel", "sweep", "queue", "beat",
    "release", "reconcile", "dead", "exhume", "events", "metrics",
    "take", "settle", "deliveries", "ring"
]  # fmt: skip
NAMES: tuple[Name, ...] = Name.__args__  # type: ignore[attr-defined]
# What is accepted goes on to its end when Redis is at its maxmemory; the rest is new, or takes no memory.
GOES_ON_WHEN_FULL: frozenset[Name] = frozenset(
    {
        "claim",
        "renew",
        "finish",
        "give_back",
        "cancel",
        "batch",
        "delete",
        "sweep",
        "beat",
        "release",
        "take",
        "settle",
        "ring",
    }
)
ALLOW_OOM = "#!lua flags=allow-oom\n"


@cache
def sources() -> Mapping[Name, str]:
    """Each script's whole text: its flags, what all share, the script."""
    folder = Path(__file__).parent / "lua"
    shared = "".join((folder / f"{name}.lua").read_text() for name in ("prelude", "outbox", "sharing"))
    flags = dict.fromkeys(GOES_ON_WHEN_FULL, ALLOW_OOM)
    return {name: flags.get(name, "") + shared + (folder / f"{name}.lua").read_text() for name in NAMES}


def register(client: Any) -> dict[Name, Any]:
    """The scripts as callables of this redis client (`redis.Redis` or `redis.asyncio.Redis`)."""
    return {name: client.register_script(text) for name, text in sources().items()}
