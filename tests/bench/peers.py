"""Beside llama.cpp on a CPU: tokens a second of the same GGUF file on the same machine, in turns within one run.

`make bench ARGS=peers` installs xllamacpp (llama.cpp with its own server and llguidance) into a folder of its own and
fetches the embedded model's GGUF file, both beside the model cache; at most eight minutes on two quiet cores.

What is fair (docs/performance.md says more): each side has as many threads as there are cores, and is otherwise as its
makers set it (theirs: one prompt cache a slot, 512 tokens a batch, 1024 tokens of context a slot; ours: a worker's
defaults). Both get the same ids of the same prompts, the same JSON schema, temperature and top-p, and have read each
language's instructions before. Theirs writes as many tokens as ours did for that prompt. Tokens a second are the tokens
of the texts, however they came about, by the time from the first request to the last text's end, reading the prompts
included. `sampled` counts ours without those that the grammar forced; theirs counts none apart. Each turn has prompts
that neither side has seen. `before` is our engine with fp32 weights in the same run.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from models.catalogue import QWEN_CODER, QWEN_CODER_1_5B, GgufModel
from models.cpu import cores
from models.embedded import embedded_cached, fetch_gguf
from shared.settings import ModelSettings
from tests.bench import stack
from tests.bench.models_memory import status_mb
from tests.bench.report import Figure
from tests.bench.work import PROMPTS, TEMPERATURE, TOP_P
from tests.integration.worker.processes import ROOT

PEER = "xllamacpp==2026.10.11549"
NAMES = {1: "one", len(PROMPTS): "eight"}
WARM_UP = ("热身", "warm up")
ROUNDS = 3
ROUNDS_WITHIN_S = 400.0  # of eight minutes; no round begins that would end later, but the first
QUIET_LOAD = 0.5
PEAK_MB = {QWEN_CODER: 1200, QWEN_CODER_1_5B: 2600}  # of the worker's memory, at most
OURS: dict[str, dict[str, str]] = {
    "ours": {},
    "before": {"SCRIPTQUEUE_MODEL__WEIGHT_BITS": "16", "SCRIPTQUEUE_MODEL__DTYPE": "fp32"},
}
WITH_SCHEMA, WITHOUT = "llama.cpp, schema", "llama.cpp, no schema"
COMPARED = (
    ("llamacpp", WITH_SCHEMA, "llama.cpp with the same file and schema"),
    ("before", "before", "fp32 weights"),
)


@dataclass(frozen=True)
class Text:
    """One that our engine wrote: what it was given, and how long it became."""

    prompt_ids: list[int]
    schema: dict[str, Any]
    tokens: int


@dataclass(frozen=True)
class Speed:
    """Of texts that were written at once. `sampled`: without the tokens that a grammar forced."""

    tokens: int
    sampled: int
    seconds: float


@dataclass(frozen=True)
class Ours:
    """Our engine's process."""

    process: subprocess.Popen[str]
    loaded: dict[str, Any]

    def write(self, prompts: Sequence[str]) -> tuple[list[Text], Speed]:
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"prompts": prompts}) + "\n")
        self.process.stdin.flush()
        done = json.loads(_line(self.process))
        texts = [Text(*one) for one in zip(done["prompt_ids"], done["schemas"], done["tokens"], strict=True)]
        return texts, Speed(sum(done["tokens"]), sum(done["sampled"]), done["seconds"])


@dataclass(frozen=True)
class Theirs:
    """The process of llama.cpp's server."""

    process: subprocess.Popen[str]
    client: httpx.Client

    def write(self, texts: Sequence[Text], *, schema: bool) -> Speed:
        """As many tokens for each as it has; within a schema a text may end earlier."""
        begun = time.monotonic()
        with ThreadPoolExecutor(len(texts)) as pool:
            tokens = sum(pool.map(lambda pair: self._one(*pair, schema=schema), enumerate(texts)))
        return Speed(tokens, tokens, time.monotonic() - begun)

    def _one(self, seed: int, text: Text, *, schema: bool) -> int:
        body = {"prompt": text.prompt_ids, "n_predict": text.tokens, "seed": seed}
        body |= {"temperature": TEMPERATURE, "top_p": TOP_P}
        body |= {"json_schema": text.schema} if schema else {"ignore_eos": True}
        return int(self.client.post("/completion", json=body).raise_for_status().json()["tokens_predicted"])


Speeds = dict[str, dict[int, list[Speed]]]  # by side and rows, one for each round


def figures() -> dict[str, Figure]:
    """All of them; the tables that are printed have what the summary has not."""
    with tempfile.TemporaryDirectory(prefix="scriptqueue-") as name:
        speeds, peaks = measure(QWEN_CODER, Path(name))
        workers = {model: mb for model in PEAK_MB if (mb := _worker_peak_mb(model, Path(name)))}
    _print(speeds, peaks | {f"worker with {model.name}": mb for model, mb in workers.items()})
    return judged(speeds, workers)


def judged(speeds: Speeds, workers: dict[GgufModel, float]) -> dict[str, Figure]:
    """What the summary keeps: tokens of the texts a second on both sides, medians of the rounds; MB of workers."""
    shown = {}
    for rows, name in NAMES.items():
        value = _median(speeds["ours"][rows])
        for key, side, against in COMPARED:
            baseline = _median(speeds[side][rows])
            meaning = f"{name} at once on a CPU, within the grammar, against {against}"
            shown[f"cpu_{name}_vs_{key}"] = Figure(value, "tokens/s", baseline, value / baseline, meaning)
    for model, peak in workers.items():
        size = model.name.rpartition("-")[2].replace(".", "_")
        meaning = f"most memory of a worker with {model.name} on a CPU, against the limit"
        shown[f"cpu_peak_{size}"] = Figure(peak, "MB", PEAK_MB[model], peak / PEAK_MB[model], meaning)
    return shown


def measure(model: GgufModel, scratch: Path) -> tuple[Speeds, dict[str, float]]:
    """The speeds, and the most memory of each process in MB."""
    if (load := os.getloadavg()[0]) > QUIET_LOAD:
        # Threads that spin for one which has no core make llama.cpp six times as slow, and us hardly.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        print(f"the load is {load:.1f}: threads of both sides wait passively; ratios are rough", file=sys.stderr)
    begun, longest_s = time.monotonic(), 0.0
    speeds: Speeds = defaultdict(lambda: defaultdict(list))
    library, gguf = _peer(), _gguf(model)
    with ExitStack() as running:
        ours, before = (
            running.enter_context(_ours(model, scratch / f"{name}.log", settings)) for name, settings in OURS.items()
        )
        theirs = {rows: running.enter_context(_theirs(library, gguf, rows, scratch)) for rows in NAMES}
        for engine in (before, ours):
            texts, _ = engine.write(WARM_UP)
        for rows, peer in theirs.items():
            peer.write([replace(text, tokens=1) for text in texts * max(1, rows // len(texts))], schema=False)
        for n in range(ROUNDS):
            round_begun = time.monotonic()
            if n and round_begun - begun + longest_s > ROUNDS_WITHIN_S:
                break
            for rows, peer in theirs.items():
                prompts = PROMPTS if rows > 1 else PROMPTS[n : n + 1]
                for side, engine, schema in (("ours", ours, True), ("before", before, False)):
                    texts, speed = engine.write([f"{prompt} ({side} {n + 1})" for prompt in prompts])
                    _keep(speeds, side, rows, speed)
                    _keep(speeds, WITH_SCHEMA if schema else WITHOUT, rows, peer.write(texts, schema=schema))
            longest_s = max(longest_s, time.monotonic() - round_begun)
        peaks = {f"{name}, the engine alone": _peak_mb(one) for name, one in (("ours", ours), ("before", before))}
        return speeds, peaks | {f"llama.cpp, {rows} slots": _peak_mb(peer) for rows, peer in theirs.items()}


def _keep(speeds: Speeds, side: str, rows: int, speed: Speed) -> None:
    speeds[side][rows].append(speed)
    print(f"{side}, {rows}: {speed.tokens} tokens in {speed.seconds:.1f} s", file=sys.stderr, flush=True)


def _median(speeds: list[Speed]) -> float:
    return statistics.median(speed.tokens / speed.seconds for speed in speeds)


def _worker_peak_mb(model: GgufModel, scratch: Path) -> float | None:
    """Of a worker of its own that wrote one job by the default settings; None: the model is not in the cache."""
    if embedded_cached(model.name, ModelSettings().cache_dir) is None:
        print(f"{model.name} is not in the cache: its memory is not measured", file=sys.stderr)
        return None
    folder = scratch / model.name
    folder.mkdir()
    with (
        stack.redis(folder) as url,
        stack.service_and_worker(url, folder, model__name=model.name, model__device="cpu") as (client, worker),
    ):
        stack.at_once(client, PROMPTS[:1])
        return status_mb("VmHWM", worker.pid)


def _print(speeds: Speeds, peaks: dict[str, float]) -> None:
    table = Table("tokens/s, medians", *(f"{name} at once" for name in NAMES.values()), "of them sampled", "rounds")
    for side, by_rows in speeds.items():
        sampled = [
            f"{statistics.median(speed.sampled / speed.seconds for speed in each):.1f}" for each in by_rows.values()
        ]
        rates = [f"{_median(each):.1f}" for each in by_rows.values()]
        table.add_row(side, *rates, " / ".join(sampled), str(min(map(len, by_rows.values()))))
    memory = Table("most memory", "MB")
    for process, mb in peaks.items():
        memory.add_row(process, f"{mb:.0f}")
    Console(width=160).print(table, memory)


def _peer() -> Path:
    """A folder to import xllamacpp from, installed once."""
    folder = _cache() / PEER.replace("==", "-")
    if not folder.is_dir():
        print(f"installing {PEER} into {folder} (40 MB)", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(dir=_cache()) as scratch:
            command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--only-binary", ":all:"]
            options = ["--disable-pip-version-check", "--root-user-action", "ignore", "--target", f"{scratch}/lib"]
            if subprocess.run([*command, *options, PEER], check=False).returncode:
                sys.exit(f"{PEER} cannot be installed here, so there is nothing to compare with")
            Path(scratch, "lib").rename(folder)
    return folder


def _gguf(model: GgufModel) -> Path:
    fetch_gguf(model, _cache(), ModelSettings().hub_endpoint, None, [])
    return _cache() / model.file


def _cache() -> Path:
    folder = ModelSettings().cache_dir.expanduser().parent / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def _ours(model: GgufModel, log: Path, settings: dict[str, str]) -> Iterator[Ours]:
    environment = {"SCRIPTQUEUE_MODEL__NAME": model.name, "SCRIPTQUEUE_MODEL__DEVICE": "cpu", **settings}
    with _process(["tests.bench.peers_ours"], log, environment) as process:
        loaded = json.loads(_line(process))
        print(f"{log.stem}: {loaded}", file=sys.stderr, flush=True)
        yield Ours(process, loaded)


@contextmanager
def _theirs(library: Path, gguf: Path, slots: int, scratch: Path) -> Iterator[Theirs]:
    command = ["tests.bench.peers_theirs", str(gguf), str(slots), str(cores())]
    environment = {"PYTHONPATH": f"{ROOT}{os.pathsep}{library}"}
    with _process(command, scratch / f"llama-{slots}.log", environment) as process:
        served = json.loads(_line(process))
        print(f"llama.cpp, {slots} slots: {served['build']}", file=sys.stderr, flush=True)
        with httpx.Client(base_url=served["address"], timeout=600, trust_env=False) as client:
            yield Theirs(process, client)


def _peak_mb(of: Ours | Theirs) -> float:
    return status_mb("VmHWM", of.process.pid)


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    line = process.stdout.readline().strip()
    assert line, "it ended"
    return line


@contextmanager
def _process(command: list[str], log: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Spoken to by lines; what it has to say beside them is shown when it fails."""
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            yield process
        except Exception:
            sys.stderr.write(log.read_text()[-2000:])
            raise
        finally:
            process.kill()
