"""Documents that no version of ours writes are passed over, and keep nobody else from their turn."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.core import repair
from app.core.clock import utcnow
from app.core.errors import NotFound
from app.core.states import Status
from app.core.taskfilter import TaskFilter
from app.core.tasks import LEASE

DAMAGE = {
    "a field is missing": {"$unset": {"owner": ""}},
    "an unknown status": {"$set": {"status": "paused"}},
    "an unknown priority": {"$set": {"priority": 7}},
}


@pytest.fixture
def damage(services):
    def damaged(task, how: str = "a field is missing"):
        services.db.tasks.update_one({"_id": task.id}, DAMAGE[how])
        return task

    return damaged


@pytest.mark.parametrize("how", DAMAGE)
def test_a_list_shows_the_others_and_the_log_names_it_once(how, services, new_task, damage, caplog):
    task, bad = new_task(), damage(new_task(), how)
    for _ in range(2):
        assert [each.id for each in services.listing.page(TaskFilter()).tasks] == [task.id]
    assert caplog.text.count(str(bad.id)) == 1


def test_a_page_of_them_is_no_end_of_the_list(services, new_task, damage):
    oldest = [new_task() for _ in range(30)]
    for _ in range(60):
        damage(new_task())
    first = services.listing.page(TaskFilter())
    second = services.listing.page(TaskFilter(after=first.next))
    assert [each.id for each in [*first.tasks, *second.tasks]] == [task.id for task in reversed(oldest)]
    assert (len(first.tasks), second.next) == (25, "")


def test_what_is_due_behind_a_batch_of_them_is_queued(services, task_in, clock, damage, monkeypatch):
    monkeypatch.setattr(repair, "BATCH", 2)
    for _ in range(5):
        damage(task_in(Status.SCHEDULED))
    clock.advance(seconds=1)
    task = task_in(Status.SCHEDULED)
    clock.advance(hours=2)
    assert services.dispatch.stage() == 1
    assert services.tasks.get(task.id).status is Status.QUEUED


@pytest.mark.parametrize("lease", [{}, {"worker": None}, {"worker": ""}])
def test_a_task_that_runs_on_none_keeps_no_other_from_its_rescue(lease, services, running, clock, damage):
    damage(running(), "an unknown priority")
    nobody, task = running(max_attempts=2), running(max_attempts=2)
    until = utcnow() - timedelta(days=1)
    services.db.tasks.update_one({"_id": nobody.id}, {"$set": {"lease": {**lease, "until": until}}})
    clock.advance(seconds=LEASE.total_seconds() + 1)
    assert services.dispatch.rescue() == 2
    assert services.tasks.get(task.id).status is Status.QUEUED


def test_a_message_that_names_one_is_stale(services, new_task, damage):
    task = damage(new_task())
    assert services.tasks.claim(task.id, task.dispatch, "w1") is None


def test_its_page_says_so(services, new_task, damage):
    task = damage(new_task())
    with pytest.raises(NotFound, match="cannot be read"):
        services.tasks.get(task.id)
