"""A checkpoint's tensors under their native names, as a table of rules. Knows names and shapes, not files or families.

A rule's source is a template: `{n}` stands for a layer's number, `{p}` for weight or bias. Exactly one rule must match
each tensor; the result must come out equal to what the native class holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from shared.errors import ModelUnavailable

TensorShape = tuple[int, ...]
Rows = Callable[[Any], tuple[int, ...]]  # the native config -> how many rows go to each target

_PLACES = {r"\{n\}": r"(?P<n>\d+)", r"\{p\}": "(?P<p>weight|bias)"}
_NAMED = 5  # names that an error message lists
_BLOCK_VALUES = 4 << 20


@dataclass(frozen=True)
class Rule:
    source: str
    targets: tuple[str, ...]  # none: the tensor is not needed
    rows: Rows | None = None
    normalised: bool = False

    def match(self, name: str) -> re.Match[str] | None:
        pattern = re.escape(self.source)
        for place, group in _PLACES.items():
            pattern = pattern.replace(place, group)
        return re.fullmatch(pattern, name)


def rename(source: str, target: str) -> Rule:
    return Rule(source, (target,))


def split(source: str, into: tuple[str, ...], rows: Rows) -> Rule:
    """One tensor as several, cut along its first dimension."""
    return Rule(source, into, rows)


def normalise(source: str, target: str) -> Rule:
    """Every row divided by its length, as the original does at each step."""
    return Rule(source, (target,), normalised=True)


def drop(source: str) -> Rule:
    return Rule(source, ())


@dataclass(frozen=True)
class Piece:
    """A native tensor and where it comes from: `rows` of `source`."""

    target: str
    source: str
    rows: tuple[int, int]
    shape: TensorShape
    normalised: bool

    def view(self, tensor: torch.Tensor) -> torch.Tensor:
        """The rows of the source tensor, not copied and not yet normalised."""
        return tensor[self.rows[0] : self.rows[1]] if tensor.ndim else tensor

    def value(self, tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """The native tensor: a view of the source where no value changes."""
        if not self.normalised:
            return self.view(tensor).to(dtype)
        result = torch.empty(self.shape, dtype=dtype)
        start = 0
        for block in self.blocks(tensor, dtype):
            result[start : start + len(block)] = block
            start += len(block)
        return result

    def blocks(self, tensor: torch.Tensor, dtype: torch.dtype) -> Iterator[torch.Tensor]:
        """The native tensor a few megabytes of rows at a time. Rows are normalised in fp32."""
        rows = self.view(tensor)
        height = max(1, _BLOCK_VALUES // max(1, rows[0].numel()))
        for start in range(0, len(rows), height):
            block = rows[start : start + height]
            if self.normalised:
                block = torch.nn.functional.normalize(block.float(), eps=1e-12)
            yield block.to(dtype)


def apply(rules: Iterable[Rule], shapes: Mapping[str, TensorShape], config: Any) -> list[Piece]:
    """The pieces of a checkpoint with these tensors; raises `ModelUnavailable` with the names that fit no rule."""
    rules = tuple(rules)
    pieces: list[Piece] = []
    unknown: list[str] = []
    for name, shape in shapes.items():
        matches = [(rule, match) for rule in rules if (match := rule.match(name))]
        assert len(matches) <= 1, f"{name} matches {len(matches)} rules"
        if matches:
            pieces += _pieces(matches[0][0], matches[0][1].groupdict(), name, shape, config)
        else:
            unknown.append(name)
    if unknown:
        raise ModelUnavailable(f"tensors that this family does not have: {_some(unknown)}")
    return pieces


def _pieces(rule: Rule, groups: dict[str, str], name: str, shape: TensorShape, config: Any) -> list[Piece]:
    if not rule.targets:
        return []
    whole = shape[0] if shape else 1
    sizes = rule.rows(config) if rule.rows else (whole,)
    if sum(sizes) != whole:
        raise ModelUnavailable(f"{name} has {whole} rows; the config asks for {' + '.join(map(str, sizes))}")
    pieces = []
    start = 0
    for target, size in zip(rule.targets, sizes, strict=True):
        piece = Piece(target.format(**groups), name, (start, start + size), (size, *shape[1:]), rule.normalised)
        pieces.append(piece if shape else replace(piece, shape=()))
        start += size
    return pieces


def check_complete(pieces: Iterable[Piece], expected: Mapping[str, TensorShape]) -> None:
    """Raises `ModelUnavailable` unless the pieces are exactly the `expected` tensors of the native class."""
    shapes: dict[str, TensorShape] = {}
    for piece in pieces:
        if piece.target in shapes:
            raise ModelUnavailable(f"two tensors claim to be {piece.target}")
        shapes[piece.target] = piece.shape
    if missing := sorted(expected.keys() - shapes.keys()):
        raise ModelUnavailable(f"tensors are missing: {_some(missing)}")
    if surplus := sorted(shapes.keys() - expected.keys()):
        raise ModelUnavailable(f"tensors that the config does not ask for: {_some(surplus)}")
    if wrong := [name for name, shape in shapes.items() if shape != expected[name]]:
        raise ModelUnavailable(f"{wrong[0]} is {shapes[wrong[0]]}; the config asks for {expected[wrong[0]]}")


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
