"""Which request an endpoint is handed: what its annotation says, whatever its parameter is called."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse
from prometheus_client import CollectorRegistry

from api.http.auth import Keys
from api.http.body import JsonRoute
from api.http.dependencies import Parts
from api.http.poll import RawRoute
from api.trust import Trust
from api.wiring import refuse
from scriptqueue.schemas import JobRequest
from shared.settings import Settings
from shared.store.connection import Store

router = APIRouter(route_class=JsonRoute)


@router.post("/named-request")
async def named_request(request: JobRequest) -> str:
    return request.prompt


@router.post("/named-body")
async def named_body(body: JobRequest) -> str:
    return body.prompt


@router.post("/the-request-itself")
async def the_request_itself(request: Request) -> Any:
    return await request.json()


async def raw(whatever: Request) -> JSONResponse:
    return JSONResponse(whatever.path_params)


router.add_api_route("/raw/{name}", raw, route_class_override=RawRoute)


def answer(method: str, path: str, **options: Any) -> httpx.Response:
    app = FastAPI()
    app.include_router(router)
    settings = Settings()
    store, trust = Store(settings), Trust(settings, refuse)  # no Redis yet
    app.state.parts = Parts.on(store, trust, settings, Keys(settings.api.keys), CollectorRegistry())

    async def request() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
            return await client.request(method, path, **options)

    return asyncio.run(request())


@pytest.mark.parametrize("path", ["/named-request", "/named-body"])
def test_a_body_alone_is_validated_whatever_its_name(path: str) -> None:
    right, wrong = (answer("POST", path, json={"prompt": prompt}) for prompt in ("x", 7))

    assert (right.status_code, right.json()) == (200, "x")
    assert wrong.status_code == 422


def test_an_endpoint_that_asks_for_the_request_gets_it() -> None:
    assert answer("POST", "/the-request-itself", json={"prompt": 7}).json() == {"prompt": 7}


def test_a_raw_endpoint_reads_the_request_itself() -> None:
    assert answer("GET", "/raw/name").json() == {"name": "name"}
