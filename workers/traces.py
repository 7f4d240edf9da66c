"""Spans of attempts (TRACES=on): how long a task waited, and what its function did.

The span of an attempt is current in the task's function, and its tracer provider is the one of the process:
instrumentation of the task's own continues the trace and is sent with it. Where the process is killed, its
span is lost with it; the supervisor makes another one (`KilledAttempts`), unless that is killed, too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from app.core.clock import utcnow
from app.core.statistics.traces import close, continued, tracer_provider
from app.core.tasks.task import Task
from config import VERSION, Settings

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

LONGEST_SAID = 300

log = logging.getLogger("workers.traces")

Outcome = TypeVar("Outcome")


class Traces:
    """The spans of a process that runs tasks."""

    def __init__(self, settings: Settings) -> None:
        from opentelemetry.trace import set_tracer_provider

        self._problems = _Problems()
        self._provider = tracer_provider(settings, "dtq-worker")
        set_tracer_provider(self._provider)
        self._tracer = self._provider.get_tracer("dtq", VERSION)

    def run(
        self,
        task: Task,
        attempt: Callable[[], Outcome],
        ending: Callable[[Outcome], tuple[str, Mapping[str, str] | None]],
    ) -> Outcome:
        """Run an attempt, which never raises, in a span of its own; return its outcome.

        ``ending`` returns the name of an outcome, and its error as it is stored, which is without secrets.
        """
        from opentelemetry.trace import SpanKind, use_span

        parent = continued(task.trace)
        self._waited(task, parent)
        about = {**_about(task), "dtq.attempt": task.attempt}
        span = self._tracer.start_span(f"run {task.type}", parent, SpanKind.CONSUMER, about)
        with use_span(span, record_exception=False, set_status_on_exception=False):
            outcome = attempt()
        _tell(span, *ending(outcome))
        span.end()
        return outcome

    def _waited(self, task: Task, parent: Context) -> None:
        """Make a span of the time in the queue, by the clock of the database."""
        if task.queued_at is None or task.started_at is None:
            return
        began = _nanoseconds(task.queued_at)
        span = self._tracer.start_span(
            f"queue {task.priority.word}", parent, attributes=_about(task), start_time=began
        )
        span.end(max(began, _nanoseconds(task.started_at)))

    def problem(self) -> str:
        """Return what OpenTelemetry has said since the last time that went wrong; empty for nothing."""
        return self._problems.taken()

    def close(self) -> None:
        """Send what was not sent yet, for a moment at most."""
        close(self._provider)


class KilledAttempts:
    """The spans of attempts whose process was killed, made by its supervisor.

    OpenTelemetry is imported when there is the first one.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._provider: TracerProvider | None = None

    def tell(self, task: Task, outcome: str, error: Mapping[str, str] | None) -> None:
        """Make the span of an attempt, which ends now; ``error`` as it is stored. Never raises."""
        if self._settings.traces != "on":
            return
        try:
            self._span(task, outcome, error)
        except Exception:
            log.exception("The span of task %s, attempt %d, cannot be made.", task.id, task.attempt)

    def _span(self, task: Task, outcome: str, error: Mapping[str, str] | None) -> None:
        from opentelemetry.trace import SpanKind

        if self._provider is None:
            self._provider = tracer_provider(self._settings, "dtq-worker")
        now = utcnow()
        began = _nanoseconds(task.started_at or now)
        span = self._provider.get_tracer("dtq", VERSION).start_span(
            f"run {task.type}",
            continued(task.trace),
            SpanKind.CONSUMER,
            {**_about(task), "dtq.attempt": task.attempt, "dtq.killed": True},
            start_time=began,
        )
        _tell(span, outcome, error)
        span.end(max(began, _nanoseconds(now)))

    def close(self) -> None:
        """Send what was not sent yet, for a moment at most."""
        if self._provider is not None:
            close(self._provider)


def _about(task: Task) -> dict[str, str | int]:
    return {"dtq.task.id": str(task.id), "dtq.task.type": task.type, "dtq.queue": task.priority.word}


def _nanoseconds(at: datetime) -> int:
    return round(at.timestamp() * 1_000) * 1_000_000


def _tell(span: Span, ending: str, error: Mapping[str, str] | None) -> None:
    """Say in a span how an attempt ended."""
    from opentelemetry.trace import Status, StatusCode

    span.set_attribute("dtq.outcome", ending)
    if error is not None:
        span.set_status(Status(StatusCode.ERROR, error["message"]))
        about = {"type": error["type"], "message": error["message"], "stacktrace": error["traceback"]}
        span.add_event("exception", {f"exception.{name}": text for name, text in about.items() if text})


class _Problems(logging.Handler):
    """Keeps what OpenTelemetry warns of: its thread would write into the log of the task that runs."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._last = ""
        logger = logging.getLogger("opentelemetry")
        logger.addHandler(self)
        logger.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        self._last = " ".join(record.getMessage().split())[:LONGEST_SAID]

    def taken(self) -> str:
        said, self._last = self._last, ""
        return said
