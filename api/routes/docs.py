"""`/docs`: Swagger UI over /openapi.json, with its scripts from this host instead of a CDN."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from typing import Any

from fastapi import APIRouter, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from starlette.responses import Response

from api.routes.page import HEADERS
from shared.url_prefix import reached_at

SWAGGER_FILES = "/docs/files"
# Swagger UI has the colours; nothing of it asks the system.
_DARK = b"""<meta name="color-scheme" content="light dark"><script>
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();
</script>"""
_INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)

router = APIRouter(include_in_schema=False)


class _Files(StaticFiles):
    """With the page's headers."""

    def file_response(self, *arguments: Any, **named: Any) -> Response:
        response = super().file_response(*arguments, **named)
        response.headers.update(HEADERS)
        return response


FILES_APP = _Files(packages=[("fastapi_swagger", "resources")])


@router.get("/docs")
async def swagger_ui(request: Request) -> HTMLResponse:
    """The description of the API, to read and to try."""
    files = reached_at(SWAGGER_FILES)
    response = get_swagger_ui_html(
        openapi_url=reached_at("/openapi.json"),
        title=request.app.title,
        swagger_js_url=f"{files}/swagger-ui-bundle.js",
        swagger_css_url=f"{files}/swagger-ui.css",
        swagger_favicon_url=f"{files}/favicon-32x32.png",
    )
    page = bytes(response.body).replace(b"</head>", _DARK + b"</head>", 1)
    return HTMLResponse(page, headers={**HEADERS, "Content-Security-Policy": _policy(page)})


def _policy(page: bytes) -> str:
    """As narrow as Swagger UI can live with: the one script in the page by its digest; styles and small pictures that
    it writes itself."""
    digests = [f"'sha256-{b64encode(sha256(script).digest()).decode()}'" for script in _INLINE_SCRIPT.findall(page)]
    return (
        f"default-src 'none'; script-src 'self' {' '.join(digests)}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
