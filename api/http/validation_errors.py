"""Pydantic's errors as faults with JSON pointers into the body that was sent, or the name of the parameter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from scriptqueue.responses import Fault

_PARAMETER = "parameter "  # so begins the detail of a fault whose pointer leads into the query


def faults_of(errors: Iterable[Mapping[str, Any]], body: Any) -> list[Fault]:
    """One fault an error, in pydantic's order. Locations begin with "body", or "query" for a parameter at fault."""
    return [
        Fault(pointer=_pointer(error, body), code=error["type"], detail=_parameter(error) + error["msg"])
        for error in errors
    ]


def words_of(fault: Fault) -> str:
    """The fault and where it stands."""
    if fault.detail.startswith(_PARAMETER):
        return fault.detail
    return f"{fault.pointer or 'the body'}: {fault.detail}"


def _parameter(error: Mapping[str, Any]) -> str:
    return "" if error["loc"][0] == "body" else f"{_PARAMETER}{error['loc'][-1]}: "


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
