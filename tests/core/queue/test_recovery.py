"""The repairs: any hint may be lost, doubled or late, and nothing bad happens."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest

from app.core.errors import NotFound, QueueUnavailable
from app.core.queue import recovery
from app.core.queue.dispatcher import LOSS_WAIT_FIRST_S
from app.core.queue.lost_leases import UNRENEWED_S
from app.core.tasks.states import Priority, Status
from app.core.tasks.store import LEASE


@pytest.fixture
def settled(services):
    """Redis as it is after the first round."""
    services.recovery.recover()
    return services


def die(*given):
    raise KeyboardInterrupt


def gone(tasks):
    raise QueueUnavailable("The queue went away.")


class TestPushDue:
    def test_what_was_never_sent_is_sent_in_order(self, services, new_task, redis_away, waiting):
        with redis_away():
            low, first, second = new_task(priority="low"), new_task(), new_task()
        assert services.recovery.push_due() == 3
        assert waiting() == [str(task.id) for task in (first, second, low)]

    def test_what_was_sent_but_not_marked_is_not_sent_twice(self, services, new_task, waiting):
        task = new_task()
        services.db.tasks.update_one({"_id": task.id}, {"$set": {"hint": "due"}})
        assert services.recovery.push_due() == 0
        assert services.tasks.get(task.id).hint == "sent"
        assert waiting() == [str(task.id)]

    def test_there_is_nothing_to_do_when_all_is_well(self, services, new_task):
        new_task()
        assert services.recovery.push_due() == 0


class TestSweep:
    def test_a_lost_hint_is_found_and_the_others_left_alone(self, settled, new_task, waiting):
        tasks = [new_task() for _ in range(3)]
        settled.queues.remove([tasks[1]])
        assert settled.recovery.sweep() == 1
        assert waiting() == [str(tasks[0].id), str(tasks[2].id), str(tasks[1].id)]

    def test_nothing_lost_is_nothing_sent(self, settled, new_task, waiting):
        task = new_task()
        assert settled.recovery.sweep() == 0
        assert waiting() == [str(task.id)]

    def test_only_the_oldest_of_each_lane_are_looked_at(self, settled, new_task, monkeypatch):
        monkeypatch.setattr(recovery, "OLDEST", 2)
        tasks = [new_task() for _ in range(4)] + [new_task(priority="high")]
        for task in (tasks[0], tasks[3], tasks[4]):
            settled.queues.remove([task])
        assert settled.recovery.sweep() == 2
        assert settled.queues.missing(tasks) == [tasks[3]]

    @pytest.mark.parametrize("batch", [2, 500])
    def test_after_redis_lost_its_data_everything_is_sent_again_once(
        self, batch, settled, new_task, running, task_in, waiting, monkeypatch
    ):
        monkeypatch.setattr(recovery, "BATCH", batch)
        low, first, second = new_task(priority="low"), new_task(), new_task()
        running(), task_in(Status.SCHEDULED), task_in(Status.FAILED)
        settled.queues.redis.flushdb()
        assert settled.recovery.recover() == 3
        assert waiting() == [str(task.id) for task in (first, second, low)]
        assert settled.queues.epoch.exists()

    def test_what_is_sent_again_can_be_claimed(self, settled, new_task):
        task = new_task()
        settled.queues.redis.flushdb()
        settled.recovery.recover()
        assert settled.queues.take(0) == task.job_id
        assert settled.tasks.claim(task.id, task.dispatch, "w1")

    def test_a_repair_that_was_interrupted_goes_on(self, settled, new_task, monkeypatch, waiting):
        tasks = [new_task() for _ in range(3)]
        settled.queues.redis.flushdb()
        with monkeypatch.context() as patched, pytest.raises(QueueUnavailable):
            patched.setattr(settled.queues, "push", gone)
            settled.recovery.recover()
        assert not settled.queues.epoch.exists()
        assert settled.recovery.recover() == 3
        assert waiting() == [str(task.id) for task in tasks]


class TestRescue:
    def test_a_task_whose_worker_is_gone_is_taken_up_again(self, services, running, rescue, clock, waiting):
        task = running(max_attempts=2)
        clock.advance(seconds=LEASE.total_seconds() + 1)
        assert rescue() == 1
        stored = services.tasks.get(task.id)
        assert (stored.status, stored.crashes, stored.losses) == (Status.SCHEDULED, 0, 1)
        assert "w1 was lost" in stored.history[-1]["message"]
        clock.advance(seconds=LOSS_WAIT_FIRST_S)
        assert services.recovery.stage() == 1
        assert waiting() == [str(task.id)]

    def test_a_lease_that_still_runs_is_left_alone(self, running, rescue, clock):
        running()
        clock.advance(seconds=LEASE.total_seconds() - UNRENEWED_S - 1)
        assert rescue() == 0

    def test_the_old_attempt_is_refused_afterwards(self, services, running, rescue, clock, document):
        task = running(max_attempts=2)
        clock.advance(minutes=1)
        rescue()
        before = document(task)
        assert not services.tasks.renew(task)
        assert not services.tasks.succeed(task, "late")
        assert document(task) == before

    def test_with_redis_away_it_is_queued_all_the_same(self, services, running, rescue, clock, redis_away):
        task = running(max_attempts=2)
        clock.advance(minutes=1)
        with redis_away():
            rescue()
            clock.advance(seconds=LOSS_WAIT_FIRST_S)
            services.recovery.stage()
        assert services.tasks.get(task.id).hint == "due"

    @pytest.mark.parametrize("attempts", [1, 2])
    def test_one_that_was_renewed_since_it_was_read_is_its_workers(
        self, attempts, services, running, rescue, clock
    ):
        task = running(max_attempts=attempts)
        clock.advance(minutes=1)
        rescue.watch.lost()
        clock.advance(minutes=1)
        lost = rescue.watch.lost()
        assert [one.id for one in lost] == [task.id]
        assert services.tasks.renew(task)
        assert services.recovery.rescue(lost) == 0
        assert services.tasks.succeed(task, "in time")


class TestStage:
    def test_what_is_due_is_queued_and_sent(self, services, task_in, clock, waiting):
        task = task_in(Status.SCHEDULED, priority="high")
        clock.advance(hours=2)
        assert services.recovery.stage() == 1
        stored = services.tasks.get(task.id)
        assert (stored.status, stored.run_at, stored.hint) == (Status.QUEUED, None, "sent")
        assert services.queues.take(0) == stored.job_id

    def test_what_is_not_due_waits(self, services, task_in, clock, waiting):
        task_in(Status.SCHEDULED)
        clock.advance(minutes=59)
        assert services.recovery.stage() == 0
        assert waiting() == []

    def test_a_retry_after_a_failure_comes_back_so(self, services, running, clock):
        task = running(max_attempts=2)
        services.dispatch.failed(task, {"kind": "error", "message": "Again.", "type": "", "traceback": ""})
        clock.advance(seconds=5)
        services.recovery.stage()
        queued = services.tasks.get(task.id)
        again = services.tasks.claim(queued.id, queued.dispatch, "w2")
        assert again.attempt == 2

    def test_two_leaders_stage_it_once(self, services, task_in, clock, monkeypatch, waiting):
        task = task_in(Status.SCHEDULED)
        clock.advance(hours=2)
        seen = services.queries.due(10)
        assert services.recovery.stage() == 1
        monkeypatch.setattr(services.queries, "due", lambda limit, skip=0: seen)
        assert services.recovery.stage() == 0
        assert waiting() == [str(task.id)]

    def test_a_task_moved_meanwhile_is_staged_into_its_new_lane(
        self, services, task_in, clock, monkeypatch, document
    ):
        task = task_in(Status.SCHEDULED, priority="low")
        clock.advance(hours=2)
        seen = services.queries.due(10)
        services.dispatch.reprioritize(task.id, Priority.HIGH)
        with monkeypatch.context() as patched:
            patched.setattr(services.queries, "due", lambda limit, skip=0: seen)
            services.recovery.stage()
        services.recovery.stage()
        assert services.queues.depths()[Priority.HIGH] == 1


class TestPrune:
    def test_what_is_past_its_retention_goes_with_log_and_files(self, services, task_in, clock):
        task = task_in(Status.SUCCEEDED)
        stored = services.files.save(io.BytesIO(b"a,b\n"), "a.csv", "text/csv", "alice", role="output")
        services.files.attach([stored.id], task.id)
        services.logs.write_part(task.id, 1, 0, b"hello")
        clock.advance(days=31)
        assert services.recovery.prune() == 1
        assert services.db.tasks.count_documents({}) == services.db.logs.count_documents({}) == 0
        with pytest.raises(NotFound):
            services.files.get(stored.id)

    @pytest.mark.parametrize("status", Status)
    def test_before_that_nothing_goes(self, status, services, task_in, clock):
        task_in(status)
        clock.advance(days=29)
        assert services.recovery.prune() == 0

    @pytest.mark.parametrize("status", [Status.QUEUED, Status.SCHEDULED, Status.RUNNING])
    def test_what_has_not_ended_is_kept_for_ever(self, status, services, task_in, clock, document):
        task = task_in(status)
        clock.advance(days=3_000)
        assert services.recovery.prune() == 0
        assert document(task)

    def test_a_retried_task_is_kept(self, services, task_in, clock, document):
        task = task_in(Status.FAILED)
        services.dispatch.retry(task.id)
        clock.advance(days=31)
        assert services.recovery.prune() == 0
        assert document(task)

    def test_a_file_that_another_task_names_stays(self, services, task_in, new_task, clock):
        gone, kept = task_in(Status.SUCCEEDED), new_task()
        stored = services.files.save(io.BytesIO(b"a,b\n"), "a.csv", "text/csv", "alice", role="input")
        for task in (gone, kept):
            services.files.attach([stored.id], task.id)
        clock.advance(days=31)
        services.recovery.prune()
        assert [each.id for each in services.files.of_task(kept.id)] == [stored.id]

    def test_an_upload_that_became_no_task_goes_after_a_day(self, services, clock):
        stored = services.files.save(io.BytesIO(b"a,b\n"), "a.csv", "text/csv", "alice", role="input")
        services.recovery.prune()
        assert services.files.get(stored.id)
        clock.advance(hours=25)
        services.recovery.prune()
        with pytest.raises(NotFound):
            services.files.get(stored.id)

    @pytest.mark.parametrize("crash", ["delete of logs", "release of files"])
    def test_a_deletion_that_was_interrupted_is_finished_later(
        self, crash, services, task_in, clock, monkeypatch
    ):
        task = task_in(Status.SUCCEEDED)
        stored = services.files.save(io.BytesIO(b"a,b\n"), "a.csv", "text/csv", "alice", role="output")
        services.files.attach([stored.id], task.id)
        services.files.confirm([stored.id])
        services.logs.write_part(task.id, 1, 0, b"hello")
        with monkeypatch.context() as killed, pytest.raises(KeyboardInterrupt):
            first = crash == "delete of logs"
            killed.setattr(*((services.logs, "delete") if first else (services.files, "release")), die)
            services.dispatch.delete(task.id)
        clock.advance(minutes=6)
        services.recovery.prune()
        left = [services.db[name].count_documents({}) for name in ("logs", "files.files", "deletions")]
        assert left == [0, 0, 0]

    def test_a_deletion_that_never_began_deletes_nothing(self, services, task_in, clock, monkeypatch):
        task = task_in(Status.FAILED)
        services.logs.write_part(task.id, 1, 0, b"hello")
        with monkeypatch.context() as killed, pytest.raises(KeyboardInterrupt):
            killed.setattr(services.tasks, "delete", die)
            services.dispatch.delete(task.id)
        clock.advance(minutes=6)
        services.recovery.prune()
        assert services.logs.read(task.id, 1).text == "hello"
        assert services.db.deletions.count_documents({}) == 0

    def test_mongodb_itself_deletes_no_task_before_its_log_and_files(self, services):
        """A TTL index at the same moment would win against the sweep, and nothing would remove the rest."""
        indexes = services.db.tasks.index_information().values()
        ttl = [index["expireAfterSeconds"] for index in indexes if "expireAfterSeconds" in index]
        assert all(seconds >= timedelta(days=1).total_seconds() for seconds in ttl)
