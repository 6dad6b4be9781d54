"""A conversation as prompt ids, built segment by segment, so that no text is ever parsed as a control token.

Rendering one string and encoding it would turn a `<|im_end|>` in a user's prompt into the control token itself.
Knows tokens and layouts, not folders or models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tokenizers import Tokenizer

from models.chat_formats import ChatMessage, Format, format_of, legacy_format_of, says
from models.chat_template import ChatTemplate, default_of
from models.tokenizers.plain_text import control_tokens, description, plain_text, user_defined, within_a_text
from shared.errors import ModelUnavailable

Chat = Callable[[list[ChatMessage]], list[int]]

_PROBE = [{"role": "system", "content": "alpha"}, {"role": "user", "content": "beta"}]


class ChatTokenizer:
    """`tokenizer` is a fast one, `rows` how many tokens the model has; `encode` takes a user's text, `chat` a
    conversation. Raises `ModelUnavailable` for a chat format that is not known or does not serve."""

    def __init__(self, tokenizer: Any, model_type: str = "", rows: int | None = None) -> None:
        self.tokenizer = tokenizer
        backend = tokenizer.backend_tokenizer
        backend.no_truncation()
        backend.no_padding()
        described = description(backend)
        control = control_tokens(backend, described.base)
        self._format, self._template = _chosen(tokenizer, model_type, control)
        later = within_a_text(described)
        self._strict = plain_text(described, control, rows)
        self._inner = plain_text(later, control, rows) if later else self._strict
        # To Baichuan2's own code its marks are text wherever they stand; `encode` and `chat` do as that code does.
        reserved = backend.token_to_id("<reserved_106>") is not None
        literal = user_defined(backend) if self._format and reserved else set()
        self._text = plain_text(described, control.keys() - literal, rows) if literal else self._strict
        self.answer_start = self._answer_start()
        self.thought_end = self._template.thought_end(self._encoded) if self._template else []
        if rows is not None and max(self.prompt(_PROBE)) >= rows:
            raise ModelUnavailable(
                f"its chat prompts need tokens beyond the model's {rows}: they do not belong together"
            )

    def encode(self, text: str) -> list[int]:
        """The ids of a text with nothing around it; what looks like a control token in it is text."""
        return _ids(self._text, text)

    def chat(self, messages: list[ChatMessage]) -> list[int]:
        """Prompt ids that end where the assistant speaks. Raises ValueError for a role that the format has not."""
        return self._chat(messages, self._text)

    def prompt(self, messages: list[ChatMessage], *, thinking: bool = False) -> list[int]:
        """As `chat`, with texts that strangers wrote, and up to where the answer itself begins. `thinking`: of a model
        that thinks, up to where its thought begins; after that comes `thought_end`."""
        return [*self._chat(messages, self._strict, thinking=thinking), *self.answer_start]

    def _encoded(self, run: str, first: bool) -> list[int]:
        return _ids(self._strict if first else self._inner, run)

    def _chat(self, messages: list[ChatMessage], text: Tokenizer, *, thinking: bool = False) -> list[int]:
        if not messages:
            raise ValueError("a conversation needs a message")
        if self._template:
            return self._template.ids(messages, self._encoded, thinking=thinking)
        assert self._format
        return self._format(messages, lambda content: _ids(text, content))

    def _answer_start(self) -> list[int]:
        """ChatGLM3 and GLM-4 were trained to begin an answer with a new line; a grammar that starts at `{` would forbid
        it."""
        added = self.tokenizer.get_added_vocab()
        newline = "<|observation|>" in added and self.chat(_PROBE)[-1] == added.get("<|assistant|>")
        return self.encode("\n") if newline else []


def _chosen(tokenizer: Any, model_type: str, control: Mapping[int, str]) -> tuple[Format | None, ChatTemplate | None]:
    """The model's own template, or a format that is written out: where there is no template, and where a legacy
    family's says the same, whose exact ids only its authors' code knows."""
    source = default_of(tokenizer.chat_template)
    if source is None:
        known = format_of(tokenizer, model_type)
        if known is None:
            raise ModelUnavailable("this model's chat format is not known: it has no chat template")
        return known, None
    template = ChatTemplate(tokenizer, source, control, _own_bos(tokenizer))
    legacy = legacy_format_of(tokenizer, model_type)
    spaced = tokenizer.backend_tokenizer.encode("a", add_special_tokens=False).tokens[0].startswith("▁")
    if legacy and says(legacy, _PROBE, template.text(_PROBE), control, spaced):
        return legacy, None
    return None, template


def _own_bos(tokenizer: Any) -> int | None:
    """What the tokenizer puts before every text by itself, if anything."""
    first = tokenizer.backend_tokenizer.encode("", add_special_tokens=True).ids[:1]
    return first[0] if first and first[0] == tokenizer.bos_token_id else None


def _ids(tokenizer: Tokenizer, text: str) -> list[int]:
    return list(tokenizer.encode(text, add_special_tokens=False).ids)
