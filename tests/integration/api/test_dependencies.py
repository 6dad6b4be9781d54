"""What a route asks for is got on the event loop: a thread for each costs more than the rest of a read."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import isasyncgenfunction, iscoroutinefunction

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from api.wiring import create_app
from shared.settings import Settings


def everything(dependant: Dependant) -> Iterator[object]:
    for child in dependant.dependencies:
        yield child.call
        yield from everything(child)


def test_no_route_asks_for_anything_in_a_thread() -> None:
    found = list(iter_route_contexts(create_app(Settings()).routes))

    routes = [one.original_route for one in found]
    calls = {call for route in routes if isinstance(route, APIRoute) for call in everything(route.dependant)}

    assert {"/jobs", "/batches/{batch_id}", "/jobs/{job_id}/deliveries", "/", "/docs"} <= {one.path for one in found}
    assert len(calls) >= 4
    assert [call for call in calls if not (iscoroutinefunction(call) or isasyncgenfunction(call))] == []
