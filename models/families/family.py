"""What a legacy family is: a name, a native class, a mapping of its config, rules for its weights, its extra tokens.

Knows no particular family and reads no files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from models.rules import Rule
from shared.errors import ModelUnavailable

_REQUIRED: Any = object()

# What versions of transformers wrote into config.json of which today's knows nothing, and no forward pass depends on.
_OLDER_BOOKKEEPING = (
    *("_attn_implementation_autoset", "_commit_hash", "_from_model_config", "_name_or_path", "auto_map", "torchscript"),
    *("finetuning_task", "gradient_checkpointing", "initializer_range", "prefix", "task_specific_params"),
    *("keys_to_ignore_at_inference", "tokenizer_class", "tie_encoder_decoder", "tf_legacy_loss", "use_bfloat16"),
    *("unsloth_fixed", "unsloth_version"),
    *("bad_words_ids", "decoder_start_token_id", "encoder_no_repeat_ngram_size", "sep_token_id"),
)
# Of the rest that every config may hold, what changes nothing only while it has this value.
_NEUTRAL: Mapping[str, Any] = {
    "add_cross_attention": False,
    "cross_attention_hidden_size": None,
    "is_decoder": False,
    "is_encoder_decoder": False,
    "pruned_heads": {},
    "rope_scaling": None,
}


@cache
def bookkeeping() -> frozenset[str]:
    """The keys that every config.json may hold and no forward pass depends on: those of transformers' own base class
    and its generation defaults, and what earlier versions wrote."""
    from transformers import GenerationConfig, PreTrainedConfig

    names = {name for name, value in vars(PreTrainedConfig).items() if isinstance(value, property)}
    names |= PreTrainedConfig().to_dict().keys() | GenerationConfig().to_dict().keys()
    return frozenset((names | set(_OLDER_BOOKKEEPING)) - _NEUTRAL.keys())


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
            raise ModelUnavailable(f"{self.where}: {names[0]} is {value!r:.80}, not a whole number above 0")
        return value

    def number(self, *names: str, default: Any = _REQUIRED) -> float:
        value = self.take(*names, default=default)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
            raise ModelUnavailable(f"{self.where}: {names[0]} is {value!r:.80}, not a number above 0")
        return float(value)

    def flag(self, name: str, *, default: bool) -> bool:
        value = self.take(name, default=default)
        if not isinstance(value, bool):
            raise ModelUnavailable(f"{self.where}: {name} is {value!r:.80}, neither true nor false")
        return value

    def demand(self, name: str, *allowed: Any, default: Any, instead: str) -> None:
        """Only these values are reproduced; raises saying what to use `instead`."""
        value = self.take(name, default=default)
        if value not in allowed:
            raise ModelUnavailable(f"{self.where}: {name} = {value!r:.200} is not supported: {instead}")

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
        self.ignore(*bookkeeping())
        for name, value in _NEUTRAL.items():
            self.demand(name, value, default=value, instead="no published model of this family has it")
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
