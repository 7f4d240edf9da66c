"""Who is lost: whatever any clock says, nobody who renews; and whoever does not, at last."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.leases import ABANDONED_S, UNRENEWED_S, LeaseWatch
from app.core.states import Status
from app.core.task import NewTask
from app.core.tasks import LEASE

LOOKS_EVERY_S = 2
RENEWS_EVERY_S = 10
OFF = st.sampled_from([0, 1, -1, 29, -29, 31, -31, 3600, -3600, 86_400 * 400])


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
    assert (len(lost), services.dispatch.rescue(lost)) == (1, 0)


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
    services.tasks.hand_back(task, "The worker was stopped.")
    queued = services.tasks.get(task.id)
    services.tasks.claim(queued.id, queued.dispatch, "w1")
    clock.advance(seconds=UNRENEWED_S)
    assert rescue.look() == 0


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(rescuer=OFF, worker=OFF, steps=st.lists(st.tuples(st.integers(0, 60), OFF, OFF), max_size=4))
def test_whoever_renews_is_never_rescued_whatever_the_clocks_say(rescuer, worker, steps, services, clock):
    """Each of the two is off, and is set at any moment; their seconds are the same."""
    look(services, clock, rescuer, worker, steps, dies_at=999, until=75)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(rescuer=OFF, worker=OFF, dies_at=st.integers(0, 40))
def test_whoever_renews_no_more_is_rescued_whatever_the_clocks_say(rescuer, worker, dies_at, services, clock):
    look(services, clock, rescuer, worker, [], dies_at, until=dies_at + 2 * LOOKS_EVERY_S + int(ABANDONED_S))


def look(services, clock, rescuer, worker, steps, dies_at, until):
    """A worker that renews until it dies, and somebody who watches; both in seconds of real time."""
    services.db.tasks.delete_many({})
    began, off = clock.now, {"rescuer": rescuer, "worker": worker}
    second = 0
    watch = LeaseWatch(services.tasks, lambda: float(second))

    def at(who):
        clock.now = began + timedelta(seconds=second + off[who])

    at("worker")
    task = claimed(services)
    lost_at = None
    for second in range(until + 1):
        for _, of_rescuer, of_worker in (step for step in steps if step[0] == second):
            off = {"rescuer": of_rescuer, "worker": of_worker}
        at("worker")
        if second % RENEWS_EVERY_S == 0 and second <= dies_at:
            assert services.tasks.renew(task)
        at("rescuer")
        if second % LOOKS_EVERY_S == 0 and watch.lost() and lost_at is None:
            lost_at = second
    clock.now = began
    if dies_at > until:
        assert lost_at is None, f"a living worker lost its task after {lost_at} s"
    else:
        assert lost_at is not None and lost_at > dies_at


def claimed(services):
    task, _ = services.tasks.insert(NewTask("count_slowly", {}, "Count"))
    return services.tasks.claim(task.id, task.dispatch, "w1")
