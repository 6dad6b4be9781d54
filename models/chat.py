"""A conversation as prompt ids, built segment by segment, so that no text is ever parsed as a control token.

Rendering one string and encoding it would turn a `<|im_end|>` in a user's prompt into the control token itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shared.errors import ModelUnavailable

Message = dict[str, str]
Chat = Callable[[list[Message]], list[int]]


def chat_of(tokenizer: Any) -> Chat:
    """The chat format of a tokenizer, by its control tokens; raises `ModelUnavailable` for one that is not known."""
    control = tokenizer.get_added_vocab()
    if {"<|im_start|>", "<|im_end|>"} <= control.keys():
        return _ChatMl(tokenizer, control["<|im_start|>"], control["<|im_end|>"])
    raise ModelUnavailable("this model's chat format is not known: its tokenizer has no <|im_start|> and <|im_end|>")


class _ChatMl:
    """`<|im_start|>role\\ncontent<|im_end|>\\n`, ending in `<|im_start|>assistant\\n`."""

    def __init__(self, tokenizer: Any, start: int, end: int) -> None:
        self._tokenizer = tokenizer
        self._start = start
        self._end = end

    def __call__(self, messages: list[Message]) -> list[int]:
        ids: list[int] = []
        for message in messages:
            text = self._encode(f"{message['role']}\n{message['content']}")
            ids += [self._start, *text, self._end, *self._encode("\n")]
        return [*ids, self._start, *self._encode("assistant\n")]

    def _encode(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"])
