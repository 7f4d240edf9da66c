"""The table of metrics (`app.core.statistics.metrics`) in the format of Prometheus.

Nothing is kept between two scrapes, and a scrape costs the same whatever the number of tasks: a few bounded
queries, which all pages share (`Live`), one document and one hash. So any web process answers for all.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.core import (
    Metric as Family,
)
from prometheus_client.registry import Collector, CollectorRegistry

from app.core.catalog import WorkerState
from app.core.clock import utcnow
from app.core.services import Services
from app.core.statistics import metrics
from app.core.statistics.meter import Figures, Histogram
from app.core.statistics.metrics import METRICS, Kind, Metric
from app.core.tasks.states import Priority
from app.web.platform.pulse import Pulse
from config import VERSION

Rows = Iterable[tuple[tuple[str, ...], float]]
"""The values of a metric, by the values of its labels."""


def registry(services: Services, pulse: Pulse, figures: Figures | None) -> CollectorRegistry:
    """Return what there is now; ``figures`` is None while Redis is away."""
    found = CollectorRegistry(auto_describe=False)
    found.register(_Collector(services, pulse, figures))
    return found


class _Collector(Collector):
    def __init__(self, services: Services, pulse: Pulse, figures: Figures | None) -> None:
        self._services, self._pulse, self._figures = services, pulse, figures or Figures()
        self._redis_up = figures is not None and pulse.queue_cause is None

    def collect(self) -> Iterator[Family]:
        gauges = self._gauges()
        for metric in METRICS:
            if metric.kind is Kind.GAUGE:
                yield _gauge(metric, gauges[metric])
            elif metric.kind is Kind.COUNTER:
                yield _counter(metric, self._figures.counters.get(metric.name, {}).items())
            else:
                yield _histogram(metric, self._figures.histograms.get(metric.name, {}).items())

    def _gauges(self) -> dict[Metric, Rows]:
        _, live_tasks = self._services.live_tasks.read()
        sampled_at = self._services.minutes.last_look()
        return {
            metrics.TASKS: [((row.status, row.type, row.priority), row.count) for row in live_tasks],
            **self._queues(),
            **self._workers(),
            metrics.TYPES: self._types(),
            metrics.REDIS_UP: [((), self._redis_up)],
            metrics.SAMPLED_AT: [((), _seconds(sampled_at))] if sampled_at else [],
            metrics.BUILD: [((VERSION,), 1)],
        }

    def _queues(self) -> dict[Metric, Rows]:
        now, queues = utcnow(), self._pulse.queues
        return {
            metrics.QUEUE_DEPTH: [((queue.priority.word,), queue.waiting.value) for queue in queues],
            metrics.QUEUE_RUNNING: [((queue.priority.word,), queue.running.value) for queue in queues],
            metrics.OLDEST_WAIT: [
                (
                    (queue.priority.word,),
                    max(0.0, (now - queue.oldest).total_seconds()) if queue.oldest else 0,
                )
                for queue in queues
            ],
            metrics.QUEUE_PAUSED: [((one.word,), one in self._pulse.pauses) for one in Priority],
        }

    def _workers(self) -> dict[Metric, Rows]:
        workers = self._pulse.workers
        by_state = {state: sum(worker.state is state for worker in workers) for state in WorkerState}
        return {
            metrics.WORKERS: [((state.value,), count) for state, count in by_state.items()],
            metrics.WORKERS_BUSY: [((), sum(worker.task is not None for worker in workers))],
            metrics.WORKERS_MEMORY: [((), sum(worker.memory_mb for worker in workers) * 2**20)],
        }

    def _types(self) -> Rows:
        served = [kind.served for kind in self._services.catalog.types()]
        return [(("true",), sum(served)), (("false",), len(served) - sum(served))]


def _gauge(metric: Metric, rows: Rows) -> Family:
    family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in rows:
        family.add_metric(labels, float(value))
    return family


def _counter(metric: Metric, rows: Rows) -> Family:
    """A counter without labels is told from the start, so that its first increase is seen."""
    family = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
    values: dict[tuple[str, ...], float] = {} if metric.labels else {(): 0.0}
    for labels, value in {**values, **dict(rows)}.items():
        family.add_metric(labels, value)
    return family


def _histogram(metric: Metric, rows: Iterable[tuple[tuple[str, ...], Histogram]]) -> Family:
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, histogram in rows:
        below, buckets = 0, []
        for bound, count in zip((*metric.buckets, math.inf), histogram.counts, strict=True):
            below += count
            buckets.append(("+Inf" if bound == math.inf else f"{bound:g}", float(below)))
        family.add_metric(labels, buckets, histogram.sum)
    return family


def _seconds(moment: datetime) -> float:
    return moment.astimezone(timezone.utc).timestamp()
