"""`/`: the page, its files and what it must know of this service. The files are fixed while the process lives.

Knows the folder api/page and the headers of a page that no other code may enter; the rest the page asks of the API.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from mimetypes import guess_type
from pathlib import Path
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Header
from fastapi.responses import Response

from api.http.advice import ADVICE
from api.http.dependencies import TheParts
from api.http.problems import NoSuchPath, catalogue
from scriptqueue.further_fields import ALL_FIELDS
from scriptqueue.scene_fields import SCENE_FIELDS, Fields, SceneField, Spoken
from scriptqueue.schemas import AspectRatio, ExportFormat, TargetName
from shared.url_prefix import reached_at

FOLDER = Path(__file__).parents[1] / "page"
INDEX = "index.html"
HEADERS = {
    # Own files only, no inline script or style, no frame around it; a string never becomes HTML.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",  # kept, and asked for again by its ETag: a new version is seen at once
}
_FILE_OF_OURS = re.compile(rb'\b(?:href|src)="(?=/)')


@dataclass(frozen=True)
class PageFile:
    """One file as it is sent."""

    content: bytes
    media_type: str
    etag: str

    @classmethod
    def of(cls, name: str, content: bytes) -> PageFile:
        media_type = guess_type(name)[0] or "application/octet-stream"
        return cls(content, media_type, f'"{sha256(content).hexdigest()[:20]}"')


def scene_fields(fields: Fields = ALL_FIELDS) -> bytes:
    """The module that tells the page which fields a scene may have, what readers call them and their terms, and the
    other lists of names that a request may choose from."""
    known = [_known(field) for field in fields]
    words = {spoken: dict(_words(fields, spoken)) for spoken in get_args(Spoken)}
    return (
        f"// Made from the service's own table.\n\nexport const SCENE_FIELDS = {json.dumps(known)};\n\n"
        f"export const FIELD_WORDS = {json.dumps(words, ensure_ascii=False)};\n\n"
        f"export const TARGET_NAMES = {json.dumps(get_args(TargetName))};\n\n"
        f"export const ASPECT_RATIOS = {json.dumps(get_args(AspectRatio))};\n\n"
        f"export const EXPORT_FORMATS = {json.dumps(get_args(ExportFormat))};\n"
    ).encode()


def problem_words() -> bytes:
    """The module with every problem's title and what to do about it."""
    words: dict[Spoken, dict[str, str]] = {"zh": {}, "en": {}}
    for code, problem in catalogue().items():
        advice = ADVICE[code]
        words["en"] |= {f"problem.{code}": problem.title, f"advice.{code}": advice.en.replace("`", "")}
        words["zh"] |= {f"problem.{code}": advice.title_zh, f"advice.{code}": advice.zh.replace("`", "")}
    return f"export const PROBLEM_WORDS = {json.dumps(words, ensure_ascii=False)};\n".encode()


def _known(field: SceneField) -> dict[str, Any]:
    is_guides = field in SCENE_FIELDS
    return {
        "name": field.name,
        "kind": field.kind,
        "terms": field.terms,
        "fallback": field.default,
        "isGuides": is_guides,
    }


def _words(fields: Fields, spoken: Spoken) -> Iterator[tuple[str, str]]:
    for field in fields:
        label = field.wording(spoken).label
        yield f"scene.{field.name}", label[0].upper() + label[1:]
        for term in field.terms:
            yield f"{field.name}.{term.replace(' ', '_')}", field.shown(spoken, term)


# Modules and no answers of their own: they are there before the first card.
GENERATED = {"scene_fields.js": scene_fields(), "problem_words.js": problem_words()}
FILES = {path.name: PageFile.of(path.name, path.read_bytes()) for path in FOLDER.iterdir() if path.is_file()}
FILES |= {name: PageFile.of(name, content) for name, content in GENERATED.items()}
Known = Annotated[str, Header(alias="If-None-Match")]

router = APIRouter(include_in_schema=False)


@router.get("/")
async def index(known: Known = "") -> Response:
    """The page, whose files are where the service is reached."""
    sent = FILES[INDEX]
    if reached_at(""):
        sent = PageFile.of(INDEX, _FILE_OF_OURS.sub(rb"\g<0>" + reached_at("").encode(), sent.content))
    return _answer(sent, known)


@router.get("/page/settings.json")
async def settings(parts: TheParts) -> dict[str, Any]:
    """Whether a key is wanted, where Flower is, and how the service samples where a request says nothing."""
    generation = parts.settings.generation
    return {
        "authenticated": bool(parts.keys),
        "flower_url": parts.settings.flower.url or None,
        "sampling": {name: getattr(generation, name) for name in ("temperature", "top_p", "max_new_tokens")},
    }


@router.get("/page/{name}")
async def file(name: str, known: Known = "") -> Response:
    """One file of it; raises `NoSuchPath`."""
    if name not in FILES:
        raise NoSuchPath()
    return _answer(FILES[name], known)


def _answer(sent: PageFile, known: str) -> Response:
    headers = {**HEADERS, "ETag": sent.etag}
    if sent.etag in (tag.strip().removeprefix("W/") for tag in known.split(",")):
        return Response(status_code=304, headers=headers)
    return Response(sent.content, media_type=sent.media_type, headers=headers)
