"""What a start with the embedded model spends, part by part, one after another in this process; JSON of CPU seconds.

Each part is done alone and with nothing before it that it would share, so tables are not begun ahead here, and what
is left of loading is the whole less the parts of it that were measured. `python -m tests.bench.start_parts`
"""

# ruff: noqa: F401 - imports are what is measured

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

PARTS: dict[str, float] = {}


@contextmanager
def part(name: str) -> Iterator[None]:
    begun = time.process_time()
    yield
    PARTS[name] = time.process_time() - begun


def main() -> None:
    with part("Celery and the application"):
        import worker.life
        from worker.backend.load import uncollected
    with uncollected():
        imports()
        loading()
    print(json.dumps(PARTS))


def imports() -> None:
    with part("torch"):
        import torch
    with part("transformers and the model's class"):
        from transformers.models.qwen2.modeling_qwen2 import Qwen2ForCausalLM
    with part("the rest of the worker's imports"):
        import worker.backend.model


def loading() -> None:
    from models.catalogue import QWEN_CODER
    from models.load import load, load_tokenizer
    from shared.settings import Settings
    from worker.backend.model import ModelBackend
    from worker.engine.vocabulary import Vocabulary

    with part("tokenizer and chat"):
        load_tokenizer(QWEN_CODER.name)
    with part("weights"):
        loaded = load(QWEN_CODER.name, dtype="auto")
    PARTS["weights"] -= PARTS["tokenizer and chat"]
    with part("the grammar's tables and classes of tokens"):
        Vocabulary(loaded.tokenizer, loaded.model.config.vocab_size, loaded.eos_token_ids)
    del loaded
    known = ("tokenizer and chat", "weights", "the grammar's tables and classes of tokens")
    with part("the engine and its first words"):
        backend = ModelBackend.load(Settings(model={"name": QWEN_CODER.name}))
    PARTS["the engine and its first words"] -= sum(PARTS[name] for name in known)
    backend.close()


if __name__ == "__main__":
    main()
