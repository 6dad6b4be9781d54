"""`/problems/{code}`: what a problem means and what to do about it; for programs as JSON, for browsers as a page, for
both in the reader's language. Knows the catalogue, not where problems come from.
"""

from __future__ import annotations

import re
from html import escape
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from api.http.accept import preferred
from api.http.advice import ADVICE
from api.http.openapi import errors
from api.http.problems import NoSuchPath, catalogue
from api.routes.page import HEADERS
from scriptqueue.responses import ProblemType
from scriptqueue.scene_fields import Spoken
from shared.url_prefix import reached_at

_JSON, _HTML = "application/json", "text/html"
_REGION = re.compile(r"\b([a-z]{2,3})-[a-z0-9-]+")
_WORDS: dict[Spoken, tuple[str, str, str, str]] = {
    "en": ("en", "What to do", "told in a job's `error`", "Back to the page"),
    "zh": ("zh-CN", "怎么办", "写在任务的 `error` 里", "回到页面"),
}

router = APIRouter(tags=["service"])


@router.get(
    "/problems/{code}",
    response_model=ProblemType,
    responses={200: {"content": {_HTML: {"schema": {"type": "string"}}}}, **errors(NoSuchPath)},
)
async def problem(request: Request, code: Annotated[str, Path(examples=["invalid_request"])]) -> Response:
    """What a problem's `type` means, and what to do about it; a browser is shown a page. In English, or in Chinese
    where `Accept-Language` would rather have it."""
    known = catalogue().get(code)
    if known is None:
        raise NoSuchPath()
    spoken = spoken_by(request.headers.getlist("accept-language"))
    if spoken == "zh":
        known = known.model_copy(update={"title": ADVICE[code].title_zh, "advice": ADVICE[code].zh})
    headers = {"Vary": "Accept, Accept-Language"}
    if preferred(request.headers.getlist("accept"), (_JSON, _HTML)) != _HTML:
        return Response(known.model_dump_json(), media_type=_JSON, headers=headers)
    return Response(_page(known, spoken), media_type=_HTML, headers={**HEADERS, **headers})


def spoken_by(accept_language: list[str]) -> Spoken:
    """Whoever reads neither of the two is told in English."""
    headers = [_REGION.sub(r"\1", header.lower()) for header in accept_language]
    return "zh" if preferred(headers, ("en", "zh")) == "zh" else "en"


def _page(known: ProblemType, spoken: Spoken) -> str:
    tag, do, in_a_job, back = _WORDS[spoken]
    status = in_a_job if known.status is None else f"HTTP {known.status}"
    return (
        f'<!doctype html>\n<html lang="{tag}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(known.title)} · scriptqueue</title>"
        f'<link rel="icon" href="{reached_at("/page/icon.svg")}" type="image/svg+xml">'
        f'<link rel="stylesheet" href="{reached_at("/page/base.css")}"></head>'
        f'<body class="plain"><main><h1>{escape(known.title)}</h1>'
        f'<p class="hint"><code>{escape(known.code)}</code> · {_coded(status)}</p>'
        f"<h2>{do}</h2><p>{_coded(known.advice)}</p>"
        f'<p><a href="{reached_at("/")}">{back}</a></p></main></body></html>\n'
    )


def _coded(text: str) -> str:
    """What stands between backticks is code."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(text))
