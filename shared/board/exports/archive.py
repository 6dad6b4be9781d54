"""Many boards' files as one zip, each under its place and its title; what has no board is named in one file."""

from __future__ import annotations

import io
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from shared.board.exports.file_names import file_name

WITHOUT = "without a board.txt"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip knows: the same boards are the same bytes
_READABLE = 0o644


class Archive:
    """A zip that grows board by board, in memory as it is packed."""

    def __init__(self) -> None:
        self._file = io.BytesIO()
        self._zip = ZipFile(self._file, "w", ZIP_DEFLATED)
        self._without: list[str] = []
        self.boards = 0

    def add(self, place: int, title: str, extension: str, content: bytes) -> None:
        """The file of the batch's job at `place`, from 1."""
        self._write(f"{place:04} {file_name(title)}.{extension}", content)
        self.boards += 1

    def lack(self, place: int, why: str) -> None:
        self._without.append(f"{place:04} {why}\n")

    def content(self) -> bytes:
        """All of it; nothing more can be added."""
        if self._without:
            self._write(WITHOUT, "".join(self._without).encode())
        self._zip.close()
        return self._file.getvalue()

    def _write(self, name: str, content: bytes) -> None:
        entry = ZipInfo(name, _EPOCH)
        entry.external_attr = _READABLE << 16
        self._zip.writestr(entry, content, ZIP_DEFLATED)
