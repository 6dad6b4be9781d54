"""How a setting that holds several values is written: parts with commas between them, some of them pairs.

Knows texts; not which settings there are.
"""

from __future__ import annotations

from functools import cache

from pydantic import SecretStr

MAX_WEIGHT = 1000


def listed(names: str) -> list[str]:
    """`a, b` as its parts; empty ones are none."""
    return [name for name in map(str.strip, names.split(",")) if name]


def split_keys(keys: SecretStr) -> list[tuple[str, str]]:
    """`label:key,label:key` as pairs; raises ValueError without repeating a key."""
    pairs = []
    for number, part in enumerate(filter(None, (p.strip() for p in keys.get_secret_value().split(","))), start=1):
        label, colon, key = part.partition(":")
        if not (colon and label.strip() and key.strip()):
            raise ValueError(f"entry {number} must be label:key")
        pairs.append((label.strip(), key.strip()))
    return pairs


@cache
def weights_of(weights: str) -> dict[str, int]:
    """`label:weight,label:weight` by label; raises ValueError. Read once: every POST asks."""
    return dict(split_weights(weights))


def split_weights(weights: str) -> list[tuple[str, int]]:
    """`label:weight,label:weight` as pairs; raises ValueError."""
    pairs = []
    for part in filter(None, (p.strip() for p in weights.split(","))):
        label, _, number = part.partition(":")
        digits = number.strip()
        if not (label.strip() and digits.isascii() and digits.isdigit() and 1 <= int(digits) <= MAX_WEIGHT):
            raise ValueError(f"{part!r} must be label:weight, the weight from 1 to {MAX_WEIGHT}")
        pairs.append((label.strip(), int(digits)))
    return pairs
