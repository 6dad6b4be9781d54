"""What a check found: it holds, it may hurt one day, or it does harm now; and then what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Level = Literal["ok", "warning", "fault"]


@dataclass(frozen=True)
class Finding:
    """`fix` is what to do, in words; empty where nothing is to be done."""

    check: str
    level: Level
    message: str
    fix: str = ""

    @property
    def words(self) -> str:
        return f"{self.message}: {self.fix}" if self.fix else self.message

    def json_fields(self) -> dict[str, str]:
        """As the doctors print it. The message is `said` there, which scripts read."""
        return {"check": self.check, "level": self.level, "said": self.message, "fix": self.fix}

    @classmethod
    def from_json_fields(cls, fields: Mapping[str, Any]) -> Finding:
        return cls(fields["check"], fields["level"], fields["said"], fields["fix"])
