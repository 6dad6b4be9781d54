"""What a worker's start with the embedded model costs until it is ready, beside the imports that it cannot do without.

In turns, the cache warm: `import torch` and the model's class, in a process of their own, are torch's and
transformers' share; what is above that is ours. `python -m tests.bench.start`
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from models.catalogue import QWEN_CODER
from shared.settings import ModelSettings
from tests.bench import stage
from tests.bench.report import Figure, write
from tests.integration.worker import processes

ROUNDS = 3
WITHIN_S = 180.0
LIMIT_S = 0.3  # of CPU, before the command or a client's script says its first word
CODE = {
    "imports": "from transformers.models.qwen2.modeling_qwen2 import Qwen2ForCausalLM",
    "client": "import scriptqueue",
    "command": "import sys; sys.argv = ['scriptqueue', '--help']; from api.cli import main; main()",
    "api": "import api.app",
    "api's": "import celery.app, fastapi, httpx, pydantic_settings, redis.asyncio, uvicorn",
}
WORKERS = ("first", "second")  # the second finds what the first has kept


@dataclass(frozen=True)
class Cost:
    """Until a process was ready, or ended."""

    cpu_s: float
    wall_s: float


def figures() -> dict[str, Figure]:
    costs: dict[str, list[Cost]] = {name: [] for name in (*CODE, *WORKERS)}
    with stage.redis() as url, tempfile.TemporaryDirectory() as folder:
        for turn in range(ROUNDS):
            for name, code in CODE.items():
                costs[name].append(of_code(code))
            cache = _cache(Path(folder) / f"cache{turn}")
            for name in WORKERS:
                costs[name].append(of_worker(url, Path(folder) / f"{name}{turn}.log", cache))
    _print(json.loads(_output([sys.executable, "-m", "tests.bench.start_parts"])))
    return judged({name: _median(found) for name, found in costs.items()})


def judged(cost: Mapping[str, Cost]) -> dict[str, Figure]:
    """What the summary keeps, of medians."""
    imports, second = cost["imports"], cost["second"]

    def figure(value: float, baseline: float, meaning: str) -> Figure:
        return Figure(value, "s", baseline, value / baseline, meaning)

    return {
        "start_cpu": figure(
            second.cpu_s, imports.cpu_s, "CPU until a worker is ready, against importing torch and the model's class"
        ),
        "start_tables_ahead": figure(
            second.wall_s, cost["first"].wall_s, "by the clock, against a first start, which keeps no tables yet"
        ),
        "start_api_cpu": figure(
            cost["api"].cpu_s, cost["api's"].cpu_s, "CPU of importing the API, against FastAPI, Celery and redis alone"
        ),
        "start_command_cpu": figure(cost["command"].cpu_s, LIMIT_S, "CPU of `scriptqueue --help`, against the limit"),
        "start_client_cpu": figure(cost["client"].cpu_s, LIMIT_S, "CPU of `import scriptqueue`, against the limit"),
    }


def of_code(code: str) -> Cost:
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    _output([sys.executable, "-c", code])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(cpu_s, time.monotonic() - begun)


def of_worker(redis_url: str, log: Path, cache: Path) -> Cost:
    """The whole process, as it is ready for its first job."""
    begun = time.monotonic()
    worker = processes.worker(redis_url, log, model__name=QWEN_CODER.name, model__cache_dir=cache)
    try:
        processes.until(lambda: "ready: " in worker.log_text, WITHIN_S, "the worker is ready")
        times = psutil.Process(worker.pid).cpu_times()
        return Cost(times.user + times.system, time.monotonic() - begun)
    finally:
        worker.close()


def _cache(folder: Path) -> Path:
    """A cache with the models of the user's own and nothing that a start has kept."""
    folder.mkdir()
    for model in ModelSettings().cache_dir.expanduser().iterdir():
        if not model.name.startswith("."):
            (folder / model.name).symlink_to(model)
    return folder


def _output(command: list[str]) -> str:
    return subprocess.run(command, cwd=processes.ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout


def _median(costs: list[Cost]) -> Cost:
    return Cost(statistics.median(cost.cpu_s for cost in costs), statistics.median(cost.wall_s for cost in costs))


def _print(parts: Mapping[str, float]) -> None:
    table = Table("CPU of a start, part by part", "s", "share")
    whole = sum(parts.values())
    for part, cpu_s in parts.items():
        table.add_row(part, f"{cpu_s:.2f}", f"{cpu_s / whole:.0%}")
    table.add_row("whole", f"{whole:.2f}", "")
    Console(width=160).print(table)


if __name__ == "__main__":
    write(figures(), "python -m tests.bench.start")
