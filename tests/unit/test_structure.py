"""Counting a JSON text as it comes says what reading it whole would have said, wherever it is cut."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.http.structure import DEEPEST, Structure
from shared.errors import BodyTooLarge, MalformedJson

TEXTS = st.text() | st.sampled_from(['"', "\\", '\\"', "[{,:}]", '\\\\",', "\\u0022"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda children: st.lists(children, max_size=5) | st.dictionaries(TEXTS, children, max_size=5),
    max_leaves=30,
)


def marks_of(value: Any) -> int:
    """Of the text of a value, without a look at the text."""
    if isinstance(value, dict):
        return 2 + len(value) + max(0, len(value) - 1) + sum(map(marks_of, value.values()))
    if isinstance(value, list):
        return 2 + max(0, len(value) - 1) + sum(map(marks_of, value))
    return 0


def passes(text: bytes, limit_marks: int, cuts: list[int]) -> bool:
    structure = Structure(limit_marks)
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    try:
        for begin, end in pairwise(edges):
            structure.add(text[begin:end])
    except BodyTooLarge:
        return False
    return True


@settings(max_examples=50)
@given(VALUES, st.lists(st.integers(0, 300), max_size=8), st.booleans())
def test_a_text_passes_with_as_many_marks_as_it_has_and_not_with_one_less(
    value: Any, cuts: list[int], escaped: bool
) -> None:
    text = json.dumps(value, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    marks = marks_of(value)

    assert passes(text, marks, cuts)
    assert not marks or not passes(text, marks - 1, cuts)


@pytest.mark.parametrize("piece_bytes", [1, 7, 10_000])
@pytest.mark.parametrize(
    ("text", "holds"),
    [
        (b"[" * DEEPEST + b"]" * DEEPEST, True),
        (b"[" * (DEEPEST + 1), False),
        (b'{"a":' * (DEEPEST + 1), False),
        (b"[[]," * 1000, False),  # never closed
        (b'["' + b"[" * 1000 + b'"]', True),
        (b'["\\"' + b"[" * 1000 + b'"]', True),
        (b"[" + b"[]," * 1000 + b"[]]", True),
    ],
    ids=["as deep as allowed", "one deeper", "objects", "never closed", "in a string", "after a quote", "wide"],
)
def test_depth_is_seen_before_anything_is_built(text: bytes, holds: bool, piece_bytes: int) -> None:
    structure = Structure(10_000)

    def add_all() -> None:
        for start in range(0, len(text), piece_bytes):
            structure.add(text[start : start + piece_bytes])

    if holds:
        add_all()
    else:
        with pytest.raises(MalformedJson, match="nested deeper than 64 levels"):
            add_all()
