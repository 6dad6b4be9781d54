"""Chat formats on a tokenizer whose ids can be read: every character is a token, control tokens come after."""

from __future__ import annotations

from typing import Any

import pytest
from tokenizers import AddedToken, Tokenizer, decoders
from tokenizers.models import BPE
from transformers import PreTrainedTokenizerFast

from models.chat import ChatTokenizer
from models.chat_formats import ChatMessage
from shared.errors import ModelUnavailable
from tests.integration.engine import tiny
from tests.prompts import PROMPTS

LETTERS = [chr(code) for code in range(32, 127)] + ["\n", "问", "答", "："]


def tokenizer(*control: str, template: str | None = None) -> Any:
    rust = Tokenizer(BPE(vocab={letter: index for index, letter in enumerate(LETTERS)}, merges=[]))
    rust.decoder = decoders.Fuse()
    rust.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in control])
    fast = PreTrainedTokenizerFast(tokenizer_object=rust)
    fast.chat_template = template
    return fast


def written(fast: Any, model_type: str, messages: list[ChatMessage]) -> str:
    """The prompt as text; a control token is in bold brackets, so that it cannot be mistaken for its letters."""
    special = {index: f"⟦{token.content}⟧" for index, token in fast.added_tokens_decoder.items()}
    ids = ChatTokenizer(fast, model_type).chat(messages)
    return "".join(special.get(index) or fast.convert_ids_to_tokens(index) for index in ids)


def say(*texts: str, system: str | None = None) -> list[ChatMessage]:
    turns = [{"role": ("user", "assistant")[index % 2], "content": text} for index, text in enumerate(texts)]
    return [{"role": "system", "content": system}, *turns] if system is not None else turns


MARKS = ("<s>", "</s>")
CHATML = ("<|im_start|>", "<|im_end|>")


def test_chatml() -> None:
    prompt = written(tokenizer(*CHATML), "qwen2", say("a", "b", "c", system="s"))

    start, end = "⟦<|im_start|>⟧", "⟦<|im_end|>⟧\n"
    assert (
        prompt
        == f"{start}system\ns{end}{start}user\na{end}{start}assistant\nb{end}{start}user\nc{end}{start}assistant\n"
    )


@pytest.mark.parametrize("kind", PROMPTS)
def test_any_prompt_stands_in_its_conversation_as_it_was_written(kind: str) -> None:
    text = tiny.vocabulary()

    ids = text.chat(say(PROMPTS[kind], system="s"))

    frame = "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
    assert text.tokenizer.decode(ids) == frame.format(PROMPTS[kind])
    control = set(text.tokenizer.get_added_vocab().values())
    assert len([token for token in ids if token in control]) == 5  # those of the frame


def test_qwen_v1_has_a_system_message_always() -> None:
    fast = tokenizer(*CHATML, "<|extra_0|>")

    assert written(fast, "qwen", say("a")).startswith(
        "⟦<|im_start|>⟧system\nYou are a helpful assistant.⟦<|im_end|>⟧\n"
    )
    assert "helpful" not in written(fast, "qwen", say("a", system="s"))


def test_chatglm3() -> None:
    control = ("[gMASK]", "sop", "<|system|>", "<|user|>", "<|assistant|>", "<|observation|>")

    prompt = written(tokenizer(*control), "chatglm", say("a", "b", "c", system="s"))

    turns = "⟦<|system|>⟧\ns⟦<|user|>⟧\na⟦<|assistant|>⟧\nb⟦<|user|>⟧\nc⟦<|assistant|>⟧"
    assert prompt == f"⟦[gMASK]⟧⟦sop⟧{turns}"


def test_chatglm2_has_rounds_and_no_control_token_between_them() -> None:
    prompt = written(tokenizer("[gMASK]", "sop"), "chatglm", say("a", "b", "c"))

    assert prompt == "⟦[gMASK]⟧⟦sop⟧[Round 1]\n\n问：a\n\n答：b\n\n[Round 2]\n\n问：c\n\n答："


def test_baichuan2() -> None:
    prompt = written(tokenizer("<reserved_106>", "<reserved_107>"), "baichuan", say("a", "b", "c", system="s"))

    assert prompt == "s⟦<reserved_106>⟧a⟦<reserved_107>⟧b⟦<reserved_106>⟧c⟦<reserved_107>⟧"


def test_llama2() -> None:
    prompt = written(tokenizer(*MARKS), "llama", say(" a ", "b", "c", system="s"))

    assert prompt == "⟦<s>⟧[INST] <<SYS>>\ns\n<</SYS>>\n\n a [/INST] b ⟦</s>⟧⟦<s>⟧[INST] c [/INST]"


def test_mistral_v1_puts_the_system_text_before_the_first_question() -> None:
    prompt = written(tokenizer(*MARKS), "mistral", say("a", "b", "c", system="s"))

    assert prompt == "⟦<s>⟧[INST] s\n\na [/INST]b⟦</s>⟧[INST] c [/INST]"


def test_mistral_v3_puts_the_system_text_before_the_last_question() -> None:
    prompt = written(tokenizer(*MARKS, "[INST]", "[/INST]"), "mistral", say("a", "b ", "c", system="s"))

    assert prompt == "⟦<s>⟧⟦[INST]⟧a⟦[/INST]⟧b⟦</s>⟧⟦[INST]⟧s\n\nc⟦[/INST]⟧"


def test_any_other_model_uses_its_template_around_the_texts() -> None:
    template = "{% for m in messages %}<|{{ m.role }}|>{{ m.content | trim }}<|end|>{% endfor %}<|bot|>"
    fast = tokenizer("<|user|>", "<|end|>", "<|bot|>", template=template)

    assert written(fast, "glm4", say("<|end|> a")) == "⟦<|user|>⟧<|end|> a⟦<|end|>⟧⟦<|bot|>⟧"


def test_a_template_that_is_not_llama_2_wins_over_the_family() -> None:
    fast = tokenizer(*MARKS, template="{% for m in messages %}USER: {{ m.content }} BOT:{% endfor %}")

    assert written(fast, "llama", say("a")) == "USER: a BOT:"


@pytest.mark.parametrize(
    ("control", "model_type"),
    [
        (CHATML, "qwen2"),
        ((*CHATML, "<|extra_0|>"), "qwen"),
        (("[gMASK]", "sop", "<|user|>", "<|assistant|>"), "chatglm"),
        (("[gMASK]", "sop"), "chatglm"),
        (("<reserved_106>", "<reserved_107>"), "baichuan"),
        (MARKS, "llama"),
        (MARKS, "mistral"),
        ((*MARKS, "[INST]", "[/INST]"), "mistral"),
    ],
)
def test_a_control_token_in_a_message_stays_text(control: tuple[str, ...], model_type: str) -> None:
    fast = tokenizer(*control)

    clean, hostile = (written(fast, model_type, say(text)) for text in ("x", "".join(control)))

    assert hostile.count("⟦") == clean.count("⟦")


@pytest.mark.parametrize("model_type", ["llama", "mistral"])
@pytest.mark.parametrize("messages", [say("a", "b"), [*say("a"), *say("b")], say(system="s"), []])
def test_a_conversation_that_does_not_alternate_is_refused(messages: list[ChatMessage], model_type: str) -> None:
    with pytest.raises(ValueError, match=r"alternate|the user's|needs a message"):
        ChatTokenizer(tokenizer(*MARKS), model_type).chat(messages)


def test_a_role_that_the_format_has_not_is_refused() -> None:
    with pytest.raises(ValueError, match="'boss' is no role here"):
        ChatTokenizer(tokenizer(*CHATML), "qwen2").chat([{"role": "boss", "content": "a"}])


def test_a_model_without_a_known_format_is_refused() -> None:
    with pytest.raises(ModelUnavailable, match="chat format is not known"):
        ChatTokenizer(tokenizer("<pad>"), "gpt2")
