"""Figures for the home page agree with the tasks that are there."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.core.listing import listing
from app.core.listing.filter import TaskFilter
from app.core.tasks.states import Priority, Status
from tests.core.conftest import an_error

HOUR = timedelta(hours=1)


@pytest.fixture
def stats(services):
    return services.stats


def test_lanes_count_what_waits_and_what_runs(stats, new_task, running, task_in):
    new_task(priority="high"), new_task(priority="high"), running(priority="low")
    task_in(Status.SCHEDULED, priority="high"), task_in(Status.SUCCEEDED, priority="low")
    found = [(queue.priority, queue.waiting.value, queue.running.value) for queue in stats.queues()]
    assert found == [(Priority.HIGH, 2, 0), (Priority.MEDIUM, 0, 0), (Priority.LOW, 0, 1)]


def test_the_longest_wait_of_each_lane_is_shown(stats, new_task, services, clock):
    began = clock.now
    first = new_task()
    clock.advance(minutes=5)
    new_task()
    assert [queue.oldest for queue in stats.queues()] == [None, began, None]
    services.dispatch.cancel(first.id, "bob")
    assert stats.queues()[1].oldest == clock.now


def test_a_task_that_is_not_sent_yet_waits_as_well(stats, new_task, redis_away, clock):
    with redis_away():
        new_task()
    assert stats.queues()[1].oldest == clock.now


def test_what_ended_lately_is_counted_by_outcome(stats, task_in, clock):
    task_in(Status.FAILED)
    clock.advance(hours=2)
    task_in(Status.SUCCEEDED), task_in(Status.SUCCEEDED), task_in(Status.CANCELED), task_in(Status.RUNNING)
    found = {status.value: count.value for status, count in stats.ended(HOUR).items()}
    assert found == {"succeeded": 2, "failed": 0, "canceled": 1}
    assert list(found) == ["succeeded", "failed", "canceled"]


def test_failures_are_grouped_by_type_and_error(stats, running, services, clock):
    for message in ("No column a.", "No column a.", "Empty."):
        task = running()
        services.tasks.fail(task, an_error(message))
        clock.advance(seconds=1)
    other = running(type="clean_table")
    services.tasks.fail(other, an_error("Empty."))
    found = [(group.type, group.error, group.count) for group in stats.failures(HOUR)]
    assert found[0] == ("count_slowly", "No column a.", 2)
    assert sorted(found[1:]) == [("clean_table", "Empty.", 1), ("count_slowly", "Empty.", 1)]


def test_errors_alike_are_one_group_whose_list_holds_as_many(stats, running, services, new_task):
    for message in ("Line 3 has 3 fields", "Line 5 has 6 fields", "Line 5 is empty"):
        services.tasks.fail(running(), an_error(message))
    services.tasks.fail(running(type="clean_table"), an_error("Line 7 has 1 fields"))
    found = {(group.type, group.error): group for group in stats.failures(HOUR)}
    counts = {key: group.count for key, group in found.items()}
    assert counts == {
        ("count_slowly", "Line … has … fields"): 2,
        ("count_slowly", "Line 5 is empty"): 1,
        ("clean_table", "Line 7 has 1 fields"): 1,
    }
    for group in found.values():
        listed = services.listing.page(TaskFilter.parse(as_query(group.wanted))).tasks
        assert len(listed) == group.count == services.listing.count(group.wanted).value


def test_failures_of_before_are_grouped_as_they_are_read_and_have_no_list(stats, running, services):
    for message in ("Line 3 has 3 fields", "Line 5 has 6 fields", "Line 8 has 2 fields"):
        services.tasks.fail(running(), an_error(message))
    old = services.db.tasks.find({}, {"_id": 1}).limit(2)
    services.db.tasks.update_many(
        {"_id": {"$in": [task["_id"] for task in old]}}, {"$unset": {"error_group": 1}}
    )
    found = {(group.error, group.count, group.wanted is None) for group in stats.failures(HOUR)}
    assert found == {("Line … has … fields", 2, True), ("Line 8 has 2 fields", 1, False)}


def test_a_retry_leaves_no_group_behind(services, running, document):
    task = running()
    services.tasks.fail(task, an_error())
    assert document(task)["error_group"] == "It did not work."
    services.tasks.retry(services.tasks.get(task.id))
    assert "error_group" not in document(task)


def as_query(wanted: TaskFilter) -> dict[str, list[str]]:
    """What a browser sends for a link to a list."""
    return {name: [str(value)] for name, value in wanted.args().items()}


def test_a_group_leads_to_its_newest_failure(stats, running, services, clock):
    for _ in range(3):
        clock.advance(seconds=1)
        newest = running()
        services.tasks.fail(newest, an_error())
    (group,) = stats.failures(HOUR)
    assert (group.task_id, group.last) == (str(newest.id), clock.now)


def test_what_failed_long_ago_is_no_failure_of_today(stats, task_in, clock):
    task_in(Status.FAILED)
    clock.advance(hours=2)
    task_in(Status.SUCCEEDED)
    assert stats.failures(HOUR) == []


def test_counts_stop_somewhere_and_say_so(stats, new_task, monkeypatch):
    for _ in range(5):
        new_task()
    monkeypatch.setattr(listing, "COUNT_LIMIT", 3)
    assert str(stats.queues()[1].waiting) == "3+"
