"""A tokenizer that reads text and nothing else: no text, however it is written, becomes a control token.

Works on the tokenizer's own description, so that what was taken away cannot come back by normalising or by merging.
Knows tokens; not chats, models or files.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Collection, Mapping
from typing import Any

from tokenizers import Tokenizer

_MARK = re.compile(r"[<\[].+[>\]]", re.DOTALL)
_IN_BASE = re.compile(r"<\|[^\s|]+\|>|<reserved_\d+>")  # marks that a vocabulary has without saying that they are added
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")


def is_control(content: str, special: bool) -> bool:
    """Of an added token. One that is not special and neither holds a letter nor is in brackets (runs of spaces, digits,
    punctuation) is a piece of text, which the model knows in no other spelling."""
    return special or any(letter.isalpha() for letter in content) or bool(_MARK.fullmatch(content))


def control_tokens(tokenizer: Tokenizer) -> dict[int, str]:
    """Those that no text may give: added ones, and marks of the vocabulary itself."""
    added = tokenizer.get_added_tokens_decoder()
    found = {token: added[token].content for token in added if is_control(added[token].content, added[token].special)}
    base = tokenizer.get_vocab(with_added_tokens=False)
    return found | {token: content for content, token in base.items() if _IN_BASE.fullmatch(content)}


def user_defined(tokenizer: Tokenizer) -> set[int]:
    """Added tokens that are pieces of the vocabulary itself and not special: text to the library that trained it."""
    added = tokenizer.get_added_tokens_decoder()
    base = tokenizer.get_vocab(with_added_tokens=False).values()
    return {token for token in added.keys() & set(base) if not added[token].special}


def description(tokenizer: Tokenizer) -> dict[str, Any]:
    """What `plain_text` makes its copies of."""
    values: dict[str, Any] = json.loads(tokenizer.to_str())
    return values | {"truncation": None, "padding": None, "post_processor": None}


def plain_text(described: dict[str, Any], control: Collection[int], rows: int | None = None) -> Tokenizer:
    """A copy that gives none of `control` and no id from `rows` on: these tokens get names that nobody can write, and
    no merge leads to them. All ids stay what they are."""
    secret = f"\U0010fffe{secrets.token_hex(8)}"
    beyond = rows if rows is not None else float("inf")
    model = described["model"]
    base = model["vocab"] if model["type"] != "Unigram" else {text: at for at, (text, _) in enumerate(model["vocab"])}
    letters = {text for text in base if len(text) == 1 and base[text] < beyond}  # every text may need them
    names = base | {token["content"]: token["id"] for token in described["added_tokens"]}
    hidden = {
        text: f"{secret}{index}"
        for text, index in names.items()
        if index >= beyond or (index in control and text not in letters)
    }
    added = [
        token | {"content": hidden[token["content"]], "normalized": False} if token["content"] in hidden else token
        for token in described["added_tokens"]
    ]
    changed = described | {"added_tokens": added, "model": _renamed(model, hidden)}
    return Tokenizer.from_str(json.dumps(changed, ensure_ascii=False))


def within_a_text(described: dict[str, Any]) -> dict[str, Any] | None:
    """Of a tokenizer that puts a space before the first word of all: one that puts none, for what comes later."""
    first, never = '"prepend_scheme": "first"', '"prepend_scheme": "never"'
    before = json.dumps(described["pre_tokenizer"])
    after = before.replace(first, never)
    return described | {"pre_tokenizer": json.loads(after)} if after != before else None


def _renamed(model: dict[str, Any], hidden: Mapping[str, str]) -> dict[str, Any]:
    if model["type"] == "Unigram":
        return model | {"vocab": [[hidden.get(text, text), score] for text, score in model["vocab"]]}
    changed = model | {"vocab": {hidden.get(text, text): index for text, index in model["vocab"].items()}}
    if "unk_token" in model:
        changed["unk_token"] = hidden.get(model["unk_token"], model["unk_token"])
    if "merges" in model:
        changed["merges"] = [pair for pair in model["merges"] if not _leads_to(pair[0], pair[1], hidden)]
    return changed


def _leads_to(left: str, right: str, hidden: Collection[str]) -> bool:
    whole = left + right
    return left in hidden or right in hidden or whole in hidden or (whole[-1] == ">" and bool(_BYTE.fullmatch(whole)))
