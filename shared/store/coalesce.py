"""Calls that come in one turn of the event loop, made as one: a busy API talks less with Redis than an idle one.

Knows no Redis. What is asked in one turn is sent in it: nobody waits for others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

_Request = TypeVar("_Request")
_Answer = TypeVar("_Answer")


class Coalescer(Generic[_Request, _Answer]):
    """`ask` answers many at once, in their order; what it raises, each of them raises."""

    def __init__(self, ask: Callable[[Sequence[_Request]], Awaitable[Sequence[_Answer]]], at_once: int) -> None:
        self._ask = ask
        self._at_once = at_once
        self._waiting: list[tuple[_Request, asyncio.Future[_Answer]]] = []
        self._under_way: set[asyncio.Task[None]] = set()

    async def __call__(self, request: _Request) -> _Answer:
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._send)
        future: asyncio.Future[_Answer] = loop.create_future()
        self._waiting.append((request, future))
        return await future

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        for begun in range(0, len(waiting), self._at_once):
            task = asyncio.create_task(self._answer(waiting[begun : begun + self._at_once]))
            self._under_way.add(task)  # the loop holds tasks weakly
            task.add_done_callback(self._under_way.discard)

    async def _answer(self, waiting: Sequence[tuple[_Request, asyncio.Future[_Answer]]]) -> None:
        try:
            answers = await self._ask([request for request, _ in waiting])
        except Exception as error:  # whatever it is, it is theirs who asked
            for _, future in waiting:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), answer in zip(waiting, answers, strict=True):
            if not future.done():  # whoever asked may have gone
                future.set_result(answer)
