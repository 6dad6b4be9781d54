"""Tables that are begun from what the last start used are the wanted ones, whatever lies in the file."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from worker.engine import tables
from worker.engine.tables import TablesAhead, TableSource, begin_tables, take_tables
from worker.engine.vocabulary import SLICES, Vocabulary


@pytest.fixture
def source(loaded: Any) -> TableSource:
    rows, eos = loaded.model.config.vocab_size, loaded.eos_token_ids[0]
    return TableSource(loaded.tokenizer.backend_tokenizer.to_str(), rows, eos, SLICES)


@pytest.fixture(autouse=True)
def _none_left() -> Iterator[None]:
    yield
    tables._begun.clear()


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == tables.__name__]


def test_the_second_start_takes_what_was_made_while_it_imported(
    source: TableSource, loaded: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    file = tmp_path / "new" / "tables.json"
    TablesAhead(file).take(source)
    written = file.stat()

    begin_tables(file)
    made = tables._begun[0]._made.result()[1]
    vocabulary = Vocabulary(loaded.tokenizer, source.size, loaded.eos_token_ids)

    assert vocabulary._lltokenizer is made
    assert take_tables(source) is not made  # theirs who loads another model
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (written.st_ino, written.st_mtime_ns)
    assert lines(caplog) == []
    assert [path.name for path in file.parent.iterdir()] == ["tables.json"]


@pytest.mark.parametrize(
    "kept",
    [
        b"",
        b"{",
        b"[1]",
        b"\xff\x00",
        b'{"tokenizer": 1, "size": "x", "eos_token_id": null, "slices": []}',
        b'{"tokenizer": "no tokenizer", "size": 5, "eos_token_id": 1, "slices": []}',
        {"slices": ()},
        {"size": 10_000},
        {"eos_token_id": 3},
    ],
    ids=str,
)
def test_a_file_that_is_another_models_or_damaged_is_written_anew(
    kept: bytes | dict[str, Any], source: TableSource, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    file = tmp_path / "tables.json"
    file.write_bytes(kept if isinstance(kept, bytes) else json.dumps(asdict(replace(source, **kept))).encode())

    taken = TablesAhead(file).take(source)

    assert len(lines(caplog)) == 1
    assert (taken.vocab_size, taken.eos_token) == (source.size, source.eos_token_id)
    assert TablesAhead(file)._made.result()[0] == source


@pytest.mark.parametrize("most_bytes", [tables.MOST_BYTES, 10])
def test_a_folder_that_cannot_be_written_and_a_file_too_large_cost_time_alone(
    most_bytes: int,
    source: TableSource,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(tables, "MOST_BYTES", most_bytes)
    (tmp_path / "no folder").write_text("this is a file, and of more than ten bytes")
    file = tmp_path / "no folder" if most_bytes == 10 else tmp_path / "no folder" / "tables.json"

    assert TablesAhead(file).take(source).vocab_size == source.size
    assert len(lines(caplog)) == (1 if most_bytes == 10 else 2)
