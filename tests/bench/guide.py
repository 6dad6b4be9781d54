"""The guide's own design, to compare with: a Celery worker of one process that calls `generate` for one job at a time.

Run as `celery -A tests.bench.guide worker --pool solo`; GUIDE_* say where the model and the broker are.
"""

from __future__ import annotations

import os
from typing import Any

import torch
from celery import Celery, signals
from transformers import AutoModelForCausalLM, AutoTokenizer

from models.cpu import cores

FOLDER, BROKER, DTYPE = (os.environ.get(f"GUIDE_{name}", "") for name in ("FOLDER", "BROKER", "DTYPE"))

app = Celery("guide", broker=BROKER, backend=BROKER)
app.conf.update(task_acks_late=True, worker_prefetch_multiplier=1, broker_connection_retry_on_startup=True)
loaded: dict[str, Any] = {}


@signals.worker_init.connect  # type: ignore[untyped-decorator]
def _load(**_: Any) -> None:
    torch.set_num_threads(cores())
    loaded["model"] = AutoModelForCausalLM.from_pretrained(FOLDER, dtype=getattr(torch, DTYPE)).eval()
    loaded["tokenizer"] = AutoTokenizer.from_pretrained(FOLDER)


@app.task(name="guide.generate")  # type: ignore[untyped-decorator]
def generate(text: str, tokens: int) -> int:
    """How many tokens were written, which is `tokens`: the end-of-text token is switched off."""
    ids = loaded["tokenizer"](text, return_tensors="pt", add_special_tokens=False)
    with torch.no_grad():
        out = loaded["model"].generate(
            **ids,
            max_new_tokens=tokens,
            do_sample=True,
            temperature=0.7,
            top_p=0.9,
            eos_token_id=-1,
            pad_token_id=loaded["tokenizer"].pad_token_id,
        )
    assert loaded["tokenizer"].decode(out[0])
    return int(out.shape[1] - ids["input_ids"].shape[1])
