"""The engine's own decode loop: schedule, run, postprocess; the host one step behind the device.

While the device computes step N+1 from its own choice of step N, the host reads that choice, lets the texts take it
(grammar, forced tokens) and fills the masks of the next. Where more than the chosen token was added, the scores of step
N+1 are dropped, and the forced tokens ride in step N+2. Noise is drawn by position, so that no text depends on it.
Knows texts and token ids; how anything is computed, the device knows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from worker.engine.decode.choice_inputs import Penalty
from worker.engine.decode.pages import PagePool
from worker.engine.decode.schedule import Member, Schedule, TokenRows
from worker.engine.handle import Handle
from worker.engine.row import NOT_FINITE
from worker.engine.sizes import FORCE_LIMIT
from worker.engine.text import fill_masks


class OnItsWay(Protocol):
    """A choice that the device makes."""

    def wait(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.bool_]]:
        """A token for each row, `NOT_FINITE` where its scores were no numbers; and whether it is to be had at all."""


class StepDevice(Protocol):
    """What runs the steps, all in the order in which they are launched."""

    step_tokens: int

    @property
    def masks(self) -> npt.NDArray[np.int32]:
        """[rows, words]: which tokens the next choice may take."""

    def set_table(self, slot: int, pages: Sequence[int]) -> None: ...

    def copy_pages(self, pairs: Sequence[tuple[int, int]]) -> None: ...

    def prefill(self, slot: int, ids: Sequence[int], start: int) -> None: ...

    def forward(
        self,
        ids: Sequence[int],
        source: Sequence[int],
        slots: Sequence[int],
        positions: Sequence[int],
        last: Sequence[int],
    ) -> None: ...

    def choose(  # noqa: PLR0913, PLR0917 - what a row draws by
        self,
        temperature: Sequence[float],
        top_p: Sequence[float],
        seed: Sequence[int],
        position: Sequence[int],
        penalties: Sequence[Penalty],
        wide: Sequence[int],
    ) -> OnItsWay: ...


class Awaited(NamedTuple):
    """A choice, and the members that it is for by their rows."""

    choice: OnItsWay
    rows: list[tuple[int, Member]]


class DecodeLoop:
    """At most `rows` texts in `pages` pages of the device; one text has at most `context_tokens`. `overlap=False` waits
    for each choice before the next step is launched (for benchmarks). `in_a_row` is the pool's. `start` is called once,
    on the loop's thread."""

    batching = "loop"
    force_limit = FORCE_LIMIT

    def __init__(  # noqa: PLR0913 - the device's sizes
        self,
        device: StepDevice,
        *,
        rows: int,
        pages: int,
        page_tokens: int,
        context_tokens: int,
        overlap: bool = True,
        in_a_row: bool = False,
        attention: str = "torch",
        start: Callable[[], Any] = lambda: None,
    ) -> None:
        self.page_tokens = page_tokens
        self.attention = attention
        self.start = start
        self._device = device
        self._overlap = overlap
        self._pool = PagePool(pages, page_tokens, in_a_row=in_a_row)
        self._schedule = Schedule(
            self._pool,
            rows=rows,
            step_tokens=device.step_tokens,
            context_tokens=min(context_tokens, pages * page_tokens),
        )
        self._members: dict[Handle, Member] = {}
        self._scoring: TokenRows | None = None  # launched, and nothing chosen from it yet
        self._awaited: Awaited | None = None

    def close(self) -> None:
        """Give the device's memory back; the loop is at its end."""
        del self._device, self.start

    def join(self, handle: Handle, tokens: int) -> None:
        assert handle.text is not None
        self._members[handle] = self._schedule.join(handle, handle.text, tokens)

    def leave(self, handle: Handle) -> None:
        if member := self._members.pop(handle, None):
            self._schedule.leave(member)

    def forget(self) -> None:
        self._pool.forget()

    def step(self) -> bool:
        ran = False
        if self._awaited is None:
            ran = self._run()
            self._choose()
            if self._overlap and self._awaited:
                self._run()
        if self._awaited is None:
            return ran
        self._postprocess()
        self._choose()
        if self._overlap:
            self._run()
        return True

    def _run(self) -> bool:
        """Launch the next forward pass, unless one waits for its choice; False where nothing is to be computed."""
        if self._scoring:
            return True
        ran = False
        for member, begin, end in self._schedule.chunks():
            self._send_tables()
            self._device.prefill(member.slot, member.ids[begin:end], begin)
            ran = True
        rows = self._schedule.token_rows(self._going_on())
        if rows.ids:
            self._send_tables()
            self._device.forward(rows.ids, rows.source, rows.slots, rows.positions, rows.last)
            self._schedule.launched(rows)
            self._scoring = rows
            ran = True
        return ran

    def _going_on(self) -> list[tuple[int, Member]]:
        return [(row, member) for row, member in self._awaited.rows if member.here] if self._awaited else []

    def _choose(self) -> None:
        """Launch the choice from the scores that are being computed, for the members who have grown as foreseen."""
        scoring, self._scoring = self._scoring, None
        if scoring is None:
            return
        rows = [(row, scored.member) for row, scored in enumerate(scoring.scored) if scored.counts]
        if not rows:
            return
        fill_masks([member.text for _, member in rows], self._device.masks, [row for row, _ in rows])
        penalties: list[Penalty] = []
        for row, member in rows:
            penalties += [(row, *penalty) for penalty in member.text.penalties().items()]
        samplings = [member.text.sampling for member, _ in scoring.scored]
        choice = self._device.choose(
            [sampling.temperature for sampling in samplings],
            [sampling.top_p for sampling in samplings],
            [sampling.seed for sampling in samplings],
            [member.text.position for member, _ in scoring.scored],
            penalties,
            [row for row, member in rows if member.wide],
        )
        self._awaited = Awaited(choice, rows)

    def _postprocess(self) -> None:
        """Wait for the choice and let the texts take it."""
        assert self._awaited is not None
        (choice, rows), self._awaited = self._awaited, None
        tokens, whole = (values.tolist() for values in choice.wait())
        for row, member in rows:
            if member.here:
                self._take(member, tokens[row], whole[row])

    def _take(self, member: Member, token: int, whole: bool) -> None:
        read, member.ahead = len(member.ids) + member.ahead, False
        member.wide = not whole
        if token == NOT_FINITE:
            member.text.finite = False
        elif whole:
            accepted = member.text.accept(token)
            if accepted[0] != token:  # what was read ahead is another
                read = len(member.ids)
            member.ids += accepted
            if member.text.complete:
                self.leave(member.handle)
            else:
                self._schedule.follow(member, read)
            return
        self._schedule.follow(member, len(member.ids) - 1)

    def _send_tables(self) -> None:
        if self._pool.copies:
            self._device.copy_pages(self._pool.copies)
            self._pool.copies.clear()
        for member in self._schedule.moved():
            self._device.set_table(member.slot, member.pages)
