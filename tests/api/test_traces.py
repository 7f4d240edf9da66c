"""Spans of requests: what they continue, what tasks keep of them, and nothing where they are off."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import fakeredis
import mongomock
import pytest
from bson import ObjectId
from flask import Flask
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import get_current_span

from app import create_app
from app.cli import startup
from app.core.services import Services, assemble
from app.core.statistics import traces as common
from app.core.tasks.document import new_document
from app.core.tasks.task import NewTask, Task
from app.web.request_log import traces
from config import Settings, SettingsError, load
from dtq.client import AsyncClient, Client
from environment import Environment
from tests.api.conftest import Program
from tests.core.params.schemas import schema_of
from tests.dtq.client.conftest import Server
from tests.dtq.client.driven import driven
from tests.web.create.creating import publish

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{CALLER}-01"
BODY = {"type": "make_rows", "params": {"rows": 3}}


SENT = InMemorySpanExporter()


@pytest.fixture(scope="module")
def one_app() -> Iterator[Flask]:
    """An application with traces; what it would send is in `SENT`."""
    settings = load({"ENVIRONMENT": "local", "SECRET_KEY": "tests-only", "SECRETS_KEY": "tests-only too"})
    db: Any = mongomock.MongoClient(tz_aware=True).get_database("none")
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(SENT))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(traces, "tracer_provider", lambda *_: provider)
        made = create_app(replace(settings, traces="on"), assemble(settings, db, fakeredis.FakeRedis()))
        yield made  # The first request makes what sends.


@pytest.fixture
def spans(program: Program, services: Services) -> InMemorySpanExporter:
    """What the requests of a test have sent."""
    publish(services, "make_rows", schema=schema_of(rows=(int, 3)))
    SENT.clear()
    return SENT


def test_a_task_keeps_the_span_that_goes_on(
    program: Program, services: Services, spans: InMemorySpanExporter
) -> None:
    sent = {"traceparent": PARENT, "tracestate": "vendor=1"}
    task = program.post("/tasks", BODY, 201, headers=sent)
    (span,) = spans.get_finished_spans()
    assert (span.name, f"{span.context.trace_id:032x}") == ("POST /api/v1/tasks", TRACE)
    assert f"{span.parent.span_id:016x}" == CALLER and span.attributes["http.response.status_code"] == 201
    kept = services.tasks.get(ObjectId(task["id"])).trace
    assert kept == {"traceparent": f"00-{TRACE}-{span.context.span_id:016x}-01", "tracestate": "vendor=1"}
    assert not get_current_span().get_span_context().is_valid


def test_every_task_of_a_batch_keeps_it(
    program: Program, services: Services, spans: InMemorySpanExporter
) -> None:
    program.post("/tasks/batch", {"tasks": [BODY, BODY], "mode": "all"}, 201, headers={"traceparent": PARENT})
    (span,) = spans.get_finished_spans()
    kept = [found["trace"]["traceparent"] for found in services.db.tasks.find()]
    assert kept == [f"00-{TRACE}-{span.context.span_id:016x}-01"] * 2


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "x",
        PARENT.upper(),
        f"{PARENT}-more",
        f"ff{PARENT[2:]}",
        f"00-{'0' * 32}-{CALLER}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"{PARENT},{PARENT}",
        f"00-{TRACE[1:]}-{CALLER}-01",
        "ä" * 55,
    ],
)
def test_a_malformed_header_is_ignored(sent: str, program: Program, spans: InMemorySpanExporter) -> None:
    headers = {"traceparent": sent, "tracestate": "vendor=1"}
    program.post("/tasks", BODY, 201, headers=headers)
    (span,) = spans.get_finished_spans()
    assert span.parent is None and not span.context.trace_state


def test_a_caller_who_does_not_sample_is_followed(
    program: Program, services: Services, spans: InMemorySpanExporter
) -> None:
    program.post("/tasks", BODY, 201, headers={"traceparent": f"00-{TRACE}-{CALLER}-00"})
    assert not spans.get_finished_spans()
    assert services.db.tasks.find_one()["trace"]["traceparent"].endswith("-00")


def test_what_reads_and_strangers_have_no_span(
    program: Program, app: Flask, spans: InMemorySpanExporter
) -> None:
    program.get("/tasks", headers={"traceparent": PARENT})
    answer = app.test_client().post("/api/v1/tasks", json=BODY, headers={"traceparent": PARENT})
    assert answer.status_code == 401
    assert [span.attributes["http.response.status_code"] for span in spans.get_finished_spans()] in (
        [],
        [401],
    )


def test_a_fault_is_an_error_and_the_next_request_has_a_span_of_its_own(
    program: Program, services: Services, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    with monkeypatch.context() as patch:
        patch.setattr(type(services.dispatch), "submit", broken)
        program.post("/tasks", BODY, 500)
    program.post("/tasks", BODY, 201)
    first, second = spans.get_finished_spans()
    assert (first.status.is_ok, second.status.is_ok) == (False, True)
    assert second.parent is None and first.context.trace_id != second.context.trace_id


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_the_client_sends_the_span_it_is_called_in(
    kind: type, program: Program, app: Flask, services: Services, spans: InMemorySpanExporter
) -> None:
    server, token = Server(app), program._token["Authorization"].removeprefix("Bearer ")
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("program")
    below = f"{server.url}/queue"
    try:
        with Client(below, token) if kind is Client else driven(below, token) as client:
            with tracer.start_as_current_span("nightly") as span:
                client.submit("make_rows", rows=3)
            client.submit("make_rows", rows=3)
    finally:
        server.stop()
    first, second = [found["trace"]["traceparent"].split("-")[1] for found in services.db.tasks.find()]
    assert first == f"{span.get_span_context().trace_id:032x}" != second


@pytest.mark.parametrize(
    "stored",
    [7, "x", [], {}, {"traceparent": 7}, {"traceparent": "x"}, {"traceparent": [PARENT]}, {7: 7}, None],
)
def test_a_damaged_trace_of_a_task_is_none(stored: object) -> None:
    new = NewTask(type="a", params={}, title="a", owner="a")
    document = {**new_document(new, ObjectId(), datetime.now(timezone.utc)), "trace": stored}
    found = common.continued(Task.from_document(document).trace)
    assert not get_current_span(found).get_span_context().is_valid


def test_a_state_that_is_too_long_is_left_out() -> None:
    state = ",".join(f"vendor{number}={'x' * 40}" for number in range(20))
    found = get_current_span(
        common.continued({"traceparent": PARENT, "tracestate": state})
    ).get_span_context()
    assert found.is_valid and not found.trace_state


def test_what_is_not_installed_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common, "NEEDED", ("opentelemetry_of_nobody.sdk",))
    common.require_installed(settings)
    with pytest.raises(SettingsError, match="requirements-traces.txt"):
        common.require_installed(replace(settings, traces="on"))


@pytest.mark.parametrize("module", ["workers.attempt.child", "dtq.client"])
def test_nothing_of_it_is_needed_where_they_are_off(module: str) -> None:
    """Nor is it needed: redis-py, which imports it where it is installed, does without as well."""
    program = f"import sys; sys.modules['opentelemetry'] = None; import {module}"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_an_application_without_them_has_no_hook_and_tasks_no_field(
    settings: Settings, services: Services
) -> None:
    on, off = create_app(replace(settings, traces="on"), services), create_app(settings, services)
    hooks = "before_request_funcs", "after_request_funcs", "teardown_request_funcs"
    assert [len(getattr(on, name)[None]) - len(getattr(off, name)[None]) for name in hooks] == [1, 1, 1]
    services.tasks.insert(NewTask(type="a", params={}, title="a", owner="a"))
    assert "trace" not in services.db.tasks.find_one()


def test_its_variables_may_be_in_the_env_file_and_credentials_go_no_further(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = {"ENVIRONMENT": "local", "OTEL_SERVICE_NAME": "ours", "OTEL_EXPORTER_OTLP_HEADERS": "key=hunter2"}
    variables: dict[str, str] = {}
    monkeypatch.setattr(startup, "effective", lambda _: Environment(given, {}))
    monkeypatch.setattr(os, "environ", variables)
    settings, _ = startup.settings_of_process()
    assert variables == {"OTEL_SERVICE_NAME": "ours"}
    assert settings.otel_exporter_otlp_headers == "key=hunter2"


def test_a_process_that_ends_does_not_wait_for_a_collector_that_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(common, "CLOSING_S", 0.05)
    called, answers = threading.Event(), threading.Event()

    class Provider:
        def shutdown(self) -> None:
            called.set()
            answers.wait(60)

    common.close(Provider())  # type: ignore[arg-type]  # what it needs of one
    assert called.wait(60) and not answers.is_set()
    answers.set()
