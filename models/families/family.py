"""What a legacy family is: a name, a native class, a mapping of its config, rules for its weights, its extra tokens.

Knows no particular family and reads no files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from models.rules import Rule
from shared.errors import ModelUnavailable

_REQUIRED: Any = object()

# What every config.json may hold and no forward pass depends on.
_WITHOUT_EFFECT = (
    "_from_model_config",
    "_name_or_path",
    "architectures",
    "auto_map",
    "gradient_checkpointing",
    "initializer_range",
    "model_type",
    "tokenizer_class",
    "torch_dtype",
    "transformers_version",
    "use_cache",
)


class ConfigReader:
    """A legacy config.json that must be read to the last key."""

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        self.where = where
        self.origin = f"{values.get('_name_or_path', '')} {where}".lower()
        self._values = dict(values)

    def take(self, *names: str, default: Any = _REQUIRED) -> Any:
        """The value under the first of `names` that is there; all of them count as read."""
        found = [self._values.pop(name) for name in names if name in self._values]
        if not found and default is _REQUIRED:
            raise ModelUnavailable(f"{self.where}: config.json has no {' or '.join(names)}")
        return found[0] if found else default

    def count(self, *names: str, default: Any = _REQUIRED) -> int:
        """A whole number above 0."""
        value = self.take(*names, default=default)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ModelUnavailable(f"{self.where}: {names[0]} is {value!r}, not a whole number above 0")
        return value

    def number(self, *names: str, default: Any = _REQUIRED) -> float:
        value = self.take(*names, default=default)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
            raise ModelUnavailable(f"{self.where}: {names[0]} is {value!r}, not a number above 0")
        return float(value)

    def demand(self, name: str, *allowed: Any, default: Any, instead: str) -> None:
        """Only these values are reproduced; raises saying what to use `instead`."""
        value = self.take(name, default=default)
        if value not in allowed:
            raise ModelUnavailable(f"{self.where}: {name} = {value!r} is not supported: {instead}")

    def refuse(self, when: bool, reason: str) -> None:
        if when:
            raise ModelUnavailable(f"{self.where}: {reason}")

    def has(self, name: str) -> bool:
        return name in self._values

    def peek(self, name: str) -> Any:
        return self._values.get(name)

    def ignore(self, *names: str) -> None:
        """Keys that no forward pass depends on."""
        for name in names:
            self._values.pop(name, None)

    def rest(self) -> dict[str, Any]:
        """Every key that is left, now read."""
        values, self._values = self._values, {}
        return values

    def finish(self) -> None:
        self.ignore(*_WITHOUT_EFFECT)
        if self._values:
            unknown = ", ".join(sorted(self._values))
            raise ModelUnavailable(f"{self.where}: config.json has keys of unknown meaning: {unknown}")


@dataclass(frozen=True)
class VocabularyFile:
    """`file` in the folder, the size it must have, and the tokens that the family adds after it, in order of ids."""

    file: str
    extra: tuple[str, ...] = ()
    extra_from: int | None = None  # the id of the first extra token
    pattern: str | None = None  # for a tiktoken file: how text is cut into words
    named: Mapping[str, str] = field(default_factory=dict)  # bos_token, eos_token, ... of the tokenizer


@dataclass(frozen=True)
class Family:
    name: str  # the model_type in its config.json
    native: str  # the class of transformers
    config: Callable[[ConfigReader], dict[str, Any]]  # native config values
    rules: tuple[Rule, ...]
    vocabulary: VocabularyFile
    eos: tuple[int, ...]
    pad: int | None
    bos: int | None = None
    legacy: bool = True  # transformers has no class of its own for the folder as published

    def control_ids(self, vocab_size: int) -> dict[str, Any]:
        """bos, eos and pad for a model of `vocab_size` rows: a tiny one may not reach the family's ids."""
        eos = [token for token in self.eos if token < vocab_size]
        return {
            "bos_token_id": self.bos if self.bos is not None and self.bos < vocab_size else None,
            "eos_token_id": eos or None,
            "pad_token_id": self.pad if self.pad is not None and self.pad < vocab_size else None,
        }
