"""One history: steps drawn from a seed, played on the world, and shortened when a promise is broken.

A step is a name, three numbers by which it picks, and whether one of its calls fails. Any list of steps can be played,
so that a history is shortened by leaving steps out and by making numbers smaller.
"""

from __future__ import annotations

import asyncio
import math
import random
import re
import secrets
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from scriptqueue.schemas import PRIORITIES
from shared.errors import StoreUnavailable
from shared.keys import CANCEL_CHANNEL
from shared.rings import broker_lists, holds_doorbells, lane_model
from shared.settings import Settings
from shared.store import submissions
from tests.simulate.clients import MODELS, Clients
from tests.simulate.promises import Promises
from tests.simulate.senders import Senders
from tests.simulate.workers import HOSTS, Workers
from tests.simulate.world import Violation, Word, World

LEASE_S, MAX_ATTEMPTS = 6.0, 3
SETTINGS = Settings(
    redis={"url": "redis://127.0.0.1"},  # never connected to
    worker={"lease_s": LEASE_S, "max_attempts": MAX_ATTEMPTS},
    api={"keys": f"ada:{'a' * 32},bob:{'b' * 32}", "weights": "ada:1,bob:2"},
)
STEPS = 300
HOUR_MS = 3_600_000
PASSES_MS = (10, 200, 900, 1000, 1000, 2500, 4000, 7000, 7000, 30_000, 130_000, 700_000)
FALL_MS = 900  # until a replica is the primary
WEEKS_MS = 20 * 86_400_000
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
CALM_ROUNDS, CALM_ROUND_MS = 150, 1500
# How often each step comes, beside the others. Those that are faults come in some histories seldom, and in some often.
USUAL = {
    "submit": 9, "submit_batch": 1, "post_again": 3, "read": 7, "follow": 4, "cancel": 3, "cancel_batch": 0.5,
    "delete": 1, "retry": 0.7, "sweep": 5, "figures": 1, "diagnose": 1, "deliver": 24, "take_doorbell": 20,
    "answer_doorbell": 6, "beat": 5, "renew": 14, "end_job": 12, "give_back_of_dead": 3, "wake": 3, "take_letters": 4,
    "settle_letter": 5, "pass_time": 16,
}  # fmt: skip
FAULTS = {
    "lose_word": 2, "double_word": 2, "drain": 1, "crash": 2.5, "freeze": 1.5, "put_letter_back": 0.5,
    "sender_dies": 0.5, "jump_clock": 0.3, "fail_over": 0.7, "restart": 1, "mislay_word": 0.5, "end_as_older": 1,
}  # fmt: skip
SWARM = (0, 0, 0.5, 1, 3)  # each fault's share in one history
IN_PIECES, WITH_MODELS = 0.4, 0.5
CALLS_FAIL = (0, 0, 0.02, 0.1)


class Step(NamedTuple):
    """`fault` 0: every call is answered; else `fault // 2` calls are, and the next is not, though it is executed when
    `fault` is odd."""

    name: str
    a: int = 0
    b: int = 0
    c: int = 0
    fault: int = 0


def drawn(seed: int, count: int = STEPS) -> list[Step]:
    """The same ones for the same seed, on every machine."""
    chance = random.Random(seed)
    weights = USUAL | {name: share * chance.choice(SWARM) for name, share in FAULTS.items()}
    calls_fail = chance.choice(CALLS_FAIL)
    names = chance.choices(list(weights), list(weights.values()), k=count)
    steps = [_drawn_step(name, chance, calls_fail) for name in names]
    in_pieces = [Step("work_in_pieces")] if chance.random() < IN_PIECES else []
    models = [Step("serve_models", chance.getrandbits(16))] if chance.random() < WITH_MODELS else []
    return [*in_pieces, *models, *steps]


def _drawn_step(name: str, chance: random.Random, calls_fail: float) -> Step:
    a, b, c = (chance.getrandbits(16) for _ in range(3))
    return Step(name, a, b, c, 1 + chance.getrandbits(2) if chance.random() < calls_fail else 0)


class Player:
    """Plays histories on one world, one after the other."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.clients = Clients(world, SETTINGS)
        self.workers = Workers(world, SETTINGS, self.clients)
        self.senders = Senders(world)
        self.rules: dict[str, Callable[[int, int, int], None]] = {
            name: self._rule(name) for name in (*USUAL, *FAULTS, "work_in_pieces", "serve_models")
        }
        self.played = 0  # steps, of all histories

    def play(self, steps: Sequence[Step], *, traced: bool = False) -> None:
        """Raises `Violation`. After the steps all is calm, and whatever was accepted must end."""
        self.world.begin(traced=traced)
        self.world.heard = self.clients.learn
        self._share(Promises(self.world, int(LEASE_S * 1000)), begin=True)
        self._replica: Promises | None = None
        self._falls_in = 0
        with _same_each_time():
            self._jumped = False
            self.do(Step("sweep"))  # a service sweeps from its first second on
            for step in steps:
                self.do(step)
                self._maybe_fall()
            self._calm()

    def do(self, step: Step) -> None:
        self.played += 1
        self.world.fault = (step.fault // 2, step.fault % 2 == 1) if step.fault else None
        try:
            self.rules[step.name](step.a, step.b, step.c)
        except StoreUnavailable:
            pass  # nobody knows more than before
        finally:
            self.world.fault = None

    # Steps of the world itself.

    def work_in_pieces(self, a: int, b: int, c: int) -> None:
        self.world.in_pieces = True

    def deliver(self, a: int, b: int, c: int) -> None:
        """Words come in any order, though more often in theirs."""
        words = self.world.words
        if not words:
            return
        to, text = words.pop(a % min(len(words), 1 + b % 4))
        if holds_doorbells(to):
            self.world.push(to, text)
        elif to == CANCEL_CHANNEL:
            self.workers.hear_cancel(text)

    def lose_word(self, a: int, b: int, c: int) -> None:
        if self.world.words:
            del self.world.words[a % len(self.world.words)]

    def mislay_word(self, a: int, b: int, c: int) -> None:
        """A doorbell comes into a list of any, as a version rings that knows no lanes."""
        word = self.world.words[a % len(self.world.words)] if self.world.words else None
        if word and word.to != CANCEL_CHANNEL:
            self.world.words[a % len(self.world.words)] = Word(broker_lists()[b % 3], word.text)

    def double_word(self, a: int, b: int, c: int) -> None:
        if self.world.words:
            self.world.words.append(self.world.words[a % len(self.world.words)])

    def pass_time(self, a: int, b: int, c: int) -> None:
        self.world.pass_time(PASSES_MS[a % len(PASSES_MS)] + b % 10)

    def sweep(self, a: int, b: int, c: int) -> None:
        """A second in which each process sweeps once, or finds that another did."""
        sweeps = self.clients.sweeps() + self.workers.sweeps()
        for number in range(len(sweeps)):
            sweeps[(number + a) % len(sweeps)]()
        self._jumped = False

    def jump_clock(self, a: int, b: int, c: int) -> None:
        """By an hour, and not twice in one second, nor in the same as a failover."""
        if self._jumped or self._replica:
            return
        self._jumped = True
        by_ms = HOUR_MS if a % 2 else -HOUR_MS
        self.world.jump(by_ms)
        self.promises.clock_jumped(by_ms)

    def fail_over(self, a: int, b: int, c: int) -> None:
        """A replica that is some steps behind will be what all see."""
        if self._replica is None and not self._jumped:
            self.world.replicate()
            self._replica = self.promises.copy()
            self._falls_in = 2 + a % 12

    def _maybe_fall(self) -> None:
        self._falls_in -= 1
        if self._replica is None or self._falls_in > 0:
            return
        self.world.fail_over()
        self.world.pass_time(FALL_MS)
        self._share(self.promises.after_failover(self._replica))
        self._replica = None

    # The end.

    def _calm(self) -> None:
        """No more faults, but that all words in flight are lost. Everybody works, and time goes on."""
        self.world.words.clear()
        self._replica = None
        for host in range(HOSTS):
            self.do(Step("wake", host))
        self._serve_all()
        for _ in range(CALM_ROUNDS):
            self._round()
            if self._at_rest():
                break
        for job_id, job in list(self.promises.jobs.items()):
            self.clients.look_at(job.client, job_id)
            self.clients.events_after(job.client, job_id, 0)
        self.promises.all_ended()
        self._leaves_nothing()

    def _serve_all(self) -> None:
        """Each model that jobs name has a worker."""
        for host, model in enumerate(MODELS if self.clients.names_models else ()):
            if self.workers.processes[host].model != (model or ""):
                self.do(Step("drain", host))
                while self.workers.processes[host].attempts:
                    self.do(Step("end_job", host, 0, 1))
                self.do(Step("restart", host, host))

    def _round(self) -> None:
        self.world.pass_time(CALM_ROUND_MS)
        self.do(Step("sweep"))
        for _ in range(len(self.workers.dead)):
            self.do(Step("give_back_of_dead"))
        for host, process in enumerate(self.workers.processes):
            self.do(Step("beat", host))
            while self.world.words:
                self.do(Step("deliver"))
            for number in reversed(range(len(process.doorbells))):
                self.do(Step("answer_doorbell", host, number))
            self.do(Step("take_doorbell", host))
            if process.attempts:
                self.do(Step("renew", host))
            for _ in range(len(process.attempts)):
                self.do(Step("end_job", host, 0, 1))
        if any(job.request.webhook for job in self.promises.jobs.values()):
            self._send_letters()
        for job_id, job in list(self.promises.jobs.items()):
            if not job.final:
                self.played += 1
                self.clients.look_at(job.client, job_id)

    def _send_letters(self) -> None:
        for sender in range(2):
            self.do(Step("take_letters", sender))
            while self.senders.letters[sender]:
                self.do(Step("settle_letter", sender))

    def _at_rest(self) -> bool:
        return all(job.deleted or (job.final and job.owes_nothing) for job in self.promises.jobs.values())

    def _leaves_nothing(self) -> None:
        self.clients.diagnose_at_rest()
        self.world.pass_time(WEEKS_MS)
        left = [key for key in self.world.all_keys() if UUID.search(key)]
        if left:
            raise Violation(f"keys that name jobs are left after weeks: {left}")
        for key in (
            *(f"sq:{name}" for name in ("running", "expiring", "behind", "promoted")),
            *(f"sq:queued:{name}" for name in PRIORITIES),
            *(f"sq:queued:{name}/{lane_model(model)}" for name in PRIORITIES for model in MODELS),
        ):
            if key in self.world.all_keys():
                raise Violation(f"{key} is left")
        active = self.world.ask("HGETALL", "sq:active")
        if any(int(count) for count in active[1::2]):
            raise Violation(f"jobs are counted that are not: {active}")

    def _share(self, promises: Promises, *, begin: bool = False) -> None:
        self.promises = promises
        for part in (self.clients, self.workers, self.senders):
            if begin:
                part.begin(promises)
            else:
                part.promises = promises

    def _rule(self, name: str) -> Callable[[int, int, int], None]:
        for part in (self, self.clients, self.workers, self.senders):
            if rule := getattr(part, name, None):
                return rule  # type: ignore[no-any-return]
        raise LookupError(name)


@contextmanager
def _same_each_time() -> Iterator[None]:
    """What the product draws by chance, or leaves to threads and to the time, is the same in each run."""
    chance = random.Random(0)

    async def here(call: Callable[..., Any], *arguments: Any) -> Any:
        return call(*arguments)

    before = uuid.uuid4, secrets.randbits, asyncio.to_thread, submissions.FIGURES_FRESH_S
    uuid.uuid4 = lambda: uuid.UUID(int=chance.getrandbits(128), version=4)
    secrets.randbits = chance.getrandbits  # type: ignore[assignment]
    asyncio.to_thread = here  # type: ignore[assignment]
    submissions.FIGURES_FRESH_S = math.inf  # an estimate's figures come by a step of their own
    try:
        yield
    finally:
        uuid.uuid4, secrets.randbits, asyncio.to_thread, submissions.FIGURES_FRESH_S = before
