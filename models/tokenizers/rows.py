"""A tokenizer within its model: tokens that were added without a row of the embedding are none. Knows no files."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from shared.errors import ModelUnavailable

log = logging.getLogger(__name__)


# A padding token, an image's mark, the two of ChatML are added without training. Whoever adds more trains them, and
# then the weights have rows for them: a tokenizer with more is another checkpoint's.
MAX_SURPLUS = 8


def refuse_larger(tokenizer: Any, rows: int, where: Path) -> None:
    """Raises `ModelUnavailable` where the vocabulary itself has more ids than the model rows, or where more than a few
    added tokens have no row: the two do not belong together."""
    backend = tokenizer.backend_tokenizer
    largest = max(backend.get_vocab(with_added_tokens=False).values(), default=0)
    if largest >= rows:
        raise ModelUnavailable(
            f"{where}: the tokenizer's vocabulary goes up to the id {largest} and the model has {rows} rows: they do"
            " not belong together"
        )
    surplus = sum(token >= rows for token in backend.get_added_tokens_decoder())
    if surplus > MAX_SURPLUS:
        raise ModelUnavailable(
            f"{where}: {surplus} added tokens have no row of the model's {rows}: the tokenizer is another checkpoint's;"
            " take the one that came with these weights"
        )


def cut_to_rows(tokenizer: Any, rows: int, where: Path) -> None:
    """Takes away the added tokens whose ids the model does not know: what they stood for is text again, so no prompt
    holds them and no grammar offers them."""
    backend = tokenizer.backend_tokenizer
    if max(backend.get_added_tokens_decoder(), default=0) < rows:  # the vocabulary itself is no larger
        return
    values = json.loads(backend.to_str())
    surplus = [token for token in values["added_tokens"] if token["id"] >= rows]
    values["added_tokens"] = [token for token in values["added_tokens"] if token["id"] < rows]
    tokenizer._tokenizer = Tokenizer.from_str(json.dumps(values))
    log.warning(
        "%s: %d added tokens have no row of the model and are text: %s", where.name, len(surplus), surplus[0]["content"]
    )
