"""When a task that waits starts: from what runs, what is ahead, and who is idle."""

from __future__ import annotations

from datetime import timedelta
from statistics import median

import pytest

from app.core.clock import utcnow
from app.core.listing.waits import Line, Running, left_s, start_s
from app.core.tasks.states import Status
from bench.waits import errors, simulate

RECENT = {"short": [10.0], "long": [300.0]}


def starts_in_s(
    running: dict[str, tuple[str, float]], ahead: tuple[str | None, ...], place: int
) -> float | None:
    """By worker, what has run for so many seconds; what waits; there are two workers."""
    now = utcnow()
    found = tuple(
        Running(kind, worker, now - timedelta(seconds=ran), 600) for worker, (kind, ran) in running.items()
    )
    return Line(found, ahead, lambda kind: RECENT.get(kind, [])).starts_in_s(place, ("w0", "w1"))


BUSY = {"w0": ("long", 0.0), "w1": ("long", 0.0)}


@pytest.mark.parametrize(
    ("running", "ahead", "place", "expected"),
    [
        ({}, (), 1, 1),
        ({"w0": ("long", 0)}, (), 1, 1),
        ({"w0": ("long", 0)}, ("short",), 2, 10),
        ({"w0": ("long", 0), "gone": ("long", 0)}, (), 1, 1),
        ({"w0": ("long", 0), "w1": ("long", 100)}, (), 1, 200),
        (BUSY, ("long", "short"), 3, 310),
        (BUSY, (None, "short"), 2, 300),
        (BUSY, (), 3, 600),
        (BUSY, ("new",), 2, 300),
        (BUSY, ("new", "short"), 3, 310),
        ({"w0": ("short", 60), "w1": ("short", 60)}, (), 1, 60),
        ({"w0": ("new", 0), "w1": ("long", 0)}, (), 1, None),
        ({"w0": ("new", 0)}, ("new",), 2, None),
    ],
)
def test_the_first_free_worker_takes_the_next(running, ahead, place, expected):
    found = starts_in_s(running, ahead, place)
    assert found == (expected if expected is None else pytest.approx(expected, abs=1))


def test_nobody_is_there():
    assert Line().starts_in_s(1, ()) is None


@pytest.mark.parametrize(
    ("ran", "recent", "progress", "left"),
    [
        (0, [10, 20, 90], None, 20),
        (15, [10, 20, 90], None, 40),
        (100, [10, 20], None, 100),
        (550, [10, 20], None, 50),
        (900, [10, 20], None, 0),
        (100, [], None, None),
        (100, [], 0.25, 300),
        (100, [500], 1.0, 0),
        (100, [500], 0.0, 400),
    ],
)
def test_what_is_left_of_a_run(ran, recent, progress, left):
    assert left_s(ran, recent, 600, progress) == left


def test_a_line_is_served_by_all_workers():
    assert start_s([0, 30], [100, 100, 10]) == 110


def test_estimates_over_mixed_tasks_are_less_than_a_third_off():
    """Asked for: a median error under 30 % over 100 mixed tasks. The control ignores what runs."""
    found = [errors(simulate(100, seed)) for seed in range(20)]
    ours, control = ([error for one in found for error in one[part]] for part in (0, 1))
    assert median(ours) < 0.3
    assert median(control) > 0.45


def test_what_is_read_for_it(services, running, new_task, clock):
    task = running(type="count")
    services.tasks.report_progress(task, {"done": 1, "total": 4, "message": ""})
    (found,) = services.stats.running()
    assert (found.type, found.worker, found.progress) == ("count", task.worker, 0.25)
    new_task(type="b", priority="low"), new_task(type="a", priority="high")
    assert services.stats.ahead(services.stats.queues()) == ["a", "b"]
    clock.advance(seconds=7)
    assert services.tasks.succeed(task, None)
    assert services.stats.durations_s("count") == [7]
    assert services.stats.durations_s("another") == []


def test_damaged_tasks_are_left_out(services, running, task_in):
    for broken in ({"lease": None}, {"started_at": "now"}, {"timeout_s": None}):
        services.db.tasks.update_one({"_id": running().id}, {"$set": broken})
    assert services.stats.running() == []
    odd = running()
    services.db.tasks.update_one(
        {"_id": odd.id}, {"$set": {"progress": {"done": "x", "total": float("inf")}}}
    )
    assert [task.progress for task in services.stats.running()] == [None]
    ended = task_in(Status.FAILED)
    services.db.tasks.update_one({"_id": ended.id}, {"$set": {"started_at": None}})
    assert services.stats.durations_s(ended.type) == []
