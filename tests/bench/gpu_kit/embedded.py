"""On the machine with the card: the embedded model's folder in the cache, with its vocabulary and tiny random weights,
so that tests which load it run without a download. What it writes is noise.
"""

from __future__ import annotations

import json
import lzma
import sys
from pathlib import Path

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

FILES = Path(__file__).parents[3] / ".gpukit"
SIZES = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "layer_types": ["full_attention"] * 2,
    "max_window_layers": 2,
}


def main() -> None:
    if not (FILES / "revision").is_file():
        sys.exit("no vocabulary of the embedded model came along")
    revision = (FILES / "revision").read_text()
    folder = Path.home() / ".cache/scriptqueue/models/qwen2.5-coder-0.5b" / revision
    if folder.is_dir():
        sys.exit(f"{folder} is there already")
    folder.mkdir(parents=True)
    for file in FILES.glob("*.xz"):
        (folder / file.stem).write_bytes(lzma.decompress(file.read_bytes()))
    config = json.loads((folder / "config.json").read_text())
    torch.manual_seed(0)
    Qwen2ForCausalLM(Qwen2Config(**{**config, **SIZES})).to(torch.float16).save_pretrained(folder)


if __name__ == "__main__":
    main()
