"""A model's own chat template, rendered once around marks; the texts are put into their places as ids, never as text.

A template may trim, lower, test, reorder or refuse what it is given, but it sees only marks: what a mark does not come
out of whole, a text would not either, and that is an error when the model is loaded. Knows templates and tokens.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from models.chat_formats import ChatMessage
from models.files import first_words
from shared.errors import ModelUnavailable

_SLOT = re.compile("\ue000(\\d+)\ue001")  # private use: no template has it, and nothing trims or lowers it
# What asks a model not to think, under the names that templates know; the others ignore them.
_NO_THOUGHT = {"enable_thinking": False, "thinking": False, "reasoning": False, "thinking_budget": 0}
_THOUGHTS = {
    "<think>": "</think>",
    "<thinking>": "</thinking>",
    "<thought>": "</thought>",
    "<reasoning>": "</reasoning>",
    "<seed:think>": "</seed:think>",
    "[THINK]": "[/THINK]",
    "<|START_THINKING|>": "<|END_THINKING|>",
}
_DEFAULT = "default"

Part = int | str  # the number of a message's text, or what the template writes around it
Skeleton = tuple[Part | tuple[int], ...]  # a control token is a tuple of its id


class ChatTemplate:
    """`control` are the tokens that only the template may give; `bos` is what the tokenizer itself would begin with.
    Raises `ModelUnavailable` for a template that cannot carry a system's and a user's text whole."""

    def __init__(self, tokenizer: Any, template: str, control: Mapping[int, str], bos: int | None) -> None:
        self._tokenizer, self._template, self._control, self._bos = tokenizer, template, control, bos
        # Kept, so that a template that writes the date writes the same for as long as the process lives.
        self._skeleton: Callable[[tuple[str, ...], bool], Skeleton] = lru_cache(maxsize=64)(self._made)
        try:
            self._skeleton(("system", "user"), False)
        except ValueError as error:
            raise ModelUnavailable(f"this model's chat template does not serve: {error}") from error

    def ids(
        self, messages: list[ChatMessage], encode: Callable[[str, bool], list[int]], *, thinking: bool = False
    ) -> list[int]:
        """`encode` takes a text and whether it begins the prompt. Raises ValueError for roles that the template
        refuses. A text is encoded together with the template's words around it, up to the next control token on
        either side, as transformers would: but nothing in it can be one. `thinking`: of a model that thinks, up to
        within its thought, which `thought_end` ends."""
        skeleton = self._skeleton(tuple(message["role"] for message in messages), thinking)
        return self._with_one_bos(self._filled(skeleton, messages, encode))

    def thought_end(self, encode: Callable[[str, bool], list[int]]) -> list[int]:
        """What comes between a thought and the answer; nothing for a model that does not think."""
        _, end = _opened(_closed(self._whole(("system", "user"))))
        return self._filled(tuple(self._split_at_marks(end)), [], encode)

    @staticmethod
    def _filled(skeleton: Skeleton, messages: list[ChatMessage], encode: Callable[[str, bool], list[int]]) -> list[int]:
        ids: list[int] = []
        run = ""
        for part in skeleton:
            if isinstance(part, tuple):
                ids += [*(encode(run, not ids) if run else []), *part]
                run = ""
            else:
                run += part if isinstance(part, str) else messages[part]["content"]
        return [*ids, *(encode(run, not ids) if run else [])]

    def text(self, messages: list[ChatMessage]) -> str:
        """As it is written, control tokens by their names."""
        parts = self._skeleton(tuple(message["role"] for message in messages), False)
        names = (self._control[part[0]] if isinstance(part, tuple) else part for part in parts)
        return "".join(messages[name]["content"] if isinstance(name, int) else name for name in names)

    def _with_one_bos(self, ids: list[int]) -> list[int]:
        bos = self._tokenizer.bos_token_id
        while bos is not None and ids[:2] == [bos, bos]:
            ids = ids[1:]
        return [self._bos, *ids] if self._bos is not None and ids[:1] != [self._bos] else ids

    def _made(self, roles: tuple[str, ...], thinking: bool) -> Skeleton:
        text = _closed(self._whole(roles))
        parts = enumerate(_SLOT.split(_opened(text)[0] if thinking else text))
        return tuple(found for at, part in parts for found in ([int(part)] if at % 2 else self._split_at_marks(part)))

    def _split_at_marks(self, text: str) -> Iterator[str | tuple[int]]:
        """The template's own words, with the control tokens among them as ids."""
        encoding = self._tokenizer.backend_tokenizer.encode(text, add_special_tokens=False)
        at = 0
        for token, (begin, end) in zip(encoding.ids, encoding.offsets, strict=True):
            if token in self._control:
                yield from filter(None, [text[at:begin]])
                yield (token,)
                at = end
        yield from filter(None, [text[at:]])

    def _whole(self, roles: tuple[str, ...]) -> str:
        """What the template makes of marks in the place of texts, in the first form of the conversation that it takes.
        Raises ValueError with the reason why it does not take the plainest."""
        reasons: list[str] = []
        for messages in _forms(roles):
            try:
                text = self._rendered(messages)
            except Exception as error:  # a template is foreign code: it raises what it likes
                reasons.append(first_words(error))
                continue
            found = {int(number) for number in _SLOT.findall(text)}
            if len(found) == len(roles):
                return text
            lost = next(role for index, role in enumerate(roles) if index not in found)
            reasons.append(f"the {lost}'s text does not come out of it whole")
        raise ValueError(reasons[0])

    def _rendered(self, messages: list[dict[str, Any]]) -> str:
        text = self._tokenizer.apply_chat_template(
            messages, chat_template=self._template, tokenize=False, add_generation_prompt=True, **_NO_THOUGHT
        )
        return str(text)


def default_of(templates: str | Mapping[str, str] | None) -> str | None:
    """Of a folder's templates the one for a plain conversation; raises `ModelUnavailable` if there is no telling."""
    if not isinstance(templates, Mapping):
        return templates or None
    if _DEFAULT in templates or len(templates) <= 1:
        return templates.get(_DEFAULT) or next(iter(templates.values()), None) or None
    raise ModelUnavailable(f"none of its chat templates ({', '.join(sorted(templates))}) is called {_DEFAULT}")


def _forms(roles: tuple[str, ...]) -> Iterator[list[dict[str, Any]]]:
    """The same conversation in the ways that templates take: as it is; for a template without a system role, with the
    system's text at the head of the first user's; and both with texts in parts."""
    texts = [f"\ue000{index}\ue001" for index in range(len(roles))]
    ways = [list(zip(roles, texts, strict=True))]
    if roles[:2] == ("system", "user"):
        ways.append([("user", f"{texts[0]}\n\n{texts[1]}"), *ways[0][2:]])
    yield from ([{"role": role, "content": text} for role, text in way] for way in ways)
    for way in ways:
        yield [{"role": role, "content": [{"type": "text", "text": text}]} for role, text in way]


def _closed(text: str) -> str:
    """With the thought closed that the template has the model begin: the answer is JSON from its first character."""
    tail = text[text.rfind("\ue001") + 1 :]
    opened = max(_THOUGHTS, key=tail.rfind)
    if tail.rfind(opened) <= tail.rfind(_THOUGHTS[opened]):  # neither is there, or it is closed already
        return text
    return f"{text.rstrip()}\n\n{_THOUGHTS[opened]}\n\n"


def _opened(closed: str) -> tuple[str, str]:
    """A prompt up to within the thought that it closes, and what closes it; without one the prompt, and nothing."""
    tail_at = closed.rfind("\ue001") + 1
    for begin, end in _THOUGHTS.items():
        at = closed.find(begin, tail_at)
        if at >= 0:
            at += len(begin)
            return f"{closed[:at]}\n", closed[closed.index(end, at) :]
    return closed, ""
