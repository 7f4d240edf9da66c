"""Samples per minute: exact, no matter which process writes them, how often, and where it stops."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from app.core.catalog import WorkerInfo
from app.core.listing.filter import TaskFilter
from app.core.services import Services
from app.core.statistics.minutes import MINUTE, TEN_MINUTES, Minutes, floor, key_of
from app.core.statistics.series import PERIODS, Series
from app.core.tasks.states import Status
from app.core.tasks.task import Task
from tests.core.conftest import Clock


@pytest.fixture
def noon(clock: Clock) -> Clock:
    """The clock at the beginning of an hour."""
    clock.now = floor(clock.now, timedelta(hours=1))
    return clock


def another(services: Services) -> Minutes:
    """The samples as another process writes them."""
    return Minutes(services.db, services.stats, services.catalog)


def online(services: Services, clock: Clock, name: str) -> None:
    services.catalog.report(WorkerInfo(name, "host", 1, "0.1.0", clock.now, clock.now))


def stored(services: Services) -> list[dict[str, Any]]:
    """What is stored of the minutes in which something ended, and of all ten minutes."""
    minutes = services.db.minutes.find({"ended.succeeded": {"$gt": 0}}, {"final": 0}, sort=[("_id", 1)])
    return [*minutes, *services.db.ten_minutes.find(sort=[("_id", 1)])]


def test_a_minute_counts_what_its_list_shows(
    services: Services, noon: Clock, task_in: Callable[..., Task]
) -> None:
    started = noon.now
    for status in (Status.SUCCEEDED, Status.SUCCEEDED, Status.FAILED, Status.CANCELED):
        noon.advance(seconds=10)
        task_in(status)
    noon.advance(seconds=20)  # the next minute
    task_in(Status.SUCCEEDED)
    noon.advance(minutes=1, seconds=30)
    services.minutes.count()

    [first, second] = [point for point in Series(services.minutes).points("1h") if point.start >= started]
    assert first.ended == {Status.SUCCEEDED: 2, Status.FAILED: 1, Status.CANCELED: 1}
    for status, count in (first.ended or {}).items():
        bounds = {
            name: at.strftime("%Y-%m-%dT%H:%M")
            for name, at in (("finished_from", first.start), ("finished_before", first.end))
        }
        assert services.listing.count(TaskFilter(status=status.value, **bounds)).value == count
    assert second.ended == {Status.SUCCEEDED: 1, Status.FAILED: 0, Status.CANCELED: 0}


def test_queue_times_are_quantiles_of_what_ended(
    services: Services, noon: Clock, new_task: Callable[..., Task]
) -> None:
    for waited_s in [1] * 18 + [9, 20]:
        task = new_task()
        noon.advance(seconds=waited_s)
        claimed = services.tasks.claim(task.id, task.dispatch, "w1")
        assert claimed and services.tasks.succeed(claimed, None)
        noon.advance(seconds=-waited_s)
    noon.advance(seconds=50)
    noon.advance(minutes=1)
    services.minutes.count()

    found = [point for point in Series(services.minutes).points("1h") if point.queue_p50_s]
    assert found[-1].queue_p50_s == pytest.approx(1, rel=0.1)
    assert found[-1].queue_p95_s == pytest.approx(9, rel=0.1)


def test_looks_of_one_minute_make_its_utilization(
    services: Services, noon: Clock, running: Callable[..., Task], new_task: Callable[..., Task]
) -> None:
    """Two processes that look within the same ten seconds count as one look."""
    online(services, noon, "w1"), online(services, noon, "w2")
    services.minutes.look()
    noon.advance(seconds=10)
    running(), running(), new_task()
    noon.advance(seconds=5)
    online(services, noon, "w1"), online(services, noon, "w2")
    services.minutes.look()
    another(services).look()
    noon.advance(seconds=85)
    services.minutes.count()

    [point] = [point for point in Series(services.minutes).points("1h") if point.waiting is not None]
    assert (point.utilization, point.waiting, point.oldest_wait_s) == (0.5, 1, 5.0)
    assert services.minutes.last_look() == floor(noon.now, MINUTE) - MINUTE + timedelta(seconds=10)


def test_repetitions_and_processes_that_stood_still_change_nothing(
    services: Services, noon: Clock, task_in: Callable[..., Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process counts, stands still before it writes, and writes when others have counted more."""
    task_in(Status.SUCCEEDED)
    noon.advance(minutes=1, seconds=15)
    sleeper, writes = another(services), []
    monkeypatch.setattr(sleeper, "_write", lambda *args: writes.append(args))
    sleeper.count()
    late = task_in(Status.SUCCEEDED)  # written late: its time is within the minute
    services.db.tasks.update_one(
        {"_id": late.id}, {"$set": {"finished_at": floor(noon.now, MINUTE) - MINUTE}}
    )
    noon.advance(minutes=3)
    for _ in range(4):  # a round counts 20 minutes at most
        services.minutes.count()
    before = stored(services)
    assert max(one["ended"]["succeeded"] for one in before) == 2

    for write in writes:
        services.minutes._write(*write)
    services.minutes.count()
    another(services).count()
    assert stored(services) == before


def test_killed_at_any_write_the_next_round_makes_it_whole(
    services: Services, noon: Clock, task_in: Callable[..., Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(BaseException):
        """The process is gone."""

    for _ in range(4):
        task_in(Status.FAILED)
        noon.advance(minutes=1)
    noon.advance(minutes=3)
    whole = another(services)
    real, done = Minutes._write, [0]

    def killed_after(writes: int) -> None:
        def write(self: Minutes, *args: Any) -> None:
            if done[0] == writes:
                raise KilledError
            done[0] += 1
            real(self, *args)

        done[0] = 0
        monkeypatch.setattr(Minutes, "_write", write)
        with pytest.raises(KilledError):
            whole.count()

    for writes in range(22):
        killed_after(writes)
    monkeypatch.setattr(Minutes, "_write", real)
    for _ in range(4):  # a round counts 20 minutes at most
        whole.count()
    tens = services.db.ten_minutes.find()
    assert sum(one["ended"]["failed"] for one in tens) == 4
    settled = services.db.minutes.find({"_id": {"$lt": key_of(noon.now - timedelta(minutes=4))}})
    assert all(one["final"] for one in settled)


def test_a_week_is_made_of_ten_minutes_and_gaps_stay_gaps(
    services: Services, noon: Clock, task_in: Callable[..., Task]
) -> None:
    for _ in range(3):
        task_in(Status.SUCCEEDED)
        noon.advance(minutes=12)
        for _ in range(4):
            services.minutes.count()
    for name in ("24h", "7d"):
        points = Series(services.minutes).points(name)
        assert len(points) == PERIODS[name].length / PERIODS[name].point
        assert points[0].ended is None and points[-1].ended
        assert sum(sum(point.ended.values()) for point in points if point.ended) == 3


def test_samples_are_deleted_past_their_retention(services: Services, noon: Clock) -> None:
    services.minutes.count()
    noon.advance(hours=4)
    services.minutes.prune()
    assert services.db.minutes.count_documents({}) == 0 < services.db.ten_minutes.count_documents({})
    noon.advance(days=8)
    services.minutes.prune()
    assert services.db.ten_minutes.count_documents({}) == 0


def test_damaged_samples_are_read_as_far_as_they_can_be(services: Services, noon: Clock) -> None:
    at = floor(noon.now, TEN_MINUTES) - 2 * TEN_MINUTES
    services.db.minutes.insert_one(
        {
            "_id": key_of(at),
            "ended": {"succeeded": "many", "failed": 2},
            "looks": [1],
            "queue_times": {"x": 1, "3": -1},
        }
    )
    [point] = [point for point in Series(services.minutes).points("1h") if point.start == at]
    assert point.ended == {Status.SUCCEEDED: 0, Status.FAILED: 2, Status.CANCELED: 0}
    assert point.waiting is None
