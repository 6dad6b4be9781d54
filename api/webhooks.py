"""A webhook as the API sees it: what of it can be refused before anything is queued, and what OpenAPI says is sent.

Knows settings and URLs; nothing is looked up or sent here (worker/webhooks/).
"""

from __future__ import annotations

from typing import Any

import httpx
from fastapi import APIRouter

from scriptqueue.schemas import Webhook
from shared.addresses import literally_refused
from shared.settings import WebhookSettings
from shared.store.webhook_messages import DoneMessage, SceneMessage, StatusMessage

SENT = APIRouter()  # documentation alone: these are requests that we make
_OUTCOMES: dict[int | str, dict[str, Any]] = {
    "2XX": {"description": "Delivered"},
    410: {"description": "Nothing more of this job is sent"},
    "default": {"description": "Failed: tried again if it tells how the job ended. A redirect is not followed"},
}


def fault_of(webhook: Webhook, settings: WebhookSettings) -> dict[str, Any] | None:
    """Why this could never be delivered, as pydantic tells a fault."""
    if not settings.secrets:
        return _fault("webhooks_not_configured", "this service has no WEBHOOKS__SECRET to sign webhooks with")
    try:
        host = httpx.URL(webhook.url).host
    except httpx.InvalidURL:
        return _fault("url", "must be an http or https URL", "url")
    if literally_refused(host) and not settings.allow_private:
        return _fault("private_address", "must lead to a public address (WEBHOOKS__ALLOW_PRIVATE is off)", "url")
    return None


def _fault(kind: str, words: str, *field: str) -> dict[str, Any]:
    return {"type": kind, "loc": ("body", "webhook", *field), "msg": words}


@SENT.post("job.status", responses=_OUTCOMES)
async def status(message: StatusMessage) -> None:
    """A new status or a new attempt, if `events` has `status`. Tried once unless the status is a final one."""


@SENT.post("job.scene", responses=_OUTCOMES)
async def scene(message: SceneMessage) -> None:
    """A scene that is complete, if `events` has `scene`. Tried once."""


@SENT.post("job.done", responses=_OUTCOMES)
async def done(message: DoneMessage) -> None:
    """The job is done, if `events` has `done`. Tried for about a day: after 5 s, 30 s, 2 min, 10 min, 30 min, 1 h, 2 h,
    4 h, 8 h and 8 h, each up to a fifth longer."""
