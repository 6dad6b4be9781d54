"""The decode loop's host part: whatever comes in between, each text is what it is by itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.board.likeness import SEEN
from shared.errors import NotFinite, OutOfMemory
from tests.integration.engine.conftest import MakeRequest, resumed
from tests.integration.engine.stand_in import PAGE_TOKENS, Answer, Driven, StandIn, single_run
from worker.engine.batch import BatchEngine
from worker.engine.decode.schedule import CHUNK_TOKENS
from worker.engine.handle import Handle
from worker.engine.layout import SeenLayout
from worker.engine.request import GenerationRequest, Output, SamplingParams

ROWS = 4
CONTEXT_TOKENS = 320
PAGES = 40 * ROWS

Make = Callable[..., Driven]


@pytest.fixture(scope="module")
def engine(tiny_model: Any, loaded: Any) -> BatchEngine:
    return BatchEngine(
        tiny_model,
        loaded.tokenizer,
        eos_token_ids=loaded.eos_token_ids,
        context_tokens=CONTEXT_TOKENS,
        kv_tokens=PAGES * PAGE_TOKENS,
        max_batch=ROWS,
    )


@pytest.fixture(scope="module")
def requests(ask: MakeRequest) -> list[GenerationRequest]:
    """Prompts that begin alike, of all lengths about pages and runs; greedy and sampled."""
    begin, whole = ask().prompt_ids[:19], ask("a lighthouse in the fog").prompt_ids
    made = []
    for number, length in enumerate((0, 5, 13, 14, 40, 90)):
        request = ask(
            sampling=SamplingParams(1.0 if number % 2 else 0.0, 0.9, number),
            max_new_tokens=110 if number < 2 else 40,  # long strings repeat themselves, short budgets close early
            max_scenes=2,
            min_scenes=1,
        )
        made.append(replace(request, prompt_ids=(*begin, *whole[40 : 40 + length])))
    return made


@pytest.fixture(scope="module")
def texts(engine: BatchEngine, requests: list[GenerationRequest]) -> list[tuple[int, ...]]:
    return [single_run(request, engine._vocabulary, CONTEXT_TOKENS) for request in requests]


@pytest.fixture(scope="module")
def driven(engine: BatchEngine) -> Make:
    def make(overlap: bool = True, pages: int = PAGES, reserves: bool = True, **options: Any) -> Driven:
        device = StandIn(ROWS, pages, engine._vocabulary, **options)
        return Driven(engine, device, overlap=overlap, reserves=reserves)

    return make


def ended(handle: Handle) -> Output | Exception:
    assert handle._ended.is_set()
    try:
        return handle.wait()
    except (NotFinite, OutOfMemory) as error:
        return error


@pytest.mark.parametrize("overlap", [True, False])
def test_texts_in_a_batch_are_what_they_are_alone(
    driven: Make, requests: list[GenerationRequest], texts: list[tuple[int, ...]], overlap: bool
) -> None:
    engine = driven(overlap)
    handles = [engine.engine.submit(request) for request in requests]

    engine.finish()

    assert [handle.wait().token_ids for handle in handles] == texts


@pytest.mark.parametrize("overlap", [True, False])
def test_scenes_that_are_written_anew_are_what_they_are_alone(
    driven: Make, engine: BatchEngine, requests: list[GenerationRequest], overlap: bool
) -> None:
    """What was launched ahead is dropped with them, and the pages before them are found again."""
    seen = SeenLayout(SEEN, lambda one, other: True)
    wishes = [
        replace(
            request,
            schema=re.sub(r"\{0,\d+\}", "{0,5}", request.schema),
            layout=replace(request.layout, seen=seen),
            max_new_tokens=200,
        )
        for request in requests
    ]
    alone = [single_run(wish, engine._vocabulary, CONTEXT_TOKENS) for wish in wishes]
    run = driven(overlap)
    handles = [run.engine.submit(wish) for wish in wishes]

    run.finish()

    assert sum(len(handle.wait().drafts) for handle in handles) > 3
    assert [handle.wait().token_ids for handle in handles] == alone


def test_forks_of_a_text_share_its_pages(driven: Make, requests: list[GenerationRequest], texts: Any) -> None:
    run = driven()
    first = run.engine.submit(requests[5])
    run.until(lambda: len(first.tokens) >= 30)
    begun, before = tuple(first.tokens), run.device.chunk_tokens

    forks = [run.engine.submit(resumed(requests[5], begun)) for _ in range(3)]
    run.until(lambda: all(len(fork.tokens) > len(begun) for fork in forks))
    pages = [member.pages[: (len(requests[5].prompt_ids) + len(begun) - 1) // PAGE_TOKENS] for member in run.members()]
    run.finish()

    assert len(pages) == 4
    assert all(shared == pages[0] for shared in pages)
    assert run.device.chunk_tokens == before  # nothing was read again but as rows of the last page
    assert {fork.wait().token_ids for fork in forks} == {texts[5]}


def test_a_rewound_text_reads_only_what_it_does_not_find(
    driven: Make, requests: list[GenerationRequest], texts: Any
) -> None:
    run = driven()
    handle = run.engine.submit(requests[5])
    run.until(lambda: len(handle.tokens) >= 40)
    before, rows = run.device.chunk_tokens, len(run.device.token_rows)

    run.engine.rewind(handle, 20)
    run.turn()

    assert 20 <= len(handle.tokens) < 40
    assert run.device.chunk_tokens == before
    assert sum(run.device.token_rows[rows:]) <= PAGE_TOKENS + 3
    with pytest.raises(ValueError, match="cannot go on from its first 41"):
        run.engine.rewind(handle, 41)
    run.finish()
    assert handle.wait().token_ids == texts[5]


def test_a_long_prompt_stalls_nobody_and_its_beginning_is_read_once(
    driven: Make, requests: list[GenerationRequest]
) -> None:
    run = driven(pages=600)
    running = run.engine.submit(requests[0])
    run.until(lambda: bool(running.tokens))
    long = replace(requests[1], prompt_ids=requests[5].prompt_ids[:60] * 4)
    late = [run.engine.submit(long) for _ in range(2)]
    before, sizes = run.device.chunk_tokens, []

    for _ in range(4):
        tokens, read = len(running.tokens), run.device.chunk_tokens
        run.turn()
        sizes.append(run.device.chunk_tokens - read)
        assert len(running.tokens) > tokens

    assert all(handle.tokens for handle in late)
    assert max(sizes) <= CHUNK_TOKENS
    assert run.device.chunk_tokens - before < len(long.prompt_ids)  # of the two of them
    run.finish()


@dataclass
class Noted:
    answer: Answer
    events: list[str]

    def wait(self) -> Any:
        self.events.append("wait")
        return self.answer.wait()


@pytest.mark.parametrize("overlap", [True, False])
def test_the_next_pass_is_launched_before_the_host_waits_for_a_choice(
    driven: Make, requests: list[GenerationRequest], overlap: bool
) -> None:
    run, events = driven(overlap), []
    device: Any = run.device
    forward, choose = device.forward, device.choose

    def noted(*inputs: Any) -> None:
        events.append("forward")
        forward(*inputs)

    def noted_choice(*inputs: Any) -> Noted:
        events.append("choose")
        return Noted(choose(*inputs), events)

    device.forward, device.choose = noted, noted_choice
    run.engine.submit(requests[0])
    run.finish()

    story = " ".join(events)
    assert story.count("wait") > 20
    assert ("choose wait" in story) != overlap
    assert ("choose forward wait" in story) == overlap


@dataclass(frozen=True)
class Deed:
    """After so many `turns`: something is done to the text that comes `which`th; `share`: of its length."""

    turns: int
    kind: str
    which: int
    share: float


DEEDS = st.builds(
    Deed,
    st.integers(0, 12),
    st.sampled_from(["submit", "submit", "submit", "stop", "rewind", "fork"]),
    st.integers(0, 11),
    st.floats(0, 1),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(
    deeds=st.lists(DEEDS, min_size=4, max_size=16),
    overlap=st.booleans(),
    pages=st.sampled_from([41, 60, PAGES]),
    reserves=st.booleans(),
    too_much=st.sets(st.integers(1, 200), max_size=2),
    poisoned=st.booleans(),
)
def test_whatever_comes_in_between_each_text_is_what_it_is_alone(
    driven: Make,
    requests: list[GenerationRequest],
    deeds: list[Deed],
    overlap: bool,
    pages: int,
    reserves: bool,
    too_much: set[int],
    poisoned: bool,
) -> None:
    def fault(number: int) -> None:
        if number in too_much:
            raise torch.OutOfMemoryError("CUDA out of memory")

    poison = requests[4].prompt_ids[-1] if poisoned else None
    run = driven(overlap, pages, reserves, fault=fault, poison=poison)
    engine, handles = run.engine, [run.engine.submit(requests[0])]
    for deed in deeds:
        for _ in range(deed.turns):
            run.turn()
        handle = handles[deed.which % len(handles)]
        tokens = int(deed.share * len(handle.tokens))
        if deed.kind == "submit":
            handles.append(engine.submit(requests[deed.which % len(requests)]))
        elif deed.kind == "stop":
            handle.stop()
        elif deed.kind == "rewind":
            engine.rewind(handle, tokens)
        else:  # also of one that was stopped: so a text is resumed
            handles.append(engine.submit(resumed(handle.request, tuple(handle.tokens[:tokens]))))
    run.finish()

    ends = [(handle, ended(handle)) for handle in handles]
    for handle, end in ends:
        if isinstance(end, OutOfMemory):
            continue
        try:
            text = single_run(replace(handle.request, generated_ids=()), engine._vocabulary, CONTEXT_TOKENS, poison)
        except NotFinite:
            assert isinstance(end, NotFinite) or end.finish == "stopped"  # type: ignore[union-attr]
            continue
        assert isinstance(end, Output), end
        assert end.token_ids == (text if end.finish != "stopped" else text[: len(end.token_ids)])
    assert sum(isinstance(end, OutOfMemory) for _, end in ends) <= len(too_much)
