"""The table of metrics that Prometheus reads: name, kind, labels, buckets and one line of help each.

The reference in the documentation, the dashboard and the alert rules are held against it. Every label has few
values, `MOST_VALUES` per process, such as types; what comes after them, or is longer than `LONGEST_VALUE`
characters, counts as `OTHER`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

MOST_VALUES = 100
LONGEST_VALUE = 200
OTHER = "other"
WAITED_S = (0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0)
TOOK_S = WAITED_S
ANSWERED_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Kind(str, Enum):
    """What Prometheus calls it."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True)
class Metric:
    """One row. ``buckets`` are the upper bounds of a histogram, in seconds."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


def _gauge(name: str, help: str, *labels: str) -> Metric:
    return Metric(name, Kind.GAUGE, help, labels)


def _counter(name: str, help: str, *labels: str) -> Metric:
    return Metric(name, Kind.COUNTER, help, labels)


def _histogram(name: str, help: str, buckets: tuple[float, ...], *labels: str) -> Metric:
    return Metric(name, Kind.HISTOGRAM, help, labels, buckets)


# What is read when Prometheus asks

TASKS = _gauge("dtq_tasks", "Tasks that have not ended, as of the last sample.", "status", "type", "priority")
QUEUE_DEPTH = _gauge("dtq_queue_depth", "Tasks that wait in a queue; counted up to 10,001.", "priority")
QUEUE_RUNNING = _gauge("dtq_queue_running", "Running tasks; counted up to 10,001.", "priority")
OLDEST_WAIT = _gauge(
    "dtq_queue_oldest_wait_seconds", "How long the oldest task of a queue has waited.", "priority"
)
QUEUE_PAUSED = _gauge("dtq_queue_paused", "1 while an operator has paused the queue.", "priority")
WORKERS = _gauge("dtq_workers", "Worker processes online, by state.", "state")
WORKERS_BUSY = _gauge("dtq_workers_busy", "Worker processes that run a task.")
WORKERS_MEMORY = _gauge("dtq_workers_memory_bytes", "Memory that all worker processes hold.")
TYPES = _gauge("dtq_task_types", "Task types, by whether a running worker serves them.", "served")
REDIS_UP = _gauge("dtq_redis_up", "1 while Redis can be used.")
SAMPLED_AT = _gauge("dtq_last_sample_timestamp_seconds", "When maintenance last took a sample.")
BUILD = _gauge("dtq_build_info", "Always 1; the version is its label.", "version")

# What processes count

CREATED = _counter("dtq_tasks_created_total", "Tasks created.", "type", "priority")
ENDED = _counter(
    "dtq_tasks_ended_total", "Tasks that ended with an attempt, by outcome.", "status", "type", "priority"
)
CANCELED_WAITING = _counter("dtq_tasks_canceled_waiting_total", "Tasks canceled while they waited.")
ATTEMPTS = _counter("dtq_attempts_total", "Attempts that ended, by outcome.", "outcome")
RETRIES = _counter("dtq_retries_total", "Further attempts, after a failure or by a person.", "by")
MAINTENANCE = _counter("dtq_maintenance_runs_total", "Runs of a repair without an error.", "repair")
REPAIRED = _counter("dtq_maintenance_repaired_total", "Tasks that a repair has changed.", "repair")
QUEUE_TIME = _histogram(
    "dtq_queue_time_seconds", "From queued to started, per attempt.", WAITED_S, "priority"
)
DURATION = _histogram("dtq_attempt_duration_seconds", "From started to ended, per attempt.", TOOK_S, "type")
STORE = _histogram(
    "dtq_store_answer_seconds",
    "How long a store took: for a report of a worker, and for what each scrape asks.",
    ANSWERED_S,
    "store",
    "process",
)

METRICS: tuple[Metric, ...] = tuple(found for found in list(globals().values()) if isinstance(found, Metric))
"""Every row, in the order above."""

COUNTED = {metric.name: metric for metric in METRICS if metric.kind is not Kind.GAUGE}
"""What `Meter` counts, by name."""
