"""`source` says who wrote a storyboard: `model` where it stands as written, `repaired` where it was changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from scriptqueue.schemas import JobRequest, Sampling, Source
from shared.store.executions import Claim
from worker.attempt import Attempt
from worker.backend.backend import Completion, Prefix
from worker.backend.storyboard import StoryboardOutcome, make_storyboard
from worker.backend.stub import StubBackend, StubGeneration

REQUEST = JobRequest(prompt="雾。光。海。", sampling=Sampling(seed=1))
SCENE = {"scene_number": 1, "description": "雾", "duration": 5, "camera": "wide shot", "action": "散开"}
SCENES = [{**SCENE, "scene_number": number, "description": f"雾{number}"} for number in (1, 2, 3)]


class Reciter(StubBackend):
    """A backend that writes these texts, one after another."""

    def __init__(self, source: Source, *texts: str, notes: tuple[str, ...] = ()) -> None:
        super().__init__(slots=1)
        self.source = source
        self._completions = [Completion(text, "complete", 10, 20, notes) for text in texts]

    def start(
        self, request: JobRequest, *, seed: int, time_left_s: float, begun: Prefix, on_scene: Callable[[], None]
    ) -> StubGeneration:
        generation = super().start(request, seed=seed, time_left_s=time_left_s, begun=begun, on_scene=on_scene)
        completion = self._completions.pop(0)
        generation.wait = lambda: completion  # type: ignore[method-assign]
        return generation


def outcome(backend: Reciter) -> StoryboardOutcome:
    return make_storyboard(Attempt(Claim("job", "token", REQUEST, attempt=1, queued_s=0)), backend)


def text(*changes: dict[str, Any], **more: Any) -> str:
    scenes = [{**scene, **change} for scene, change in zip(SCENES, [*changes, {}, {}, {}], strict=False)]
    return json.dumps({"title": "雾", "scenes": scenes, **more}, ensure_ascii=False)


REPEATED = {"description": "雾1"}
WRITTEN: dict[str, tuple[str, Source, list[str]]] = {
    "as it stands": (text(), "model", []),
    "a scene twice": (text({}, REPEATED), "model", ["scene 2 repeats scene 1"]),
    "a scene three times": (text({}, REPEATED, REPEATED), "model", ["scenes 2 to 3 repeat scene 1"]),
    "twice, but for a comma and blanks": (text({}, {"description": "雾，1"}), "model", ["scene 2 repeats scene 1"]),
    "a length in words": (text({"duration": "5秒"}), "repaired", ["scene 1: duration '5秒' read as 5 s"]),
    "a length in words, and a scene twice": (
        text({"duration": "5秒"}, REPEATED),
        "repaired",
        ["scene 1: duration '5秒' read as 5 s", "scene 2 repeats scene 1"],
    ),
    "an entity": (
        text({"description": "雾&amp;光"}),
        "repaired",
        ["scene 1: description: HTML entities or doubled escapes were read as what they mean"],
    ),
    "scenes too many, all alike": (
        text(scenes=[*SCENES, *({**SCENE, "scene_number": number} for number in range(4, 10))]),
        "repaired",
        ["1 scenes above the maximum of 8 were cut", "scenes 5 to 8 repeat scene 4"],
    ),
    "no title": (text(title=""), "repaired", ["title: missing, taken from the prompt"]),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_only_what_was_changed_is_repaired(name: str) -> None:
    written, source, repairs = WRITTEN[name]

    made = outcome(Reciter("model", written))

    assert (made.source, list(made.repairs)) == (source, repairs)


def test_what_a_model_tells_of_its_text_changes_nothing() -> None:
    made = outcome(Reciter("model", text(), notes=("closed early",)))

    assert (made.source, made.repairs) == ("model", ("closed early",))


def test_a_stub_is_no_model_whatever_was_mended() -> None:
    assert outcome(Reciter("stub", text({"duration": "5秒"}))).source == "stub"


def test_a_second_text_that_stands_is_the_models() -> None:
    made = outcome(Reciter("model", "no storyboard", text()))

    assert (made.source, len(made.repairs), made.output_tokens) == ("model", 1, 40)


def test_two_texts_without_a_storyboard_are_the_fallback() -> None:
    assert outcome(Reciter("model", "none", "none")).source == "fallback"
