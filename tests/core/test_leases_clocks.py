"""Whatever any clock says: a worker that renews its lease keeps it, and one that does not is lost at last."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.queue.lost_leases import ABANDONED_S, LeaseWatch
from app.core.tasks.task import NewTask
from tests.plugins.examples import examples

LOOKS_EVERY_S = 2
RENEWS_EVERY_S = 10
OFF = st.sampled_from([0, 1, -1, 29, -29, 31, -31, 3600, -3600, 86_400 * 400])


@settings(max_examples=examples(60), suppress_health_check=list(HealthCheck))
@given(rescuer=OFF, worker=OFF, steps=st.lists(st.tuples(st.integers(0, 60), OFF, OFF), max_size=4))
def test_whoever_renews_is_never_rescued_whatever_the_clocks_say(rescuer, worker, steps, services, clock):
    """Each of the two is off, and is set at any moment; their seconds are the same."""
    look(services, clock, rescuer, worker, steps, dies_at=999, until=75)


@settings(max_examples=examples(60), suppress_health_check=list(HealthCheck))
@given(rescuer=OFF, worker=OFF, dies_at=st.integers(0, 40))
def test_whoever_renews_no_more_is_rescued_whatever_the_clocks_say(rescuer, worker, dies_at, services, clock):
    look(services, clock, rescuer, worker, [], dies_at, until=dies_at + 2 * LOOKS_EVERY_S + int(ABANDONED_S))


def look(services, clock, rescuer, worker, steps, dies_at, until):
    """A worker that renews until it dies, and somebody who watches; both in seconds of real time."""
    services.db.tasks.delete_many({})
    began, off = clock.now, {"rescuer": rescuer, "worker": worker}
    second = 0
    watch = LeaseWatch(services.queries, lambda: float(second))

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
