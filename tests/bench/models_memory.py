"""Memory of loading and converting a synthetic ChatGLM3 of 1.77 GB: peaks of anonymous memory, each in its own process.

Anonymous memory is what a machine must have; pages of the mapped checkpoint are counted apart, for the kernel takes
them back at will. Usage: `python -m tests.bench.models_memory [--folder DIR]`; writes bench/results/models-memory.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "bench" / "results" / "models-memory.json"
SPARE_MB = 500
FILE_MB = 1000
CONFIG: dict[str, Any] = {
    "model_type": "chatglm",
    "add_qkv_bias": True,
    "ffn_hidden_size": 6848,
    "hidden_size": 2048,
    "kv_channels": 128,
    "layernorm_epsilon": 1e-5,
    "multi_query_attention": True,
    "multi_query_group_num": 2,
    "num_attention_heads": 16,
    "num_layers": 12,
    "padded_vocab_size": 65024,
    "seq_length": 8192,
}
CASES: dict[str, dict[str, Any]] = {
    "load_fp16": {"dtype": "fp16"},
    "load_bf16": {"dtype": "bf16"},
    "load_fp32": {"dtype": "fp32"},
    "load_int8": {"dtype": "bf16", "weight_bits": 8},
    "load_int4": {"dtype": "bf16", "weight_bits": 4},
    "convert_fp16": {"dtype": "fp16"},
    "convert_fp32": {"dtype": "fp32"},
}


def synthesise(folder: Path) -> None:
    """A checkpoint in the original layout and format, in one file, with random weights."""
    import torch

    from tests.integration.models.reference import chatglm

    weights = chatglm.random_weights(CONFIG, torch.Generator().manual_seed(0))
    folder.mkdir(parents=True)
    torch.save({name: value.half() for name, value in weights.items()}, folder / "pytorch_model.bin")
    (folder / "config.json").write_text(json.dumps(CONFIG))


class Peaks:
    """The most anonymous memory, sampled every 3 ms, and the most of any kind, as the kernel keeps it."""

    def __enter__(self) -> Peaks:
        self.anonymous_mb = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self.resident_mb = status_mb("VmHWM")

    def _watch(self) -> None:
        while not self._done.wait(0.003):
            self.anonymous_mb = max(self.anonymous_mb, status_mb("RssAnon"))


def status_mb(field: str, process: int | str = "self") -> float:
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise KeyError(field)


def measure(case: str, folder: Path) -> dict[str, float]:
    """One case in this process. Peaks are of the whole process; `before_mb` is what the libraries take of it."""
    import torch
    import transformers

    from models.convert import convert
    from models.load import load

    _ = transformers.GlmForCausalLM  # its import is no part of the figure
    before_mb, started = status_mb("RssAnon"), time.monotonic()
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        if case.startswith("load"):
            with Peaks() as peaks:
                loaded = load(folder, device="cpu", **CASES[case])
            seconds = time.monotonic() - started
            final_mb = loaded.model.get_memory_footprint() / 1e6
            with torch.no_grad():
                new = loaded.model.generate(torch.tensor([[5, 6, 7]]), max_new_tokens=2, min_new_tokens=2)
            assert new.shape == (1, 5)
        else:
            with Peaks() as peaks:
                converted = convert(folder, Path(scratch, "native"), **CASES[case])
            seconds = time.monotonic() - started
            final_mb = max(path.stat().st_size for path in converted.folder.iterdir()) / 1e6
    return {
        "before_mb": round(before_mb),
        "peak_anonymous_mb": round(peaks.anonymous_mb),
        "peak_resident_mb": round(peaks.resident_mb),
        "final_mb": round(final_mb),
        "seconds": round(seconds, 1),
    }


def verdicts(figures: dict[str, dict[str, float]]) -> dict[str, bool]:
    full_mb = figures["load_bf16"]["final_mb"]

    def within(case: str, mb: float) -> bool:
        return figures[case]["peak_anonymous_mb"] - figures[case]["before_mb"] <= mb

    return {
        **{f"{case}_peak": within(case, figures[case]["final_mb"] + SPARE_MB) for case in CASES if "load" in case},
        **{f"{case}_peak": within(case, FILE_MB + SPARE_MB) for case in CASES if "convert" in case},
        "convert_file": all(figures[case]["final_mb"] <= FILE_MB for case in CASES if "convert" in case),
        "int8_footprint": figures["load_int8"]["final_mb"] <= 0.7 * full_mb,
        "int4_footprint": figures["load_int4"]["final_mb"] <= 0.55 * full_mb,
    }


def main() -> int:
    """Exit 0 if every figure is within its bound."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="where 6 GB may lie")
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps(measure(arguments.case, arguments.folder)))
        return 0
    with tempfile.TemporaryDirectory(dir=arguments.folder) as scratch:
        folder = Path(scratch, "chatglm")
        synthesise(folder)
        size_mb = round((folder / "pytorch_model.bin").stat().st_size / 1e6)
        figures = {}
        for case in CASES:
            command = [sys.executable, "-m", __spec__.name, "--case", case, "--folder", str(folder)]
            ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
            figures[case] = json.loads(ran.stdout.splitlines()[-1])
            print(f"{case:13}", figures[case], flush=True)
    checks = verdicts(figures)
    result = {
        "hardware": f"{platform.machine()}, {os.cpu_count()} CPUs, no GPU used",
        "versions": {name: version(name) for name in ("torch", "transformers", "bitsandbytes")},
        "command": "python -m tests.bench.models_memory",
        "checkpoint_mb": size_mb,
        "figures": figures,
        "within_bounds": checks,
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    print(checks)
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
