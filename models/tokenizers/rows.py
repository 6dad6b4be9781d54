"""A tokenizer within its model: tokens that were added without a row of the embedding are none. Knows no files."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from shared.errors import ModelUnavailable

log = logging.getLogger(__name__)


def within_rows(tokenizer: Any, rows: int, where: Path) -> Any:
    """The tokenizer without the added tokens whose ids the model does not know: what they stood for is text again, so
    no prompt holds them and no grammar offers them. Raises `ModelUnavailable` where its vocabulary itself is larger."""
    backend = tokenizer.backend_tokenizer
    if backend.get_vocab_size() <= rows and max(backend.get_vocab().values(), default=0) < rows:
        return tokenizer
    largest = max(backend.get_vocab(with_added_tokens=False).values(), default=0)
    if largest >= rows:
        raise ModelUnavailable(
            f"{where}: the tokenizer's vocabulary goes up to the id {largest} and the model has {rows} rows: they do"
            " not belong together"
        )
    values = json.loads(backend.to_str())
    surplus = [token for token in values["added_tokens"] if token["id"] >= rows]
    values["added_tokens"] = [token for token in values["added_tokens"] if token["id"] < rows]
    tokenizer._tokenizer = Tokenizer.from_str(json.dumps(values))
    log.warning(
        "%s: %d added tokens have no row of the model and are text: %s", where.name, len(surplus), surplus[0]["content"]
    )
    return tokenizer
