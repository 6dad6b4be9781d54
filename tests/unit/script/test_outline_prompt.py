"""What a request for an outline changes before a model writes: what it is told, and what that may cost."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from scriptqueue.schemas import JobRequest
from shared.board.budget import default_tokens
from shared.eta import cost_of
from worker.script.grammar import layout, outline_of
from worker.script.prompt import messages

SCRIPT = "一碗面。老板起床了。"


@pytest.mark.parametrize(
    ("wish", "order", "not_this"),
    [
        ({"prompt": "雨中的猫"}, "先列提纲", "只输出 JSON"),
        ({"prompt": "A cat in the rain"}, "First outline it, one line for each scene", "JSON only"),
        ({"prompt": "Un gato bajo la lluvia"}, "First outline it", "JSON only"),
        ({"prompt": SCRIPT, "mode": "break_down"}, "先列提纲", "只输出 JSON"),
        ({"prompt": "One cat sleeps. Another one does not.", "mode": "break_down"}, "First outline it", "JSON only"),
    ],
)
def test_the_model_is_told_to_outline_first(wish: dict[str, Any], order: str, not_this: str) -> None:
    plain, outlined = ("\n".join(m["content"] for m in messages(JobRequest(**wish, outline=o))) for o in (False, True))

    assert order in outlined
    assert not_this not in outlined
    assert not_this in plain
    assert order not in plain


@pytest.mark.parametrize(
    ("wish", "part", "lines"),
    [
        ({}, None, (3, 8)),
        ({"min_scenes": 2, "max_scenes": 60}, None, (2, 60)),
        ({"target_duration_s": 20, "min_scenes": 4, "max_scenes": 4}, None, (4, 4)),
        ({"prompt": SCRIPT, "mode": "break_down"}, range(1, 2), (1, 1)),
    ],
)
def test_it_has_a_line_for_each_scene_of_the_text(
    wish: dict[str, Any], part: range | None, lines: tuple[int, int]
) -> None:
    request = JobRequest.model_validate({"prompt": "x", **wish, "outline": True})

    outline = outline_of(request, part)

    assert outline
    assert (outline.least, outline.most) == lines
    assert outline_of(JobRequest.model_validate({"prompt": "x", **wish}), part) is None


def test_its_lines_are_counted_before_it_starts() -> None:
    plain, outlined = JobRequest(prompt="x"), JobRequest(prompt="x", outline=True)

    assert cost_of(plain) < cost_of(outlined) <= 1.5 * cost_of(plain)
    assert default_tokens(outlined, 1536) > default_tokens(plain, 1536)
    assert layout(has_outline=True).min_tokens == 24
    with pytest.raises(ValidationError, match=r"at least 72 for 3 scenes \(24 a scene\)"):
        JobRequest.model_validate({"prompt": "x", "outline": True, "sampling": {"max_new_tokens": 71}})
