"""The Lua scripts: every transition of a job is one of them, and every Redis key stands in them (lua/prelude.lua
and, of webhooks, lua/outbox.lua).

A script's header names what it takes and what it answers, once for both languages:

    -- ARGS: id, client ('': any)      locals in the script, keywords in Python
    -- EACH jobs: id, request (JSON)   last, any number: a list of tables in the script, of mappings in Python
    -- LIST: ids                       last, any number: a list of values
    -- RARELY: end_job                 shared functions that most runs do not call (shared/store/shared_lua.py)
    -- ANSWER: token, attempt          `answer({token = ...})` in the script, a dictionary by `named` in Python

What stands in parentheses explains; a line that ends with a comma goes on. Knows how scripts are put together and
called; not what they mean, and no connection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from scriptqueue.schemas import PRIORITIES, Status
from shared.keys import KEY_PREFIX
from shared.rings import TASK
from shared.store.record import FORMAT, TOMBSTONE_S
from shared.store.shared_lua import used_by_script

Name = Literal[
    "submit", "read", "list", "counts", "takes", "delete", "batch",
    "claim", "renew", "finish", "give_back", "cancel", "sweep", "queue", "beat",
    "release", "catch_up", "reconcile", "dead", "exhume", "events", "metrics",
    "take", "settle", "deliveries", "ring", "confirm", "withdraw"
]  # fmt: skip
SCRIPT_NAMES: tuple[Name, ...] = get_args(Name)
JOURNAL = "journal"  # stands before each script that changes jobs
SHARED = ("prelude", "tasks", "turns", "outbox", "sharing", "poison")  # a script may use what they declare
LUA_FOLDER = Path(__file__).parent / "lua"
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
        "catch_up",
        "take",
        "settle",
        "ring",
        "confirm",
        "withdraw",
    }
)
# What these drop on their way (a word that lapsed, the id of a record that expired) is gone already, each by itself.
ONLY_LOOK: frozenset[Name] = frozenset({"read", "list", "counts", "takes", "queue", "events", "metrics", "dead"})
REMOVED = "removed:"  # after the prefix: keys that a script has deleted, until its end
ALLOW_OOM = "#!lua flags=allow-oom\n"
# What both languages know is written once, in Python.
CONSTANTS: Mapping[str, Any] = {
    "FORMAT": FORMAT,
    "TOMBSTONE_S": TOMBSTONE_S,
    "PRIORITIES": PRIORITIES,
    "RANK": {priority: rank for rank, priority in enumerate(PRIORITIES)},
    "FINAL": {status: True for status in Status if status.done},
    "TASK": TASK,
}


@dataclass(frozen=True)
class Script:
    """A script's whole text, and the names of what it takes and answers. `rest`: the last argument, a list; of tables
    where there are `fields`."""

    name: str
    text: str
    arguments: tuple[str, ...]
    rest: str
    fields: tuple[str, ...]
    answers: tuple[str, ...]

    def flat(self, keywords: Mapping[str, Any]) -> list[Any]:
        """ARGV after the first, the database; raises `TypeError` with the name of what is missing or unknown. None and
        False are '' in Lua, True is '1'."""
        self._require({*self.arguments, *([self.rest] if self.rest else ())}, keywords)
        values = [keywords[name] for name in self.arguments]
        rest: Iterable[Any] = keywords[self.rest] if self.rest else ()
        if not self.fields:
            return list(map(_value, [*values, *rest]))
        for row in rest:
            self._require(set(self.fields), row)
            values += [row[name] for name in self.fields]
        return list(map(_value, values))

    def named(self, values: Sequence[Any]) -> dict[str, Any]:
        """What the script's `answer` gave."""
        return dict(zip(self.answers, values, strict=True))

    def _require(self, names: set[str], mapping: Mapping[str, Any]) -> None:
        if mapping.keys() == names:
            return
        missing, unknown = sorted(names - mapping.keys()), sorted(mapping.keys() - names)
        faults = [f"{what} {', '.join(which)}" for what, which in (("missing", missing), ("unknown", unknown)) if which]
        raise TypeError(f"{self.name}.lua: {'; '.join(faults)}")


def _value(value: Any) -> Any:
    if value is None or value is False:
        return ""
    return "1" if value is True else value


def scripts(prefix: str = "") -> Mapping[Name, Script]:
    """Each script: its flags, what it needs of the constants and of what is shared, its arguments, and its own text.
    `prefix`: REDIS__PREFIX."""
    return _scripts(prefix)


@cache
def _scripts(prefix: str) -> Mapping[Name, Script]:
    shared = _constants(prefix) + "".join((LUA_FOLDER / f"{name}.lua").read_text() for name in SHARED)
    return {name: _script(name, shared, prefix) for name in SCRIPT_NAMES}


def named(script: Name, values: Sequence[Any]) -> dict[str, Any]:
    """What a script's `answer` gave, by its names."""
    return scripts()[script].named(values)


def _script(name: Name, shared: str, prefix: str) -> Script:
    own = (LUA_FOLDER / f"{name}.lua").read_text()
    rest, fields = _declared(own, "EACH")
    if not fields:
        _, plain = _declared(own, "LIST")
        rest = plain[0] if plain else ""
    arguments, answers = _declared(own, "ARGS")[1], _declared(own, "ANSWER")[1]
    flags = ALLOW_OOM if name in GOES_ON_WHEN_FULL else ""
    locals_ = _locals(arguments, rest, fields) + _answer(answers)
    _, rarely = _declared(own, "RARELY")
    own = locals_ + own
    text = used_by_script(shared, own, rarely) + own
    whole = text if name in ONLY_LOOK else _journaled(text, prefix)
    return Script(name, flags + whole, arguments, rest, fields, answers)


def _journaled(text: str, prefix: str) -> str:
    journal = f"local REMOVED = {_lua(prefix + KEY_PREFIX + REMOVED)}\n" + (LUA_FOLDER / f"{JOURNAL}.lua").read_text()
    writes = "|".join(re.findall(r"function do_(\w+)", journal))
    text = re.sub(rf"redis\.call\('({writes})', ", r"do_\1(", text)
    text = f"return all_or_nothing(function()\n{text}end)\n"
    return used_by_script(journal, text) + text


def _declared(text: str, keyword: str) -> tuple[str, tuple[str, ...]]:
    """The word after the keyword, and the names that it declares."""
    found = re.search(rf"^-- {keyword} ?(\w*): ((?:.*,\n--)*.*)$", text, re.MULTILINE)
    if found is None:
        return "", ()
    return found[1], tuple(re.findall(r"\w+", re.sub(r"\([^)]*\)|\n--", "", found[2])))


def _locals(arguments: Sequence[str], rest: str, fields: Sequence[str]) -> str:
    """Lua that gives the arguments their names."""
    places = ", ".join(f"ARGV[{place}]" for place in range(2, len(arguments) + 2))
    text = f"local {', '.join(arguments)} = {places}\n" if arguments else ""
    if rest:
        row = ", ".join(f"{field} = ARGV[i + {place}]" for place, field in enumerate(fields))
        item = f"{{{row}}}" if fields else "ARGV[i]"
        loop = f"for i = {len(arguments) + 2}, #ARGV, {len(fields) or 1}"
        text += f"local {rest} = {{}}\n{loop} do {rest}[#{rest} + 1] = {item} end\n"
    return text


def _answer(names: Sequence[str]) -> str:
    """Lua that puts named values into the order in which Python reads them."""
    if not names:
        return ""
    return f"""local function answer(named)
  local values = {{}}
  for i, name in ipairs({_lua(names)}) do
    if named[name] == nil then error('no answer of the name ' .. name) end
    values[i] = named[name]
  end
  return values
end
"""


def _constants(prefix: str) -> str:
    constants = {**CONSTANTS, "DEPLOYMENT": prefix, "PREFIX": prefix + KEY_PREFIX}
    texts = {name: _lua(value) for name, value in constants.items()} | {"DATABASE": "ARGV[1]"}
    return "".join(f"local {name} = {text}\n" for name, text in texts.items())


def _lua(value: Any) -> str:
    """A Python value as Lua writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key} = {_lua(item)}' for key, item in value.items())}}}"
    return f"{{{', '.join(map(_lua, value))}}}" if isinstance(value, Sequence) else str(value)
