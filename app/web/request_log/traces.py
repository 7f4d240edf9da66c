"""Spans of requests that change something (TRACES=on). A program's own trace goes on in them.

The span is current while the request is answered, so that tasks that are created in it keep it
(`app.core.tasks.document`). No header of the pages is believed: browsers and strangers choose no trace.
"""

from __future__ import annotations

import atexit
from threading import Lock
from typing import TYPE_CHECKING

from flask import Flask, Response, g, request

from app.core.statistics.traces import close, continued, tracer_provider
from config import VERSION, Settings

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

API = "api."
FAULT = 500


def init_app(app: Flask, settings: Settings) -> None:
    """Make a span for each POST that was not refused before; nothing at all where traces are off."""
    if settings.traces != "on":
        return
    spans = RequestSpans(settings)
    app.before_request(spans.begin)
    app.after_request(spans.answered)
    app.teardown_request(spans.end)


class RequestSpans:
    """Begins and ends the span of each request of a process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._made: Tracer | None = None
        self._making = Lock()

    def _tracer(self) -> Tracer:
        """Return the tracer, made at the first request: a process that serves has a thread of its own."""
        with self._making:
            if self._made is None:
                provider = tracer_provider(self._settings, "dtq-web")
                atexit.register(close, provider)
                self._made = provider.get_tracer("dtq", VERSION)
        return self._made

    def begin(self) -> None:
        from opentelemetry import context
        from opentelemetry.trace import SpanKind, set_span_in_context

        if request.method != "POST" or request.url_rule is None:
            return
        parent = continued(_sent()) if (request.endpoint or "").startswith(API) else None
        span = self._tracer().start_span(
            f"POST {request.url_rule.rule}",
            parent,
            SpanKind.SERVER,
            {"http.request.method": "POST", "http.route": request.url_rule.rule},
        )
        g.request_span = span, context.attach(set_span_in_context(span, parent))

    def answered(self, response: Response) -> Response:
        from opentelemetry.trace import StatusCode

        if "request_span" in g:
            span, _ = g.request_span
            span.set_attribute("http.response.status_code", response.status_code)
            if response.status_code >= FAULT:
                span.set_status(StatusCode.ERROR)
        return response

    def end(self, _error: BaseException | None) -> None:
        from opentelemetry import context

        if begun := g.pop("request_span", None):
            span, token = begun
            context.detach(token)
            span.end()


def _sent() -> dict[str, str | None]:
    return {name: request.headers.get(name) for name in ("traceparent", "tracestate")}
