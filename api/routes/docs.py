"""`/docs`: Swagger UI over /openapi.json, with its scripts from this host instead of a CDN."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

SWAGGER_FILES = "/docs/files"
FILES_APP = StaticFiles(packages=[("fastapi_swagger", "resources")])

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def swagger_ui(request: Request) -> HTMLResponse:
    """The description of the API, to read and to try."""
    return get_swagger_ui_html(
        openapi_url="/openapi.json",
        title=request.app.title,
        swagger_js_url=f"{SWAGGER_FILES}/swagger-ui-bundle.js",
        swagger_css_url=f"{SWAGGER_FILES}/swagger-ui.css",
        swagger_favicon_url=f"{SWAGGER_FILES}/favicon-32x32.png",
    )
