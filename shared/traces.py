"""OpenTelemetry: one trace from POST through the queue to the engine and the webhook; off without an endpoint.

What crosses a process is W3C's `traceparent`, kept in the job's record. Without an endpoint nothing is imported and a
span costs a comparison; prompts and storyboards are never attributes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from shared.errors import SettingsInvalid
from shared.settings import TracesSettings

Value = str | int | float
Note = Callable[[str, Value], None]

_provider: Any = None  # of this process, once started
_tracer: Any = None


def start_traces(settings: TracesSettings, service: str) -> None:
    """Once, at the start of a process; spans are sent in the background. Raises `SettingsInvalid` without packages."""
    global _provider, _tracer  # noqa: PLW0603 - as OpenTelemetry's own provider, there is one a process
    if settings.endpoint is None:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        packages = "opentelemetry-sdk and opentelemetry-exporter-otlp-proto-http"
        raise SettingsInvalid(f"TRACES__ENDPOINT needs {packages}") from None
    _provider = provider = TracerProvider(resource=Resource.create({"service.name": service}))
    exporter = OTLPSpanExporter(f"{settings.endpoint.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    _tracer = provider.get_tracer("scriptqueue")


def stop() -> None:
    """Send what is left. A process that a signal ends runs no handler that would."""
    if _provider is not None:
        _provider.shutdown()


@contextmanager
def span(name: str, parent: str = "", waited_s: float = 0, **attributes: Value) -> Iterator[Note]:
    """What is done meanwhile. `parent`: a `traceparent`; none: the span around this one. `waited_s`: it began that much
    earlier. What is yielded notes what only the end knows."""
    if _tracer is None:
        yield lambda name, value: None
        return
    from opentelemetry.propagate import extract

    context = extract({"traceparent": parent}) if parent else None
    begun_ns = time.time_ns() - int(waited_s * 1e9)
    with _tracer.start_as_current_span(name, context, attributes=attributes, start_time=begun_ns) as begun:
        yield begun.set_attribute


def record(name: str, parent: str, waited_s: float) -> None:
    """What is over: it began so long ago and ends now."""
    with span(name, parent, waited_s):
        pass


def current() -> str:
    """The `traceparent` of the span around; empty when there is none."""
    if _tracer is None:
        return ""
    from opentelemetry.propagate import inject

    carrier: dict[str, str] = {}
    inject(carrier)
    return carrier.get("traceparent", "")
