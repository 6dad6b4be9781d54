"""What every script may use, and of that what one script needs.

Lua makes all functions of a text anew at each run, and Redis runs a script's whole text: what a script never calls cost
it more than its own work. Knows where a declaration begins and which names a text has; not what they do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_DECLARED = re.compile(r"(?:local )?function (\w+)|local ([\w, ]+)")


def used_by_script(shared: str, own: str) -> str:
    """Those declarations of `shared` that `own` names, and whatever they name, in their order and without comments.

    A declaration begins in the first column with `local` or `function`. One that is named by chance is kept: too much
    is only slow.
    """
    declarations = [(*_read(text), text) for text in _declarations(shared)]
    words, kept = _words(own), set[int]()
    while more := {
        place
        for place, (names, _, _) in enumerate(declarations)
        if place not in kept and not names.isdisjoint(words)
    }:  # fmt: skip
        kept |= more
        words = words.union(*(declarations[place][1] for place in more))
    return "".join(declarations[place][2] for place in sorted(kept))


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


def _read(declaration: str) -> tuple[set[str], set[str]]:
    """The names that it declares, and the words of what they are."""
    found = _DECLARED.match(declaration)
    if found is None:
        raise ValueError(f"no name is declared: {declaration.splitlines()[0]}")
    return _words(found[1] or found[2]), _words(declaration[found.end() :])


def _words(code: str) -> set[str]:
    return set(re.findall(r"\w+", re.sub(r"--.*", "", code)))
