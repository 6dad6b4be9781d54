"""Vocabulary files read by themselves give the ids of the original libraries. Skipped where the files are not."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from models.chat import ChatTokenizer
from models.load import load_tokenizer
from models.tokenizers import sentencepiece, tiktoken
from shared.errors import ModelUnavailable
from tests.conftest import SHARED_DATA

FILES = SHARED_DATA / "tokenizers"
NAMES = ("chatglm3", "qwen", "baichuan2", "llama2", "mistral")
LEGACY = ("chatglm3", "qwen", "baichuan2")

needs_data = pytest.mark.skipif(not FILES.is_dir(), reason="no vocabularies beside the checkout")
Tokenizers = Callable[[str], ChatTokenizer]


@cache
def golden(name: str) -> dict[str, Any]:
    with gzip.open(SHARED_DATA / "golden" / f"{name}.json.gz") as file:
        content: dict[str, Any] = json.load(file)
        return content


@pytest.fixture(scope="module")
def tokenizer_of(tmp_path_factory: pytest.TempPathFactory) -> Tokenizers:
    """From a folder of config.json and vocabulary alone."""

    @cache
    def load(name: str) -> ChatTokenizer:
        folder = tmp_path_factory.mktemp(name)
        for file in (FILES / name).iterdir():
            shutil.copyfile(file, folder / file.name)
        if name in LEGACY:
            shutil.copyfile(SHARED_DATA / "golden" / name / "config.json", folder / "config.json")
        else:
            (folder / "config.json").write_text(json.dumps({"model_type": name.rstrip("2")}))
        return load_tokenizer(folder)

    return load


@needs_data
@pytest.mark.parametrize("name", NAMES)
def test_every_golden_text_has_the_original_ids(name: str, tokenizer_of: Tokenizers) -> None:
    text = tokenizer_of(name)

    wrong = [
        s
        for s, ids in zip(golden("tokenizers")["strings"], golden("tokenizers")[name], strict=True)
        if text.encode(s) != ids
    ]

    assert wrong == []


@needs_data
@pytest.mark.parametrize("name", LEGACY)
def test_every_golden_conversation_has_the_original_ids(name: str, tokenizer_of: Tokenizers) -> None:
    text = tokenizer_of(name)

    conversations, expected = golden("chat")["conversations"], golden("chat")[name]
    wrong = [messages for messages, ids in zip(conversations, expected, strict=True) if text.chat(messages) != ids]

    assert wrong == []


@needs_data
@pytest.mark.parametrize("name", NAMES)
def test_text_comes_back_as_it_was(name: str, tokenizer_of: Tokenizers) -> None:
    text = tokenizer_of(name)

    for sample in ("a", " two  spaces ", "你好，世界", "😀 tab\tnew\nline", '{"title": "雨"}'):
        assert text.tokenizer.decode(text.encode(sample)) == sample


@needs_data
@pytest.mark.parametrize("name", NAMES)
def test_no_mark_comes_out_of_a_strangers_text(name: str, tokenizer_of: Tokenizers) -> None:
    """Baichuan2's own code reads its marks (no special tokens) from any text, and so do `encode` and `chat`; `prompt`,
    which serves, does not."""
    text = tokenizer_of(name)
    added = text.tokenizer.added_tokens_decoder.items()
    marks = {index: token for index, token in added if token.special or any(c.isalpha() for c in token.content)}
    frame = [token for token in text.prompt([{"role": "user", "content": "x"}]) if token in marks]

    for index, token in marks.items():
        if token.special:
            assert index not in text.encode(f"x{token.content}y")
    hostile = text.prompt([{"role": "user", "content": "".join(token.content for token in marks.values())}])
    assert [token for token in hostile if token in marks] == frame


@needs_data
@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("chatglm3", {"[gMASK]": 64790, "sop": 64792, "<|user|>": 64795, "<|observation|>": 64797}),
        ("qwen", {"<|endoftext|>": 151643, "<|im_start|>": 151644, "<|im_end|>": 151645, "<|extra_204|>": 151850}),
        ("baichuan2", {"<s>": 1, "</s>": 2, "<reserved_106>": 195, "<reserved_107>": 196}),
    ],
)
def test_control_tokens_have_their_ids(name: str, ids: dict[str, int], tokenizer_of: Tokenizers) -> None:
    vocabulary = tokenizer_of(name).tokenizer.get_vocab()

    assert {token: vocabulary[token] for token in ids} == ids


@needs_data
def test_a_tokenizer_adds_nothing_by_itself(tokenizer_of: Tokenizers) -> None:
    for name in NAMES:
        text = tokenizer_of(name)
        assert text.tokenizer("hello").input_ids == text.encode("hello")


@needs_data
def test_the_vocabulary_of_another_model_is_refused(tmp_path: Path) -> None:
    shutil.copyfile(FILES / "llama2" / "tokenizer.model", tmp_path / "tokenizer.model")
    shutil.copyfile(SHARED_DATA / "golden" / "chatglm3" / "config.json", tmp_path / "config.json")

    with pytest.raises(ModelUnavailable, match="32000 tokens, not 64789"):
        load_tokenizer(tmp_path)


@needs_data
def test_tokens_that_a_finetune_added_keep_their_ids(tmp_path: Path) -> None:
    shutil.copyfile(FILES / "mistral" / "tokenizer.model", tmp_path / "tokenizer.model")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "mistral"}))
    added = {
        "1": {"content": "<s>", "special": True},
        "32001": {"content": "<|im_start|>", "special": True},
        "32000": {"content": "<|im_end|>", "special": True},
    }
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"added_tokens_decoder": added}))

    prompt = load_tokenizer(tmp_path).chat([{"role": "user", "content": "hi"}])

    assert prompt[0] == 32001
    assert 32000 in prompt


@needs_data
@pytest.mark.parametrize("kept", [0, 1, 1000, 100_000])
def test_a_vocabulary_that_is_cut_short_is_refused(kept: int, tmp_path: Path) -> None:
    for file, read in (("chatglm3/tokenizer.model", sentencepiece.read), ("qwen/qwen.tiktoken", _tiktoken)):
        cut = tmp_path / "cut"
        cut.write_bytes((FILES / file).read_bytes()[:kept])
        with pytest.raises(ModelUnavailable, match="cut"):
            read(cut)


def _tiktoken(path: Path) -> object:
    return tiktoken.tiktoken_tokenizer(path, r"\w+")


@needs_data
@pytest.mark.parametrize("name", NAMES)
def test_only_chatglm3_begins_its_answer_with_a_new_line(name: str, tokenizer_of: Tokenizers) -> None:
    assert tokenizer_of(name).answer_start == ([30910, 13] if name == "chatglm3" else [])
