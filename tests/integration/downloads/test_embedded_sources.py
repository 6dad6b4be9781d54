"""Where an embedded model comes from; that it is converted and works, the tests of the engine show."""

from __future__ import annotations

from pathlib import Path

import pytest

from models import embedded
from models.catalogue import QWEN_CODER
from models.obtain import obtain
from shared.errors import ModelUnavailable
from tests.integration.downloads.conftest import names
from tests.integration.downloads.servers import Answers, Hub, closed_port, serve


class Wrong(Answers):
    """Every address has the same few bytes."""

    def reply(self, path: str, query: dict[str, list[str]]) -> None:
        self.send(b"not a model")


def test_a_source_that_cannot_be_reached_is_said_in_one_line(cache: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"qwen2\.5-coder-0\.5b from hub: .*127\.0\.0\.1 cannot be") as refused:
        embedded.obtain_embedded(QWEN_CODER.name, cache, closed_port(), source="hf")

    assert "\n" not in str(refused.value)
    assert embedded.embedded_cached(QWEN_CODER.name, cache) is None


def test_other_bytes_than_the_pinned_ones_are_refused(cache: Path) -> None:
    with serve(Wrong, Hub({})) as hub, pytest.raises(ModelUnavailable, match="from hub: "):
        embedded.obtain_embedded(QWEN_CODER.name, cache, hub.url, source="hf")

    assert not list(cache.rglob("*.gguf"))


def test_an_embedded_model_has_no_revision(cache: Path) -> None:
    with pytest.raises(ModelUnavailable, match="known by its checksum"):
        obtain("embedded", cache, revision="main")


def test_an_embedded_model_in_the_cache_is_copied_to_where_it_is_asked_for(cache: Path, tmp_path: Path) -> None:
    cached = cache / QWEN_CODER.name / QWEN_CODER.sha256[:12]
    cached.mkdir(parents=True)
    (cached / "config.json").write_text("{}")

    folder = obtain(QWEN_CODER.name, cache, to=tmp_path / "there")

    assert names(folder) == {"config.json"}
    assert names(cached) == {"config.json"}
