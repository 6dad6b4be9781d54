"""ChatGLM3-6B's shape with random weights, a byte-level tokenizer made in code, and the jobs that are asked of them.

Speed depends on the shape, not on what the weights say; so no checkpoint, no vocabulary file, no network.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Any

SCENES = 6
IDEAS = ("一个程序员在咖啡店找到灵感的故事", "A lighthouse keeper finds a message in a bottle", "森林里会说话的书")
SPECIAL = ("<unk>", "</s>", "[gMASK]", "sop", "<|system|>", "<|user|>", "<|assistant|>")
TRAINED_TOKENS = 600  # JSON keys and the prompt's words; the rest of the vocabulary is words made up below
MAX_WORD_TOKENS = 30  # every so many made-up words end a sentence


@dataclass(frozen=True)
class Shape:
    """Sizes of the model, and of the job: sampled tokens, prompt tokens of the runs without a grammar."""

    layers: int = 28
    hidden: int = 4096
    heads: int = 32
    groups: int = 2
    head_dim: int = 128
    ffn: int = 13696
    vocab: int = 65024
    sampled_tokens: int = 480
    plain_tokens: int = 192
    prompt_tokens: int = 256
    context_tokens: int = 8192

    @property
    def kv_bytes_a_token(self) -> int:
        return 2 * self.groups * self.head_dim * 2 * self.layers


REAL = Shape()
SPREAD = 5.0  # of the scores around their mean
TINY = Shape(2, 64, 4, 2, 16, 128, 2048, sampled_tokens=150, plain_tokens=4, prompt_tokens=16)


def config_of(shape: Shape) -> Any:
    """What models/families/chatglm.py makes of ChatGLM3-6B's config.json."""
    from transformers import GlmConfig

    return GlmConfig(
        vocab_size=shape.vocab,
        hidden_size=shape.hidden,
        intermediate_size=shape.ffn,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.groups,
        head_dim=shape.head_dim,
        rms_norm_eps=1e-5,
        max_position_embeddings=shape.context_tokens,
        attention_bias=True,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5},
        tie_word_embeddings=False,
        eos_token_id=1,
        pad_token_id=0,
    )


def random_model(shape: Shape, device: str, attention: str = "sdpa") -> Any:
    """In fp16 on a GPU, in fp32 on a CPU; drawn on the device itself. Its scores spread as a trained model's do: flat
    ones would make every nucleus as wide as the vocabulary."""
    import torch
    from transformers import GlmForCausalLM

    torch.manual_seed(0)
    dtype = torch.float16 if device.startswith("cuda") else torch.float32
    with torch.device(device):
        model = GlmForCausalLM._from_config(config_of(shape), dtype=dtype, attn_implementation=attention)
    with torch.no_grad():
        model.lm_head.weight.normal_(0, SPREAD / shape.hidden**0.5)
    return model.eval()


def quantised(model: Any, shape: Shape, bits: int, device: str) -> Any:
    """The same weights through bitsandbytes, as the worker loads them."""
    import torch
    from transformers import GlmForCausalLM

    from models.placement import quantization_of

    on_gpu = device.startswith("cuda")
    return GlmForCausalLM.from_pretrained(
        None,
        config=config_of(shape),
        state_dict=model.state_dict(),
        dtype=torch.float16 if on_gpu else torch.float32,
        device_map={"": device},
        attn_implementation="sdpa",
        quantization_config=quantization_of(bits, "fp16" if on_gpu else "fp32"),
    ).eval()


def weight_bytes(model: Any) -> int:
    """What a decode step reads: all weights but the table of embeddings, of which it reads a row."""
    return sum(p.numel() * p.element_size() for name, p in model.named_parameters() if "embed_tokens" not in name)


def tokenizer_of(shape: Shape) -> Any:
    """Byte-level BPE over the service's own prompts, filled up with Chinese and English words to the vocabulary's size.

    The made-up words have no merges: they are never produced from text, but the grammar must mask them like all others.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=min(TRAINED_TOKENS, shape.vocab // 2),
        special_tokens=list(SPECIAL),
        initial_alphabet=alphabet,
        show_progress=False,
    )
    tokenizer.train_from_iterator(_corpus(), trainer)
    state = json.loads(tokenizer.to_str())
    vocabulary = state["model"]["vocab"]
    level, draw = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False), random.Random(0)
    while len(vocabulary) < shape.vocab:
        word = _word(draw, len(vocabulary))
        vocabulary.setdefault(level.pre_tokenize_str(word)[0][0], len(vocabulary))
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(state)), eos_token="</s>", unk_token="<unk>", pad_token="<unk>"
    )


def job(tokenizer: Any, shape: Shape, seed: int, time_left_s: float) -> Any:
    """A storyboard of six scenes, asked as the worker asks, with sampling and a seed of its own."""
    from scriptqueue.schemas import JobRequest
    from worker.engine.request import GenerationRequest, SamplingParams
    from worker.script.grammar import layout, storyboard_schema
    from worker.script.prompt import messages

    request = JobRequest(prompt=f"{IDEAS[seed % len(IDEAS)]} {seed}", min_scenes=SCENES, max_scenes=SCENES)
    text = "".join(f"<|{message['role']}|>\n{message['content']}" for message in messages(request))
    return GenerationRequest(
        prompt_ids=tuple(tokenizer.encode(f"[gMASK]sop{text}<|assistant|>\n")),
        schema=json.dumps(storyboard_schema(request)),
        layout=layout(),
        sampling=SamplingParams(0.7, 0.9, seed),
        max_new_tokens=shape.sampled_tokens,
        min_scenes=SCENES,
        time_left_s=time_left_s,
    )


def plain_prompts(shape: Shape, count: int) -> list[list[int]]:
    """Random ids, for what runs without a grammar."""
    draw = random.Random(count)
    return [[draw.randrange(len(SPECIAL), shape.vocab) for _ in range(shape.prompt_tokens)] for _ in range(count)]


def _corpus() -> list[str]:
    try:
        from scriptqueue.schemas import JobRequest
        from worker.script.prompt import messages
    except ImportError:  # no pydantic: then the engine cannot run either, and only the vocabulary's size counts
        return list(IDEAS)
    return [message["content"] for idea in IDEAS for message in messages(JobRequest(prompt=idea))] * 4


def _word(draw: random.Random, number: int) -> str:
    end = "。" if number % MAX_WORD_TOKENS == 0 else ""
    if number % 2:
        return "".join(chr(draw.randrange(0x4E00, 0x9000)) for _ in range(draw.choice((1, 2, 2)))) + end
    return " " * draw.randrange(2) + "".join(draw.choices("etaoinshrdlucmfw", k=draw.randrange(3, 9))) + end
