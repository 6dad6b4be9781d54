"""A route of one client: its key before anything else of the request, then no query parameter that is none of ours.

FastAPI ignores a parameter that no route names, so that a misspelt `status` would list all jobs. Knows no route.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.utils import get_flat_params
from fastapi.exceptions import RequestValidationError
from fastapi.params import Query
from fastapi.routing import APIRoute

from api.http.dependencies import Parts
from api.http.validation_errors import UNKNOWN, no_such

Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]


class KeyedRoute(APIRoute):
    """For every route that asks for a key; what needs none says the same whatever is asked."""

    def get_route_handler(self) -> Endpoint:
        return self.with_known_parameters(super().get_route_handler())

    def with_known_parameters(self, handle: Endpoint) -> Endpoint:
        known = {field.alias for field in get_flat_params(self.dependant) if isinstance(field.field_info, Query)}

        async def handle_known(request: Request) -> Response:
            if request.scope["query_string"]:
                parts: Parts = request.app.state.parts
                parts.client(request)
                _refuse([name for name in request.query_params if name not in known], known)
            return await handle(request)

        return handle_known


def _refuse(unknown: list[str], known: set[str]) -> None:
    if unknown:
        raise RequestValidationError(
            [{"type": UNKNOWN, "msg": no_such("parameter", name, known), "loc": ("query", name)} for name in unknown]
        )
