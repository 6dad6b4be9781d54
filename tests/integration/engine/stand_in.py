"""A device without a model: it remembers which token was written where, and makes scores up from what a row reads.

So a row that reads another page, place, text or time than its own is found out, or its text differs from what
`single_run` writes of the same request. Nothing runs beside anything else: an engine is driven turn by turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from shared.errors import NotFinite
from worker.engine.batch import BatchEngine
from worker.engine.decode.choice_inputs import Penalty
from worker.engine.decode.loop import DecodeLoop
from worker.engine.decode.schedule import Member
from worker.engine.request import GenerationRequest
from worker.engine.row import NOT_FINITE
from worker.engine.row_limit import RowLimit
from worker.engine.running import Running
from worker.engine.sizes import FORCE_LIMIT
from worker.engine.text import Text, fill_masks
from worker.engine.vocabulary import Mask, Vocabulary

PAGE_TOKENS = 8
START, SPOILT = 0, -1  # in a chain's place: before the first token; after one without finite scores
TURNS = 2000  # after so many an engine stands still

Scores = npt.NDArray[np.float32]


def chain(before: int, token: int, poison: int | None) -> int:
    """Of a token and all before it."""
    return SPOILT if before == SPOILT or token in {poison, NOT_FINITE} else hash((before, token))


@lru_cache(maxsize=30_000)
def made_up(name: int, vocabulary: Vocabulary) -> Scores:
    """Of the token after this chain. Two letters are well liked, so that phrases come again and cost."""
    scores = np.random.default_rng(name % 2**64).standard_normal(vocabulary.size, dtype=np.float32) * 3
    scores[[token for token in range(vocabulary.size) if vocabulary.bytes_of(token) in (b"a", b"e")]] += 13
    return scores


@lru_cache(maxsize=30_000)
def noise(seed: int, position: int, size: int) -> Scores:
    return np.random.default_rng([seed, position]).gumbel(size=size).astype(np.float32)


def drawn(scores: Scores, mask: Mask, taken: dict[int, float], warmth: float, seed: int, position: int) -> int:
    allowed = np.unpackbits(mask.view(np.uint8), bitorder="little", count=len(scores)) > 0
    scores = scores.copy()
    for token, amount in taken.items():
        scores[token] -= amount
    scores += warmth * noise(seed, position, len(scores))
    return int(np.where(allowed, scores, -np.inf).argmax())


@dataclass
class Answer:
    """A choice: made when it was launched, read later."""

    tokens: list[int]
    whole: list[bool]

    def wait(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.bool_]]:
        return np.array(self.tokens, dtype=np.int32), np.array(self.whole)


@dataclass
class StandIn:
    """`fault(number)` is called before each launch and may raise. A text with the token `poison` has no finite scores
    from there on. Of some seeds and positions the choice is not among the candidates: about every `narrow`th."""

    rows: int
    pages: int
    vocabulary: Vocabulary
    step_tokens: int = 16
    narrow: int = 7
    poison: int | None = None
    fault: Callable[[int], None] = lambda number: None
    launches: int = 0
    chunk_tokens: int = 0
    token_rows: list[int] = field(default_factory=list)  # of each forward pass

    def __post_init__(self) -> None:
        self._memory: dict[tuple[int, int], tuple[int, int]] = {}  # by page and place: a token and its chain
        self._tables: dict[int, list[int]] = {}
        self._masks = [np.zeros((self.rows, self.vocabulary.words), dtype=np.int32) for _ in range(2)]
        self._chosen: list[int] = []
        self._chains: list[int] = []

    @property
    def masks(self) -> npt.NDArray[np.int32]:
        return self._masks[0]

    def set_table(self, slot: int, pages: Sequence[int]) -> None:
        assert len({*pages}) == len(pages)
        assert all(0 <= page < self.pages for page in pages)
        self._tables[slot] = [*pages]

    def copy_pages(self, pairs: Sequence[tuple[int, int]]) -> None:
        for begun, page in pairs:
            self._memory |= {(page, place): token for (of, place), token in [*self._memory.items()] if of == begun}

    def prefill(self, slot: int, ids: Sequence[int], start: int) -> None:
        self._launch()
        self.chunk_tokens += len(ids)
        for position, token in enumerate(ids, start):
            self._write(slot, position, token)

    def forward(
        self,
        ids: Sequence[int],
        source: Sequence[int],
        slots: Sequence[int],
        positions: Sequence[int],
        last: Sequence[int],
    ) -> None:
        self._launch()
        assert 0 < len(ids) == len(source) == len(slots) == len(positions) <= self.step_tokens
        self.token_rows.append(len(ids))
        known = [self._chosen[row] if token < 0 else token for token, row in zip(ids, source, strict=True)]
        # A row may read those before it of the same pass.
        for slot, position, token in sorted(zip(slots, positions, known, strict=True)):
            self._write(slot, position, token)
        self._chains = [self._read(slots[row], positions[row]) for row in last]

    def choose(
        self,
        temperature: Sequence[float],
        top_p: Sequence[float],
        seed: Sequence[int],
        position: Sequence[int],
        penalties: Sequence[Penalty],
        wide: Sequence[int],
    ) -> Answer:
        self._launch()
        size = self.vocabulary.size
        assert len(temperature) == len(top_p) == len(seed) == len(position) == len(self._chains) <= self.rows
        taken: list[dict[int, float]] = [{} for _ in self._chains]
        for row, token, amount in penalties:
            taken[row][token] = amount
        answer = Answer([], [])
        for row, name in enumerate(self._chains):
            token, whole = NOT_FINITE, True
            if name != SPOILT:
                scores, warmth = made_up(name, self.vocabulary), temperature[row] * top_p[row]
                token = drawn(scores, self.masks[row], taken[row], warmth, seed[row], position[row])
                whole = row in wide or (31 * seed[row] + position[row]) % self.narrow > 0
            answer.tokens.append(token if whole else (token + 1) % size)
            answer.whole.append(whole)
        self._chosen = answer.tokens
        self._masks.reverse()  # old masks are in the other
        return answer

    def _launch(self) -> None:
        self.launches += 1
        self.fault(self.launches)

    def _write(self, slot: int, position: int, token: int) -> None:
        before = self._memory[self._place(slot, position - 1)][1] if position else START
        self._memory[self._place(slot, position)] = (token, chain(before, token, self.poison))

    def _read(self, slot: int, position: int) -> int:
        """A row reads all places up to its own: each must hold what was computed after those before it."""
        name = START
        for place in range(position + 1):
            token, stored = self._memory[self._place(slot, place)]
            name = chain(name, token, self.poison)
            assert stored == name, f"place {place} of slot {slot} holds another text's keys and values"
        return name

    def _place(self, slot: int, position: int) -> tuple[int, int]:
        return self._tables[slot][position // PAGE_TOKENS], position % PAGE_TOKENS


def single_run(
    request: GenerationRequest, vocabulary: Vocabulary, context_tokens: int, poison: int | None = None
) -> tuple[int, ...]:
    """The text by itself, token by token. Raises `NotFinite`."""
    text = Text(vocabulary, request, context_tokens - len(request.prompt_ids), force=True, force_limit=FORCE_LIMIT)
    mask = np.zeros(vocabulary.words, dtype=np.int32)
    while not text.complete or text.dropped:
        text = text.written_anew() if text.dropped else text
        name = START
        for token in (*request.prompt_ids, *text.tokens):
            name = chain(name, token, poison)
        if name == SPOILT:
            raise NotFinite
        fill_masks([text], mask[None])
        text.accept(
            drawn(
                made_up(name, vocabulary),
                mask,
                text.penalties(),
                text.sampling.temperature * text.sampling.top_p,
                text.sampling.seed,
                text.position,
            )
        )
    return tuple(text.tokens)


def loop_of(device: StandIn, *, overlap: bool, context_tokens: int) -> DecodeLoop:
    return DecodeLoop(
        device,
        rows=device.rows,
        pages=device.pages,
        page_tokens=PAGE_TOKENS,
        context_tokens=context_tokens,
        overlap=overlap,
    )


class Driven:
    """An engine whose thread was not started: its turns are taken one by one, and looked at after each."""

    def __init__(self, engine: BatchEngine, device: StandIn, *, overlap: bool = True, reserves: bool = True) -> None:
        """`reserves=False`: texts join with no more pages than what they have by then."""
        self.engine = engine
        self.device = device
        self.loop = loop_of(device, overlap=overlap, context_tokens=engine.context_tokens)
        if not reserves:
            join = self.loop.join
            self.loop.join = lambda handle, tokens: join(handle, 0)  # type: ignore[method-assign]
        engine._serving.batch = self.loop
        engine._room, engine._rows = RowLimit(device.rows), Running()
        engine._waiting.clear()

    def turn(self) -> None:
        engine = self.engine
        engine._turn_back()
        engine._admit()
        engine._drop()
        if engine.busy:
            engine._wake.set()  # a step that has nothing to do waits for nobody here
            engine._step()
        self.check()

    def until(self, done: Callable[[], bool]) -> None:
        for _ in range(TURNS):
            if done():
                return
            self.turn()
        raise AssertionError("the engine stands still")

    def finish(self) -> None:
        self.until(lambda: not self.engine.unfinished)
        assert self.loop._pool.free == len(self.loop._pool._readers)
        assert len({*self.loop._schedule._slots}) == self.engine.max_batch

    def check(self) -> None:
        """Pages: each is free or read; by as many as say so; by several only where it is full and never written."""
        pool, members = self.loop._pool, [*self.loop._members.values()]
        readers = [0] * len(pool._readers)
        for member in members:
            for page in member.pages:
                readers[page] += 1
            for page in member.pages[len(member.names) :]:
                assert pool._readers[page] == 1, "a page that is written has another reader"
            assert len(member.names) * PAGE_TOKENS <= min(member.read, len(member.ids) - 1)
            assert member.ids == [*member.handle.request.prompt_ids, *member.text.tokens]
            assert member.handle.text is member.text
        assert readers == pool._readers
        assert {*pool._free, *pool._blank} == {page for page, count in enumerate(readers) if count == 0}
        assert len({member.slot for member in members}) == len(members)

    def members(self) -> list[Member]:
        return [*self.loop._members.values()]
