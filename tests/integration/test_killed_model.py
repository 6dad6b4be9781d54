"""A worker with the embedded model that is killed in the middle of a rewrite; `make chaos` has more of these."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos import model

pytestmark = pytest.mark.slow  # its workers load the real model


def test_a_killed_rewrite_becomes_what_it_would_have_been(tmp_path: Path) -> None:
    """The same text as an undisturbed run with the same seed, and what stays byte for byte."""
    with model.playing(tmp_path) as play:
        print(model.rewrite(play))
