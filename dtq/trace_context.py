"""The trace of OpenTelemetry that this code runs in, as the headers of W3C Trace Context.

https://www.w3.org/TR/trace-context/
"""

from __future__ import annotations

import sys


def trace_headers() -> dict[str, str]:
    """Return ``traceparent``, and ``tracestate`` where there is one, of the current span.

    Empty where there is none. A program that has not imported OpenTelemetry has none, and it is not imported.
    """
    if "opentelemetry.trace" not in sys.modules:
        return {}
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    headers: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(headers)
    return headers
