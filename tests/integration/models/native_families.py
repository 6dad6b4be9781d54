"""Families that transformers loads natively, each as a tiny random checkpoint of its real config class.

`TEMPLATES` are the models' own, cut down to what a plain conversation meets. The vocabulary is a small byte-level one
with the family's real marks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from tests.integration.engine.tiny import SCENE, TEXT

WINDOW = 48  # tokens, far fewer than a prompt has: who ignores it writes something else

ALTERNATES = (
    "{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
)
DEEPSEEK = (
    "{% set ns = namespace(system_prompt='') %}{%- for message in messages %}{%- if message['role'] == 'system' %}"
    "{% set ns.system_prompt = message['content'] %}{%- endif %}{%- endfor %}{{bos_token}}{{ns.system_prompt}}"
    "{%- for message in messages %}{%- if message['role'] == 'user' %}{{'<｜User｜>' + message['content']}}{%- endif %}"
    "{%- if message['role'] == 'assistant' %}{% set content = message['content'] %}{% if '</think>' in content %}"
    "{% set content = content.split('</think>')[-1] %}{% endif %}"
    "{{'<｜Assistant｜>' + content + '<｜end▁of▁sentence｜>'}}{%- endif %}{%- endfor -%}"
    "{% if add_generation_prompt %}{{'<｜Assistant｜><think>\\n'}}{% endif %}"
)


def chatml(begun: str = "") -> str:
    """`begun`: what the template puts before the assistant's answer."""
    turn = "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    answer = "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}" + begun + "{% endif %}"
    return "{% for message in messages %}" + turn + "{% endfor %}" + answer


TEMPLATES = {
    "qwen2": "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n'"
    " }}{% endif %}" + chatml(),
    "qwen3": chatml(
        "{% if enable_thinking is defined and enable_thinking is false %}{{ '<think>\n\n</think>\n\n' }}{% endif %}"
    ),
    "qwen3-thinking": chatml("{{ '<think>\n' }}"),
    "glm4": "[gMASK]<sop>{% for item in messages %}{% if item['role'] == 'system' %}<|system|>\n{{ item['content'] }}"
    "{% elif item['role'] == 'user' %}<|user|>\n{{ item['content'] }}{% elif item['role'] == 'assistant' %}"
    "<|assistant|>\n{{ item['content'] }}{% endif %}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}",
    "llama-3": "{{- bos_token }}{%- if not date_string is defined %}{%- if strftime_now is defined %}"
    "{%- set date_string = strftime_now('%d %b %Y') %}{%- else %}{%- set date_string = '26 Jul 2024' %}{%- endif %}"
    "{%- endif %}{%- if messages[0]['role'] == 'system' %}{%- set system_message = messages[0]['content']|trim %}"
    "{%- set messages = messages[1:] %}{%- else %}{%- set system_message = '' %}{%- endif %}"
    "{{- '<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\nToday Date: ' +"
    " date_string + '\n\n' }}{{- system_message }}{{- '<|eot_id|>' }}{%- for message in messages %}"
    "{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' }}"
    "{%- endfor %}{%- if add_generation_prompt %}"
    "{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{%- endif %}",
    "mistral-v0.3": "{%- if messages[0]['role'] == 'system' %}{%- set system_message = messages[0]['content'] %}"
    "{%- set loop_messages = messages[1:] %}{%- else %}{%- set loop_messages = messages %}{%- endif %}{{- bos_token }}"
    "{%- for message in loop_messages %}{%- if message['role'] == 'user' %}"
    "{%- if loop.last and system_message is defined %}"
    "{{- '[INST] ' + system_message + '\n\n' + message['content'] + '[/INST]' }}"
    "{%- else %}{{- '[INST] ' + message['content'] + '[/INST]' }}{%- endif %}{%- elif message['role'] == 'assistant' %}"
    "{{- ' ' + message['content'] + eos_token}}{%- endif %}{%- endfor %}",
    "gemma-3": "{{ bos_token }}{%- if messages[0]['role'] == 'system' -%}{%- if messages[0]['content'] is string -%}"
    "{%- set first_user_prefix = messages[0]['content'] + '\n\n' -%}{%- else -%}"
    "{%- set first_user_prefix = messages[0]['content'][0]['text'] + '\n\n' -%}{%- endif -%}"
    "{%- set loop_messages = messages[1:] -%}{%- else -%}{%- set first_user_prefix = '' -%}"
    "{%- set loop_messages = messages -%}{%- endif -%}{%- for message in loop_messages -%}"
    "{%- set role = 'model' if message['role'] == 'assistant' else message['role'] -%}"
    "{{ '<start_of_turn>' + role + '\n' + (first_user_prefix if loop.first else '') }}"
    "{%- if message['content'] is string -%}{{ message['content'] | trim }}{%- endif -%}{{ '<end_of_turn>\n' }}"
    "{%- endfor -%}{%- if add_generation_prompt -%}{{'<start_of_turn>model\n'}}{%- endif -%}",
    "phi-3": "{% for message in messages %}{{'<|' + message['role'] + '|>\n' + message['content'] + '<|end|>\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}",
    "phi-4": "{% for message in messages %}"
    "{{'<|im_start|>' + message['role'] + '<|im_sep|>' + message['content'] + '<|im_end|>'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant<|im_sep|>' }}{% endif %}",
    "falcon-3": "{% for message in messages %}{{ '<|' + message['role'] + '|>\n' + message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{{ '\n' }}{% if loop.last and"
    " add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}{% endfor %}",
    "mixtral": "{{ bos_token }}" + ALTERNATES + "{% if message['role'] == 'user' %}"
    "{{ '[INST] ' + message['content'] + ' [/INST]' }}{% elif message['role'] == 'assistant' %}"
    "{{ message['content'] + eos_token}}{% endif %}{% endfor %}",
    "deepseek": DEEPSEEK,
    "internlm3": "{{ bos_token }}" + chatml(),
    "granite": "{%- for message in messages %}"
    "{{- '<|start_of_role|>' + message['role'] + '<|end_of_role|>' + message['content'] + '<|end_of_text|>\n' }}"
    "{%- endfor %}{%- if add_generation_prompt %}{{- '<|start_of_role|>assistant<|end_of_role|>' }}{%- endif %}",
    "olmo-2": "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'system' %}"
    "{{ '<|system|>\n' + message['content'] + '\n' }}{% elif message['role'] == 'user' %}"
    "{{ '<|user|>\n' + message['content'] + '\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}",
    "cohere": "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}"
    "{{ '<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>' + messages[0]['content'] + '<|END_OF_TURN_TOKEN|>' }}{% else %}"
    "{% set loop_messages = messages %}{% endif %}{% for message in loop_messages %}"
    "{{ '<|START_OF_TURN_TOKEN|><|USER_TOKEN|>' + message['content'].strip() + '<|END_OF_TURN_TOKEN|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>' }}{% endif %}",
}


@dataclass(frozen=True)
class NativeFamily:
    config: str
    template: str
    marks: str  # of its vocabulary, the first of which begins a text if `begins`, the last of which ends one
    sizes: dict[str, Any] = field(default_factory=dict)
    begins: bool = False
    thinks: bool = False
    without_system: bool = False  # its template has no system role

    @property
    def ends(self) -> str:
        return _ENDS_AS[self.template]

    def save(self, folder: Path) -> None:
        """A model whose weights are large enough that its attention says something."""
        tokenizer = self._tokenizer()
        tokenizer.save_pretrained(folder)
        torch.manual_seed(3)
        config = self.config_of(
            {
                "vocab_size": len(tokenizer) + 8,
                "hidden_size": 64,
                "intermediate_size": 96,
                "num_hidden_layers": 2,
                "num_attention_heads": 4,
                "num_key_value_heads": 2,
                "max_position_embeddings": 4096,
                "initializer_range": 0.3,
                "pad_token_id": 0,
                "bos_token_id": tokenizer.bos_token_id,
                "eos_token_id": tokenizer.eos_token_id,
                **self.sizes,
            }
        )
        AutoModelForCausalLM.from_config(config).save_pretrained(folder)

    def config_of(self, values: dict[str, Any]) -> Any:
        return getattr(transformers, self.config)(**values)

    def _tokenizer(self) -> Any:
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(initial_alphabet=alphabet, min_frequency=2, show_progress=False)
        tokenizer.train_from_iterator([*TEXT, *TEXT, *[SCENE] * 4], trainer)
        marks = self.marks.split()
        tokenizer.add_tokens([AddedToken(mark, special="think" not in mark, normalized=False) for mark in marks])
        if self.thinks:
            tokenizer.add_tokens([AddedToken(mark, normalized=False) for mark in ("<think>", "</think>")])
        fast = PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, eos_token=marks[-1], bos_token=marks[0] if self.begins else None
        )
        fast.chat_template = TEMPLATES[self.template]
        return fast


_CHATML = "<|endoftext|> <|im_start|> <|im_end|>"
_LLAMA_3 = "<|begin_of_text|> <|start_header_id|> <|end_header_id|> <|eot_id|>"
_DEEPSEEK = "<｜begin▁of▁sentence｜> <｜User｜> <｜Assistant｜> <｜end▁of▁sentence｜>"
_GEMMA = "<bos> <start_of_turn> <end_of_turn> <eos>"
_COHERE = "<BOS_TOKEN> <|START_OF_TURN_TOKEN|> <|SYSTEM_TOKEN|> <|USER_TOKEN|> <|CHATBOT_TOKEN|> <|END_OF_TURN_TOKEN|>"
_SLIDES = {"sliding_window": WINDOW}
_HYBRID = {**_SLIDES, "layer_types": ["sliding_attention", "full_attention"]}
_GEMMA_3 = {**_HYBRID, "head_dim": 16, "query_pre_attn_scalar": 16}
_EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}
_ROPE_3 = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 128,
}

_ASSISTANT = "<|im_start|>assistant\n"
_NO_THOUGHT = "<think>\n\n</think>\n\n"
_MODEL = "<start_of_turn>model\n"
_ENDS_AS = {  # what a prompt ends in, by template
    "qwen2": _ASSISTANT,
    "qwen3": _ASSISTANT + _NO_THOUGHT,
    "qwen3-thinking": _ASSISTANT + _NO_THOUGHT,
    "glm4": "<|assistant|>\n",
    "llama-3": "<|start_header_id|>assistant<|end_header_id|>\n\n",
    "mistral-v0.3": "[/INST]",
    "mixtral": " [/INST]",
    "gemma-3": "<end_of_turn>\n" + _MODEL,
    "phi-3": "<|end|>\n<|assistant|>\n",
    "phi-4": "<|im_start|>assistant<|im_sep|>",
    "falcon-3": "<|assistant|>\n",
    "deepseek": "<｜Assistant｜>" + _NO_THOUGHT,
    "internlm3": _ASSISTANT,
    "granite": "<|start_of_role|>assistant<|end_of_role|>",
    "olmo-2": "<|assistant|>\n",
    "cohere": "<|CHATBOT_TOKEN|>",
}

FAMILIES = {
    "qwen2": NativeFamily("Qwen2Config", "qwen2", _CHATML),
    "qwen2 sliding": NativeFamily(
        "Qwen2Config", "qwen2", _CHATML, {**_SLIDES, "use_sliding_window": True, "max_window_layers": 1}
    ),
    "qwen3": NativeFamily("Qwen3Config", "qwen3", _CHATML, {"head_dim": 32}, thinks=True),
    "qwen3 thinking": NativeFamily("Qwen3Config", "qwen3-thinking", _CHATML, {"head_dim": 32}, thinks=True),
    "qwen3 moe": NativeFamily(
        "Qwen3MoeConfig",
        "qwen3",
        _CHATML,
        {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32, "head_dim": 16},
        thinks=True,
    ),
    "glm4": NativeFamily(
        "Glm4Config", "glm4", "[gMASK] <sop> <|system|> <|assistant|> <|observation|> <|user|>", {"head_dim": 16}
    ),
    "llama 3.1": NativeFamily("LlamaConfig", "llama-3", _LLAMA_3, {"rope_parameters": _ROPE_3}, begins=True),
    "mistral v0.1": NativeFamily("MistralConfig", "mixtral", "<s> </s>", _SLIDES, begins=True, without_system=True),
    "mistral v0.3": NativeFamily("MistralConfig", "mistral-v0.3", "<s> [INST] [/INST] </s>", begins=True),
    "mixtral": NativeFamily("MixtralConfig", "mixtral", "<s> </s>", _EXPERTS, begins=True, without_system=True),
    "gemma 3 text": NativeFamily("Gemma3TextConfig", "gemma-3", _GEMMA, _GEMMA_3, begins=True),
    "phi 3": NativeFamily("Phi3Config", "phi-3", "<s> <|system|> <|user|> <|assistant|> <|end|>", _SLIDES),
    "phi 4": NativeFamily("Phi3Config", "phi-4", "<|im_start|> <|im_sep|> <|im_end|>", {"sliding_window": None}),
    "falcon 3": NativeFamily(
        "LlamaConfig", "falcon-3", "<|system|> <|user|> <|assistant|> <|endoftext|>", {"head_dim": 32}
    ),
    "deepseek distill (qwen2)": NativeFamily("Qwen2Config", "deepseek", _DEEPSEEK, begins=True, thinks=True),
    "deepseek distill (llama)": NativeFamily("LlamaConfig", "deepseek", _DEEPSEEK, begins=True, thinks=True),
    "internlm3": NativeFamily("InternLM3Config", "internlm3", "<s> <|im_start|> <|im_end|>", begins=True),
    "granite": NativeFamily(
        "GraniteConfig",
        "granite",
        "<|start_of_role|> <|end_of_role|> <|end_of_text|>",
        {"attention_multiplier": 0.1, "embedding_multiplier": 4.0, "residual_multiplier": 0.5, "logits_scaling": 2.0},
    ),
    "olmo 2": NativeFamily("Olmo2Config", "olmo-2", "<|endoftext|>", begins=True),
    "smollm3": NativeFamily("SmolLM3Config", "qwen3", _CHATML, thinks=True),
    "cohere": NativeFamily("CohereConfig", "cohere", _COHERE, begins=True),
    "cohere 2": NativeFamily("Cohere2Config", "cohere", _COHERE, _HYBRID, begins=True),
}

# Name: config class, sizes, and what is said of it.
REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "gemma 2": ("Gemma2Config", {"head_dim": 16}, "caps its attention scores"),
    "falcon": ("FalconConfig", {"new_decoder_architecture": True}, "attention in code of its own"),
    "bloom": ("BloomConfig", {}, "attention in code of its own"),
    "deepseek v3": ("DeepseekV3Config", {}, "latent keys and values"),
    "gpt-oss": ("GptOssConfig", {}, "torch's attention"),
    "qwen3-next": ("Qwen3NextConfig", {}, "not plain attention \\(linear_attention\\)"),
    "llama 4": ("Llama4TextConfig", {}, "not plain attention \\(chunked_attention\\)"),
    "mamba": ("MambaConfig", {}, "not plain attention"),
    "nemotron": ("NemotronConfig", {}, "attention in code of its own"),
}
