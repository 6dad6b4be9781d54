"""A conversation as prompt ids, built segment by segment, so that no text is ever parsed as a control token.

Rendering one string and encoding it would turn a `<|im_end|>` in a user's prompt into the control token itself.
Knows tokens and layouts, not folders or models.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from typing import Any

from shared.errors import ModelUnavailable

ChatMessage = dict[str, str]
Chat = Callable[[list[ChatMessage]], list[int]]
Encode = Callable[[str], list[int]]
Control = Mapping[str, int]

QWEN_SYSTEM = "You are a helpful assistant."


class ChatTokenizer:
    """`tokenizer` is a fast one; `encode` takes a user's text, `chat` a conversation."""

    def __init__(self, tokenizer: Any, model_type: str = "") -> None:
        self.tokenizer = tokenizer
        self._text = copy.deepcopy(tokenizer.backend_tokenizer)  # its own: the flag below is no thread's to change
        self._text.encode_special_tokens = True
        self._text.no_truncation()
        self._text.no_padding()
        self._format = _format_of(tokenizer, model_type, self.encode)
        # ChatGLM3 was trained to begin every answer with a new line; a grammar that starts at `{` would forbid it.
        self.answer_start = self.encode("\n") if "<|observation|>" in tokenizer.get_added_vocab() else []

    def encode(self, text: str) -> list[int]:
        """The ids of a text with nothing around it; what looks like a control token in it is text."""
        return list(self._text.encode(text, add_special_tokens=False).ids)

    def chat(self, messages: list[ChatMessage]) -> list[int]:
        """Prompt ids that end where the assistant speaks. Raises ValueError for a role that the format has not."""
        if not messages:
            raise ValueError("a conversation needs a message")
        return self._format(messages)


def _format_of(tokenizer: Any, model_type: str, encode: Encode) -> Chat:
    """The chat format by the tokens that it needs; raises `ModelUnavailable` for one that is not known."""
    ids: dict[str, int] = tokenizer.get_vocab()
    added = tokenizer.get_added_vocab()
    template = tokenizer.chat_template or ""
    if {"<|im_start|>", "<|im_end|>"} <= added.keys():
        first = "<|extra_0|>" in added
        return lambda messages: _chatml(messages, encode, added, QWEN_SYSTEM if first else None, first)
    if {"[gMASK]", "sop", "<|user|>"} <= added.keys():
        return lambda messages: _chatglm3(messages, encode, added)
    if {"[gMASK]", "sop"} <= added.keys():
        return lambda messages: _chatglm2(messages, encode, added)
    if {"<reserved_106>", "<reserved_107>"} <= ids.keys():
        return lambda messages: _baichuan2(messages, encode, ids)
    instructed = "[INST]" in template or not template
    if instructed and model_type == "mistral" and {"[INST]", "[/INST]"} <= added.keys():
        return lambda messages: _mistral_v3(messages, encode, added)
    if instructed and model_type == "mistral":
        return lambda messages: _mistral_v1(messages, encode, ids)
    if instructed and model_type == "llama" and {"<s>", "</s>"} <= ids.keys():
        return lambda messages: _llama2(messages, encode, ids)
    if template:
        return lambda messages: _template(messages, encode, tokenizer)
    raise ModelUnavailable("this model's chat format is not known: its tokenizer has no chat tokens and no template")


def _chatml(
    messages: list[ChatMessage], encode: Encode, control: Control, default_system: str | None, apart: bool
) -> list[int]:
    """`<|im_start|>role\\ncontent<|im_end|>\\n`, ending in `<|im_start|>assistant\\n`.

    Qwen v1 encodes role, newline and content `apart` and always has a system message; Qwen2.5 encodes them as one.
    """
    start, end, newline = control["<|im_start|>"], control["<|im_end|>"], encode("\n")
    if default_system is not None and messages[0]["role"] != "system":
        messages = [{"role": "system", "content": default_system}, *messages]
    ids: list[int] = []
    for message in messages:
        role, content = _known(message, "system", "user", "assistant", "tool"), message["content"]
        text = [*encode(role), *newline, *encode(content)] if apart else encode(f"{role}\n{content}")
        ids += [start, *text, end, *newline]
    return [*ids, start, *encode("assistant\n")]


def _chatglm3(messages: list[ChatMessage], encode: Encode, control: Control) -> list[int]:
    """`[gMASK]sop`, then `<|role|>` metadata newline content; ends in `<|assistant|>`."""
    ids = [control["[gMASK]"], control["sop"]]
    for message in messages:
        role = _known(message, "system", "user", "assistant", "observation")
        ids += [control[f"<|{role}|>"], *encode(f"{message.get('metadata', '')}\n"), *encode(message["content"])]
    return [*ids, control["<|assistant|>"]]


def _chatglm2(messages: list[ChatMessage], encode: Encode, control: Control) -> list[int]:
    """`[gMASK]sop`, then one text of numbered rounds; there are no control tokens between them."""
    system, rounds = _rounds(messages)
    text = f"{system}\n\n" if system else ""
    for number, (question, answer) in enumerate(rounds, 1):
        text += f"[Round {number}]\n\n问：{question}\n\n答：" + (f"{answer}\n\n" if answer is not None else "")
    return [control["[gMASK]"], control["sop"], *encode(text)]


def _baichuan2(messages: list[ChatMessage], encode: Encode, control: Control) -> list[int]:
    """The system's text bare, then `<reserved_106>` user and `<reserved_107>` assistant."""
    starts = {"user": [control["<reserved_106>"]], "assistant": [control["<reserved_107>"]], "system": []}
    ids: list[int] = []
    for index, message in enumerate(messages):
        role = _known(message, *(starts if index == 0 else ("user", "assistant")))
        ids += [*starts[role], *encode(message["content"])]
    return [*ids, *starts["assistant"]] if messages[-1]["role"] != "assistant" else ids


def _llama2(messages: list[ChatMessage], encode: Encode, control: Control) -> list[int]:
    """`<s>[INST] <<SYS>> system <</SYS>> user [/INST] answer </s>`; the brackets are ordinary text to this model."""
    system, rounds = _rounds(messages)
    ids: list[int] = []
    for index, (question, answer) in enumerate(rounds):
        text = f"<<SYS>>\n{system}\n<</SYS>>\n\n{question}" if system and index == 0 else question
        ids += [control["<s>"], *encode(f"[INST] {text.strip()} [/INST]" + _answer_text(answer))]
        ids += [control["</s>"]] if answer is not None else []
    return ids


def _answer_text(answer: str | None) -> str:
    return "" if answer is None else f" {answer.strip()} "


def _mistral_v1(messages: list[ChatMessage], encode: Encode, control: Control) -> list[int]:
    """v0.1 and v0.2: `<s>`, then `[INST] user [/INST]` and `answer</s>`, each encoded alone; the brackets are text."""
    system, rounds = _rounds(messages)
    ids = [control["<s>"]]
    for index, (question, answer) in enumerate(rounds):
        text = f"{system}\n\n{question}" if system and index == 0 else question
        ids += encode(f"[INST] {text} [/INST]")
        ids += [*encode(answer), control["</s>"]] if answer is not None else []
    return ids


def _mistral_v3(messages: list[ChatMessage], encode: Encode, control: Control) -> list[int]:
    """v0.3: `[INST]` and `[/INST]` are control tokens, and the system's text goes before the last question."""
    system, rounds = _rounds(messages)
    ids = [control["<s>"]]
    for index, (question, answer) in enumerate(rounds):
        text = f"{system}\n\n{question}" if system and index == len(rounds) - 1 else question
        ids += [control["[INST]"], *encode(text), control["[/INST]"]]
        ids += [*encode(answer.rstrip(" ")), control["</s>"]] if answer is not None else []
    return ids


def _template(messages: list[ChatMessage], encode: Encode, tokenizer: Any) -> list[int]:
    """Any other model: its template is rendered around marks, and each text is encoded alone in its mark's place."""
    marked = [{**message, "content": f"\ue000{index}\ue001"} for index, message in enumerate(messages)]
    rendered = tokenizer.apply_chat_template(marked, tokenize=False, add_generation_prompt=True)
    ids: list[int] = []
    for position, part in enumerate(re.split("\ue000(\\d+)\ue001", rendered)):
        if position % 2:
            ids += encode(messages[int(part)]["content"])
        elif part:
            ids += tokenizer.backend_tokenizer.encode(part, add_special_tokens=False).ids
    return ids


def _rounds(messages: list[ChatMessage]) -> tuple[str, list[tuple[str, str | None]]]:
    """The system's text, and questions with their answers; the last question has none yet."""
    system = messages[0]["content"] if messages[0]["role"] == "system" else ""
    turns = messages[1:] if messages[0]["role"] == "system" else messages
    for index, message in enumerate(turns):
        if message["role"] != ("user", "assistant")[index % 2]:
            raise ValueError("after a system message, user and assistant must alternate, the user first")
    if len(turns) % 2 == 0:
        raise ValueError("the last message must be the user's")
    answers = [turn["content"] for turn in turns[1::2]]
    return system, list(zip([turn["content"] for turn in turns[::2]], [*answers, None], strict=True))


def _known(message: ChatMessage, *roles: str) -> str:
    if message["role"] not in roles:
        raise ValueError(f"{message['role']!r} is no role here; known: {', '.join(roles)}")
    return message["role"]
