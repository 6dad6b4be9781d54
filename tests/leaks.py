"""Keys that would stay in Redis for ever although no documentation knows them: each is a leak.

What may stay is what the comments of lua/prelude.lua and lua/outbox.lua name, and what kombu keeps.
"""

from __future__ import annotations

import re
from functools import cache

import redis

from shared.rings import QUEUE
from shared.store.scripts import LUA_FOLDER

KOMBU = rf"{QUEUE}(-for:[^/]+)?(/\d)?|_kombu\.binding[._].*|unacked(_index|_mutex)?|.*\.pidbox(@.*)?|celeryev\..*"

PREFIX = "((blue|green):)?"  # of the tests that set REDIS__PREFIX


def leaked(client: redis.Redis) -> list[str]:
    """Keys without a time to live that nothing names; `client` decodes its answers."""
    unknown = [key for key in client.scan_iter(count=10_000) if not known().fullmatch(key)]
    return sorted(key for key in unknown if client.ttl(key) == -1)


@cache
def known() -> re.Pattern[str]:
    """`sq:job:<id>` in a comment stands for every key that has something in the place of `<id>`."""
    text = "".join(
        (LUA_FOLDER / f"{name}.lua").read_text().partition("\n-- Channels:")[0] for name in ("prelude", "outbox")
    )
    comments = "\n".join(re.findall(r"^--(.*)$", text, re.MULTILINE))
    names = re.findall(r"\bsq:[\w-]+(?::<\w+>)*", comments)
    ours = [re.sub(r"<\w+>", ".+", name) for name in names]
    return re.compile(f"{PREFIX}({'|'.join([KOMBU, *ours])})")
