"""What a check found: it holds, it may hurt one day, or it does harm now; and then what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "fault"]


@dataclass(frozen=True)
class Finding:
    """`fix` is what to do, in words; empty where nothing is to be done."""

    check: str
    level: Level
    said: str
    fix: str = ""

    @property
    def words(self) -> str:
        return f"{self.said}: {self.fix}" if self.fix else self.said
