"""A site with something of everything on it, in memory: each state of a task, a report, a log, a failure."""

from __future__ import annotations

import io
from typing import Any

from app.core.services import Services
from app.core.tasks.states import Priority
from app.core.tasks.task import NewTask, Task
from dtq import TaskType
from tests.web.looking import claim, fail, succeed, worker
from workers.types.task_modules import load

TRACEBACK = (
    'Traceback (most recent call last):\n  File "demo.py", line 42, in count\nRuntimeError: Step 2 failed.'
)


def publish(services: Services, types: dict[str, TaskType] | None = None) -> None:
    """The built-in task types, or some, and a worker that lives."""
    types = types or load(["dtq_library"])
    services.catalog.publish([each.document() for each in types.values()], "worker-1")
    worker(services, types=tuple(types), processed=1234)


def submit(services: Services, **given: Any) -> Task:
    values = {
        "type": "count_slowly",
        "params": {"seconds": 10.0, "steps": 20},
        "title": "Count slowly",
        **given,
    }
    return services.tasks.get(services.dispatch.submit(NewTask(**values)).task.id)


def seed(services: Services) -> dict[str, Task]:
    """Publish and fill; the tasks by what they are an example of."""
    publish(services)
    for number in range(6):
        succeed(services, submit(services, title=f"Count to {number}"), {"steps": number, "seconds": 0.5})
    found = {
        "succeeded": _cleaned(services),
        "failed": _failed(services),
        "running": _running(services),
        "canceled": submit(services, priority=Priority.LOW),
    }
    services.dispatch.cancel(found["canceled"].id, "alice")
    for priority in (Priority.HIGH, Priority.MEDIUM, Priority.LOW):
        found["waiting"] = submit(services, priority=priority, tags=("nightly", "sales"))
    return found


def _cleaned(services: Services) -> Task:
    source = services.files.save(
        io.BytesIO(b"iata\nAMS\n"), "airports.csv", "text/csv", "local", role="input"
    )
    params = {"source": str(source.id), "output": "csv", "missing": ["NA", "-"], "delimiter": "comma"}
    task = submit(
        services, type="clean_table", title="Clean a table: airports.csv", params=params, files=(source.id,)
    )
    clean = services.files.save(
        io.BytesIO(b"x" * 4_000), "airports-clean.csv", "text/csv", "local", role="output"
    )
    services.files.attach([clean.id], task.id)
    return succeed(services, task, report(clean.id, clean.sha256))


def report(file_id: Any, sha256: str) -> dict[str, Any]:
    """What *Clean a table* answers."""
    changes: dict[str, dict[str, int]] = {
        "iata": {},
        "name": {"trimmed": 12, "missing": 3},
        "city": {"missing": 12},
    }
    columns = [
        {
            "name": name,
            "original_name": name.title(),
            "type": "text",
            "missing": 3,
            "cells_changed": sum(counts.values()),
            "changes": counts,
        }
        for name, counts in changes.items()
    ]
    return {
        "rows_in": 3376,
        "rows_out": 3370,
        "removed": {"empty_rows": 0, "duplicates": 6, "broken_rows": 0, "empty_columns": []},
        "cells_changed": {"total": 27, "trimmed": 12, "missing": 15, "number": 0, "date": 0, "case": 0},
        "columns": columns,
        "detected": {"format": "csv", "encoding": "utf-8", "delimiter": "comma"},
        "notes": ["Column opened: 03/04/2024 can be read in two ways, so its dates stay text as they are."],
        "file": {
            "file_id": str(file_id),
            "name": "airports-clean.csv",
            "size": 4_000,
            "sha256": sha256,
            "content_type": "text/csv",
        },
    }


def _failed(services: Services) -> Task:
    task = fail(services, submit(services, tags=("nightly",)), "Step 2 failed, as you asked.", TRACEBACK)
    services.logs.write_part(task.id, 1, 0, b"Step 1 of 20.\nStep 2 of 20.\n")
    return task


def _running(services: Services) -> Task:
    task = claim(
        services, submit(services, title="Count to a thousand", params={"seconds": 60.0, "steps": 1000})
    )
    services.tasks.report_progress(task, {"done": 250, "total": 1000, "message": "Step 250 of 1000"})
    services.logs.write_part(task.id, 1, 0, b"".join(b"Step %d of 1000.\n" % n for n in range(1, 251)))
    worker(services, types=("clean_table", "count_slowly"), task=str(task.id), processed=1234)
    return services.tasks.get(task.id)
