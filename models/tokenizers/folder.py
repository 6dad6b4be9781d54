"""The tokenizer of a model's folder, from its vocabulary file wherever that is exact. Knows files, not chats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer

from models.families.family import Family, VocabularyFile
from models.folder import ModelFolder
from models.tokenizers import published, sentencepiece, tiktoken
from shared.errors import ModelUnavailable

# What transformers' classes keep of making themselves and never read again: 55 MB for a vocabulary of 150,000 tokens.
_SPARE = ("_vocab", "_merges")


def has_vocabulary(folder: ModelFolder) -> bool:
    """Whether anything in the folder says what its token ids mean."""
    names = [folder.family.vocabulary.file] if folder.family else []
    if not folder.legacy:
        names += ["tokenizer.json", "vocab.json", "tokenizer.model"]
    return any((folder.path / name).is_file() for name in names)


def tokenizer_of(folder: ModelFolder) -> Any:
    """A fast tokenizer with the folder's chat templates. Raises `ModelUnavailable`."""
    tokenizer = _vocabulary_of(folder)
    tokenizer.chat_template = published.chat_template(folder.path)
    return tokenizer


def _vocabulary_of(folder: ModelFolder) -> Any:
    family = folder.family
    if family is not None and (family.legacy or _is_sentencepiece(folder.path / family.vocabulary.file)):
        return _wrapped(_built(folder, family), folder, family)
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder.path, config=folder.config, trust_remote_code=False)
    except Exception as error:  # the Rust library raises bare Exceptions
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelUnavailable(f"{folder.path}: its tokenizer cannot be loaded ({reason[0]})") from error
    for name in _SPARE:
        vars(tokenizer).pop(name, None)
    return tokenizer


def _built(folder: ModelFolder, family: Family) -> Tokenizer:
    file = folder.path / family.vocabulary.file
    if not file.is_file():
        raise ModelUnavailable(f"{folder.path} has no {file.name}, the vocabulary of {family.name}")
    if family.vocabulary.pattern is not None:
        tokenizer = tiktoken.tiktoken_tokenizer(file, family.vocabulary.pattern)
    else:
        tokenizer = sentencepiece.sentencepiece_tokenizer(sentencepiece.read(file))
    _add_extra(tokenizer, family.vocabulary, file, folder.origin)
    _add_published(tokenizer, folder.path)
    return tokenizer


def _add_extra(tokenizer: Tokenizer, vocabulary: VocabularyFile, file: Path, origin: str) -> None:
    extra = [token for token in vocabulary.extra if not ("chatglm2" in origin and token.startswith("<|"))]
    size = tokenizer.get_vocab_size()
    if vocabulary.extra_from not in (None, size):
        raise ModelUnavailable(f"{file} has {size} tokens, not {vocabulary.extra_from}: it is another model's")
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in extra])
    assert tokenizer.get_vocab_size() == size + len(extra)


def _add_published(tokenizer: Tokenizer, path: Path) -> None:
    """Tokens that the folder says are added ones, under the ids that it gives them: most came with a finetune."""
    for token in published.added_tokens(path):
        tokenizer.add_tokens([AddedToken(token.content, special=token.special, normalized=False)])
        if tokenizer.token_to_id(token.content) != token.index:
            raise ModelUnavailable(f"{path}: the added token {token.content} cannot have the id {token.index}")


def _wrapped(tokenizer: Tokenizer, folder: ModelFolder, family: Family) -> Any:
    from transformers import PreTrainedTokenizerFast

    named = {} if family.legacy else published.named_tokens(folder.path)
    for name, token in named.items():
        if tokenizer.token_to_id(token) is None:
            raise ModelUnavailable(f"{folder.path}: its {name} {token} is not in its vocabulary")
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        clean_up_tokenization_spaces=False,
        padding_side="left",
        model_input_names=["input_ids", "attention_mask"],
        model_max_length=folder.config.max_position_embeddings,
        **{**family.vocabulary.named, **named},
    )


def _is_sentencepiece(file: Path) -> bool:
    try:
        sentencepiece.read(file)
    except ModelUnavailable:
        return False
    return True
