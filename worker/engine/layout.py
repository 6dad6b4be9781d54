"""What the engine must know of the objects in a text's list to close the text in time, of the characters of its strings
to mask them quickly, and of speech to bound it. Knows no name of a field: those of spoken ones are data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

STRING_TOKENS = 3  # opening quote, one plain token, closing quote
SPARE_TOKENS = 7  # of a text with one object: the strings before the list, and its end

# Of a free string, as in a regular expression's class. No brackets: small models end a string with a Chinese quotation
# mark, and then write the rest of the JSON into it. The first is something to see, and nothing that JSON escapes: a
# string of blanks would be valid JSON and an empty scene.
NO_CHARACTERS = r"\x00-\x1f\x7f-\x9f{}\[\]"
NO_FIRST_CHARACTERS = NO_CHARACTERS + r'\s\x20\xa0"\\'


# The seconds that a text takes to be said after a word of so many letters, and the letters of the word at its end.
CountSpeech = Callable[[str, int], tuple[float, int]]


@dataclass(frozen=True)
class SpeechLayout:
    """What is spoken in an object: all of its strings under the `keys` together last no longer than the number under
    the key `seconds`, which stands before them; each ends when its share of that is spoken."""

    keys: tuple[tuple[str, float], ...]  # with the share
    lists: frozenset[str]  # keys of lists whose objects hold spoken strings
    seconds: str
    count: CountSpeech = field(repr=False)


@dataclass(frozen=True)
class SeenLayout:
    """What is seen in an object: the texts under the `keys`, the first of them its first text, together. `alike` says
    whether two of them show the same. `varied`: keys of values that are not to be the same time after time."""

    keys: tuple[str, ...]
    alike: Callable[[str, str], bool] = field(repr=False)
    varied: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outline:
    """Lines before a text's JSON: `least` to `most` of at most so many characters, each after its number; then the
    tokens `end`, with which a model ends its thought."""

    least: int
    most: int
    max_characters: int
    end: tuple[int, ...] = ()


@dataclass(frozen=True)
class Layout:
    strings: tuple[bool, ...]  # an object's string values in their order; True: free text, False: one of a few
    fixed_tokens: int  # sampled at worst for an object's other values and its end
    strings_before: int = 1  # free strings before the list
    speech: SpeechLayout | None = None  # None: nothing is spoken
    spare_tokens: int = SPARE_TOKENS  # for the strings before the list, and its end
    seen: SeenLayout | None = None  # None: objects may repeat each other
    refused: tuple[tuple[str, str], ...] = ()  # a key, and what none of its strings begins with

    def free_from(self, finished: int) -> int:
        """Free strings of an object of which so many strings are finished."""
        return sum(self.strings[finished:])

    @property
    def min_tokens(self) -> int:
        """Sampled tokens that always suffice to close a text with one object, and for each further one."""
        return self.fixed_tokens + STRING_TOKENS * self.free_from(0) + self.spare_tokens
