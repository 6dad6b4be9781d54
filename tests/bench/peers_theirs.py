"""llama.cpp's own server in a process of its own: `python -m tests.bench.peers_theirs GGUF SLOTS THREADS`.

Prints its address, and what the build makes use of, when the model is there; ends with its standard input. It needs
xllamacpp, a build of llama.cpp that tests/bench/peers.py installs. Knows no prompts.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

CONTEXT_TOKENS = 1024  # of a slot: prompts of about 170 tokens and texts of about 100


def main() -> None:
    path, slots, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    xllamacpp: Any = importlib.import_module("xllamacpp")
    options = xllamacpp.CommonParams()
    options.model.path = path
    options.n_parallel = slots
    options.n_ctx = slots * CONTEXT_TOKENS
    options.n_gpu_layers = 0
    options.cpuparams.n_threads = options.cpuparams_batch.n_threads = threads
    options.verbosity = 0
    server = xllamacpp.Server(options)
    print(json.dumps({"address": server.listening_address, "build": xllamacpp.get_system_info()}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
