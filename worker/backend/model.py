"""Writes with a loaded model: a request becomes prompt ids and a grammar, the engine's token ids become text."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from models.chat import ChatTokenizer
from models.chat_formats import ChatMessage
from models.cpu import end_threads, use_cores
from models.load import LoadedModel, load
from models.placement import gpu_id
from scriptqueue.further_fields import fields_named
from scriptqueue.scene_fields import of_kind
from scriptqueue.schemas import MIN_TOKENS_A_SCENE, Character, JobRequest, ModelInfo, Scene, Source
from shared.board.break_down import given_fields, script_shots
from shared.board.budget import tokens_a_scene
from shared.board.kept import KeptBoard, kept_board
from shared.board.likeness import seen_in
from shared.board.scenes import values_of
from shared.board.targets.room import written_ids
from shared.board.timing import durations
from shared.errors import EngineBroken, ModelUnavailable, NotFinite, OutOfMemory, PromptTooLong
from shared.settings import Settings
from shared.store.executions import Resume
from worker.backend.backend import Liveness, MetricValue, Prefix
from worker.backend.generation import ModelGeneration, Writing
from worker.backend.kv_memory import free_bytes
from worker.backend.make_engine import make_engine
from worker.backend.parts import ScriptParts
from worker.backend.probes import PROBES, PROOF, PROOF_SCHEMA
from worker.engine.batch import BatchEngine
from worker.engine.request import Draft, GenerationRequest, SamplingParams
from worker.script.complete import begun_cast, complete_scenes
from worker.script.grammar import layout, layout_of, outline_of, storyboard_schema
from worker.script.prompt import messages

GRAMMAR = version("llguidance")  # what it forces is part of a text

TIMES_USUAL = 2  # tokens of a scene that a part has room for, times those that models write
TOKENS_BEFORE = 160  # that a part's prompt has room for, to say what is seen before it
TOKENS_A_PORTRAIT = 60  # of a cast that is written, as a part has room for it
WARM_UP_S = 120.0
PROOF_S = 900.0  # of a model of 6 billion parameters on two slow cores


class ModelBackend:
    source: Source = "model"

    def __init__(self, loaded: LoadedModel, engine: BatchEngine, edition: str = "") -> None:
        self.device = loaded.device
        self.gpu = gpu_id(loaded.device)
        self.slots = engine.max_batch
        self._loaded = loaded
        self._engine = engine
        probed = [self._fingerprint(self._engine_request(probe, 0, 0, ())) for probe in PROBES]
        self.serves = sha256(f"{probed} {edition}".encode()).hexdigest()

    @classmethod
    def load(cls, settings: Settings) -> ModelBackend:
        """Load the model that the settings name and start the engine; raises `ModelUnavailable`."""
        if settings.model.cuda_graphs and (settings.model.device == "cpu" or not torch.cuda.is_available()):
            raise ModelUnavailable("MODEL__CUDA_GRAPHS needs a GPU, and the model would run on the CPU")
        use_cores()
        loaded = load(
            settings.model.path or settings.model.name,
            dtype=settings.model.dtype,
            weight_bits=settings.model.weight_bits,
            device=settings.model.device,
            attention=settings.model.attention,
            cache_dir=settings.model.cache_dir,
            endpoint=settings.model.hub_endpoint,
        )
        engine = make_engine(loaded, settings, free_bytes(loaded.model.device))
        end_threads()
        engine.start()
        backend = cls(loaded, engine, _edition(settings.model.path))
        try:
            backend.prove()
            if loaded.device.startswith("cuda"):  # on a CPU the first job is as quick as the next
                backend.warm_up()
        except BaseException:
            engine.stop()
            raise
        return backend

    def prove(self) -> None:
        """That the model writes: a few words, in which every score is a number. Raises `ModelUnavailable` where another
        start would end the same way, and `EngineBroken` where it might not."""
        proof = GenerationRequest(
            prompt_ids=tuple(self._prompt_ids(PROOF)),
            schema=json.dumps(PROOF_SCHEMA),
            layout=layout(),
            sampling=SamplingParams(0.0, 1.0, 0),
            max_new_tokens=layout().min_tokens,
            min_scenes=1,
            time_left_s=PROOF_S,
        )
        self._written([proof])

    def warm_up(self) -> None:
        """Two short texts, side by side, before the first job has to wait for it: kernels are loaded and chosen, memory
        is reserved, and the template's pages are there to be shared. Raises as `prove` does."""
        requests = [self._engine_request(probe, 0, WARM_UP_S, ()) for probe in PROBES[:2]]
        least = MIN_TOKENS_A_SCENE * PROBES[0].min_scenes
        self._written([replace(request, max_new_tokens=least) for request in requests])

    def _written(self, requests: list[GenerationRequest]) -> None:
        try:
            outputs = [text.wait() for text in [self._engine.submit(request) for request in requests]]
        except NotFinite as error:
            raise ModelUnavailable(
                "the model's scores are not finite: its weights are damaged, or need another MODEL__DTYPE (bf16)"
            ) from error
        except (OutOfMemory, PromptTooLong) as error:
            raise ModelUnavailable(f"the model was loaded, but wrote nothing: {error}") from error
        if any(output.finish not in {"complete", "closed_early"} for output in outputs):
            raise ModelUnavailable(f"the model was loaded, but wrote nothing in {requests[0].time_left_s:g} s")

    def _prove_again(self) -> None:
        """In the midst of jobs, after one of them had no finite scores."""
        try:
            self.prove()
        except ModelUnavailable as error:
            raise EngineBroken(str(error)) from error

    def start(
        self, request: JobRequest, *, seed: int, time_left_s: float, begun: Prefix, on_scene: Callable[[], None]
    ) -> ModelGeneration:
        """Goes on with the tokens of an earlier attempt where all that they depend on is the same, else with the scenes
        that were published. Raises `PromptTooLong`."""
        until_s = time.monotonic() + time_left_s
        resume = begun.resume if begun.resume and begun.resume.seed == seed else None

        def begin(given: tuple[Scene, ...], before: str, resume: Resume | None = None) -> Writing:
            left_s = until_s - time.monotonic()
            return self._begin(request, seed, left_s, Prefix(given, resume), on_scene, before=before)

        scenes, before = begun.scenes, resume.before if resume else ""
        if before:
            cast = begun_cast(before, request)
            scenes = complete_scenes(before, request, fields_named(request.fields), cast)
        return ModelGeneration(request, self._loaded, begin, begin(scenes, before, resume), self._prove_again)

    def _begin(  # noqa: PLR0913 - all that a text begins with
        self,
        request: JobRequest,
        seed: int,
        time_left_s: float,
        begun: Prefix,
        on_scene: Callable[[], None],
        *,
        before: str,
    ) -> Writing:
        given, resume = begun.scenes, begun.resume
        cast = begun_cast(before, request).members if before else ()
        engine_request = self._engine_request(request, seed, time_left_s, given, cast)
        if resume:
            earlier = self._engine_request(request, seed, time_left_s, given[: resume.given], cast)
            if self._fingerprint(earlier) == resume.fingerprint:
                given = given[: resume.given]
                drafts = tuple(Draft(*draft) for draft in resume.drafts)
                engine_request = replace(earlier, generated_ids=resume.token_ids, drafts=drafts)
        parts = self._parts(request)
        part = parts.after(len(given)) if parts else None
        handle = self._engine.submit(engine_request, on_scene)
        return Writing(handle, given, part, self._fingerprint(engine_request), before)

    def _engine_request(
        self,
        request: JobRequest,
        seed: int,
        time_left_s: float,
        given: Sequence[Scene],
        cast: Sequence[Character] = (),
    ) -> GenerationRequest:
        sampling, fields, kept = request.sampling, fields_named(request.fields), given_fields(request)
        shape = layout_of(request, fields, has_cast=bool(cast))
        parts, budget, base = self._parts(request), sampling.max_new_tokens, kept_board(request)
        free = {place: v for place, v in base.kept.items() if place < base.until} if base else {}
        if given:  # what they cost is spent, but what is left must do
            written = [field.name for field in of_kind("text", fields) if field.name not in kept]
            values = [v for place, v in enumerate(values_of(given, fields)) if place not in free]
            spent = self._tokens("".join(v.get(name, "") for v in values for name in written))
            budget = max(budget - spent, min(budget, shape.min_tokens * request.scenes_written[0]))
        part = parts.after(len(given)) if parts else None
        before = given[part.start - 1].description if part and part.start else ""
        return GenerationRequest(
            prompt_ids=tuple(self._prompt_ids(messages(request, fields, part, before, cast), thinking=request.outline)),
            schema=json.dumps(storyboard_schema(request, given, fields, part, cast)),
            layout=shape,
            sampling=SamplingParams(sampling.temperature if sampling.do_sample else 0.0, sampling.top_p, seed),
            max_new_tokens=parts.budget(budget, len(given)) if parts else budget,
            min_scenes=base.until if base else len(part or durations(request) or ()) or request.min_scenes,
            time_left_s=time_left_s,
            given_tokens=parts.given_tokens(len(given)) if parts else self._tokens(_as_text(base, free)),
            kept=frozenset(free),
            own_words=_own_words(request, cast or request.characters),
            earlier=tuple(map(seen_in, base.kept.values() if base else given[: part.start] if part else ())),
            close_in_s=time_left_s * parts.time_share(len(given)) if parts else math.inf,
            outline=outline_of(request, part, self._chat().thought_end),
        )

    def _parts(self, request: JobRequest) -> ScriptParts | None:
        """Of a script that is broken down; None: all that a request asks for is one text."""
        shots = None if request.base else script_shots(request)
        if not shots:
            return None
        fields = fields_named(request.fields)
        prompt = self._prompt_ids(messages(request, fields, range(0)))
        return ScriptParts(
            [self._tokens(json.dumps(shot.given if shot.lines else shot.words, ensure_ascii=False)) for shot in shots],
            TIMES_USUAL * tokens_a_scene(request),
            self._engine.context_tokens - len(prompt) - TOKENS_BEFORE,
            TOKENS_A_PORTRAIT * len(written_ids(request)),
        )

    def _tokens(self, text: str) -> int:
        return len(self._chat().encode(text))

    def _fingerprint(self, engine_request: GenerationRequest) -> str:
        """Of all that decides which token comes next; equal ones may go on with each other's tokens."""
        same = replace(engine_request, time_left_s=0, generated_ids=(), drafts=())
        return sha256(repr((self.model_info(None), GRAMMAR, same)).encode()).hexdigest()

    def _prompt_ids(self, conversation: list[ChatMessage], *, thinking: bool = False) -> list[int]:
        return self._chat().prompt(conversation, thinking=thinking)

    def _chat(self) -> ChatTokenizer:
        assert self._loaded.text is not None  # a model without a vocabulary is refused at the start
        return self._loaded.text

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
    def batching(self) -> str:
        return self._engine.batching

    @property
    def attention(self) -> str:
        return self._engine.attention

    @property
    def tokens_per_s(self) -> float:
        return self._engine.tokens_per_s

    def metric_values(self) -> tuple[MetricValue, ...]:
        engine = self._engine
        return (
            MetricValue("engine_steps", "Forward passes.", engine.steps, grows=True),
            MetricValue("engine_tokens", "Tokens written, forced ones included.", engine.tokens, grows=True),
            MetricValue("kv_cache_ratio", "Share of the KV cache that running texts have reserved.", engine.kv_share),
        )

    def liveness(self) -> Liveness:
        return Liveness(self._engine.steps, self._engine.unfinished)

    @property
    def broken(self) -> str | None:
        return str(self._engine.broken) if self._engine.broken else None

    def close(self) -> None:
        self._engine.stop()


def _own_words(request: JobRequest, cast: Sequence[Character]) -> str:
    """Those that may come again as often as the text likes: the request's own, and its cast's."""
    people = (f"{one.name} {one.look}" for one in cast)
    return " ".join(filter(None, (request.prompt, request.style, request.instructions, request.note, *people)))


def _as_text(base: KeptBoard | None, kept: Mapping[int, Mapping[str, Any]]) -> str:
    """What the grammar forces of the scenes that stay; empty: nothing does."""
    return json.dumps([base.title, *kept.values()], ensure_ascii=False) if base else ""


def _edition(folder: Path | None) -> str:
    """Of a local folder, which has no revision: its files by name, size and time."""
    if folder is None:
        return ""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return repr([(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files])
