"""What a Redis user must be allowed: commands, keys and channels, of our scripts, of Celery and of doctor.

The same list makes the line that docs/operations.md gives to whoever restricts that user, and the check that names
what a user lacks before the first job does. Redis answers it without running any of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from shared.keys import KEY_PREFIX

_PROBE = f"{KEY_PREFIX}probe"  # after the deployment's prefix; never written
_WITH_KEYS = (  # our scripts', kombu's, doctor's
    "copy del exists expire get hdel hexists hget hgetall hincrby hkeys hmget hset hsetnx hvals incr "
    "incrby lindex llen lpop lpush lrange persist pexpire pttl rename rpush sadd scard set smembers spop "
    "srandmember srem ttl xadd xdel xlen xrange zadd zcard zcount zrandmember zrange zrangebyscore zrank "
    "zrem zremrangebyscore zrevrange zrevrangebyscore zscore brpop rpop watch lrem "
)
_WITH_CHANNELS = "publish subscribe psubscribe"
_OTHERS = (
    "client|setinfo client|setname discard eval evalsha exec info multi ping punsubscribe scan "
    "script|exists script|load select time unsubscribe unwatch wait "
)
ALLOWED_COMMANDS = tuple(sorted(f"{_WITH_KEYS} {_WITH_CHANNELS} {_OTHERS}".split()))
ALLOWED_KEYS = (f"{KEY_PREFIX}*", "_kombu.binding*", "unacked*", "celeryev.*", "*.pidbox*")
# Without these, the version, the policy and how often the file is synced cannot all be judged; nothing else is lost.
WISHED = ("config|get",)

CHECK = """#!lua flags=no-writes
local lacking = {}
if redis.acl_check_cmd then
  for place, command in ipairs(cjson.decode(ARGV[1])) do
    local known, may = pcall(redis.acl_check_cmd, unpack(command))
    if known and not may then lacking[#lacking + 1] = place end
  end
end
return lacking
"""


def channels(database: int, prefix: str) -> tuple[str, ...]:
    """Celery's hold the number of the database. A pattern that is subscribed to must be allowed letter by letter."""
    names = (
        f"{KEY_PREFIX}*",
        f"/{database}.celery.pidbox",
        f"/{database}.reply.celery.pidbox*",
        f"/{database}.celeryev/*",
    )
    return tuple(prefix + name for name in names)


def rule_of(database: int, prefix: str = "") -> str:
    """The end of `ACL SETUSER name on >password`."""
    keys = (f"~{prefix}{key}" for key in ALLOWED_KEYS)
    names = (f"&{name}" for name in channels(database, prefix))
    commands = (f"+{command}" for command in (*ALLOWED_COMMANDS, *WISHED))
    return " ".join(["resetkeys", *keys, "resetchannels", *names, "-@all", *commands])


def lacking(ask: Callable[[str], Any], database: int, prefix: str = "") -> list[str]:
    """What the user of this connection may not, as rules: `+publish`, `~unacked*`. `ask` runs `CHECK` with one
    argument and answers what it answers."""
    probes = list(_probes(database, prefix))
    rules = {probes[place - 1][0] for place in ask(json.dumps([command for _, command in probes]))}
    for commands, probe, sign in ((_WITH_KEYS, "+set", "~"), (_WITH_CHANNELS, "+publish", "&")):
        all_of_them = {f"+{command}" for command in commands.split()}
        if rules >= all_of_them:  # what they were tried on is forbidden, not they
            rules -= all_of_them
        elif probe in rules:  # nothing is known of what was tried with it
            rules = {rule for rule in rules if rule[0] != sign}
    return [rule for rule, _ in probes if rule in rules]


def _probes(database: int, prefix: str) -> Iterator[tuple[str, list[str]]]:
    """Each rule, and a command that it allows. It has all its arguments: a server may read as many as it needs."""
    for command in ALLOWED_COMMANDS:
        yield f"+{command}", [*command.split("|"), *_arguments(command, channels(database, prefix)[0], prefix)]
    for key in ALLOWED_KEYS:
        yield f"~{prefix}{key}", ["set", prefix + key.replace("*", "x"), ""]
    for name in channels(database, prefix):
        yield f"&{name}", ["publish", name.replace("*", "x"), ""]


def _arguments(command: str, channel: str, prefix: str) -> list[str]:
    if command in {"eval", "evalsha"}:
        return ["", "0"]
    return (
        [channel, ""]
        if command == "publish"
        else [channel]
        if command in _WITH_CHANNELS.split()
        else [prefix + _PROBE] * 4
    )
