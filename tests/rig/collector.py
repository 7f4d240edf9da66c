"""A collector of traces on 127.0.0.1: it reads what is sent by OTLP over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.rig.receiver import listening


@dataclass(frozen=True)
class SentSpan:
    """A span as it was received; IDs are hexadecimal, times nanoseconds, ``service`` who sent it."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    began: int
    ended: int
    failed: bool
    attributes: dict[str, Any]
    events: list[dict[str, Any]]


@dataclass
class Collector:
    """``status`` is what it answers. ``headers`` are those of the last request."""

    port: int = 0
    status: int = 200
    spans: list[SentSpan] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    requests: int = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def named(self, name: str) -> list[SentSpan]:
        return [span for span in list(self.spans) if span.name == name]

    def children(self, of: SentSpan) -> list[str]:
        """The names of the spans of which one is the parent."""
        return sorted(span.name for span in list(self.spans) if span.parent == of.id)


@contextmanager
def collector() -> Iterator[Collector]:
    """Listen on a free port."""
    found = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # noqa: N802 - http.server's name
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.requests += 1
            found.headers = {name.lower(): value for name, value in self.headers.items()}
            if self.path == "/v1/traces" and found.status == 200:
                found.spans += _read(body)
            self.send_response(found.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    with listening(Handler) as found.port:
        yield found


def _read(body: bytes) -> list[SentSpan]:
    sent = ExportTraceServiceRequest.FromString(body)
    return [
        SentSpan(
            service=_values(group.resource.attributes)["service.name"],
            name=span.name,
            trace=span.trace_id.hex(),
            id=span.span_id.hex(),
            parent=span.parent_span_id.hex(),
            began=span.start_time_unix_nano,
            ended=span.end_time_unix_nano,
            failed=span.status.code == 2,
            attributes=_values(span.attributes),
            events=[{"name": event.name, **_values(event.attributes)} for event in span.events],
        )
        for group in sent.resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    ]


def _values(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}
