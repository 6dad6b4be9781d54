"""Writes with a loaded model: a request becomes prompt ids and a grammar, the engine's token ids become text."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Literal

from models.load import LoadedModel, load
from shared.schemas import JobRequest, ModelInfo, Progress, Source
from shared.settings import Settings
from worker.engine.batch import BatchEngine
from worker.engine.generation import Generation
from worker.engine.request import Finish, GenerationRequest, Sampling
from worker.script.grammar import durations, storyboard_schema
from worker.script.prompt import messages
from worker.writer import Written

_ENDED: dict[Finish, Literal["complete", "stopped", "timeout"]] = {
    "complete": "complete",
    "closed_early": "complete",
    "stopped": "stopped",
    "timeout": "timeout",
}


@dataclass(frozen=True)
class ModelDraft:
    generation: Generation
    loaded: LoadedModel
    most_scenes: int

    def progress(self) -> Progress:
        now = self.generation.snapshot()
        by_scenes = now.scenes_done / self.most_scenes
        by_tokens = now.sampled_tokens / self.generation.request.max_new_tokens
        fraction = min(0.99, round(max(by_scenes, by_tokens), 3))
        phase: Literal["writing", "prefill"] = "writing" if now.sampled_tokens else "prefill"
        return Progress(phase=phase, tokens=now.tokens, scenes_done=now.scenes_done, fraction=fraction)

    def stop(self) -> None:
        self.generation.stop()

    def wait(self) -> Written:
        output = self.generation.wait()
        request = self.generation.request
        notes = []
        if output.finish == "closed_early":
            notes.append(f"closed early: the budget of {request.max_new_tokens} sampled tokens was nearly used up")
        if output.loops_stopped:
            notes.append(f"{output.loops_stopped} texts that began to repeat themselves were ended")
        return Written(
            text=self.loaded.tokenizer.decode(output.token_ids, skip_special_tokens=True),
            ended=_ENDED[output.finish],
            prompt_tokens=len(request.prompt_ids),
            output_tokens=len(output.token_ids),
            notes=tuple(notes),
        )


class ModelWriter:
    source: Source = "model"

    def __init__(self, loaded: LoadedModel, engine: BatchEngine) -> None:
        self.device = loaded.device
        self.slots = engine.max_batch
        self._loaded = loaded
        self._engine = engine

    @classmethod
    def load(cls, settings: Settings) -> ModelWriter:
        """Load the model that the settings name and start the engine; raises `ModelUnavailable`."""
        loaded = load(
            settings.model.path or settings.model.name,
            dtype=settings.model.dtype,
            weight_bits=settings.model.weight_bits,
            device=settings.model.device,
            attention=settings.model.attention,
            cache_dir=settings.model.cache_dir,
            endpoint=settings.model.endpoint or os.environ.get("HF_ENDPOINT"),
        )
        engine = BatchEngine(
            loaded.model,
            loaded.tokenizer,
            eos_token_ids=loaded.eos_token_ids,
            context_tokens=loaded.context_tokens,
            max_batch=settings.worker.max_batch,
        )
        engine.start()
        return cls(loaded, engine)

    def start(self, request: JobRequest, *, seed: int, time_left_s: float) -> ModelDraft:
        """Raises `PromptTooLong`."""
        sampling = request.sampling
        generation = self._engine.submit(
            GenerationRequest(
                prompt_ids=tuple(self._prompt_ids(request)),
                schema=json.dumps(storyboard_schema(request)),
                sampling=Sampling(sampling.temperature if sampling.do_sample else 0.0, sampling.top_p, seed),
                max_new_tokens=sampling.max_new_tokens,
                min_scenes=len(durations(request) or ()) or request.min_scenes,
                time_left_s=time_left_s,
            )
        )
        return ModelDraft(generation, self._loaded, len(durations(request) or ()) or request.max_scenes)

    def _prompt_ids(self, request: JobRequest) -> list[int]:
        text = self._loaded.text
        assert text is not None  # a model without a vocabulary is refused at the start
        return [*text.chat(messages(request)), *text.answer_start]

    def model_info(self, seed: int | None) -> ModelInfo:
        loaded = self._loaded
        return ModelInfo(
            name=loaded.name,
            revision=loaded.revision,
            dtype=loaded.dtype,
            weight_bits=loaded.weight_bits,
            seed=seed,
        )

    @property
    def tokens_per_s(self) -> float:
        return self._engine.tokens_per_s

    @property
    def broken(self) -> str | None:
        return str(self._engine.broken) if self._engine.broken else None

    def close(self) -> None:
        self._engine.stop()
