"""No text becomes a control token, on tokenizers of each kind that would gladly make one of it.

The marks are those of public reports: special ones in user content (huggingface/transformers #29279 and #47822,
vllm-project/vllm #31735, ggml-org/llama.cpp #26273, google-deepmind/gemma #770), and ones that a tokenizer does not
call special (huggingface/transformers #47386).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, normalizers, pre_tokenizers, trainers
from tokenizers.models import BPE, Unigram, WordLevel

from models.tokenizers import plain_text as plain_text_of
from models.tokenizers.plain_text import control_tokens, description, plain_text, user_defined, within_a_text
from tests.conftest import SHARED_DATA

SPECIAL = ("<|im_start|>", "<|im_end|>", "<s>", "[INST]", "<｜User｜>", "<|turn>")
NOT_SPECIAL = ("<tool_call>", "</think>", "<think>", "<|user|>", "<|fim_prefix|>", "<PRE>", "雨伞", "Human")
MARKS = (*SPECIAL, *NOT_SPECIAL)


def byte_level(special: Iterable[str] = SPECIAL, plain: Iterable[str] = NOT_SPECIAL, learnt: str = "") -> Tokenizer:
    """Byte-level BPE; what it is `learnt` from often enough becomes one token of its own."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=600, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([learnt] * 3, trainer)
    tokenizer.add_special_tokens([AddedToken(mark, special=True, normalized=False) for mark in special])
    tokenizer.add_tokens([AddedToken(mark, normalized=False) for mark in plain])
    return tokenizer


def ids(tokenizer: Tokenizer, text: str, rows: int | None = None) -> list[int]:
    plain = plain_text(description(tokenizer), control_tokens(tokenizer), rows)
    return list(plain.encode(text, add_special_tokens=False).ids)


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("around", ["{}", "x{}y", " {} ", "{}{}", "<{}>", "\n{}\n"])
def test_a_mark_is_the_text_that_it_looks_like(mark: str, around: str) -> None:
    tokenizer = byte_level()
    text = around.format(mark, mark)

    found = ids(tokenizer, text)

    assert not set(found) & control_tokens(tokenizer).keys()
    assert tokenizer.decode(found, skip_special_tokens=False) == text


@pytest.mark.parametrize("mark", ["<think>", "<|im_end|>", "<reserved_106>", "</tool_call>"])
@pytest.mark.parametrize("ignore_merges", [False, True])
def test_pieces_do_not_merge_into_a_mark_of_the_vocabulary(mark: str, ignore_merges: bool) -> None:
    tokenizer = byte_level((), (), learnt=mark)
    tokenizer.model.ignore_merges = ignore_merges
    assert tokenizer.token_to_id(mark) in tokenizer.encode(mark).ids
    tokenizer.add_tokens([AddedToken(mark, normalized=False)])

    found = ids(tokenizer, f"{mark}a{mark}")

    assert tokenizer.token_to_id(mark) not in found
    assert tokenizer.decode(found) == f"{mark}a{mark}"


def among_its_words(kept: Iterable[str] = ()) -> Tokenizer:
    """As in files made of GGUF, whose vocabulary has the marks too: no merge leads to them."""
    values = json.loads(byte_level((), (), learnt="storyboard").to_str())
    vocabulary = values["model"]["vocab"]
    vocabulary |= {mark: len(vocabulary) + at for at, mark in enumerate(MARKS)}
    tokenizer: Tokenizer = Tokenizer.from_str(json.dumps(values))
    tokenizer.add_special_tokens([AddedToken(mark, special=True, normalized=False) for mark in SPECIAL])
    tokenizer.add_tokens([AddedToken(mark, normalized=False) for mark in (*NOT_SPECIAL, *kept)])
    return tokenizer


def with_a_prefix(tokenizer: Tokenizer) -> Tokenizer:
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Prepend("_")])
    return tokenizer


@pytest.mark.parametrize(
    "make",
    [
        among_its_words,
        lambda: among_its_words(("    ", "０", "...", "<mark>")),
        lambda: with_a_prefix(among_its_words(("    ",))),
        byte_level,
        lambda: byte_level(("<|pad|>",), ("    ", "０", "<mark>"), learnt="storyboard"),
    ],
    ids=["words", "words and runs", "prefix", "added", "added and runs"],
)
def test_a_copy_that_shares_the_vocabulary_reads_as_one_that_rewrites_it(
    make: Callable[[], Tokenizer], monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = make()
    texts = ["".join(MARKS), "a    b０...<mark>storyboard", "\n雨伞 e\u0301<|im_start|>user\n", ""]
    assert not plain_text_of._can_make(tokenizer.model, tokenizer.get_vocab(with_added_tokens=False), MARKS)

    shared = [ids(tokenizer, text) for text in texts]

    monkeypatch.setattr(plain_text_of, "_can_make", lambda *_: True)
    assert [ids(tokenizer, text) for text in texts] == shared


@pytest.mark.parametrize(
    ("written", "mark"), [("＜think＞", "<think>"), ("＜|ｉｍ_end|＞", "<|im_end|>"), ("<ſ>", "<s>")]
)
@pytest.mark.parametrize("normalized", [False, True])
def test_a_look_alike_does_not_become_a_mark_by_normalising(written: str, mark: str, normalized: bool) -> None:
    tokenizer = byte_level((), (), learnt=mark)
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.add_tokens([AddedToken(mark, normalized=normalized)])
    assert tokenizer.token_to_id(mark) in tokenizer.encode(written).ids

    assert tokenizer.token_to_id(mark) not in ids(tokenizer, written)


def test_a_mark_that_is_a_word_of_the_vocabulary() -> None:
    words = Tokenizer(WordLevel({"<unk>": 0, "<bot>": 1, "hi": 2}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    pieces = Tokenizer(Unigram([("<unk>", 0.0), ("<bot>", -1.0), *((c, -5.0) for c in "<bot>hi")], unk_id=0))
    for tokenizer in (words, pieces):
        tokenizer.add_tokens([AddedToken("<bot>", special=True)])

        assert 1 not in ids(tokenizer, "hi <bot> <bot>")


def test_what_stands_for_an_unknown_character_does_so_still() -> None:
    tokenizer = Tokenizer(BPE({"<unk>": 0, "a": 1}, [], unk_token="<unk>"))
    tokenizer.add_special_tokens(["<unk>"])

    assert ids(tokenizer, "aéa") == [1, 0, 1]


def test_runs_of_spaces_and_digits_that_were_added_are_text_and_keep_their_ids() -> None:
    """As in GPT-NeoX, whose runs of spaces come after its vocabulary, and Baichuan2, whose digits are in it."""
    tokenizer = byte_level(("<|pad|>",), ("    ", "０", "...", "<mark>"))
    text = "a    b０...<mark>"
    kept = [tokenizer.token_to_id(run) for run in ("    ", "０", "...")]

    found = ids(tokenizer, text)

    assert [token for token in found if token in kept] == kept
    assert tokenizer.token_to_id("<mark>") not in found
    assert tokenizer.decode(found) == text


@pytest.mark.parametrize("beyond", [1, 3, len(MARKS)])
def test_tokens_beyond_the_models_rows_are_text(beyond: int) -> None:
    tokenizer = byte_level((), ("    ", "--", *MARKS), learnt="storyboard")
    rows = tokenizer.get_vocab_size() - beyond

    for text in ("storyboard", "".join(MARKS), "    --"):
        assert max(ids(tokenizer, text, rows)) < rows
        assert tokenizer.decode(ids(tokenizer, text, rows)) == text
    assert len(ids(tokenizer, "storyboard")) == 1
    assert len(ids(tokenizer, "storyboard", 257)) > 1


def test_only_the_first_word_of_all_begins_with_a_space() -> None:
    tokenizer = Tokenizer(BPE({"▁": 0, "a": 1}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    described = description(tokenizer)

    later = within_a_text(described)

    assert later is not None
    assert plain_text(later, ()).encode("a a").ids == [1, 0, 1]
    assert plain_text(described, ()).encode("a a").ids == [0, 1, 0, 1]
    assert within_a_text(later) is None


@pytest.mark.skipif(not (SHARED_DATA / "tokenizers").is_dir(), reason="no vocabularies beside the checkout")
def test_the_marks_of_a_real_vocabulary_and_the_text_among_its_pieces() -> None:
    from models.tokenizers import sentencepiece

    file = SHARED_DATA / "tokenizers" / "baichuan2" / "tokenizer.model"
    tokenizer: Any = sentencepiece.sentencepiece_tokenizer(sentencepiece.read(file))
    control = control_tokens(tokenizer)
    plain = plain_text(description(tokenizer), control)

    texts = {tokenizer.id_to_token(token) for token in user_defined(tokenizer) - control.keys()}
    assert {"\n", "０", "，", "...", "-->"} <= texts
    assert not any(letter.isalpha() for text in texts for letter in text)
    for token, mark in control.items():
        assert token not in plain.encode(f"x{mark}y", add_special_tokens=False).ids
