"""Counters of all processes together."""

from __future__ import annotations

import json
from typing import Any

import fakeredis
import pytest
from redis.exceptions import ConnectionError as RedisAway

from app.core.statistics import metrics
from app.core.statistics.meter import KEY, Figures, Meter
from app.core.statistics.quantiles import bucket_of, quantile_s


@pytest.fixture
def redis() -> fakeredis.FakeRedis:
    return fakeredis.FakeRedis()


def test_processes_add_up(redis: fakeredis.FakeRedis) -> None:
    for seconds in (0.05, 0.3, 99_999.0):
        meter = Meter(redis)
        meter.add(metrics.ATTEMPTS, "succeeded")
        meter.observe(metrics.QUEUE_TIME, seconds, "high")
        meter.flush()
        meter.flush()
    figures = Meter(redis).read()
    assert figures.counters[metrics.ATTEMPTS.name] == {("succeeded",): 3}
    histogram = figures.histograms[metrics.QUEUE_TIME.name]["high",]
    assert histogram.counts == [1, 1, *[0] * 9, 1] and histogram.sum == pytest.approx(99_999.35)


def test_a_child_hands_on_what_it_counted(redis: fakeredis.FakeRedis) -> None:
    child, supervisor = Meter(redis), Meter(redis)
    child.add(metrics.CREATED, "clean_table", "low", by=2)
    child.observe(metrics.DURATION, -1.0, "clean_table")
    line = json.loads(json.dumps(child.drain()))
    supervisor.merge(line)
    supervisor.flush()
    assert not child.waiting and not supervisor.waiting
    figures = supervisor.read()
    assert figures.counters[metrics.CREATED.name] == {("clean_table", "low"): 2}
    assert figures.histograms[metrics.DURATION.name]["clean_table",].sum == 0


@pytest.mark.parametrize(
    "hostile",
    [None, "x", [[]], [["dtq_x", 1]], [[metrics.ATTEMPTS.name, "a", "b", 1]],
     [[metrics.ATTEMPTS.name, "a", -1]], [[metrics.ATTEMPTS.name, 1, 1]],
     [[metrics.QUEUE_TIME.name, "high", 12, 1]], [[["x"], 1]],
     [[metrics.TASKS.name, "a", "b", "c", 1]], [[metrics.ATTEMPTS.name, "a", float("nan")]]],
)  # fmt: skip
def test_what_is_none_of_ours_is_not_counted(redis: fakeredis.FakeRedis, hostile: Any) -> None:
    meter = Meter(redis)
    meter.merge(hostile)
    assert not meter.waiting
    for row in hostile if isinstance(hostile, list) else [[hostile, 1]]:
        redis.hset(KEY, json.dumps(row[:-1]), str(row[-1] if row else "x"))
    redis.hset(KEY, b"\xff", "1")
    assert meter.read() == Figures()


def test_nothing_is_lost_while_redis_is_away(
    redis: fakeredis.FakeRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    meter = Meter(redis)
    meter.add(metrics.RETRIES, "person")
    with monkeypatch.context() as away:
        away.setattr(redis, "pipeline", lambda **given: (_ for _ in ()).throw(RedisAway()))
        meter.flush()
    meter.add(metrics.RETRIES, "person")
    meter.flush()
    assert meter.read().counters[metrics.RETRIES.name] == {("person",): 2}


def test_types_are_bounded(redis: fakeredis.FakeRedis) -> None:
    meter = Meter(redis)
    for number in range(metrics.MOST_VALUES + 5):
        meter.add(metrics.CREATED, f"type_{number}", "low")
    meter.flush()
    counted = meter.read().counters[metrics.CREATED.name]
    assert len(counted) == metrics.MOST_VALUES + 1 and counted[metrics.OTHER, "low"] == 5


def test_what_processes_of_tasks_hand_on_is_bounded_together(redis: fakeredis.FakeRedis) -> None:
    """Each new process knows of no type yet, and a hostile one may say any word."""
    meter = Meter(redis)
    for number in range(metrics.MOST_VALUES + 5):
        meter.merge([[metrics.DURATION.name, f"type_{number}", part, 1] for part in (0, "sum")])
        meter.merge([[metrics.ATTEMPTS.name, f"outcome_{number}", 1]])
    meter.merge([[metrics.ATTEMPTS.name, "x" * 10_000, 1]])
    meter.flush()
    figures = meter.read()
    outcomes, durations = figures.counters[metrics.ATTEMPTS.name], figures.histograms[metrics.DURATION.name]
    assert len(outcomes) == len(durations) == metrics.MOST_VALUES + 1
    assert outcomes[metrics.OTHER,] == 6 and durations[metrics.OTHER,].counts[0] == 5


def test_what_all_processes_hold_is_bounded(
    redis: fakeredis.FakeRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over the years many types come and go, each with a few fields, from ever new processes."""
    monkeypatch.setattr("app.core.statistics.meter.MOST_FIELDS", 10)
    for number in range(30):
        meter = Meter(redis)
        meter.add(metrics.CREATED, f"type_{number}", "low")
        meter.add(metrics.CREATED, "type_0", "low")
        meter.add(metrics.ATTEMPTS, f"outcome_{number}")
        meter.flush()
        assert not meter.waiting
    counted = Meter(redis).read().counters
    assert redis.hlen(KEY) == 11  # and what counts as others
    assert sum(counted[metrics.CREATED.name].values()) == 60
    assert counted[metrics.CREATED.name]["type_0", "low"] == 31
    assert counted[metrics.CREATED.name][metrics.OTHER, "low"] > 20


@pytest.mark.parametrize("seconds", [0.0015, 0.5, 1.0, 59.0, 86_400.0])
def test_a_quantile_is_off_by_a_tenth_at_most(seconds: float) -> None:
    assert quantile_s({bucket_of(seconds): 3}, 0.5) == pytest.approx(seconds, rel=0.1)
    assert quantile_s({}, 0.5) is None
