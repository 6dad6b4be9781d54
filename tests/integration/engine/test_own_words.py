"""Which words of a request may come again in its text."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scriptqueue.schemas import Character, JobRequest
from tests.integration.engine.conftest import engine_of
from worker.backend.model import ModelBackend

if TYPE_CHECKING:
    from models.load import LoadedModel


def test_the_engine_is_given_the_words_of_the_request_but_none_of_the_templates(
    tiny_model: Any, loaded: LoadedModel
) -> None:
    own, engine = replace(loaded, model=tiny_model), engine_of(tiny_model, loaded)
    cast = (Character(id="xiaoyu", name="小雨", look="黄色雨靴"),)
    request = JobRequest(prompt="雨中的猫", style="film noir", instructions="one red raincoat", characters=cast)

    words = ModelBackend(own, engine)._engine_request(request, 0, 60, ()).own_words

    engine.stop()
    assert words == "雨中的猫 film noir one red raincoat 小雨 黄色雨靴"
