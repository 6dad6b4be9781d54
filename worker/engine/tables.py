"""llguidance's own tables of a vocabulary, which take a second to make: begun beside the import of torch.

They are made of what the last start made them of, which lies in a file. Whoever takes them says what they must be made
of, and gets others if that was a wrong guess: a file that is old, damaged or a stranger's costs time and nothing else.
Knows texts and files; not models, and nothing that is slow to import.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Thread

from llguidance import LLTokenizer

log = logging.getLogger(__name__)

MOST_BYTES = 256 << 20  # of a file; a tokenizer of 262,144 tokens has 33 MB


@dataclass(frozen=True)
class TableSource:
    """All that tables depend on: a tokenizer's JSON, the model's rows, the token that ends a text, and the slices."""

    tokenizer: str
    size: int
    eos_token_id: int
    slices: tuple[str, ...]

    def make(self) -> LLTokenizer:
        """Without Python's lock, so that other threads get on. Raises ValueError."""
        return LLTokenizer(self.tokenizer, n_vocab=self.size, eos_token=self.eos_token_id, slices=list(self.slices))


class TablesAhead:
    """Of one start. A thread makes what `file` holds from now on; `take` writes it where that was a wrong guess."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._made: Future[tuple[TableSource, LLTokenizer]] = Future()
        Thread(target=self._make, name="tables", daemon=True).start()

    def take(self, wanted: TableSource) -> LLTokenizer:
        """Raises ValueError for a tokenizer that llguidance cannot read."""
        try:
            source, tables = self._made.result()
            if source == wanted:
                return tables
            log.info("the vocabulary has changed since the last start: its tables are made anew")
        except FileNotFoundError:
            pass  # the first start
        except Exception as error:  # a guess of ours, so whatever is wrong with it is no fault of the model's
            log.info("%s cannot be used and is written anew: %s", self._file, str(error)[:100])
        tables = wanted.make()
        self._keep(wanted)
        return tables

    def _make(self) -> None:
        try:
            source = _read(self._file)
            self._made.set_result((source, source.make()))
        except BaseException as error:  # a thread of its own: whoever takes hears of it
            self._made.set_exception(error)

    def _keep(self, source: TableSource) -> None:
        """As a whole or not at all, for other workers start too."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=self._file.parent, delete=False, encoding="utf-8") as file:
                json.dump(asdict(source), file, ensure_ascii=False)
            os.replace(file.name, self._file)
        except OSError as error:
            log.info("the next start will be slower by a second, for %s cannot be written: %s", self._file, error)


_begun: list[TablesAhead] = []  # at most one, of a process that loads one model


def begin_tables(file: Path) -> None:
    """Before torch is imported; `file` belongs to the model that is about to be loaded."""
    _begun[:] = [TablesAhead(file)]


def take_tables(source: TableSource) -> LLTokenizer:
    """Those that were begun, if they are made of `source`, else new ones. Raises ValueError."""
    return _begun.pop().take(source) if _begun else source.make()


def _read(file: Path) -> TableSource:
    if (size_bytes := file.stat().st_size) > MOST_BYTES:
        raise ValueError(f"it has {size_bytes} bytes")
    values = json.loads(file.read_bytes())
    return TableSource(values["tokenizer"], values["size"], values["eos_token_id"], tuple(values["slices"]))
