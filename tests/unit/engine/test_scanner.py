"""The scanner stands where the text does, however the text is cut into tokens."""

from __future__ import annotations

import json
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.engine.scanner import Scanner

BYTES = st.text(st.sampled_from('\\"{}[]:,/ a猫，'), max_size=12)
SCENES = st.lists(st.dictionaries(BYTES, BYTES | st.integers() | st.none(), max_size=4), max_size=4)


def after(pieces: list[bytes]) -> dict[str, object]:
    scanner = Scanner()
    for piece in pieces:
        scanner.feed(piece)
    return vars(scanner)


@given(title=BYTES, scenes=SCENES, seed=st.integers(0, 9), cut=st.floats(0, 1), ascii_only=st.booleans())
def test_it_counts_alike_however_a_text_is_cut(
    title: str, scenes: list[dict[str, object]], seed: int, cut: float, ascii_only: bool
) -> None:
    text = json.dumps({"title": title, "scenes": scenes}, ensure_ascii=ascii_only, separators=(",", ":")).encode()
    length, draw = int(cut * len(text)), random.Random(seed)
    cuts = [0, *sorted(draw.sample(range(length + 1), min(8, length + 1))), length]
    pieces = [text[begin:end] for begin, end in pairwise(cuts)]

    assert after(pieces) == after([bytes([byte]) for byte in text[:length]])


@given(title=BYTES, scenes=SCENES)
def test_a_whole_text_has_the_scenes_and_strings_that_json_reads_in_it(
    title: str, scenes: list[dict[str, object]]
) -> None:
    text = json.dumps({"title": title, "scenes": scenes}, ensure_ascii=False).encode()

    state = after([text])

    strings = [sum(isinstance(value, str) for value in scene.values()) for scene in scenes]
    assert (state["complete"], state["scenes_done"], state["values_before_scenes"]) == (True, len(scenes), 1)
    assert state["values_in_scene"] == (strings[-1] if strings else 0)
    assert state["place"] == 1 + sum(strings) + len(scenes)


@pytest.mark.parametrize(
    ("text", "in_value"),
    [
        ('{"a', False),
        ('{"a":"', True),
        ('{"a":"\\"', True),
        ('{"a":"\\\\"', False),
        ('{"a":"\\\\\\"', True),
        ('{"a":"b","c', False),
        ('{"a":1,"c":"}]', True),
    ],
)
def test_only_the_text_of_a_value_is_in_a_value(text: str, in_value: bool) -> None:
    assert after([text.encode()])["in_value"] is in_value
    assert after([bytes([byte]) for byte in text.encode()])["in_value"] is in_value
