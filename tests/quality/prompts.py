"""The prompts that quality is measured by, from prompts.json, each with what a board of it must be."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scriptqueue.schemas import JobRequest
from shared.board.filled import filled

FILE = Path(__file__).with_name("prompts.json")
EACH_OF_PLAIN = 3  # every third prompt is also written without the engine; the two of 4,000 characters stand beside
LONGEST_S = 3600.0


@dataclass(frozen=True)
class Prompt:
    """`names`: the named things, as the prompt spells them. `scenes` and `seconds`: what its words ask for; without
    them the limits are the request's."""

    id: str
    language: str
    kind: str
    prompt: str
    names: tuple[str, ...] = ()
    scenes: int | None = None
    seconds: float | None = None
    request: dict[str, Any] = field(default_factory=dict)

    def job(self, seed: int) -> JobRequest:
        """As the API would queue it. A board that no model wrote is never asked for."""
        fields = {**self.request, "sampling": {"seed": seed}, "execution_timeout_s": LONGEST_S, "allow_fallback": False}
        return filled(JobRequest(prompt=self.prompt, **fields))[0]


def prompts() -> list[Prompt]:
    listed = json.loads(FILE.read_text())
    return [Prompt(**{**one, "names": tuple(one.get("names", ()))}) for one in listed]


def of_plain(chosen: list[Prompt]) -> list[Prompt]:
    return chosen[::EACH_OF_PLAIN]
