"""Task types, workers, queues, and who asks."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from bson import ObjectId
from flask import Blueprint, Response

from app.api.models import system as models
from app.api.operation import operation
from app.api.preconditions import tagged
from app.core import catalog
from app.core.errors import NotFound
from app.core.statistics.series import Point
from app.core.tasks.states import Priority
from app.extensions import access, services

blueprint = Blueprint("system", __name__)


@blueprint.get("/types")
@operation("task.read", models.TaskTypes, tag="system")
def list_types() -> models.TaskTypes:
    """List the task types that workers have published."""
    paused = services().pauses.read().types
    types = services().catalog.types()
    return models.TaskTypes(types=[models.TaskTypeSummary(**_described(kind, paused)) for kind in types])


@blueprint.get("/types/<name>")
@operation("task.read", models.TaskType, also=("HTTP_304",), tag="system")
def get_type(name: str) -> Any:
    """Return a task type, with the JSON Schema of its parameters."""
    return tagged(_type(name))


@blueprint.post("/types/<name>/pause")
@operation("queue.manage", models.TaskType, json=models.NewPause, also=("HTTP_409",), tag="system")
def pause_type(name: str, json: models.NewPause) -> models.TaskType:
    """Have workers begin no other task of a type. Those that run continue."""
    access().operations.pause_type(name, json.why.strip())
    return _type(name)


@blueprint.post("/types/<name>/resume")
@operation("queue.manage", models.TaskType, also=("HTTP_409",), tag="system")
def resume_type(name: str) -> models.TaskType:
    """Have workers begin tasks of a paused type again."""
    access().operations.resume_type(name)
    return _type(name)


def _type(name: str) -> models.TaskType:
    kind = services().catalog.get(name)
    described = _described(kind, services().pauses.read().types)
    return models.TaskType(**described, help=kind.help, params_schema=kind.schema)


def _described(kind: catalog.TaskType, paused: Container[str]) -> dict[str, Any]:
    return {
        **{name: getattr(kind, name) for name in ("name", "title", "category", "summary", "timeout_s")},
        "priority": kind.priority.word,
        "max_attempts": kind.max_attempts,
        "served": kind.served,
        "usable": access().may_use(kind),
        "paused": kind.name in paused,
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


@blueprint.post("/workers/<worker>/stop")
@operation("worker.manage", None, status=204, also=("HTTP_409",), tag="system")
def stop_worker(worker: str) -> Any:
    """Have a worker stop after its task. It notices within 10 seconds."""
    access().operations.stop_worker(worker)
    return Response(status=204)


_WORKER = ("name", "host", "pid", "version", "started_at", "seen_at", "processed")


@blueprint.get("/queues")
@operation("task.read", models.Queues, tag="system")
def list_queues() -> models.Queues:
    """List the three queues, as MongoDB knows them."""
    return models.Queues(queues=_queues())


def _queues() -> list[models.Queue]:
    paused = services().pauses.read().queues
    return [
        models.Queue(
            priority=queue.priority.word,
            waiting=queue.waiting.value,
            running=queue.running.value,
            oldest=queue.oldest,
            paused=queue.priority in paused,
        )
        for queue in services().stats.queues()
    ]


@blueprint.post("/queues/<priority>/pause")
@operation("queue.manage", models.Queue, json=models.NewPause, also=("HTTP_409",), tag="system")
def pause_queue(priority: str, json: models.NewPause) -> models.Queue:
    """Have workers take no other task from a queue. Those that run continue."""
    access().operations.pause(_priority(priority), json.why.strip())
    return _queue(priority)


@blueprint.post("/queues/<priority>/resume")
@operation("queue.manage", models.Queue, also=("HTTP_409",), tag="system")
def resume_queue(priority: str) -> models.Queue:
    """Have workers take from a paused queue again."""
    access().operations.resume(_priority(priority))
    return _queue(priority)


def _priority(word: str) -> Priority:
    """Raises NotFound."""
    for priority in Priority:
        if priority.word == word:
            return priority
    raise NotFound(f"There is no queue “{word[:100]}”. There are: high, medium and low.")


def _queue(word: str) -> models.Queue:
    return next(queue for queue in _queues() if queue.priority == word)


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
