"""Traces (TRACES=on): what the spans of web server and workers have in common, and where they are sent.

They are made and sent by OpenTelemetry, by OTLP over HTTP, as its own variables (OTEL_...) say. It is an
optional requirement (requirements-traces.txt) and is imported only where traces are on.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from threading import Thread
from typing import TYPE_CHECKING, Any

from config import VERSION, Settings, SettingsError

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider

NEEDED = ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http.trace_exporter")
NOT_INSTALLED = (
    "TRACES: install what it needs with `pip install --require-hashes -r requirements-traces.txt`, "
    "or leave it out."
)
CLOSING_S = 2.0
"""How long a process that ends waits for the collector, which OpenTelemetry tries for 10 seconds."""
LONGEST_STATE = 512
"""Of ``tracestate``: what is longer is left out (W3C Trace Context, 3.3.1.5)."""


def require_installed(settings: Settings) -> None:
    """Raise SettingsError where traces are on and OpenTelemetry is not installed."""
    if settings.traces == "on" and not all(map(_is_installed, NEEDED)):
        raise SettingsError([NOT_INSTALLED])


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def tracer_provider(settings: Settings, service: str) -> TracerProvider:
    """Return what makes spans, and sends them in a thread; ``service`` is who, unless a variable says it."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.util.re import parse_env_headers

    resource = Resource.create()
    if str(resource.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):
        resource = resource.merge(Resource({SERVICE_NAME: service, SERVICE_VERSION: VERSION}))
    given = settings.otel_exporter_otlp_traces_headers or settings.otel_exporter_otlp_headers
    headers = parse_env_headers(given, liberal=True) if given else None
    made = TracerProvider(resource=resource, shutdown_on_exit=False)  # See `close`.
    made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(headers=headers)))
    return made


def close(provider: TracerProvider) -> None:
    """Send what was not sent yet, before the process ends, for `CLOSING_S` at most."""
    closing = Thread(target=provider.shutdown, daemon=True)
    closing.start()
    closing.join(CLOSING_S)


def continued(headers: Any) -> Context:
    """Return the context that W3C headers name; one without a span where they are missing or malformed."""
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    named = headers if isinstance(headers, Mapping) else {}
    found = {name: named.get(name) for name in ("traceparent", "tracestate")}
    texts = {name: text for name, text in found.items() if isinstance(text, str)}
    if len(texts.get("tracestate", "")) > LONGEST_STATE:
        del texts["tracestate"]
    return TraceContextTextMapPropagator().extract(texts, Context())
