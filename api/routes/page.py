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

from api.http.dependencies import TheParts
from api.http.problems import NoSuchPath
from scriptqueue.further_fields import ALL_FIELDS
from scriptqueue.scene_fields import Fields, Spoken
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
    """The module that tells the page which fields a scene may have, and what readers call them and their terms."""
    known = [{"name": field.name, "kind": field.kind} for field in fields]
    words = {spoken: dict(_words(fields, spoken)) for spoken in get_args(Spoken)}
    return (
        f"// Made from the service's own table.\n\nexport const SCENE_FIELDS = {json.dumps(known)};\n\n"
        f"export const FIELD_WORDS = {json.dumps(words, ensure_ascii=False)};\n"
    ).encode()


def _words(fields: Fields, spoken: Spoken) -> Iterator[tuple[str, str]]:
    for field in fields:
        label = field.wording(spoken).label
        yield f"scene.{field.name}", label[0].upper() + label[1:]
        for term in field.terms:
            yield f"{field.name}.{term.replace(' ', '_')}", field.shown(spoken, term)


GENERATED = {"scene_fields.js": scene_fields()}  # a module and no answer of its own: it is there before the first card
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
    """Whether a key is wanted, and where Flower is."""
    return {"authenticated": bool(parts.keys), "flower_url": parts.settings.flower.url or None}


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
