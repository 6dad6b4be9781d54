"""The plan of `make bench-gpu`: which phases, in the order of their worth.

What comes last falls out first when time is short. Knows not how anything is measured.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from tests.bench.gpu_bench import Bench
from tests.bench.gpu_forward import TEXTS, TOKEN_ROWS
from tests.bench.gpu_kernels import KERNELS
from tests.bench.gpu_profile import GROUPS
from tests.bench.gpu_sheet import Phase

ENGINE = ("transformers", "tokenizers", "accelerate", "llguidance", "pydantic")
PLAIN = ("transformers", "accelerate")
SHORT = ("tokens_per_s", "step_ms", "job_p95_s")
FULL = (*SHORT, "first_token_p50_s", "first_scene_p50_s", "job_p50_s", "memory_gb")
HOST = (*GROUPS, "serial", "step")
# Options of BatchEngine by the prefix of their figures; `engine_*` has none, and each of these differs in one thing.
FIRST: dict[str, dict[str, Any]] = {
    "transformers_": {"batching": "transformers"},
    "overlap_off_": {"overlap": False},
    "graphs_off_": {"graphs": False},
    "forced_off_": {"force": False},
}
LATER: dict[str, dict[str, Any]] = {
    "transformers_graphs_on_": {"batching": "transformers", "graphs": True},
    "transformers_sdpa_": {"batching": "transformers", "varlen": None},
}


class Plan:
    """`sizes` are streams, `rates` jobs a second that arrive."""

    def __init__(self, bench: Bench, sizes: list[int], rates: list[float]) -> None:
        self._bench = bench
        self._sizes, self._rates = sizes, rates
        self._big = max([size for size in sizes if size <= 64], default=sizes[0])
        self._pair = [self._big] if bench.tiny else list(dict.fromkeys([self._big, sizes[0]]))  # of the variants
        self._token_rows = (1, 2) if bench.tiny else TOKEN_ROWS
        self._compiler = ("triton",) if bench.device == "cuda" else ()  # on a CPU nothing is compiled

    def phases(self) -> list[Phase]:
        bench, big, pair = self._bench, self._big, self._pair
        others = [size for size in self._sizes if size not in pair]
        return [
            Phase(("copy_tb_per_s",), bench.card, seconds=2),
            Phase(("fp16_weights_gb", "fp16_memory_gb"), bench.load, PLAIN, 20),
            *self._engine("engine_", pair),
            self._forward(),
            *self._host(big),
            *(self._kernel(name, big) for name in KERNELS),
            *(self._kernel("paged", rows) for rows in self._token_rows if rows != big),
            *self._engine("transformers_", pair, **FIRST["transformers_"]),
            Phase(("guide_one_by_one_tokens_per_s",), bench.guide, PLAIN, 15),
            *(self._follows(f"engine_{rows}_vs_guide", partial(bench.times_the_guide, rows)) for rows in pair),
            *(self._profile(rows) for rows in pair),
            *self._variants(FIRST),
            *(self._free(rows) for rows in pair),
            *(self._follows(f"masks_exposed_{rows}", partial(bench.masks_exposed, rows)) for rows in pair),
            *self._engine("engine_", others),
            *self._host(*(rows for rows in self._sizes if rows != big)),
            Phase(("worker_ready_s",), bench.ready, (*ENGINE, "pydantic_settings"), 60),
            *(self._arriving(rate) for rate in self._rates),
            *self._plain("plain_graphs_on_", 25, use_cuda_graph=True, use_async_batching=bench.device == "cuda"),
            *self._plain("plain_graphs_off_", 20, use_cuda_graph=False, use_async_batching=False),
            *(self._quantised(bits) for bits in (8, 4)),
            *self._variants(LATER),
            *self._plain("plain_sdpa_", 20, auto_switch_to_flash=False),
            *self._plain("plain_flash_attention_2_", 20, ("flash_attn",), attention="flash_attention_2"),
            *self._plain("plain_flash_attention_3_", 20, ("flash_attn_interface",), attention="flash_attention_3"),
            *self._plain("plain_compiled_", 60, self._compiler, default_compile_level=int(bench.device == "cuda")),
        ]

    def _engine(self, prefix: str, sizes: list[int], **options: Any) -> list[Phase]:
        names = SHORT if options else FULL
        return [
            self._phase(_names(prefix, rows, names), partial(self._bench.under_load, prefix, rows, **options), rows)
            for rows in sizes
        ]

    def _variants(self, variants: dict[str, dict[str, Any]]) -> list[Phase]:
        chosen = {prefix: options for prefix, options in variants.items() if prefix != "transformers_"}
        return [phase for prefix, options in chosen.items() for phase in self._engine(prefix, self._pair, **options)]

    def _free(self, rows: int) -> Phase:
        run = partial(self._bench.without_grammar, "grammar_off_", rows)
        return self._phase(_names("grammar_off_", rows), run, rows)

    def _forward(self) -> Phase:
        sizes = self._token_rows
        names = (*(f"forward_{rows}_ms" for rows in sizes), f"choice_{TEXTS}_ms", f"forward_eager_{TEXTS}_ms")
        return Phase(names, partial(self._bench.forward, sizes), ENGINE, 25)

    def _host(self, *sizes: int) -> list[Phase]:
        return [
            self._phase(tuple(f"host_{rows}_{part}_ms" for part in HOST), partial(self._bench.host, rows), rows)
            for rows in sizes
        ]

    def _profile(self, rows: int) -> Phase:
        names = (f"profile_{rows}_busy", f"profile_{rows}_card_ms")
        return self._phase(names, partial(self._bench.profile, rows), rows)

    def _arriving(self, rate: float) -> Phase:
        names = tuple(f"arriving_{rate:g}_per_s_job_p{at}_s" for at in (50, 95))
        return Phase(names, partial(self._bench.arriving, rate, self._big), ENGINE, 45)

    def _quantised(self, bits: int) -> Phase:
        prefix = f"int{bits}_"
        names = (f"{prefix}weights_gb", f"{prefix}memory_gb")
        engine = tuple(name for rows in self._pair for name in _names(prefix, rows))
        run = partial(self._bench.quantised, bits, self._pair)
        return Phase((*names, *engine), run, (*ENGINE, "bitsandbytes"), 60)

    def _plain(self, prefix: str, seconds: float, packages: tuple[str, ...] = (), **options: Any) -> list[Phase]:
        names = (f"{prefix}{self._big}_tokens_per_s", f"{prefix}warm_up_s")
        run = partial(self._bench.plain, prefix, self._big, **options)
        return [Phase(names, run, (*PLAIN, *packages), seconds)]

    def _kernel(self, name: str, rows: int) -> Phase:
        return Phase((f"kernel_{name}_{rows}_us",), partial(self._bench.kernel, name, rows), (), 2)

    @staticmethod
    def _follows(name: str, run: Any) -> Phase:
        return Phase((name,), run, (), 0)

    @staticmethod
    def _phase(names: tuple[str, ...], run: Any, rows: int) -> Phase:
        return Phase(names, run, ENGINE, 10 + rows / 5)


def _names(prefix: str, rows: int, what: tuple[str, ...] = SHORT) -> tuple[str, ...]:
    return tuple(f"{prefix}{rows}_{name}" for name in what)
