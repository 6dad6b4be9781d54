"""Pydantic's errors as faults with JSON pointers into the body that was sent, or the name of the parameter.

What no field is called is told with the field that may be meant. Knows no field by its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel

from scriptqueue.responses import Fault

UNKNOWN = "extra_forbidden"  # pydantic's own code for it

_PARAMETER = "parameter "  # so begins the detail of a fault whose pointer leads into the query
_LONGEST_NAME = 80  # to compare with ours, in characters


def faults_of(errors: Iterable[Mapping[str, Any]], body: Any, shape: Any) -> list[Fault]:
    """One fault an error, in pydantic's order. Locations begin with "body", or "query" for a parameter at fault;
    `shape` is the type that the body should have, None where there is no body."""
    return [
        Fault(
            pointer=_pointer(error, body),
            code=error["type"],
            detail=_parameter(error) + _detail(error, shape),
            values=_values(error),
        )
        for error in errors
    ]


def no_such(what: str, name: str, known: Iterable[str]) -> str:
    """That there is none of this name, and which one may be meant."""
    near = get_close_matches(name[:_LONGEST_NAME].lower(), sorted(known), n=1)
    return f"no such {what}" + (f"; did you mean {near[0]}?" if near else "")


def words_of(fault: Fault) -> str:
    """The fault and where it stands."""
    if fault.detail.startswith(_PARAMETER):
        return fault.detail
    return f"{fault.pointer or 'the body'}: {fault.detail}"


def _parameter(error: Mapping[str, Any]) -> str:
    return "" if error["loc"][0] == "body" else f"{_PARAMETER}{error['loc'][-1]}: "


def _values(error: Mapping[str, Any]) -> dict[str, Any] | None:
    """Pydantic's own that JSON can hold; None: it names none."""
    plain = {name: value for name, value in error.get("ctx", {}).items() if isinstance(value, str | int | float)}
    return plain or None


def _detail(error: Mapping[str, Any], shape: Any) -> str:
    if error["type"] != UNKNOWN or error["loc"][0] != "body":
        return str(error["msg"])
    *at, name = error["loc"][1:]
    return no_such("field", str(name), _fields_at(shape, at))


def _fields_at(shape: Any, at: Sequence[str | int]) -> set[str]:
    """The names that an object may have there; the steps that are no field (places in lists) change nothing."""
    found = [*_objects(shape)]
    for step in at:
        inner = [kind.model_fields[step].annotation for kind in found if step in kind.model_fields]
        found = [kind for each in inner for kind in _objects(each)] or found
    return {name for kind in found for name in kind.model_fields}


def _objects(shape: Any) -> Iterator[type[BaseModel]]:
    """Those within a type: `Webhook` in `Webhook | None` and in `list[Webhook]`."""
    if isinstance(shape, type) and issubclass(shape, BaseModel):
        yield shape
    for inner in get_args(shape):
        yield from _objects(inner)


def _pointer(error: Mapping[str, Any], body: Any) -> str:
    """Where the fault stands: pydantic's location without what is not in the body (names of union branches).

    A missing field is named although it is not there. A key that is no well-formed text cannot be written in a
    pointer: its parent is named.
    """
    parts: Sequence[str | int] = error["loc"][1:]
    pointer, node = "", {parts[0]: None} if error["loc"][0] == "query" else body
    for number, part in enumerate(parts, start=1):
        absent = number == len(parts) and error["type"] == "missing"
        if not (absent or _holds(node, part)):
            continue
        if not _well_formed(str(part)):
            break
        pointer += "/" + str(part).replace("~", "~0").replace("/", "~1")
        node = None if absent else node[part]
    return pointer


def _holds(node: Any, part: str | int) -> bool:
    if isinstance(node, list):
        return isinstance(part, int) and 0 <= part < len(node)
    return isinstance(node, dict) and part in node


def _well_formed(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
