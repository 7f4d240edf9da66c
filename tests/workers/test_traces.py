"""Spans of attempts whose process was killed, by the supervisor that saw it: one each, with the outcome."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from app.core.services import Services
from app.core.tasks.states import Status
from app.core.tasks.task import Task
from workers import traces
from workers.attempt.limits import Limits
from workers.supervisor import attempt_monitor
from workers.supervisor.attempt_monitor import Watch
from workers.traces import KilledAttempts

NAME = "host.1"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Child:
    folder = Path("nowhere")

    def signal(self, number: int) -> None:
        """It is dead already."""


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Callable[[], tuple[ReadableSpan, ...]]:
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(traces, "tracer_provider", lambda settings, service: provider)
    monkeypatch.setattr(attempt_monitor, "KILLED_TOGETHER_S", 0.0)
    return exporter.get_finished_spans


@pytest.fixture
def watch(services: Services, new_task: Callable[..., Task]) -> Callable[..., Watch]:
    def watch(traced: str = "on") -> Watch:
        task = new_task()
        services.db.tasks.update_one({"_id": task.id}, {"$set": {"trace": {"traceparent": PARENT}}})
        claimed = services.tasks.claim(task.id, 1, NAME)
        assert claimed
        killed = KilledAttempts(dataclasses.replace(services.settings, traces=traced))
        limits, child = Limits(1, Path("nowhere"), 0), Child()
        made: Any = Watch(
            services,
            NAME,
            child,
            claimed.id,
            claimed.attempt,
            60,
            limits,
            killed.tell,  # type: ignore[arg-type]
        )
        return made

    return watch


def _crashed(watched: Watch) -> None:
    watched.conclude("was killed by signal 9")


def _canceled(watched: Watch) -> None:
    watched.services.tasks.cancel(watched.task_id, "bob")
    watched.look()
    watched.conclude("was killed by signal 9")


def _timed_out(watched: Watch) -> None:
    watched.timeout_s = 0
    watched.enforce()
    watched.conclude("was killed by signal 9")


def _too_large(watched: Watch) -> None:
    watched.limits.used_mb = 5_000
    watched.conclude("was killed by signal 9")


def _stopped(watched: Watch) -> None:
    watched.release()


@pytest.mark.parametrize(
    ("die", "outcome", "error", "status"),
    [
        (_crashed, "failed", "WorkerDied", Status.FAILED),
        (_canceled, "canceled", "", Status.CANCELED),
        (_timed_out, "failed", "TimedOut", Status.FAILED),
        (_too_large, "failed", "OutOfMemory", Status.FAILED),
        (_stopped, "released", "", Status.QUEUED),
    ],
)
def test_a_killed_attempt_has_a_span(
    services: Services,
    watch: Callable[..., Watch],
    spans: Callable[[], tuple[ReadableSpan, ...]],
    die: Callable[[Watch], None],
    outcome: str,
    error: str,
    status: Status,
) -> None:
    watched = watch()
    die(watched)
    (span,) = spans()
    task = services.tasks.get(watched.task_id)
    assert task.status is status
    assert span.name == f"run {task.type}" and span.attributes and span.parent
    assert f"{span.parent.trace_id:032x}-{span.parent.span_id:016x}" == PARENT[3:52]
    about = {
        name: span.attributes[name] for name in ("dtq.task.id", "dtq.attempt", "dtq.outcome", "dtq.killed")
    }
    assert about == {
        "dtq.task.id": str(task.id), "dtq.attempt": 1, "dtq.outcome": outcome, "dtq.killed": True
    }  # fmt: skip
    assert [(event.attributes or {})["exception.type"] for event in span.events] == ([error] if error else [])
    assert span.status.is_ok is not bool(error)
    assert span.start_time and span.end_time and span.start_time <= span.end_time


def test_without_traces_there_is_none(
    watch: Callable[..., Watch], spans: Callable[[], tuple[ReadableSpan, ...]]
) -> None:
    _crashed(watch("off"))
    assert spans() == ()


def test_what_fails_to_make_one_changes_no_outcome(
    services: Services, watch: Callable[..., Watch], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt_monitor, "KILLED_TOGETHER_S", 0.0)
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", None)
    watched = watch()
    _crashed(watched)
    assert services.tasks.get(watched.task_id).status is Status.FAILED
