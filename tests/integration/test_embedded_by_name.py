"""`make up` with `MODEL__NAME`: whichever embedded model is named is fetched in the foreground, and nothing else is."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

from api.stack.processes import Ports, Stack, StackFailed


@pytest.mark.parametrize(("name", "fetched"), [("qwen2.5-coder-1.5b", True), ("chatglm3-6b", False), ("stub", False)])
def test_an_embedded_model_is_fetched_before_anything_starts(
    name: str, fetched: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether a fetch was tried shows in that it fails: the cache is a file."""
    monkeypatch.setenv("SCRIPTQUEUE_MODEL__NAME", name)
    monkeypatch.setenv("SCRIPTQUEUE_MODEL__CACHE_DIR", str(tmp_path / "file"))
    (tmp_path / "file").touch()
    stack = Stack(tmp_path / "run", Ports(), drain=False)
    stack._umask = 0o022  # of its children

    with pytest.raises(StackFailed, match=f"{name} could not be had") if fetched else nullcontext():
        stack._pull()
