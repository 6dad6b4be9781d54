"""A language model that needs no download: a vocabulary learnt from a page of text, and a few random weights.

Large random weights make it as wild as a model gets. Its vocabulary is byte-level BPE as the embedded model's: with
characters in pieces, tokens that cross from one JSON string into the next, and rows that no token has.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from models.chat import ChatTokenizer
from models.load import LoadedModel

PADDING = 96  # rows of the model that the tokenizer has no token for
CONTEXT_TOKENS = 8192
CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
SIZES = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": CONTEXT_TOKENS,
    "initializer_range": 0.3,
}
TEXT = (
    "你是一个专业的视频脚本创作助手。你把创意写成分镜脚本，画面具体、前后连贯，只输出文字。",
    "清晨，森林里起了雾，一只猫从树后走出来，停在溪边，看着水里的月亮。",
    "老人坐在海边的长椅上，慢慢打开一封旧信；远处的灯塔亮了！",
    "一个宇航员在月球上种花，他跪下来，把种子放进土里，然后等待。",
    "咖啡店里，程序员开始思考新的故事，屏幕上的字一行一行出现。咖啡，还是咖啡？",
    "雨中的猫、海面上的鲸，和城市里的人，都在等天亮。鲸。",
    "镜头慢慢推近：孩子放开风筝，风筝越飞越高，画面变暗。",
    "You turn an idea into a storyboard with concrete, coherent scenes, and you output JSON only, no other text.",
    "A robot learns to paint; the camera moves slowly through the room, and the light changes.",
    "A lighthouse keeper finds a message in a bottle, reads it, and walks back to the house in the fog.",
    "The cat sleeps. The boat leaves at night! Who is standing at the window?",
)
SCENE = (
    '{"title":"标题","scenes":[{"scene_number":1,"description":"画面。","duration":5,"camera":"wide shot",'
    '"action":"动作！"},{"scene_number":2,"description":"the scene.","duration":4.5,"camera":"close up",'
    '"action":"，"}]}'
)


def vocabulary() -> ChatTokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(initial_alphabet=alphabet, min_frequency=2, show_progress=False)
    tokenizer.train_from_iterator([*TEXT, *TEXT, *[SCENE] * 4], trainer)
    tokenizer.add_special_tokens(list(CONTROL))
    return ChatTokenizer(PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=CONTROL[2]))


def model(size: int) -> Any:
    torch.manual_seed(5)
    return Qwen2ForCausalLM(Qwen2Config(vocab_size=size, attn_implementation="sdpa", **SIZES)).float().eval()


def loaded() -> LoadedModel:
    text = vocabulary()
    return LoadedModel(
        name="tiny",
        revision=None,
        family="qwen2",
        model=model(len(text.tokenizer) + PADDING),
        text=text,
        context_tokens=CONTEXT_TOKENS,
        eos_token_ids=(text.tokenizer.eos_token_id,),
        device="cpu",
        dtype="fp32",
        weight_bits=16,
    )


def save(folder: Path) -> None:
    """As a model folder that a worker serves."""
    tiny = loaded()
    tiny.model.save_pretrained(folder)
    tiny.tokenizer.save_pretrained(folder)
