"""A tokenizer that reads text and nothing else: no text, however it is written, becomes a control token.

Works on the tokenizer's own description, so that what was taken away cannot come back by normalising or by merging.
Knows tokens; not chats, models or files.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tokenizers import AddedToken, Tokenizer
from tokenizers.models import BPE

_MARK = re.compile(r"[<\[].+[>\]]", re.DOTALL)
_IN_BASE = re.compile(r"<\|[^\s|]+\|>|<reserved_\d+>")  # marks that a vocabulary has without saying that they are added
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")


def is_control(content: str, special: bool) -> bool:
    """Of an added token. One that is not special and neither holds a letter nor is in brackets (runs of spaces, digits,
    punctuation) is a piece of text, which the model knows in no other spelling."""
    return special or any(letter.isalpha() for letter in content) or bool(_MARK.fullmatch(content))


def control_tokens(tokenizer: Tokenizer, base: Mapping[str, int] | None = None) -> dict[int, str]:
    """Those that no text may give: added ones, and marks of the vocabulary itself, `base` where somebody has it."""
    added = tokenizer.get_added_tokens_decoder()
    found = {token: added[token].content for token in added if is_control(added[token].content, added[token].special)}
    base = tokenizer.get_vocab(with_added_tokens=False) if base is None else base
    return found | {
        token: content for content, token in base.items() if content[:1] == "<" and _IN_BASE.fullmatch(content)
    }


def user_defined(tokenizer: Tokenizer) -> set[int]:
    """Added tokens that are pieces of the vocabulary itself and not special: text to the library that trained it."""
    added = tokenizer.get_added_tokens_decoder()
    base = tokenizer.get_vocab(with_added_tokens=False).values()
    return {token for token in added.keys() & set(base) if not added[token].special}


@dataclass(frozen=True)
class Description:
    """What `plain_text` makes its copies of. `base` is the vocabulary without added tokens; `around` is the rest of the
    tokenizer as its JSON says it, without what is megabytes."""

    tokenizer: Tokenizer
    base: Mapping[str, int]
    around: dict[str, Any]


def description(tokenizer: Tokenizer) -> Description:
    bare = Tokenizer(BPE())
    bare.normalizer, bare.pre_tokenizer = tokenizer.normalizer, tokenizer.pre_tokenizer
    return Description(tokenizer, tokenizer.get_vocab(with_added_tokens=False), json.loads(bare.to_str()))


def plain_text(described: Description, control: Collection[int], rows: int | None = None) -> Tokenizer:
    """A copy that gives none of `control` and no id from `rows` on: these tokens get names that nobody can write, and
    no merge leads to them. All ids stay what they are."""
    secret = f"\U0010fffe{secrets.token_hex(8)}"
    beyond = rows if rows is not None else float("inf")
    base, added = described.base, described.tokenizer.get_added_tokens_decoder()
    letters = {text for text in base if len(text) == 1 and base[text] < beyond}  # every text may need them
    names = {added[index].content: index for index in sorted(added)}
    if max(base.values(), default=0) >= beyond or any(index not in added for index in control):
        names = {**base, **names}  # else no token of the vocabulary itself is looked for
    hidden = {
        text: f"{secret}{index}"
        for text, index in names.items()
        if index >= beyond or (index in control and text not in letters)
    }
    if _can_make(described.tokenizer.model, base, hidden):
        model = _renamed(json.loads(described.tokenizer.to_str())["model"], hidden)
        plain = Tokenizer.from_str(json.dumps(described.around | {"model": model}, ensure_ascii=False))
    else:
        plain = Tokenizer.from_str(json.dumps(described.around))
        plain.model = described.tokenizer.model  # shared: another takes half a second to make
        added = {index: token for index, token in added.items() if token.content not in hidden.keys() & base.keys()}
    plain.add_tokens([_token(added[index], hidden) for index in sorted(added)])
    return plain


def within_a_text(described: Description) -> Description | None:
    """Of a tokenizer that puts a space before the first word of all: one that puts none, for what comes later."""
    first, never = '"prepend_scheme": "first"', '"prepend_scheme": "never"'
    before = json.dumps(described.around["pre_tokenizer"])
    after = before.replace(first, never)
    if after == before:
        return None
    return replace(described, around=described.around | {"pre_tokenizer": json.loads(after)})


def _token(token: AddedToken, hidden: Mapping[str, str]) -> AddedToken:
    """As it was added, or under the name that nobody can write."""
    if token.content not in hidden:
        return token
    return AddedToken(
        hidden[token.content],
        single_word=token.single_word,
        lstrip=token.lstrip,
        rstrip=token.rstrip,
        normalized=False,
        special=token.special,
    )


def _can_make(model: Any, base: Collection[str], hidden: Collection[str]) -> bool:
    """Whether a vocabulary might make one of `hidden`, or the name of a byte, of the letters of a text. BPE comes to a
    token of several letters by merging two others, and by nothing else unless it looks whole words up."""
    if any(f"<0x{byte:02X}>" in base for byte in range(256)):
        return True
    within = [text for text in hidden if text in base]
    plain = isinstance(model, BPE) and not model.ignore_merges
    if not plain or model.continuing_subword_prefix or model.end_of_word_suffix:
        return bool(within)
    return any(text[:at] in base and text[at:] in base for text in within for at in range(1, len(text)))


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
