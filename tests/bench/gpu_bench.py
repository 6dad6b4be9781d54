"""The plan of `make bench-gpu`: which variants are measured, in what order, and the limit beside each figure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.bench.gpu_sheet import NEEDS_GPU, NotOffered, Phase, Sheet, Value

ENGINE = ("transformers", "tokenizers", "accelerate", "llguidance", "pydantic")
PLAIN = ("transformers", "accelerate")
SHORT = ("tokens_per_s", "step_ms", "job_p95_s")
FULL = (*SHORT, "first_token_p50_s", "first_scene_p50_s", "job_p50_s", "mask_ms", "memory_gb")


class Bench:
    """The card, the model and the tokenizer, each made when the first phase needs it."""

    def __init__(self, sheet: Sheet, sizes: list[int], rates: list[float], tiny: bool) -> None:
        import torch

        from tests.bench import gpu_model

        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.shape = gpu_model.TINY if tiny else gpu_model.REAL
        self.sheet, self.sizes, self.rates, self.tiny = sheet, sizes, rates, tiny
        self.middle = max([size for size in sizes if size <= 64], default=sizes[0])
        self.pair = [self.middle] if tiny else list(dict.fromkeys([1, self.middle]))  # of the variants
        # On a CPU nothing is compiled: a C++ compiler is another matter than the GPU's.
        self._compiler = ("triton",) if self.device == "cuda" else ()
        self._bandwidth: float | None = None
        self._model: Any = None
        self._tokenizer: Any = None

    # -- what is measured ---------------------------------------------------------------------------------------------

    def phases(self) -> list[Phase]:
        """In the order of their worth: what comes last falls out first when time is short."""
        sizes, middle = self.sizes, self.middle
        return [
            Phase(("copy_tb_per_s",), self.card, seconds=2),
            Phase(("fp16_weights_gb", "fp16_memory_gb"), self.load, PLAIN, 20),
            Phase(("guide_one_by_one_tokens_per_s",), self.guide, PLAIN, 15),
            *self._engine_phases("engine_", [*sizes]),
            *self._engine_phases("forced_off_", self.pair, force=False),
            *(Phase(_names("grammar_off_", n), self._without_grammar(n), ENGINE, 25) for n in self.pair),
            *(Phase(_rate_names(rate), self._arriving(rate), ENGINE, 45) for rate in self.rates),
            *self._plain("plain_graphs_off_", middle, 20, use_cuda_graph=False, use_async_batching=False),
            *self._plain("plain_graphs_on_", middle, 25, use_cuda_graph=True, use_async_batching=self.device == "cuda"),
            Phase(("worker_ready_s",), self.ready, (*ENGINE, "pydantic_settings"), 60),
            *self._engine_phases("graphs_on_", self.pair, graphs=True),
            *self._engine_phases("varlen_off_", self.pair, varlen=None),
            *(self._quantised(bits) for bits in (8, 4)),
            *self._plain("plain_sdpa_", middle, 20, auto_switch_to_flash=False),
            *self._attention("flash_attention_2", "flash_attn"),
            *self._attention("flash_attention_3", "flash_attn_interface"),
            Phase(("kernel_sdpa_us",), self.sdpa_kernel, seconds=3),
            Phase(("kernel_varlen_us",), self.varlen_kernel, seconds=3),
            *self._engine_phases("compiled_on_", self.pair, self._compiler, compiled=self.device == "cuda"),
            *self._plain("plain_compiled_", middle, 60, self._compiler, compiled=True),
        ]

    def card(self) -> dict[str, Value]:
        return {"copy_tb_per_s": Value(self.bandwidth / 1e12, "TB/s")}

    def load(self) -> dict[str, Value]:
        from tests.bench.gpu_model import weight_bytes

        return {
            "fp16_weights_gb": Value(weight_bytes(self.model) / 1e9, "GB read/step"),
            **self._memory("fp16_memory_gb"),
        }

    def guide(self) -> dict[str, Value]:
        from tests.bench.gpu_plain import one_by_one

        rate = one_by_one(self.fresh_model(), self.shape)
        context = self.shape.prompt_tokens + self.shape.plain_tokens / 2
        return {"guide_one_by_one_tokens_per_s": Value(rate, "tokens/s", self.limit(1, context))}

    def ready(self) -> dict[str, Value]:
        from tests.bench.gpu_ready import ready_s

        return {"worker_ready_s": Value(ready_s(self.fresh_model(), self.tokenizer, self.device), "s")}

    def sdpa_kernel(self) -> dict[str, Value]:
        from tests.bench.gpu_card import sdpa_s

        seconds, read_bytes = sdpa_s(self.device, self.tiny, self.shape, self.middle)
        return {"kernel_sdpa_us": Value(seconds * 1e6, "us/layer", read_bytes / self.bandwidth * 1e6)}

    def varlen_kernel(self) -> dict[str, Value]:
        from tests.bench.gpu_card import varlen_s

        if self.device == "cpu":
            raise NotOffered(NEEDS_GPU)
        seconds, read_bytes = varlen_s(self.shape, self.middle)
        return {"kernel_varlen_us": Value(seconds * 1e6, "us/layer", read_bytes / self.bandwidth * 1e6)}

    def under_load(self, prefix: str, rows: int, model: Any = None, **options: Any) -> dict[str, Value]:
        """What `rows` streams show in an engine made with these options."""
        from tests.bench.gpu_engine import burst, median, percentile, running

        model = model or self.fresh_model()
        self._reset_peak()
        with running(model, self.tokenizer, self.shape, rows, **options) as engine:
            load = burst(engine, self.tokenizer, self.shape, rows, self.sheet.left_s)
            by = f"{engine.batching}, {engine.attention}"
        limit = self.limit(rows, load.context_tokens, model)
        values = {
            "tokens_per_s": Value(load.tokens_per_s, "tokens/s", limit, by),
            "step_ms": Value(load.step_ms, "ms/step", rows / limit * 1e3, by),
            "first_token_p50_s": Value(percentile(load.first_token_s, 50), "s"),
            "job_p50_s": Value(percentile(load.job_s, 50), "s"),
            "job_p95_s": Value(percentile(load.job_s, 95), "s"),
        }
        if (first_scene := median(load.first_scene_s)) is not None:
            values["first_scene_p50_s"] = Value(first_scene, "s")
        if load.mask_ms is not None:
            values["mask_ms"] = Value(load.mask_ms, "ms/step")
        values |= self._memory("memory_gb")
        return {f"{prefix}{rows}_{name}": value for name, value in values.items()}

    # -- variants -----------------------------------------------------------------------------------------------------

    def _engine_phases(
        self, prefix: str, sizes: list[int], packages: tuple[str, ...] = (), **options: Any
    ) -> list[Phase]:
        return [
            Phase(
                _names(prefix, rows, SHORT if options else FULL),
                lambda rows=rows: self.under_load(prefix, rows, **options),  # type: ignore[misc]
                (*ENGINE, *packages),
                10 + rows / 5 + (50 if packages else 0),
            )
            for rows in sizes
        ]

    def _without_grammar(self, rows: int) -> Callable[[], dict[str, Value]]:
        def run() -> dict[str, Value]:
            from tests.bench.gpu_engine import no_grammar

            with no_grammar():
                return self.under_load("grammar_off_", rows)

        return run

    def _arriving(self, rate: float) -> Callable[[], dict[str, Value]]:
        def run() -> dict[str, Value]:
            from tests.bench.gpu_engine import arrivals, percentile, running

            left_s, jobs = self.sheet.left_s, 2 if self.tiny else max(10, min(150, round(rate * 15)))
            with running(self.fresh_model(), self.tokenizer, self.shape, self.middle) as engine:
                seconds = arrivals(engine, self.tokenizer, self.shape, rate=rate, jobs=jobs, time_left_s=left_s)
            p50, p95 = _rate_names(rate)
            return {p50: Value(percentile(seconds, 50), "s"), p95: Value(percentile(seconds, 95), "s")}

        return run

    def _quantised(self, bits: int) -> Phase:
        prefix = f"int{bits}_"

        def run() -> dict[str, Value]:
            from tests.bench.gpu_model import quantised, weight_bytes

            model = quantised(self.fresh_model(), self.shape, bits, self.device)
            values = {
                f"{prefix}weights_gb": Value(weight_bytes(model) / 1e9, "GB read/step"),
                f"{prefix}memory_gb": Value(model.get_memory_footprint() / 1e9, "GB"),
            }
            for rows in self.pair:
                values |= self.under_load(prefix, rows, model)
            return values

        names = tuple(name for rows in self.pair for name in _names(prefix, rows))
        return Phase((f"{prefix}weights_gb", f"{prefix}memory_gb", *names), run, (*ENGINE, "bitsandbytes"), 60)

    def _plain(
        self, prefix: str, rows: int, seconds: float, packages: tuple[str, ...] = (), **options: Any
    ) -> list[Phase]:
        name = f"{prefix}{rows}_tokens_per_s"
        attention, compiled = options.pop("attention", "sdpa"), options.pop("compiled", False)

        def run() -> dict[str, Value]:
            from tests.bench.gpu_plain import continuous

            options["default_compile_level"] = int(compiled and self.device == "cuda")
            rate, warm_up_s = continuous(self.fresh_model(attention), self.shape, rows, **options)
            context = self.shape.prompt_tokens + self.shape.plain_tokens / 2
            return {
                name: Value(rate, "tokens/s", self.limit(rows, context)),
                f"{prefix}warm_up_s": Value(warm_up_s, "s"),
            }

        return [Phase((name, f"{prefix}warm_up_s"), run, (*PLAIN, *packages), seconds)]

    def _attention(self, name: str, package: str) -> list[Phase]:
        return self._plain(f"plain_{name}_", self.middle, 20, (package,), attention=name)

    # -- what they share ----------------------------------------------------------------------------------------------

    @property
    def bandwidth(self) -> float:
        if self._bandwidth is None:
            from tests.bench.gpu_card import copy_bandwidth

            self._bandwidth = copy_bandwidth(self.device, self.tiny)
        return self._bandwidth

    def limit(self, rows: int, context_tokens: float, model: Any = None) -> float:
        """Tokens a second if a step only read the weights and the texts' keys and values, one token a text and step."""
        from tests.bench.gpu_model import weight_bytes

        step_bytes = weight_bytes(model or self.model) + rows * context_tokens * self.shape.kv_bytes_a_token
        return rows * self.bandwidth / step_bytes

    @property
    def model(self) -> Any:
        if self._model is None:
            from tests.bench.gpu_model import random_model

            self._model = random_model(self.shape, self.device)
        return self._model

    def fresh_model(self, attention: str = "sdpa") -> Any:
        """The model with this attention, whatever the phase before switched to."""
        self.model.set_attn_implementation(attention)
        return self.model

    @property
    def tokenizer(self) -> Any:
        if self._tokenizer is None:
            from tests.bench.gpu_model import tokenizer_of

            self._tokenizer = tokenizer_of(self.shape)
        return self._tokenizer

    def _memory(self, name: str) -> dict[str, Value]:
        import torch

        peak = torch.cuda.max_memory_allocated() if self.device == "cuda" else 0
        return {name: Value(peak / 1e9, "GB")}

    def _reset_peak(self) -> None:
        import torch

        if self.device == "cuda":
            torch.cuda.reset_peak_memory_stats()


def _names(prefix: str, rows: int, what: tuple[str, ...] = SHORT) -> tuple[str, ...]:
    return tuple(f"{prefix}{rows}_{name}" for name in what)


def _rate_names(rate: float) -> tuple[str, str]:
    return f"arriving_{rate:g}_per_s_job_p50_s", f"arriving_{rate:g}_per_s_job_p95_s"
