"""The grammar of a board: how long its schema takes to be compiled, the largest one and a plain one's; and what a plain
board costs the host beside one with all fields: prompt, schema, grammar, and the mask of each token that is sampled.

`python -m tests.bench.grammar`; of each the least of several, in turns. No model: the embedded one's tokenizer alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, get_args

import numpy as np

from models.catalogue import QWEN_CODER
from models.load import LoadedModel, load
from scriptqueue.further_fields import fields_named
from scriptqueue.schemas import FieldName, JobRequest
from tests.bench.report import Figure, write
from worker.backend.stub import stub_text
from worker.engine.vocabulary import Vocabulary
from worker.script.grammar import storyboard_schema
from worker.script.prompt import messages

ROUNDS = 5
SCENES = 8
PROMPT = "一个程序员在咖啡店找到灵感的故事"
PLAIN = JobRequest(prompt=PROMPT, max_scenes=SCENES)
ALL_FIELDS = JobRequest(prompt=PROMPT, max_scenes=SCENES, fields=get_args(FieldName))  # it writes a cast and lines
LARGEST = JobRequest(prompt=PROMPT, max_scenes=60, scene_min_s=1, scene_max_s=60, fields=get_args(FieldName))


def figures() -> dict[str, Figure]:
    loaded = load(QWEN_CODER.name, dtype="auto", device="cpu")
    vocabulary = Vocabulary(loaded.tokenizer, loaded.model.config.vocab_size, loaded.eos_token_ids)
    largest, smallest = in_turns(lambda: compile_s(vocabulary, LARGEST), lambda: compile_s(vocabulary, PLAIN))
    again, _ = in_turns(lambda: matcher_s(vocabulary, LARGEST), lambda: 0.0)
    plain, every = in_turns(lambda: board_s(loaded, vocabulary, PLAIN), lambda: board_s(loaded, vocabulary, ALL_FIELDS))
    return {
        "grammar_compile_largest": _figure(
            largest, smallest, "grammar of 60 scenes with all fields, a cast and lines, against a plain board's"
        ),
        "grammar_again_largest": _figure(again, largest, "the same for the next request, against making it"),
        "plain_board_host_time": _figure(
            plain, every, f"prompt, grammar and masks of a plain board of {SCENES} scenes, against one with all fields"
        ),
    }


def _figure(value_s: float, baseline_s: float, meaning: str) -> Figure:
    return Figure(value_s * 1000, "ms", baseline_s * 1000, value_s / baseline_s, meaning)


def in_turns(*measures: Callable[[], float]) -> list[float]:
    """The least of each."""
    rounds = [[measure() for measure in measures] for _ in range(ROUNDS)]
    return [min(times) for times in zip(*rounds, strict=True)]


def schema_of(request: JobRequest) -> str:
    return json.dumps(storyboard_schema(request, (), fields_named(request.fields)))


def compile_s(vocabulary: Vocabulary, request: JobRequest) -> float:
    """Anew each time."""
    schema = schema_of(request)
    start = time.process_time()
    vocabulary._compile(schema, None)
    return time.process_time() - start


def matcher_s(vocabulary: Vocabulary, request: JobRequest) -> float:
    schema = schema_of(request)
    vocabulary.compile(schema)
    start = time.process_time()
    vocabulary.matcher(schema)
    return time.process_time() - start


def board_s(loaded: LoadedModel, vocabulary: Vocabulary, request: JobRequest) -> float:
    """Of one text, as the stub would write it."""
    fields = fields_named(request.fields)
    board = json.loads(stub_text(request, SCENES, fields))
    text = json.dumps(board, ensure_ascii=False, separators=(",", ":")).encode()
    start = time.process_time()
    loaded.chat(messages(request, fields))
    matcher = vocabulary._compile(schema_of(request), None).deep_copy()
    seconds = time.process_time() - start
    mask = np.zeros((1, vocabulary.words), dtype=np.int32)
    while text:
        start = time.process_time()
        forced = matcher.compute_ff_tokens()
        if not forced:
            vocabulary.fill([(matcher, 0)], mask)
        seconds += time.process_time() - start
        tokens = forced or [_next(vocabulary, mask[0], text)]
        assert matcher.consume_tokens(tokens)
        written = b"".join(map(vocabulary.bytes_of, tokens))
        assert text.startswith(written), (text[:60], written)
        text = text[len(written) :]
    return seconds


def _next(vocabulary: Vocabulary, mask: Any, text: bytes) -> int:
    """The longest token with which the text goes on, of those that may come."""
    starts = (vocabulary._token_of(text[:size]) for size in range(min(len(text), 24), 0, -1))
    return next(one for one in starts if one is not None and mask[one // 32] >> (one % 32) & 1)


if __name__ == "__main__":
    write(figures(), "python -m tests.bench.grammar")
