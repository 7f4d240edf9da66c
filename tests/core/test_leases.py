"""Which worker is lost: none that renews, and each that does not, whatever stands in the lease."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.core.queue.lost_leases import ABANDONED_S, UNRENEWED_S
from app.core.tasks.states import Status
from app.core.tasks.store import LEASE


def rewrite(services, task, lease):
    """Change the lease of a task behind everybody's back; None takes it away."""
    change = {"$unset": {"lease": ""}} if lease is None else {"$set": {"lease": lease}}
    services.db.tasks.update_one({"_id": task.id}, change)


@pytest.mark.parametrize("lease", [None, {}, {"worker": "w1"}], ids=str)
def test_a_running_task_without_a_lease_is_rescued(lease, services, running, rescue, clock):
    task = running(max_attempts=1)
    rewrite(services, task, lease)
    rescue.look()
    clock.advance(seconds=ABANDONED_S - 1)
    assert rescue.look() == 0
    clock.advance(seconds=1)
    assert rescue.look() == 1
    stored = services.tasks.get(task.id)
    assert (stored.status, stored.losses) == (Status.SCHEDULED, 1)


@pytest.mark.parametrize("ahead", [timedelta(minutes=2), timedelta(hours=1), timedelta(days=4000)])
def test_a_lease_of_another_time_holds_no_task_for_ever(ahead, services, running, rescue, clock):
    """Its worker died before the database's clock was set back."""
    task = running()
    rewrite(services, task, {"worker": "w1", "until": clock.now + ahead})
    rescue.look()
    clock.advance(seconds=ABANDONED_S)
    assert rescue.look() == 1


def test_one_that_got_a_lease_meanwhile_is_left_alone(services, running, rescue, clock):
    task = running()
    rewrite(services, task, None)
    rescue.look()
    clock.advance(seconds=ABANDONED_S)
    lost = rescue.watch.lost()
    rewrite(services, task, {"worker": "w1", "until": clock.now + LEASE})
    assert (len(lost), services.recovery.rescue(lost)) == (1, 0)


def test_one_look_takes_nothing_from_anybody(running, rescue, clock):
    running()
    clock.advance(hours=1)
    assert rescue.look() == 0


def test_a_task_that_ended_between_two_looks_is_nobodys(services, running, rescue, clock):
    task = running()
    clock.advance(minutes=1)
    rescue.look()
    clock.advance(seconds=UNRENEWED_S)
    services.tasks.succeed(task, 1)
    assert rescue.watch.lost() == []


def test_another_attempt_is_watched_from_its_own_start(services, running, rescue, clock):
    task = running(max_attempts=3)
    clock.advance(minutes=1)
    rescue.look()
    services.tasks.release(task, "The worker was stopped.")
    queued = services.tasks.get(task.id)
    services.tasks.claim(queued.id, queued.dispatch, "w1")
    clock.advance(seconds=UNRENEWED_S)
    assert rescue.look() == 0
