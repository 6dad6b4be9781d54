"""Downloads from a server that speaks ModelScope's protocol."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.cache import read_record
from models.obtain import cached, obtain
from shared.errors import DownloadFailed, ModelUnavailable
from tests.integration.downloads.conftest import NEEDED, SHARDS, names
from tests.integration.downloads.servers import Hub, closed_port, sha256

NAME = "chatglm3-6b"
FIRST = SHARDS[0]


def test_only_what_the_model_needs_is_fetched_and_no_code(modelscope: Hub, cache: Path) -> None:
    folder = obtain(NAME, cache, modelscope.url, source="modelscope")

    assert names(folder) == {*NEEDED, "download.json"}
    assert {name: (folder / name).read_bytes() for name in NEEDED} == {name: modelscope.files[name] for name in NEEDED}
    assert all("/ZhipuAI/chatglm3-6b/repo" in path for _, path, _ in modelscope.requests)
    assert not any(".py" in path for _, path, _ in modelscope.requests)


def test_the_revision_is_a_digest_of_the_checksums(modelscope: Hub, cache: Path) -> None:
    folder = obtain(NAME, cache, modelscope.url, source="modelscope")

    record = read_record(folder)
    assert record is not None
    assert (record.source, record.repository) == ("modelscope", "ZhipuAI/chatglm3-6b")
    assert record.files[FIRST] == {"size_bytes": 300_000, "sha256": sha256(modelscope.files[FIRST])}
    modelscope.files[FIRST] = bytes(300_000)
    assert obtain(NAME, cache, modelscope.url, source="modelscope", revision="master") != folder


def test_a_file_that_is_cut_goes_on_from_its_last_byte(modelscope: Hub, cache: Path) -> None:
    modelscope.cut[FIRST] = 100_000

    folder = obtain(NAME, cache, modelscope.url, source="modelscope")

    assert (folder / FIRST).read_bytes() == modelscope.files[FIRST]
    assert modelscope.ranges_of(FIRST) == [None, "bytes=100000-"]


def test_bytes_that_are_not_the_announced_ones_are_refused(modelscope: Hub, cache: Path) -> None:
    modelscope.lies["config.json"] = b'{"model_type": "chatgpt"}\n'

    with pytest.raises(DownloadFailed, match=r"config\.json: sha256 .* is not the expected"):
        obtain(NAME, cache, modelscope.url, source="modelscope")

    assert cached(NAME, cache) is None


def test_a_revision_that_is_not_there_is_named(modelscope: Hub, cache: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"127\.0\.0\.1 has no ZhipuAI/chatglm3-6b at revision v9"):
        obtain(NAME, cache, modelscope.url, source="modelscope", revision="v9")


@pytest.mark.parametrize("status", [401, 403])
def test_a_licence_that_is_not_accepted_is_said(modelscope: Hub, cache: Path, status: int) -> None:
    modelscope.status["FilePath=" + FIRST] = (status, {})

    with pytest.raises(ModelUnavailable, match=r"accept the licence at http.*/models/ZhipuAI/chatglm3-6b"):
        obtain(NAME, cache, modelscope.url, source="modelscope")


def test_a_hub_that_cannot_be_reached_is_said_in_one_line(cache: Path) -> None:
    with pytest.raises(DownloadFailed, match=r"127\.0\.0\.1 cannot be reached .*--source hf") as refused:
        obtain(NAME, cache, closed_port(), source="modelscope")

    assert "\n" not in str(refused.value)


def test_a_server_that_is_not_modelscope_is_said_to_be_none(hub: Hub, cache: Path) -> None:
    hub.status["/api/v1"] = (200, {"Content-Type": "text/html"})

    with pytest.raises(DownloadFailed, match="does not answer as ModelScope does"):
        obtain(NAME, cache, hub.url, source="modelscope")
