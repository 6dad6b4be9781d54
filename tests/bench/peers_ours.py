"""Our engine in a process of its own, as a worker loads it by its settings: `python -m tests.bench.peers_ours`.

A line of JSON in, one out: `{"prompts": [...]}` is written at once by as many rows, and answered with what each text
was given, its tokens, those of them that were sampled, and the seconds of all. The first line out says what was loaded.
Knows no llama.cpp.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any, cast

from shared.settings import from_environment
from tests.bench.work import job
from worker.backend.backend import Prefix
from worker.backend.load import load_backend

if TYPE_CHECKING:
    from worker.backend.model import ModelBackend

TIME_LEFT_S = 600.0


def main() -> None:
    backend = cast("ModelBackend", load_backend(from_environment()))  # which sets what torch reads when it is imported
    info = backend.model_info(None)
    _say(name=info.name, dtype=info.dtype, weight_bits=info.weight_bits)
    for line in sys.stdin:
        _say(**_write(backend, json.loads(line)["prompts"]))
    backend.close()


def _write(backend: ModelBackend, prompts: list[str]) -> dict[str, Any]:
    """All of them together; seconds are from the first one's start to the last one's end."""
    begun = time.monotonic()
    started = [
        backend.start(job(prompt), seed=seed, time_left_s=TIME_LEFT_S, begun=Prefix(), on_scene=lambda: None)
        for seed, prompt in enumerate(prompts)
    ]
    outputs = [one.handle.wait() for one in started]
    seconds = time.monotonic() - begun
    requests = [one.handle.request for one in started]
    return {
        "seconds": seconds,
        "prompt_ids": [one.prompt_ids for one in requests],
        "schemas": [json.loads(one.schema) for one in requests],
        "tokens": [len(output.token_ids) for output in outputs],
        "sampled": [output.sampled_tokens for output in outputs],
    }


def _say(**answer: Any) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
