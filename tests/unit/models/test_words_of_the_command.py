"""What `python -m models` says of an error."""

from __future__ import annotations

import os

import pytest

from models.__main__ import why
from shared.errors import ModelUnavailable


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            PermissionError(13, "Permission denied", "/models/smollm2-135m"),
            f"[Errno 13] Permission denied: '/models/smollm2-135m'; this is user {os.geteuid()}",
        ),
        (FileNotFoundError(2, "No such file or directory", "x"), "[Errno 2] No such file or directory: 'x'"),
        (ModelUnavailable("there is no model"), "there is no model"),
    ],
)
def test_a_folder_that_is_not_ours_names_who_we_are(error: Exception, words: str) -> None:
    assert why(error) == words
