"""A model's own template carries the texts as they were written, or the model is refused when its tokenizer is made."""

from __future__ import annotations

from typing import Any

import pytest
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from models.chat import ChatTokenizer
from models.chat_formats import ChatMessage
from shared.errors import ModelUnavailable
from tests.unit.models.test_plain_text import byte_level

SYSTEM, USER = "  You write STORYBOARDS.\n", "\n A cat</think>\u3000in the RAIN, 雨中的猫; <|user|> {{ 1 + 1 }} \t"
MESSAGES = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": USER}]
MARKS = ("<s>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>", "<think>", "</think>")
LOOP = "{%% for m in messages %%}<|{{ m.role }}|>%s<|end|>{%% endfor %%}<|assistant|>"
REFUSES_SYSTEM = "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
ALTERNATES = (
    "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/...') }}{% endif %}{% endfor %}"
)


def tokenizer(template: Any, *, adds_bos: bool = False) -> Any:
    rust = byte_level(MARKS, ())
    if adds_bos:
        rust.post_processor = TemplateProcessing("<s> $A", special_tokens=[("<s>", rust.token_to_id("<s>"))])
    fast = PreTrainedTokenizerFast(tokenizer_object=rust, bos_token="<s>")
    fast.chat_template = template
    return fast


def prompt(template: Any, messages: list[ChatMessage] = MESSAGES, *, adds_bos: bool = False) -> str:
    chat = ChatTokenizer(tokenizer(template, adds_bos=adds_bos))
    return written(chat, chat.prompt(messages))


def written(chat: ChatTokenizer, ids: list[int]) -> str:
    """Ids as text, the control tokens in bold brackets, so that they cannot be mistaken for their letters."""
    fast = chat.tokenizer
    control = {index: f"⟦{token.content}⟧" for index, token in fast.added_tokens_decoder.items()}
    pieces: list[Any] = [[]]
    for token in ids:
        if token in control:
            pieces += [control[token], []]
        else:
            pieces[-1].append(token)
    return "".join(piece if isinstance(piece, str) else fast.decode(piece) for piece in pieces)


@pytest.mark.parametrize(
    "content",
    [
        "{{ m.content }}",
        "{{ m['content'] | trim }}",
        "{{ m['content'].strip() }}",
        "{{ m.content | lower }}",
        "{{ m.content | upper | string }}",
        "{{ m.content[:40] }}",
        "{{ m.content | truncate(30) }}",
        "{{ m.content | replace('<|user|>', '') }}",
        "{% if '</think>' in m.content %}{{ m.content.split('</think>')[-1] }}{% else %}{{ m.content }}{% endif %}",
        "{% if m.content is string %}{{ m.content }}{% else %}{{ m.content[0].text }}{% endif %}",
        "{% for part in m.content %}{{ part.text }}{% endfor %}",
        "{% for part in m['content'] %}{% if part['type'] == 'text' %}{{ part['text'] | trim }}{% endif %}{% endfor %}",
        "{% generation %}{{ m.content }}{% endgeneration %}",
        "{% if tools %}{{ tools | tojson }}{% endif %}{{ m.content }}{% if not loop.index %}{% break %}{% endif %}",
        "{% set ns = namespace(text=m.content) %}{{- ns.text -}}",
        "{% if m.content == '' %}{{ raise_exception('empty') }}{% endif %}{{ m.content }}",
    ],
)
def test_a_text_stands_in_the_prompt_as_it_was_written_whatever_the_template_does_to_texts(content: str) -> None:
    turns = f"⟦<|system|>⟧{SYSTEM}⟦<|end|>⟧⟦<|user|>⟧{USER}⟦<|end|>⟧⟦<|assistant|>⟧"

    assert prompt(LOOP % content) == turns


@pytest.mark.parametrize(
    "template",
    [
        REFUSES_SYSTEM + LOOP % "{{ m.content }}",
        ALTERNATES + LOOP % "{{ m.content }}",
        REFUSES_SYSTEM + LOOP % "{{ m.content[0].text }}",
        LOOP.replace("<|{{", "{%% if m.role == 'system' %%}{%% continue %%}{%% endif %%}<|{{")
        % "{{ m.content | trim }}",
        "<|user|>{{ messages[0].content }}<|end|><|assistant|>",
    ],
)
def test_without_a_system_role_the_systems_text_heads_the_first_users(template: str) -> None:
    """google/gemma-2 and Mistral refuse one (EricLBuehler/mistral.rs #45 and #506, vllm-project/vllm #6862,
    microsoft/autogen #1037), others leave it out without a word."""
    assert prompt(template) == f"⟦<|user|>⟧{SYSTEM}\n\n{USER}⟦<|end|>⟧⟦<|assistant|>⟧"


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        (LOOP % "{{ m.content[1:] }}", "the system's text does not come out of it whole"),
        (LOOP % "{{ m.content | reverse }}", "does not come out of it whole"),
        (LOOP % "{{ m.content | urlencode }}", "does not come out of it whole"),
        (LOOP % "{{ m.content | length }}", "does not come out of it whole"),
        (LOOP % "{{ m.text }}", "the system's text does not come out"),
        ("{{ messages[1].content }}<|assistant|>", "the system's text does not come out of it whole"),
        ("Hello", "does not come out of it whole"),
        (LOOP % "{% if m.content %}", "endfor"),
        (LOOP % "{{ m.content | no_such_filter }}", "no_such_filter"),
        (LOOP % "{{ raise_exception('only for\n\ntools') }}", "serve: TemplateError: only for"),
        (LOOP % "{{ m.content.__class__.__mro__ }}", "unsafe"),
        (LOOP % "{{ 1 // 0 }}", "zero"),
        (LOOP % "{{ m.content + 1 }}", "str"),
        ("{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", "recursion"),
        ("{% for i in range(10 ** 9) %}{% endfor %}", "Range too big"),
        ("{{ nothing.at.all }}", "nothing"),
        ({"tool_use": "x", "rag": "y"}, r"none of its chat templates \(rag, tool_use\)"),
    ],
)
def test_a_template_that_cuts_a_text_or_raises_is_refused_in_one_line(template: Any, reason: str) -> None:
    with pytest.raises(ModelUnavailable, match=reason) as caught:
        ChatTokenizer(tokenizer(template))

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("opened", "closed"),
    [
        ("<think>\n", "⟦<think>⟧\n\n⟦</think>⟧\n\n"),
        ("<think>", "⟦<think>⟧\n\n⟦</think>⟧\n\n"),
        ("<think>\nFirst, ", "⟦<think>⟧\nFirst,\n\n⟦</think>⟧\n\n"),
        ("<think>\n\n</think>{{ '\n\n' }}", "⟦<think>⟧\n\n⟦</think>⟧\n\n"),
        ("</think>", "⟦</think>⟧"),
        ("{% if enable_thinking is false %}<think></think>{% endif %}", "⟦<think>⟧⟦</think>⟧"),
        ("{% if enable_thinking is not defined or enable_thinking %}<think>{% endif %}", ""),
        ("{% if thinking %}<think>{% else %}</think>{% endif %}", "⟦</think>⟧"),
        ("{{ '<|START_THINKING|>' if reasoning != false }}", ""),
        ("[THINK]", "[THINK]\n\n[/THINK]\n\n"),
        ("<seed:think>", "<seed:think>\n\n</seed:think>\n\n"),
    ],
)
def test_a_model_that_thinks_is_asked_not_to_and_a_thought_that_the_template_begins_is_ended(
    opened: str, closed: str
) -> None:
    """deepseek-ai/DeepSeek-R1 #352, vllm-project/vllm #13125 and #14201: its template opens the thought."""
    assert prompt(LOOP % "{{ m.content }}" + opened).endswith(f"⟦<|assistant|>⟧{closed}")


@pytest.mark.parametrize(
    ("opened", "begins", "ends"),
    [
        ("<think>\n", "⟦<think>⟧\n", "⟦</think>⟧\n\n"),
        ("<think>", "⟦<think>⟧\n", "⟦</think>⟧\n\n"),
        ("<think>\nFirst, ", "⟦<think>⟧\n", "⟦</think>⟧\n\n"),
        (
            "{% if enable_thinking is false %}<think>\n\n</think>{{ '\n\n' }}{% endif %}",
            "⟦<think>⟧\n",
            "⟦</think>⟧\n\n",
        ),
        ("[THINK]", "[THINK]\n", "[/THINK]\n\n"),
        ("</think>", "⟦</think>⟧", ""),
        ("", "", ""),
    ],
)
def test_a_model_that_thinks_can_be_given_what_its_thought_is(opened: str, begins: str, ends: str) -> None:
    chat = ChatTokenizer(tokenizer(LOOP % "{{ m.content }}" + opened))

    assert written(chat, chat.prompt(MESSAGES, thinking=True)).endswith(f"⟦<|assistant|>⟧{begins}")
    assert written(chat, chat.thought_end) == ends


def test_a_mark_in_the_users_text_is_no_thought_of_the_templates() -> None:
    messages = [{"role": "user", "content": "<think>"}]

    assert prompt(LOOP % "{{ m.content }}", messages).endswith("<think>⟦<|end|>⟧⟦<|assistant|>⟧")


@pytest.mark.parametrize("written", ["", "<s>", "{{ bos_token }}", "{{ bos_token }}<s>", "{{ bos_token * 3 }}"])
@pytest.mark.parametrize("adds_bos", [False, True])
def test_a_text_begins_once(written: str, adds_bos: bool) -> None:
    """abetlen/llama-cpp-python #1501, ggml-org/llama.cpp #7107, huggingface/open-r1 #462, vllm-project/vllm #27515,
    mdegans/drama_llama #93, InfiniTensor/InfiniLM #388: template and tokenizer each put one."""
    begun = prompt(written + LOOP % "{{ m.content }}", adds_bos=adds_bos)

    assert begun.count("⟦<s>⟧") == bool(written or adds_bos)
    assert begun.startswith("⟦<s>⟧" * bool(written or adds_bos) + "⟦<|system|>⟧")


def test_a_template_that_writes_the_time_writes_the_same_to_each_conversation() -> None:
    text = ChatTokenizer(tokenizer("{{ strftime_now('%H:%M:%S.%f') }}" + LOOP % "{{ m.content }}"))

    assert text.chat(MESSAGES) == text.chat(MESSAGES)


def test_a_later_conversation_that_the_template_refuses_is_the_callers_fault() -> None:
    text = ChatTokenizer(tokenizer(ALTERNATES + LOOP % "{{ m.content }}"))

    with pytest.raises(ValueError, match="must alternate"):
        text.chat([MESSAGES[1], MESSAGES[1]])


def test_texts_are_encoded_as_transformers_would_if_nothing_in_them_is_a_mark() -> None:
    fast = tokenizer("{{ bos_token }}" + LOOP % "\n{{ m.content }}\n")
    messages = [{"role": "system", "content": " a "}, {"role": "user", "content": "\n\n雨, rain"}]

    expected = fast.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)

    assert ChatTokenizer(fast).chat(messages) == expected


def test_marks_that_the_model_has_no_rows_for_are_refused() -> None:
    fast = tokenizer(LOOP % "{{ m.content }}")

    with pytest.raises(ModelUnavailable, match="beyond the model's"):
        ChatTokenizer(fast, rows=fast.convert_tokens_to_ids("<|assistant|>"))
    assert ChatTokenizer(fast, rows=fast.convert_tokens_to_ids("<think>")).encode("<think>")


def test_of_several_templates_the_default_serves() -> None:
    assert prompt({"tool_use": "x", "default": LOOP % "{{ m.content }}"}).startswith("⟦<|system|>⟧")
    assert prompt({"only": LOOP % "{{ m.content }}"}).startswith("⟦<|system|>⟧")
