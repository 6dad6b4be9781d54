"""What every benchmark of the engine writes: eight prompts, the same budget, the same sampling."""

from __future__ import annotations

import json

from models.load import LoadedModel
from scriptqueue.schemas import JobRequest
from worker.engine.request import GenerationRequest, SamplingParams
from worker.script.grammar import layout, storyboard_schema
from worker.script.prompt import messages

PROMPTS = (
    "一个程序员在咖啡店找到灵感的故事",
    "A lighthouse keeper finds a message in a bottle",
    "森林里的猫找到一本会说话的书",
    "A robot learns to paint in the rain",
    "一位老人和他的小狗在海边看日出",
    "The last train leaves the station at midnight",
    "小女孩在月球上种下一棵树",
    "A baker invents bread that sings",
)
MAX_NEW_TOKENS = 60
SCENES = 3
TEMPERATURE, TOP_P = 0.7, 0.9


def job(prompt: str) -> JobRequest:
    return JobRequest.model_validate(
        {"prompt": prompt, "min_scenes": SCENES, "max_scenes": SCENES, "sampling": {"max_new_tokens": MAX_NEW_TOKENS}}
    )


def generation(loaded: LoadedModel, prompt: str, seed: int, temperature: float = TEMPERATURE) -> GenerationRequest:
    """What the worker hands to its engine for that job."""
    request = job(prompt)
    return GenerationRequest(
        prompt_ids=tuple(loaded.chat(messages(request))),
        schema=json.dumps(storyboard_schema(request)),
        layout=layout(),
        sampling=SamplingParams(temperature, TOP_P, seed),
        max_new_tokens=MAX_NEW_TOKENS,
        min_scenes=SCENES,
        time_left_s=600,
        own_words=prompt,
    )
