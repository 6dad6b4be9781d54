"""What every script may use, and of that what one script needs.

Lua makes all functions of a text anew at each run, and Redis runs a script's whole text: what a script never calls cost
it more than its own work. Knows where a declaration begins and which names a text has; not what they do.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

_DECLARED = re.compile(r"(?:local )?function (\w+)|local ([\w, ]+)")


@dataclass(frozen=True)
class _Declaration:
    names: frozenset[str]
    words: frozenset[str]  # of what they are
    text: str

    def makes(self, functions: Collection[str]) -> bool:
        return "function" in self.text.splitlines()[0] and not self.names.isdisjoint(functions)


def used_by_script(shared: str, own: str, rarely: Collection[str] = ()) -> str:
    """Those declarations of `shared` that `own` names, and whatever they name, in their order and without comments.

    A declaration begins in the first column with `local` or `function`. One that is named by chance is kept: too much
    is only slow. The functions in `rarely`, and what only they use, are made when the first of them is called.
    """
    all_of_it = [_read(text) for text in _declarations(shared)]
    often = _closed([one for one in all_of_it if not one.makes(rarely)], _words(own))
    text = "".join(one.text for one in often)
    if not rarely:
        return text
    late = [one for one in _closed(all_of_it, frozenset(rarely)) if one not in often]
    named = ", ".join(rarely)
    early = {name for one in often for name in one.names}  # declared before they are made
    new = [name for name in rarely if name not in early]
    text = (f"local {', '.join(new)}\n" if new else "") + text
    text += f"local function make_rare()\n{''.join(one.text for one in late)}return {named}\nend\n"
    return text + "".join(f"function {name}(...) {named} = make_rare() return {name}(...) end\n" for name in rarely)


def _closed(declarations: Sequence[_Declaration], words: frozenset[str]) -> list[_Declaration]:
    """Those that the words name, and those that they name, in their order."""
    kept = set[int]()
    while more := {
        place
        for place, one in enumerate(declarations)
        if place not in kept and not one.names.isdisjoint(words)
    }:  # fmt: skip
        kept |= more
        words = words.union(*(declarations[place].words for place in more))
    return [declarations[place] for place in sorted(kept)]


def _declarations(shared: str) -> Iterator[str]:
    """Raises `ValueError` for code that stands outside of all declarations: nobody could need it."""
    text = ""
    for line in re.sub(r"[ \t]*--.*", "", shared).splitlines():
        if re.match(r"(local|function)\b", line):
            if text:
                yield text
            text = line + "\n"
        elif text:
            text += line + "\n" if line else ""
        elif line:
            raise ValueError(f"before the first declaration: {line}")
    if text:
        yield text


def _read(declaration: str) -> _Declaration:
    found = _DECLARED.match(declaration)
    if found is None:
        raise ValueError(f"no name is declared: {declaration.splitlines()[0]}")
    return _Declaration(_words(found[1] or found[2]), _words(declaration[found.end() :]), declaration)


def _words(code: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", re.sub(r"--.*", "", code)))
