"""Repairs with much to do: batch after batch for their time, then the others have their turn."""

from __future__ import annotations

from datetime import timedelta

import pytest
from bson import ObjectId

from app.core.clock import utcnow
from app.core.queue import recovery as repair
from app.core.queue.dispatcher import UNSERVED_LONGEST_S
from app.core.tasks.states import Status


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(repair, "BATCH", 3)


@pytest.fixture
def settled(services):
    services.recovery.recover()
    return services


@pytest.fixture
def no_time(monkeypatch):
    """A repair has time for one batch."""
    for name in ("REPAIR_S", "RECOVERY_S"):
        monkeypatch.setattr(repair, name, 0.0)


def overdue(services) -> None:
    past = {"run_at": utcnow() - timedelta(seconds=1)}
    services.db.tasks.update_many({"status": Status.SCHEDULED.value}, {"$set": past})


def never_pushed(services) -> None:
    services.queues.redis.flushall()
    services.db.tasks.update_many({}, {"$set": {"hint": "due"}})


def all_past_retention(services) -> None:
    past = utcnow() - timedelta(seconds=1)
    ended = {"status": Status.SUCCEEDED.value, "expire_at": past, "finished_at": past}
    services.db.tasks.update_many({}, {"$set": ended, "$unset": {"hint": ""}})


class TestAllOfIt:
    def test_what_is_due(self, services, task_in):
        for _ in range(10):
            task_in(Status.SCHEDULED)
        overdue(services)
        assert services.recovery.stage() == 10

    def test_what_was_never_pushed(self, services, new_task):
        tasks = [new_task() for _ in range(10)]
        never_pushed(services)
        assert services.recovery.push_due() == 10
        assert services.queues.missing(tasks) == []

    def test_what_is_past_its_retention(self, services, new_task):
        for _ in range(10):
            services.logs.write_part(new_task().id, 1, 0, b"hello")
        all_past_retention(services)
        assert services.recovery.prune() == 10
        left = [services.db[name].count_documents({}) for name in ("tasks", "logs", "deletions")]
        assert left == [0, 0, 0]


class TestOneBatchWhereThereIsNoTime:
    def test_what_is_due(self, services, task_in, no_time):
        for _ in range(10):
            task_in(Status.SCHEDULED)
        overdue(services)
        assert [services.recovery.stage() for _ in range(4)] == [3, 3, 3, 1]

    def test_what_was_never_pushed(self, services, new_task, no_time):
        for _ in range(10):
            new_task()
        never_pushed(services)
        assert [services.recovery.push_due() for _ in range(4)] == [3, 3, 3, 1]

    def test_what_is_past_its_retention(self, services, new_task, no_time):
        for _ in range(10):
            new_task()
        all_past_retention(services)
        assert [services.recovery.prune() for _ in range(4)] == [3, 3, 3, 1]


def test_of_a_batch_only_what_has_ended_is_deleted(services, task_in):
    ended, runs, none = task_in(Status.FAILED), task_in(Status.RUNNING), ObjectId()
    assert services.dispatch.deletions.delete([ended.id, runs.id, none]) == [ended.id, none]
    assert services.dispatch.deletions.delete([runs.id]) == []
    assert services.tasks.get(runs.id).status is Status.RUNNING


class TestRecovery:
    """Redis lost its data, and not everything can be pushed again in one round."""

    def test_the_next_round_goes_on_in_order_whoever_makes_it(self, settled, new_task, waiting, no_time):
        low, *medium = new_task(priority="low"), *[new_task() for _ in range(4)]
        settled.queues.redis.flushall()
        rounds = []
        while not settled.queues.epoch.exists():
            rounds.append(settled.recovery.recover())
        assert rounds == [0, 3, 1, 1]
        assert waiting() == [str(task.id) for task in (*medium, low)]

    def test_another_loss_begins_anew(self, settled, new_task, monkeypatch):
        tasks = [new_task() for _ in range(10)]
        settled.queues.redis.flushall()
        push, pushes = settled.queues.push, []

        def lose(tasks):
            push(tasks)
            pushes.append(tasks)
            if len(pushes) == 3:
                settled.queues.redis.flushall()

        monkeypatch.setattr(settled.queues, "push", lose)
        for _ in range(2):
            settled.recovery.recover()
        assert settled.queues.epoch.exists() and settled.queues.missing(tasks) == []

    def test_another_loss_in_its_last_moment_is_noticed(self, settled, new_task, monkeypatch):
        tasks = [new_task() for _ in range(2)]
        settled.queues.redis.flushall()
        go_on = settled.queues.epoch.advance

        def lose(recovery, place):
            if place is None:
                settled.queues.redis.flushall()
            go_on(recovery, place)

        with monkeypatch.context() as patched:
            patched.setattr(settled.queues.epoch, "advance", lose)
            settled.recovery.recover()
        assert not settled.queues.epoch.exists()
        settled.recovery.recover()
        assert settled.queues.epoch.exists() and settled.queues.missing(tasks) == []

    def test_who_comes_late_does_not_skip_what_was_lost_once_more(self, settled, new_task):
        """One has read how far it came; meanwhile the data are lost again, and another begins anew."""
        tasks = [new_task() for _ in range(5)]
        settled.queues.redis.flushall()
        seen = settled.queues.epoch.redispatch(str(repair.START))
        settled.queues.redis.flushall()
        settled.queues.epoch.redispatch(str(repair.START))
        settled.queues.epoch.advance(seen, None)
        assert not settled.queues.epoch.exists()
        assert settled.recovery.recover() == 5 and settled.queues.missing(tasks) == []

    def test_two_at_once_push_each_once(self, settled, new_task, waiting, monkeypatch):
        tasks = [new_task() for _ in range(10)]
        settled.queues.redis.flushall()
        push, pushes = settled.queues.push, []

        def and_another(tasks):
            push(tasks)
            pushes.append(tasks)
            if len(pushes) == 2:
                settled.recovery.recover()

        monkeypatch.setattr(settled.queues, "push", and_another)
        settled.recovery.recover()
        assert waiting() == [str(task.id) for task in tasks]

    def test_what_somebody_runs_is_left_alone(self, settled, new_task, running):
        runs = running()
        settled.queues.redis.flushall()
        assert settled.recovery.recover() == 0
        assert settled.tasks.renew(runs)


class TestTypesThatNobodyServes:
    def test_they_come_more_and_more_seldom(self, services, new_task, clock):
        task, waits = new_task(type="rare"), []
        for _ in range(8):
            services.dispatch.defer(services.tasks.get(task.id), served=False)
            waits.append((services.tasks.get(task.id).run_at - clock.now).total_seconds())
            clock.advance(seconds=UNSERVED_LONGEST_S)
            services.recovery.stage()
        assert 15 <= waits[0] <= 30 and UNSERVED_LONGEST_S / 2 <= min(waits[-3:]) <= max(waits)
        assert max(waits) <= UNSERVED_LONGEST_S

    def test_they_are_offered_at_once_when_a_worker_has_the_type(self, services, new_task, running, clock):
        rare, other = new_task(type="rare"), new_task(type="other")
        for task in (rare, other):
            services.dispatch.defer(task, served=False)
        retried = running(type="rare", max_attempts=2)
        services.tasks.reschedule(retried, {"kind": "error", "message": "Again."}, clock.now + timedelta(1))
        services.catalog.publish([{"_id": "rare", "title": "Rare"}], "w1")
        assert services.recovery.stage() == 1
        now = [services.tasks.get(task.id).status for task in (rare, other, retried)]
        assert now == [Status.QUEUED, Status.SCHEDULED, Status.SCHEDULED]
        assert services.tasks.get(rare.id).put_offs == 0
