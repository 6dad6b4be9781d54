"""Tokens and chat templates count wherever a folder keeps them: the places have changed over the years."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from models.load import load_tokenizer
from models.tokenizers import published
from models.tokenizers.sentencepiece import BYTE, CONTROL, NORMAL, UNKNOWN
from shared.errors import ModelUnavailable

START, END = "<|im_start|>", "<|im_end|>"
BOTH = {START: 303, END: 302}
HI = [{"role": "user", "content": "hi"}]


def field(number: int, value: int | bytes) -> bytes:
    """Of a protobuf message, as sentencepiece writes it."""

    def varint(rest: int) -> bytes:
        return bytes([rest]) if rest < 0x80 else bytes([rest & 0x7F | 0x80]) + varint(rest >> 7)

    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def sentencepiece_file() -> bytes:
    """302 pieces: control tokens, bytes and a few letters."""
    pieces = [("<unk>", UNKNOWN), ("<s>", CONTROL), ("</s>", CONTROL)]
    pieces += [(f"<0x{byte:02X}>", BYTE) for byte in range(256)]
    pieces += [(letter, NORMAL) for letter in "▁abcdefghijklmnopqrstuvwxyz[]/INST\n<|>_雨猫🐱!"]
    messages = [
        field(1, field(1, text.encode()) + b"\x15" + struct.pack("<f", 0.0) + field(3, kind)) for text, kind in pieces
    ]
    assert len(messages) == 302
    return b"".join(
        [*messages, field(2, field(3, 2) + field(35, 1)), field(3, field(3, 1) + field(4, 0) + field(5, 1))]
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tokenizer.model").write_bytes(sentencepiece_file())
    write(tmp_path, "config.json", {"model_type": "mistral", "vocab_size": 304})
    return tmp_path


def write(folder: Path, name: str, values: Any) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(values if isinstance(values, str) else json.dumps(values))


def decoder(special: bool, **tokens: int) -> dict[str, Any]:
    return {str(index): {"content": content, "special": special} for content, index in tokens.items()}


@pytest.mark.parametrize("special", [True, False])
@pytest.mark.parametrize(
    "files",
    [
        {"added_tokens.json": BOTH},
        {"added_tokens.json": {"<unk>": 0, "<s>": 1, "</s>": 2, **BOTH}},
        {"tokenizer_config.json": {"added_tokens_decoder": "BOTH"}},
        {"tokenizer.json": {"added_tokens": "BOTH"}},
        {"tokenizer.json": {"added_tokens": "BOTH"}, "added_tokens.json": BOTH},
        {"tokenizer_config.json": {"added_tokens_decoder": "BOTH"}, "added_tokens.json": {END: 302}},
        {
            "added_tokens.json": BOTH,
            "special_tokens_map.json": {"additional_special_tokens": [START, {"content": END}]},
        },
        {"added_tokens.json": BOTH, "tokenizer_config.json": {"eos_token": {"content": END}, "bos_token": "<s>"}},
    ],
)
def test_tokens_that_a_finetune_added_count_in_each_of_their_files(
    folder: Path, files: dict[str, Any], special: bool
) -> None:
    """ggml-org/llama.cpp #3633 and #7271, huggingface/text-generation-inference #1132, OpenNMT/CTranslate2 #1542,
    jzhang38/TinyLlama #56: files with ids that start anew, in any order, special or not."""
    in_full = {
        "added_tokens_decoder": decoder(special, **BOTH),
        "added_tokens": [{"id": index, "content": content, "special": special} for content, index in BOTH.items()],
    }
    for name, values in files.items():
        write(folder, name, {key: in_full.get(key) if value == "BOTH" else value for key, value in values.items()})

    text = load_tokenizer(folder)

    assert [token for token in text.chat(HI) if token >= 302] == [303, 302, 303]
    assert not {302, 303} & set(text.encode(START + END))


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"added_tokens.json": {START: 303}}, r"<\|im_start\|> cannot have the id 303"),
        ({"added_tokens.json": {"<s>": 2}}, "<s> cannot have the id 2"),
        ({"added_tokens.json": {"x": "first"}}, "cannot be read"),
        ({"added_tokens.json": ["x"]}, "no JSON object"),
        ({"added_tokens.json": {END: 302}, "tokenizer_config.json": "SWAPPED"}, "do not agree"),
        ({"tokenizer_config.json": {"added_tokens_decoder": {"302": {}}}}, "cannot be read"),
        ({"tokenizer_config.json": {"added_tokens_decoder": ["x"]}}, "cannot be read"),
        ({"tokenizer_config.json": {"eos_token": END}}, "eos_token .* is not in its vocabulary"),
    ],
)
def test_tokens_that_cannot_be_as_the_folder_says_are_refused(folder: Path, files: dict[str, Any], reason: str) -> None:
    for name, values in files.items():
        swapped = {"added_tokens_decoder": decoder(True, **{START: 302, END: 303})}
        write(folder, name, swapped if values == "SWAPPED" else values)

    with pytest.raises(ModelUnavailable, match=reason):
        load_tokenizer(folder)


def test_the_folders_own_names_of_tokens_win_over_the_familys(folder: Path) -> None:
    write(folder, "added_tokens.json", {END: 302})
    write(folder, "tokenizer_config.json", {"eos_token": END, "pad_token": "[PAD]"})

    tokenizer = load_tokenizer(folder).tokenizer

    assert (tokenizer.eos_token_id, tokenizer.bos_token, len(tokenizer)) == (302, "<s>", 303)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({"tokenizer_config.json": {"chat_template": "a"}}, "a"),
        ({"tokenizer_config.json": {"chat_template": ""}}, None),
        ({"tokenizer_config.json": {"chat_template": [{"name": "rag", "template": "b"}, "DEFAULT"]}}, "a"),
        ({"tokenizer_config.json": {"chat_template": [{"name": "rag", "template": "b"}]}}, "b"),
        ({"chat_template.json": {"chat_template": "a"}}, "a"),
        ({"chat_template.json": {"chat_template": "b"}, "tokenizer_config.json": {"chat_template": "a"}}, "a"),
        ({"chat_template.jinja": "a", "tokenizer_config.json": {"chat_template": "b"}}, "a"),
        ({"chat_template.jinja": "a", "additional_chat_templates/tool_use.jinja": "b"}, "a"),
        ({"tokenizer_config.json": {"chat_template": "a"}, "additional_chat_templates/rag.jinja": "b"}, "a"),
    ],
)
def test_a_chat_template_counts_in_each_of_its_places(tmp_path: Path, files: dict[str, Any], expected: str) -> None:
    """theroyallab/tabbyAPI #374, meta-pytorch/torchforge #509, ml-explore/mlx-lm #341, replicate/cog-vllm #14."""
    from models.chat_template import default_of

    for name, values in files.items():
        write(tmp_path, name, values)
        if "DEFAULT" in str(values):
            values["chat_template"][-1] = {"name": "default", "template": "a"}
            write(tmp_path, name, values)

    assert default_of(published.chat_template(tmp_path)) == expected


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"chat_template": 7}, "no text"),
        ({"chat_template": ["a"]}, "without a name"),
        ({"chat_template": [{"name": "default"}]}, "without a name"),
        ({"chat_template": [{"name": "default", "template": 7}]}, "no text"),
        ({"chat_template": {"default": ["a"]}}, "no text"),
    ],
)
def test_what_is_no_template_is_refused(tmp_path: Path, values: dict[str, Any], reason: str) -> None:
    write(tmp_path, "tokenizer_config.json", values)

    with pytest.raises(ModelUnavailable, match=reason):
        published.chat_template(tmp_path)


def test_a_template_that_is_not_written_in_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "chat_template.jinja").write_bytes("雨".encode("utf-16"))

    with pytest.raises(ModelUnavailable, match="cannot be read"):
        published.chat_template(tmp_path)


@pytest.mark.parametrize("place", ["chat_template.jinja", "tokenizer_config.json"])
def test_a_finetunes_own_template_wins_over_its_familys_format(folder: Path, place: str) -> None:
    template = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}<|bot|>"
    write(folder, place, template if place.endswith("jinja") else {"chat_template": template})

    text = load_tokenizer(folder)

    assert text.tokenizer.decode(text.chat(HI)) == "<|user|>hi<|bot|>"


@pytest.mark.parametrize("space", ["", " "])
def test_a_legacy_template_that_says_the_same_leaves_its_familys_exact_ids(folder: Path, space: str) -> None:
    plain = load_tokenizer(folder).chat(HI)
    loop = "{% for m in messages %}[INST] {{ m.content }} [/INST]{% endfor %}"
    raises = "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}"
    write(folder, "tokenizer_config.json", {"chat_template": "{{ bos_token }}" + space + raises + loop})

    assert load_tokenizer(folder).chat(HI) == plain
