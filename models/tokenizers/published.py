"""What a folder says of its tokenizer beside the vocabulary file: added tokens, names of tokens, chat templates.

Each of them has had several places over the years, and all of those count. Knows files; not what becomes of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.files import read_json
from shared.errors import ModelUnavailable

_CONFIG, _OLDER, _WHOLE, _NAMES = (
    "tokenizer_config.json",
    "added_tokens.json",
    "tokenizer.json",
    "special_tokens_map.json",
)
_TEMPLATE, _OTHER_TEMPLATES, _PROCESSORS = "chat_template.jinja", "additional_chat_templates", "chat_template.json"
_DEFAULT = "default"
_NAMED = ("bos_token", "eos_token", "unk_token")  # padding is no part of a text


@dataclass(frozen=True)
class PublishedToken:
    index: int
    content: str
    special: bool


def added_tokens(folder: Path) -> list[PublishedToken]:
    """In order of their ids; raises `ModelUnavailable` where two files contradict each other."""
    found: dict[int, PublishedToken] = {}
    ids: dict[str, int] = {}
    try:
        for token in _added(folder):
            known = found.setdefault(token.index, token)
            if known.content != token.content or ids.setdefault(token.content, token.index) != token.index:
                raise ModelUnavailable(
                    f"{folder}: its files do not agree on the added token {token.content!r} of id {token.index}"
                )
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise ModelUnavailable(f"{folder}: its added tokens cannot be read ({type(error).__name__})") from error
    return [found[index] for index in sorted(found)]


def named_tokens(folder: Path) -> dict[str, str]:
    """Which token begins a text, ends it, and so on, where the folder says it."""
    values = {**_object(folder / _NAMES), **_object(folder / _CONFIG)}
    named = {name: _content(values.get(name)) for name in _NAMED}
    return {name: content for name, content in named.items() if content}


def chat_template(folder: Path) -> str | dict[str, str] | None:
    """The chat template, or several by their names; raises `ModelUnavailable` for what is no template."""
    named = {path.stem: _text(path) for path in sorted((folder / _OTHER_TEMPLATES).glob("*.jinja"))}
    if (folder / _TEMPLATE).is_file():
        return {**named, _DEFAULT: _text(folder / _TEMPLATE)}
    published = _object(folder / _CONFIG).get("chat_template") or _object(folder / _PROCESSORS).get("chat_template")
    if isinstance(published, list):
        try:
            published = {entry["name"]: entry["template"] for entry in published}
        except (TypeError, KeyError) as error:
            raise ModelUnavailable(f"{folder}: its list of chat templates has an entry without a name") from error
    if isinstance(published, str):
        published = {_DEFAULT: published}
    published = published or {}
    if not isinstance(published, dict) or not all(isinstance(text, str) for text in published.values()):
        raise ModelUnavailable(f"{folder}: its chat template is no text")
    return named | published or None


def _added(folder: Path) -> Iterator[PublishedToken]:
    for index, token in (_object(folder / _CONFIG).get("added_tokens_decoder") or {}).items():
        yield PublishedToken(int(index), token["content"], bool(token.get("special")))
    for token in _object(folder / _WHOLE).get("added_tokens") or []:
        yield PublishedToken(token["id"], token["content"], bool(token.get("special")))
    names = {**_object(folder / _NAMES), **_object(folder / _CONFIG)}
    others = names.get("additional_special_tokens") or []
    special = {_content(value) for value in [*names.values(), *(others if isinstance(others, list) else [])]}
    for content, index in _object(folder / _OLDER).items():
        yield PublishedToken(int(index), content, content in special)


def _content(token: Any) -> str | None:
    """Of a name's token, which stands there as it is or with how it is matched."""
    content = token.get("content") if isinstance(token, dict) else token
    return content if isinstance(content, str) else None


def _object(path: Path) -> dict[str, Any]:
    return read_json(path) if path.is_file() else {}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ModelUnavailable(f"{path} cannot be read ({type(error).__name__})") from error
