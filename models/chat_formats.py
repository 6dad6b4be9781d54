"""Chat formats written out by hand: those of the legacy families as their authors' own code builds them, and ChatML.

They serve folders that have no chat template, and legacy ones whose template says the same; the ids are exact where a
rendered template's are not. Knows tokens and layouts, not folders, templates or models.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

ChatMessage = dict[str, str]
Encode = Callable[[str], list[int]]
Format = Callable[[list[ChatMessage], Encode], list[int]]
Control = Mapping[str, int]

QWEN_SYSTEM = "You are a helpful assistant."
_NAMES = ("<reserved_106>", "<reserved_107>", "<s>", "</s>")  # of marks in the vocabulary itself


def format_of(tokenizer: Any, model_type: str) -> Format | None:
    """For a folder without a template: the format that the tokenizer's marks or the model's type stand for, if any."""
    added = tokenizer.get_added_vocab()
    if {"<|im_start|>", "<|im_end|>"} <= added.keys() and "<|extra_0|>" not in added:
        return lambda messages, encode: _chatml(messages, encode, added, None, False)
    return legacy_format_of(tokenizer, model_type)


def legacy_format_of(tokenizer: Any, model_type: str) -> Format | None:
    """As the authors' own code builds it."""
    added, ids = tokenizer.get_added_vocab(), _ids_of(tokenizer.backend_tokenizer, _NAMES)
    if {"<|im_start|>", "<|im_end|>", "<|extra_0|>"} <= added.keys():
        return lambda messages, encode: _chatml(messages, encode, added, QWEN_SYSTEM, True)
    if {"[gMASK]", "sop", "<|user|>"} <= added.keys():
        return lambda messages, encode: _chatglm3(messages, encode, added)
    if {"[gMASK]", "sop"} <= added.keys():
        return lambda messages, encode: _chatglm2(messages, encode, added)
    if {"<reserved_106>", "<reserved_107>"} <= ids.keys():
        return lambda messages, encode: _baichuan2(messages, encode, ids)
    if model_type == "mistral" and {"[INST]", "[/INST]"} <= added.keys():
        return lambda messages, encode: _mistral_v3(messages, encode, added)
    if model_type == "mistral" and {"<s>", "</s>"} <= ids.keys():
        return lambda messages, encode: _mistral_v1(messages, encode, ids)
    if model_type == "llama" and {"<s>", "</s>"} <= ids.keys():
        return lambda messages, encode: _llama2(messages, encode, ids)
    return None


def _ids_of(tokenizer: Any, names: Iterable[str]) -> dict[str, int]:
    """Of those names that are tokens. (A copy of a whole vocabulary takes a tenth of a second.)"""
    found = {name: tokenizer.token_to_id(name) for name in names}
    return {name: token for name, token in found.items() if token is not None}


def says(known: Format, messages: list[ChatMessage], written: str, marks: Mapping[int, str], spaced: bool) -> bool:
    """Whether a format writes this conversation just so; but for the space before each text, if the vocabulary puts one
    there itself."""
    pieces: list[Any] = known(messages, lambda text: [text])  # type: ignore[list-item] # texts as they are
    space = " ?" if spaced else ""
    pattern = space.join(re.escape(marks.get(piece, str(piece))) for piece in pieces)
    return re.fullmatch(space + pattern, written) is not None


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
