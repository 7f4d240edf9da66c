"""Task types, workers, queues, and who asks."""

from __future__ import annotations

from typing import Any

from bson import ObjectId
from flask import Blueprint

from app.api import models
from app.api.operation import operation
from app.core import catalog
from app.core.statistics.series import Point
from app.extensions import access, services

blueprint = Blueprint("system", __name__)


@blueprint.get("/types")
@operation("task.read", models.TaskTypes, tag="system")
def list_types() -> models.TaskTypes:
    """List the task types that workers have published."""
    return models.TaskTypes(
        types=[models.TaskTypeSummary(**_described(kind)) for kind in services().catalog.types()]
    )


@blueprint.get("/types/<name>")
@operation("task.read", models.TaskType, tag="system")
def get_type(name: str) -> models.TaskType:
    """Return a task type, with the JSON Schema of its parameters."""
    kind = services().catalog.get(name)
    return models.TaskType(**_described(kind), help=kind.help, params_schema=kind.schema)


def _described(kind: catalog.TaskType) -> dict[str, Any]:
    return {
        **{name: getattr(kind, name) for name in ("name", "title", "category", "summary", "timeout_s")},
        "priority": kind.priority.word,
        "max_attempts": kind.max_attempts,
        "served": kind.served,
        "usable": access().may_use(kind),
    }


@blueprint.get("/workers")
@operation("task.read", models.Workers, tag="system")
def list_workers() -> models.Workers:
    """List the workers that were heard of within 30 seconds."""
    workers = services().catalog.workers()
    running = [ObjectId(worker.task) for worker in workers if ObjectId.is_valid(worker.task)]
    seen = {str(task.id) for task in access().rows(running)}
    return models.Workers(
        workers=[
            models.Worker(
                **{name: getattr(worker, name) for name in _WORKER},
                state=worker.state.value,
                task=worker.task if worker.task in seen else None,
                types=list(worker.types),
            )
            for worker in workers
        ]
    )


_WORKER = ("name", "host", "pid", "version", "started_at", "seen_at", "processed")


@blueprint.get("/queues")
@operation("task.read", models.Queues, tag="system")
def list_queues() -> models.Queues:
    """List the three queues, as MongoDB knows them."""
    return models.Queues(
        queues=[
            models.Queue(
                priority=queue.priority.word,
                waiting=queue.waiting.value,
                running=queue.running.value,
                oldest=queue.oldest,
            )
            for queue in services().stats.queues()
        ]
    )


@blueprint.get("/stats")
@operation("task.read", models.Stats, query=models.StatsQuery, tag="system")
def get_stats(query: models.StatsQuery) -> models.Stats:
    """Return what finished, waited and ran over an hour, a day or a week, as Home shows it."""
    return models.Stats(period=query.period, points=[*map(_point, services().series.points(query.period))])


def _point(point: Point) -> models.StatsPoint:
    ended = {status.value: count for status, count in (point.ended or {}).items()}
    return models.StatsPoint(
        start=point.start,
        end=point.end,
        succeeded=ended.get("succeeded"),
        failed=ended.get("failed"),
        canceled=ended.get("canceled"),
        failure_rate=point.failure_rate,
        queue_time_p50_s=point.queue_p50_s,
        queue_time_p95_s=point.queue_p95_s,
        utilization=point.utilization,
        waiting=point.waiting,
        oldest_wait_s=point.oldest_wait_s,
    )


@blueprint.get("/me")
@operation("task.read", models.Me, tag="system")
def get_me() -> models.Me:
    """Return who asks, and what they may do."""
    person = access().person
    return models.Me(
        id=person.id,
        name=person.name,
        role=person.role.value if person.role else "",
        groups=sorted(person.groups),
        permissions={permission.value: reach.name.lower() for permission, reach in person.grants.items()},
        types=None if person.types is None else sorted(person.types),
    )
