"""The texts in the batch: the pages that are reserved for each, and how many of its tokens have been counted.

Knows lengths and pages; neither who waits nor how a step is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from worker.engine.handle import Handle


@dataclass
class Reserved:
    pages: int
    counted: int  # of its tokens


class Running:
    def __init__(self) -> None:
        self.pages = 0  # reserved for all of them
        self._texts: dict[Handle, Reserved] = {}

    def __len__(self) -> int:
        return len(self._texts)

    def __iter__(self) -> Iterator[Handle]:
        """Of those that are there now: what is done with one may remove it."""
        return iter([*self._texts])

    def __contains__(self, generation: Handle) -> bool:
        return generation in self._texts

    @property
    def alone(self) -> bool:
        """Whether a suspect takes its step without neighbours."""
        return any(generation.suspect for generation in self._texts)

    @property
    def finite(self) -> bool:
        """Whether the scores of all of them were numbers."""
        return all(generation.text is None or generation.text.finite for generation in self._texts)

    def suspect(self) -> None:
        """Those whose were not are to show whether it was their own fault."""
        for generation in self._texts:
            assert generation.text is not None
            generation.suspect, generation.text.finite = not generation.text.finite, True

    def add(self, generation: Handle, pages: int) -> None:
        assert generation.text is not None
        self._texts[generation] = Reserved(pages, len(generation.text.tokens))
        self.pages += pages

    def remove(self, generation: Handle) -> int:
        """How many pages were reserved for it."""
        pages = self._texts.pop(generation).pages
        self.pages -= pages
        return pages

    def count(self) -> int:
        """The tokens that were written since the last time. A text that has grown had finite scores."""
        written = 0
        for generation, reserved in self._texts.items():
            assert generation.text is not None
            if grown := len(generation.text.tokens) - reserved.counted:
                reserved.counted += grown
                written += grown
                generation.suspect = False
        return written
