"""What a route asks for is got on the event loop: a thread for each costs more than the rest of a read."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import iscoroutinefunction

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from api.routes import batches, dead, events, jobs, service


def everything(dependant: Dependant) -> Iterator[object]:
    for child in dependant.dependencies:
        yield child.call
        yield from everything(child)


def test_no_route_asks_for_anything_in_a_thread() -> None:
    routes = [route for module in (jobs, batches, events, dead, service) for route in module.router.routes]

    asked = {call for route in routes if isinstance(route, APIRoute) for call in everything(route.dependant)}

    assert len(asked) >= 4
    assert [call for call in asked if not iscoroutinefunction(call)] == []
