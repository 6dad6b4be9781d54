"""Who a worker is, and what it says of itself with every heartbeat; `/queue` and `/readyz` show it."""

from __future__ import annotations

import socket
from dataclasses import asdict, dataclass, fields
from json import dumps, loads
from pathlib import Path

from scriptqueue.schemas import WorkerPhase


def worker_name(pid: int) -> str:
    """One process for ever: a host may give its number again, but not with the same moment of birth."""
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    born = int(stat[19])  # field 22 of proc(5): clock ticks since the machine started
    return f"{socket.gethostname()}:{pid}:{born:x}"


@dataclass(frozen=True)
class WorkerState:
    """`slots` jobs run at once, `busy` of them now; `tokens_per_s` over the last seconds. `serves` names all that
    decides its texts besides the request: workers with the same one write alike; empty: its results answer no other.
    `batching`: which loop writes, by which `attention`; both empty without a model."""

    worker: str
    state: WorkerPhase
    model: str
    device: str
    dtype: str
    slots: int
    busy: int = 0
    tokens_per_s: float = 0.0
    serves: str = ""
    gpu: str = ""  # the card's own name, by which two workers on it are noticed
    node: str = ""  # as Celery and its monitors name it
    batching: str = ""
    attention: str = ""

    @property
    def serves_jobs(self) -> bool:
        """Whether a job posted now runs there. One that says it is ready and has no row runs none."""
        return self.state == "ready" and self.slots > 0

    @property
    def engine(self) -> str:
        """`transformers, torch_varlen`: what writes there; empty without a model."""
        return ", ".join(filter(None, (self.batching, self.attention)))

    @property
    def has_no_model(self) -> bool:
        """It splits prompts instead; the stub is meant to."""
        return self.device == "none" and self.model != "stub"

    @property
    def named_by_jobs(self) -> str:
        """The model that jobs may name to be written here; empty: none, as long as it loads (a setting names it by
        another name, or by a folder) and where there is none."""
        return self.model if self.slots and not self.has_no_model else ""

    def to_json(self) -> str:
        return dumps({name: value for name, value in asdict(self).items() if name != "worker"})

    @classmethod
    def from_json(cls, worker: str, text: str) -> WorkerState:
        """What a newer version says besides is passed over."""
        known = {field.name for field in fields(cls)}
        return cls(worker=worker, **{name: value for name, value in loads(text).items() if name in known})
