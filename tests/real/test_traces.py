"""One trace from a program over web server and queue to the tasks of workers, as a collector gets it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from bson import ObjectId
from opentelemetry.sdk.trace import TracerProvider

from app.core.people.roles import Role
from app.core.tasks.states import Status
from app.local.servers import LocalStores
from dtq.client import Client
from tests.rig.collector import Collector, collector
from tests.rig.fleet import Fleet, fleet
from tests.rig.processes import until
from tests.rig.web import Web

pytestmark = pytest.mark.real

HEADER = "authorization=Bearer%20collector-hunter2"


@pytest.fixture
def collecting() -> Iterator[Collector]:
    with collector() as listening:
        yield listening


@pytest.fixture
def crew(real_stores: LocalStores, tmp_path: Path, collecting: Collector) -> Iterator[Fleet]:
    given = {
        "TRACES": "on",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collecting.address,
        "OTEL_EXPORTER_OTLP_HEADERS": HEADER,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "TASK_MODULES": "tests.real.tracing",
    }
    with fleet(real_stores, "traces", tmp_path, **given) as made:
        made.start()
        yield made


def test_one_trace_from_the_program_to_the_tasks(crew: Fleet, web: Web, collecting: Collector) -> None:
    people = crew.services.people
    robot = people.users.person(people.users.add("Robot", Role.OPERATOR))
    _, token = people.tokens.create(robot, "CI", timedelta(days=1), None)
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("program")
    with Client(web.address, token) as client, tracer.start_as_current_span("nightly") as nightly:
        result = client.submit("traced_parent").wait(60).result()
    child = crew.services.tasks.get(ObjectId(result["child"]))
    assert crew.ended(child).status is Status.FAILED

    names = {"POST /api/v1/tasks", "queue medium", "run traced_parent", "own work", "run traced_child"}
    until(
        lambda: (
            names <= {span.name for span in list(collecting.spans)} and collecting.named("queue medium")[1:]
        )
    )
    (request,), (run,) = collecting.named("POST /api/v1/tasks"), collecting.named("run traced_parent")
    (own,), (failed,) = collecting.named("own work"), collecting.named("run traced_child")
    caller = nightly.get_span_context()
    assert {span.trace for span in collecting.spans} == {f"{caller.trace_id:032x}"}
    assert request.parent == f"{caller.span_id:016x}"
    assert collecting.children(request) == ["queue medium", "run traced_parent"]
    assert collecting.children(run) == ["own work"]
    assert collecting.children(own) == ["queue medium", "run traced_child"]
    assert (request.service, run.service, own.service) == ("dtq-web", "dtq-worker", "dtq-worker")
    assert request.attributes["http.response.status_code"] == 201
    assert result["traceparent"].startswith(f"00-{own.trace}-{own.id}-")
    assert all(span.began <= span.ended for span in collecting.spans)

    about = {name: failed.attributes[name] for name in ("dtq.task.id", "dtq.attempt", "dtq.outcome")}
    assert about == {"dtq.task.id": str(child.id), "dtq.attempt": 1, "dtq.outcome": "failed"}
    (event,) = failed.events
    assert failed.failed and event["exception.type"] == "ValueError"
    assert (
        "It does not open with" in event["exception.message"]
        and "raise ValueError" in event["exception.stacktrace"]
    )
    assert "hunter2-canary" not in str(collecting.spans)
    assert collecting.headers["authorization"] == "Bearer collector-hunter2"
    assert "collector-hunter2" not in str(result["variables"])


def test_a_collector_that_is_away_holds_up_nothing_and_is_named(crew: Fleet, collecting: Collector) -> None:
    collecting.status = 400
    first = crew.ended(crew.submit("traced_alone"))
    assert first.status is Status.SUCCEEDED
    until(lambda: collecting.requests)

    def said() -> bool:
        crew.ended(crew.submit("traced_alone"))
        return "Traces are not sent: " in crew.log.read_text()

    until(said, 60)
    logs = [
        str(crew.services.logs.read(task.id, 1))
        for task in crew.services.queries.find({"type": "traced_alone"}, [("_id", 1)], 100)
    ]
    assert logs and all("Hello" in log and "xport" not in log for log in logs)
    began = time.monotonic()
    crew.processes[0].terminate()
    crew.processes[0].wait(60)
    assert time.monotonic() - began < 20


def test_attempts_that_are_killed_and_canceled_have_their_spans(crew: Fleet, collecting: Collector) -> None:
    killed = crew.ended(crew.submit("traced_killed"))
    slow = crew.submit("traced_alone", params={"pause_s": 300})
    until(lambda: crew.services.tasks.get(slow.id).status is Status.RUNNING, 60)
    crew.services.dispatch.cancel(slow.id, "bob")
    assert (killed.status, crew.ended(slow).status) == (Status.FAILED, Status.CANCELED)
    until(lambda: collecting.named("run traced_killed") and collecting.named("run traced_alone"), 60)
    (died,), (canceled,) = collecting.named("run traced_killed"), collecting.named("run traced_alone")
    assert died.failed and died.service == "dtq-worker" and died.began <= died.ended
    assert died.attributes["dtq.task.id"] == str(killed.id) and died.attributes["dtq.killed"] is True
    assert died.attributes["dtq.outcome"] == "failed" and died.attributes["dtq.attempt"] == 1
    (event,) = died.events
    assert event["exception.type"] == "WorkerDied"
    assert canceled.attributes["dtq.outcome"] == "canceled" and not canceled.failed
    assert "dtq.killed" not in canceled.attributes
