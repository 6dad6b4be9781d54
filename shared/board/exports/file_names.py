"""Names of files that every system takes: Windows, macOS, Linux, and what unpacks archives there. Knows no board."""

from __future__ import annotations

import re
import unicodedata

MAX_BYTES = 150  # of 255, so that a number and an extension have room
UNNAMED = "storyboard"
_REFUSED = re.compile(r'[<>:"/\\|?*%]')
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d|conin\$|conout\$)(?:\..*)?", re.IGNORECASE)


def file_name(title: str) -> str:
    """The title as the name of a file, without an extension."""
    kept = unicodedata.normalize("NFC", "".join(c if c.isprintable() else " " for c in title))
    kept = " ".join(_REFUSED.sub(" ", kept).split())
    while len(kept.encode()) > MAX_BYTES:
        kept = kept[:-1]
    kept = kept.strip(". ").lstrip("-")  # hidden, cut off by Windows, an option of a command
    return kept if kept and not _DEVICES.fullmatch(kept) else f"{UNNAMED} {kept}".strip()
