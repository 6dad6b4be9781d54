"""What `make bench-gpu` can measure: each method one phase's figures, with the limit beside each. Knows not which of it
is measured, nor in what order (gpu_plan.py).
"""

from __future__ import annotations

from typing import Any

from tests.bench.gpu_sheet import Sheet, Value


class Bench:
    """The card, the model and the tokenizer, each made when the first phase needs it."""

    def __init__(self, sheet: Sheet, tiny: bool) -> None:
        import torch

        from tests.bench import gpu_model

        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.shape = gpu_model.TINY if tiny else gpu_model.REAL
        self.sheet, self.tiny = sheet, tiny
        self._bandwidth: float | None = None
        self._model: Any = None
        self._tokenizer: Any = None

    # -- the card, the model, what else one could run -----------------------------------------------------------------

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
        return {"guide_one_by_one_tokens_per_s": Value(rate, "tokens/s", self._plain_limit(1), "generate", "sdpa")}

    def plain(self, prefix: str, rows: int, attention: str = "sdpa", **options: Any) -> dict[str, Value]:
        """transformers' own batching, without a grammar."""
        from tests.bench.gpu_plain import continuous

        model = self.fresh_model(attention)
        rate, warm_up_s = continuous(model, self.shape, rows, **options)
        ran = ("generate_batch", model.config._attn_implementation)
        return {
            f"{prefix}{rows}_tokens_per_s": Value(rate, "tokens/s", self._plain_limit(rows), *ran),
            f"{prefix}warm_up_s": Value(warm_up_s, "s", None, *ran),
        }

    def ready(self) -> dict[str, Value]:
        from tests.bench.gpu_ready import ready_s

        return {"worker_ready_s": Value(ready_s(self.fresh_model(), self.tokenizer, self.device), "s")}

    def kernel(self, name: str, rows: int) -> dict[str, Value]:
        """One layer's attention, or another kernel that takes each row once a step."""
        from tests.bench.gpu_card import median_s
        from tests.bench.gpu_kernels import KERNELS, Texts

        call, read_bytes = KERNELS[name](Texts(self.shape, self.device, rows))
        limit_us = read_bytes / self.bandwidth * 1e6
        return {f"kernel_{name}_{rows}_us": Value(median_s(call, self.device) * 1e6, "us", limit_us)}

    def forward(self, token_rows: tuple[int, ...]) -> dict[str, Value]:
        """The decode loop's device alone, as graphs and, for the most common size, launched piece by piece."""
        from tests.bench.gpu_forward import CONTEXT_TOKENS, TEXTS, choice_ms, device_of, forward_ms

        def limit_ms(rows: int) -> float:
            return rows / self.limit(rows, CONTEXT_TOKENS) * 1e3

        ran = ("device alone", "triton" if self.device == "cuda" else "torch")
        device, values = device_of(self.fresh_model(), graphs=True), {}
        for rows in token_rows:
            ms = forward_ms(device, rows)
            values[f"forward_{rows}_ms"] = Value(ms, "ms/step", limit_ms(rows), *ran)
        values[f"choice_{TEXTS}_ms"] = Value(choice_ms(device, TEXTS), "ms/step", None, *ran)
        del device
        ms = forward_ms(device_of(self.fresh_model(), graphs=False), TEXTS)
        return values | {f"forward_eager_{TEXTS}_ms": Value(ms, "ms/step", limit_ms(TEXTS), *ran)}

    # -- the engine ---------------------------------------------------------------------------------------------------

    def under_load(self, prefix: str, rows: int, model: Any = None, **options: Any) -> dict[str, Value]:
        """What `rows` streams show in an engine made with these options."""
        from tests.bench.gpu_engine import burst, median, percentile, running

        model = model or self.fresh_model()
        self._reset_peak()
        with running(model, self.tokenizer, self.shape, rows, **options) as engine:
            load = burst(engine, self.tokenizer, self.shape, rows, self.sheet.left_s)
        limit, ran = self.limit(rows, load.context_tokens, model), (load.engine, load.attention)
        values = {
            "tokens_per_s": Value(load.tokens_per_s, "tokens/s", limit, *ran),
            "step_ms": Value(load.step_ms, "ms/step", rows / limit * 1e3, *ran),
            "first_token_p50_s": Value(percentile(load.first_token_s, 50), "s", None, *ran),
            "job_p50_s": Value(percentile(load.job_s, 50), "s", None, *ran),
            "job_p95_s": Value(percentile(load.job_s, 95), "s", None, *ran),
        }
        if (first_scene := median(load.first_scene_s)) is not None:
            values["first_scene_p50_s"] = Value(first_scene, "s", None, *ran)
        values |= self._memory("memory_gb")
        return {f"{prefix}{rows}_{name}": value for name, value in values.items()}

    def without_grammar(self, prefix: str, rows: int, **options: Any) -> dict[str, Value]:
        """Neither masks nor forced tokens."""
        from tests.bench.gpu_engine import no_grammar

        with no_grammar():
            return self.under_load(prefix, rows, **options)

    def arriving(self, rate: float, rows: int, **options: Any) -> dict[str, Value]:
        """Jobs that arrive at random, `rate` a second."""
        from tests.bench.gpu_engine import arrivals, percentile, ran, running

        left_s, jobs = self.sheet.left_s, 2 if self.tiny else max(10, min(150, round(rate * 15)))
        with running(self.fresh_model(), self.tokenizer, self.shape, rows, **options) as engine:
            what = ran(engine)
            seconds = arrivals(engine, self.tokenizer, self.shape, rate=rate, jobs=jobs, time_left_s=left_s)
        shown = f"arriving_{rate:g}_per_s_job_"
        return {f"{shown}p{at}_s": Value(percentile(seconds, at), "s", None, *what) for at in (50, 95)}

    def quantised(self, bits: int, sizes: list[int]) -> dict[str, Value]:
        from tests.bench.gpu_model import quantised, weight_bytes

        prefix = f"int{bits}_"
        model = quantised(self.fresh_model(), self.shape, bits, self.device)
        values = {
            f"{prefix}weights_gb": Value(weight_bytes(model) / 1e9, "GB read/step"),
            f"{prefix}memory_gb": Value(model.get_memory_footprint() / 1e9, "GB"),
        }
        for rows in sizes:
            values |= self.under_load(prefix, rows, model, batching="auto")
        return values

    def host(self, rows: int, **options: Any) -> dict[str, Value]:
        """Where the engine's thread spends a step, by the clock on the wall."""
        from tests.bench.gpu_profile import grouped_ms, host_parts

        steps = host_parts(self.fresh_model(), self.tokenizer, self.shape, rows, self.sheet.left_s, **options)
        return {f"host_{rows}_{part}_ms": Value(ms, "ms/step") for part, ms in grouped_ms(steps).items()}

    def profile(self, rows: int, **options: Any) -> dict[str, Value]:
        """Writes steps-N.txt beside the sheet."""
        from tests.bench.gpu_profile import profiled

        out = self.sheet.path.parent / f"steps-{rows}.txt"
        given = (self.fresh_model(), self.tokenizer, self.shape, rows, self.sheet.left_s, out)
        busy, ms = profiled(*given, **options)
        return {f"profile_{rows}_busy": Value(busy, "of the time"), f"profile_{rows}_card_ms": Value(ms, "ms/step")}

    # -- what follows from other figures ------------------------------------------------------------------------------

    def masks_exposed(self, rows: int) -> dict[str, Value]:
        """By how much a step is longer for its masks, neither step with forced tokens."""
        masked, free = (self.sheet.value_of(f"{prefix}{rows}_step_ms") for prefix in ("forced_off_", "grammar_off_"))
        return {f"masks_exposed_{rows}": Value(max(0.0, masked - free) / masked, "of a step")}

    def times_the_guide(self, rows: int) -> dict[str, Value]:
        rate = self.sheet.value_of(f"engine_{rows}_tokens_per_s")
        return {f"engine_{rows}_vs_guide": Value(rate / self.sheet.value_of("guide_one_by_one_tokens_per_s"), "times")}

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

    def _plain_limit(self, rows: int) -> float:
        return self.limit(rows, self.shape.prompt_tokens + self.shape.plain_tokens / 2)

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
