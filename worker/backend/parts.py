"""A script that is longer than a model's context, written in parts: which scenes belong together, what each may take.

Knows how many tokens texts have; no model and no text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.board.packing import Packer
from worker.engine.text import TOKENS_A_SAMPLED

TIMES_GIVEN = 3  # words of a script: in the prompt, in the text, and kept free for the text


@dataclass(frozen=True)
class ScriptParts:
    """`words` are the tokens that each shot says, `a_scene` those that may be sampled for each, `room` what the context
    has besides the prompt's other words."""

    words: Sequence[int]
    a_scene: int
    room: int

    def after(self, given: int) -> range:
        """The scenes of the part that the one after so many belongs to; of the last part where all are there. As few
        parts as have room, of similar size."""
        sizes = [TIMES_GIVEN * tokens + TOKENS_A_SAMPLED * self.a_scene for tokens in self.words]
        packer = Packer(sizes, [0.0] * len(sizes), max(1, self.room))
        ends, _ = packer.exactly(packer.fewest())
        for start, end in zip((0, *ends), ends, strict=False):
            if given < end:
                return range(start, end)
        return range((0, *ends)[-2], ends[-1])

    def budget(self, left: int, given: int) -> int:
        """How many tokens may be sampled in that part, of so many that are left for all scenes that are not given."""
        part, scenes_left = self.after(given), max(1, len(self.words) - given)
        here = part.stop - given if given < part.stop else 1
        return min(-(-left * here // scenes_left), self.a_scene * len(part))

    def time_share(self, given: int) -> float:
        """That part's, of the time that is left for all scenes that are not given: the later ones have theirs."""
        stop = self.after(given).stop
        return (stop - given) / (len(self.words) - given) if given < stop else 1.0

    def given_tokens(self, given: int) -> int:
        """Of the words in that part, in which a quotation mark takes one more."""
        part = self.after(given)
        return sum(self.words[part.start : part.stop])
