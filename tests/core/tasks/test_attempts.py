"""What an attempt writes: the claim, its lease and progress, and each way in which it ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from bson import ObjectId

from app.core.clock import utcnow
from app.core.tasks.states import Status
from app.core.tasks.store import LEASE, Tasks
from app.core.tasks.updates import HISTORY
from tests.core.conftest import an_error
from tests.core.tasks.test_store import WRITES


class Raced:
    """A collection, with somebody else who writes right after a look."""

    def __init__(self, collection, meanwhile):
        self._collection, self._meanwhile = collection, meanwhile
        self.update_one = collection.update_one

    def find_one(self, *query):
        found = self._collection.find_one(*query)
        self._meanwhile()
        return found


class TestAttempts:
    def test_a_claim_counts_the_attempt_and_takes_a_lease(self, running, services, clock):
        task = running()
        stored = services.tasks.get(task.id)
        assert (stored.status, stored.attempt, stored.started_at) == (Status.RUNNING, 1, clock.now)
        assert stored.lease == {"worker": "w1", "until": clock.now + LEASE}
        assert (stored.hint, stored.error, stored.progress) == (None, None, None)

    def test_a_second_claim_gets_nothing(self, running, services):
        task = running()
        assert services.tasks.claim(task.id, task.dispatch, "w2") is None
        assert services.tasks.get(task.id).worker == "w1"

    @pytest.mark.parametrize("meanwhile", ["claim", "reprioritize", "cancel"])
    def test_a_claim_whose_task_moved_on_since_it_was_read_gets_nothing(
        self, meanwhile, services, new_task, monkeypatch, document
    ):
        task, others = new_task(), Tasks(services.db, timedelta(days=30))
        monkeypatch.setattr(
            services.tasks, "_tasks", Raced(services.db.tasks, lambda: WRITES[meanwhile](others, task))
        )
        assert services.tasks.claim(task.id, task.dispatch, "w2") is None
        assert document(task).get("lease", {}).get("worker") != "w2"

    def test_a_take_that_is_sent_twice_is_one_attempt(self, services, new_task):
        seen = services.tasks.waiting(new_task().id, 1)
        first, second = services.tasks.take(seen, "w1"), services.tasks.take(seen, "w1")
        assert (first.attempt, second.attempt, services.tasks.get(seen.id).attempt) == (1, 1, 1)
        assert services.tasks.take(seen, "w2") is None

    def test_what_somebody_took_is_not_put_off(self, services, new_task, document):
        seen = services.tasks.waiting(new_task().id, 1)
        services.tasks.take(seen, "w1")
        before = document(seen)
        assert not services.dispatch.defer(seen, served=True)
        assert document(seen) == before

    def test_a_new_attempt_begins_without_the_traces_of_the_last(self, running, services, clock):
        task = running(max_attempts=2)
        services.tasks.report_progress(task, {"done": 3})
        services.tasks.reschedule(task, an_error(), clock.now)
        services.tasks.stage(services.tasks.get(task.id))
        services.tasks.claim(task.id, 2, "w2")
        stored = services.tasks.get(task.id)
        assert (stored.attempt, stored.error, stored.progress, stored.hint) == (2, None, None, None)

    def test_a_renewal_extends_the_lease(self, running, services, clock):
        task = running()
        clock.advance(seconds=10)
        assert services.tasks.renew(task)
        assert services.tasks.get(task.id).lease["until"] == clock.now + LEASE

    def test_progress_is_of_the_current_attempt_only(self, running, services, clock):
        task = running()
        assert services.tasks.report_progress(task, {"done": 3, "total": 9, "message": "rows"})
        assert not services.tasks.report_progress(replace(task, attempt=2), {"done": 9})
        assert services.tasks.get(task.id).progress == {
            "done": 3,
            "total": 9,
            "message": "rows",
            "at": clock.now,
        }

    def test_a_success_keeps_the_result_and_ends_the_lease(self, running, services, clock):
        task = running()
        clock.advance(seconds=3)
        assert services.tasks.succeed(task, {"rows": 3})
        stored = services.tasks.get(task.id)
        assert (stored.status, stored.result, stored.lease) == (Status.SUCCEEDED, {"rows": 3}, None)
        assert (stored.finished_at, stored.expire_at) == (clock.now, clock.now + timedelta(days=30))

    def test_a_large_result_is_named_by_its_file(self, running, services):
        task, file_id = running(), ObjectId()
        assert services.tasks.succeed(task, None, file_id)
        assert services.tasks.get(task.id).result_file == file_id

    def test_a_finish_that_is_sent_twice_is_one_finish(self, running, services, document):
        task = running()
        assert services.tasks.succeed(task, 1)
        before = document(task)
        assert not services.tasks.succeed(task, 1)
        assert document(task) == before

    def test_a_failure_keeps_the_reason_and_counts_a_crash(self, running, services):
        plain, crash = running(), running()
        services.tasks.fail(plain, an_error("No such column."))
        services.tasks.fail(crash, an_error(kind="crash"))
        assert services.tasks.get(plain.id).error["message"] == "No such column."
        assert (services.tasks.get(plain.id).crashes, services.tasks.get(crash.id).crashes) == (0, 1)

    def test_another_attempt_waits_with_its_error_in_sight(self, running, services, clock):
        task, later = running(), clock.now + timedelta(seconds=5)
        assert services.tasks.reschedule(task, an_error("Try again."), later)
        stored = services.tasks.get(task.id)
        assert (stored.status, stored.run_at, stored.lease) == (Status.SCHEDULED, later, None)
        assert stored.error["message"] == "Try again."

    def test_what_is_handed_back_without_fault_does_not_count(self, running, services):
        again = services.tasks.release(running(max_attempts=1), "The worker was stopped.")
        assert (again.status, again.attempt, again.max_attempts, again.crashes) == (Status.QUEUED, 1, 2, 0)
        assert (again.dispatch, again.hint, again.dispatched_at) == (2, "due", None)

    def test_what_is_handed_back_after_a_crash_counts(self, running, services):
        again = services.tasks.release(running(max_attempts=2), "Died.", an_error(kind="crash"))
        assert (again.max_attempts, again.crashes, again.error["kind"]) == (2, 1, "crash")
        assert again.history[-1]["outcome"] == "crash"

    def test_the_loss_of_a_worker_costs_no_attempt(self, running, services, clock):
        task = running(max_attempts=1)
        assert services.tasks.reschedule(task, an_error(kind="worker_lost"), clock.now)
        again = services.tasks.get(task.id)
        assert (again.max_attempts, again.attempts_chosen) == (2, 1)
        assert (again.losses, again.crashes) == (1, 0)
        assert again.history[-1]["outcome"] == "worker_lost"

    def test_a_document_of_before_has_lost_no_worker(self, running, services):
        task = running(max_attempts=1)
        services.db.tasks.update_one({"_id": task.id}, {"$unset": {"losses": ""}})
        assert services.tasks.reschedule(services.tasks.get(task.id), an_error(kind="worker_lost"), utcnow())
        assert services.tasks.get(task.id).losses == 1

    def test_history_tells_each_attempt_and_is_bounded(self, running, services, clock):
        task = running(max_attempts=HISTORY + 5)
        for _ in range(HISTORY + 2):
            queued = services.tasks.release(task, "x" * 999)
            task = services.tasks.claim(queued.id, queued.dispatch, "w1")
        history = services.tasks.get(task.id).history
        assert [each["attempt"] for each in history] == list(range(3, HISTORY + 3))
        assert (history[-1]["outcome"], history[-1]["worker"]) == ("handed_back", "w1")
        assert len(history[-1]["message"]) == 500
