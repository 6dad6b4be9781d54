"""What users import: `from scriptqueue import Client, AsyncClient`.

Each name is read from its module when it is first used: the server takes the shapes alone from this package, and its
start must not pay for a client.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scriptqueue.async_client import AsyncClient
    from scriptqueue.client import (
        AccessDenied,
        ApiError,
        Busy,
        Client,
        ClientError,
        Conflict,
        DoneEvent,
        Event,
        Gone,
        JobUnsuccessful,
        NotFound,
        PartlySubmitted,
        ProgressEvent,
        RequestInvalid,
        SceneEvent,
        ServiceUnreachable,
        StatusEvent,
        WaitTimedOut,
    )
    from scriptqueue.schemas import Job, Scene, Status, Storyboard
    from scriptqueue.version import VERSION as __version__

__all__ = [
    "AccessDenied",
    "ApiError",
    "AsyncClient",
    "Busy",
    "Client",
    "ClientError",
    "Conflict",
    "DoneEvent",
    "Event",
    "Gone",
    "Job",
    "JobUnsuccessful",
    "NotFound",
    "PartlySubmitted",
    "ProgressEvent",
    "RequestInvalid",
    "Scene",
    "SceneEvent",
    "ServiceUnreachable",
    "Status",
    "StatusEvent",
    "Storyboard",
    "WaitTimedOut",
    "__version__",
]
_ELSEWHERE = {
    **dict.fromkeys(("Job", "Scene", "Status", "Storyboard"), "schemas"),
    "__version__": "version",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"scriptqueue.{_ELSEWHERE.get(name, 'client')}")
    return getattr(module, "VERSION" if name == "__version__" else name)
