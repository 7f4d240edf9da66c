"""The tasks of a batch as one table, a row per task: its parameters and its result, each value in a column.

Which columns there are is known after a first walk through the tasks, which keeps their names and kinds
only; the second writes. So memory does not grow with the number of tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from app.core.batches.batch import Batch
from app.core.exports.fields import Fields, Kind, Values, common_kind, kind_of
from app.core.exports.task_rows import TASK_FIELDS, values_of_task
from app.core.tasks.task import Task

FIRST = {"row": Kind.WHOLE, **{name: TASK_FIELDS[name] for name in ("id", "title", "type", "status")}}
LAST = {
    name: TASK_FIELDS[name]
    for name in ("started_at", "finished_at", "duration_s", "attempt", "worker", "error_type", "error")
}
MOST_COLUMNS = 500
"""Of parameters, and of results: what exceeds them stands together in one."""
REST = "result"


def fields_of(tasks: Iterable[Task]) -> Fields:
    """Return the columns, each of the kind that holds all its values."""
    params: dict[str, Kind | None] = {}
    values: dict[str, Kind | None] = {}
    for task in tasks:
        _add(params, "parameters", task.params)
        _add(values, REST, task.result)
    own = {name: kind or Kind.TEXT for name, kind in {**params, **values}.items()}
    return {**FIRST, **own, **LAST}


def _add(columns: dict[str, Kind | None], within: str, value: Any) -> None:
    """Add the columns of a value; the kind of one that was empty so far is None."""
    for name, inner in _parts(within, value).items():
        if name in columns or len(columns) < MOST_COLUMNS:
            columns[name] = common_kind(columns.get(name), kind_of(inner))


def _parts(within: str, value: Any) -> dict[str, Any]:
    """Return the values by column: one per name of an object, else one."""
    if isinstance(value, dict) and value:
        return {f"{within}.{name}": inner for name, inner in value.items()}
    return {} if value is None or value == {} else {within: value}


def rows(batch: Batch, tasks: Iterable[Task]) -> Iterator[Values]:
    """Yield the values of tasks; ``row`` counts from 1, as the rows were sent."""
    numbers = {task_id: number for number, task_id in enumerate(batch.ids, 1)}
    for task in tasks:
        common = values_of_task(task, {})
        yield {
            **common,
            "row": numbers.get(task.id),
            **_parts("parameters", common["parameters"]),
            **_parts(REST, task.result),
        }
