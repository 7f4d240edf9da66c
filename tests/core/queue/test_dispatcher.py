"""What people do to tasks, and how an attempt that did not succeed goes on: document and queue agree."""

from __future__ import annotations

import io
import threading
from datetime import timedelta

import pytest
from bson import ObjectId

from app.core.errors import Conflict, Invalid, NotFound, QueueUnavailable
from app.core.queue.dispatcher import LOSS_WAIT_FIRST_S, MAX_CRASHES, backoff_s, loss_wait_s
from app.core.queue.rq import Queues
from app.core.tasks.states import ACTIONS, Action, Priority, Status
from app.core.tasks.task import NewTask, Task
from tests.core.conftest import an_error


def new(**given):
    return NewTask(**{"type": "count_slowly", "params": {}, "title": "Count", "owner": "alice", **given})


class TestSubmit:
    def test_it_is_durable_and_the_workers_know(self, services):
        submitted = services.dispatch.submit(new())
        assert (submitted.created, submitted.dispatched) == (True, True)
        assert services.tasks.get(submitted.task.id).hint == "sent"
        assert services.queues.take(0) == submitted.task.job_id

    @pytest.mark.parametrize(
        ("params", "fits"),
        [
            ({"text": "x" * 5_000_000}, True),
            ({"text": "字" * 2_000_000}, True),
            ({"text": "字" * 2_200_000}, False),
            ({"numbers": [0] * 300_000}, True),
            ({"numbers": [0] * 600_000}, False),
        ],
    )
    def test_parameters_leave_room_in_their_document_in_the_databases_unit(self, services, params, fits):
        if fits:
            assert services.dispatch.submit(new(params=params)).created
            return
        with pytest.raises(Invalid, match="at most 6 MB are kept with a task. Send large content as a file."):
            services.dispatch.submit(new(params=params))
        assert services.db.tasks.count_documents({}) == 0

    def test_the_document_is_there_before_the_message(self, services, monkeypatch):
        there: list[Task] = []
        monkeypatch.setattr(
            services.queues, "push", lambda tasks: there.extend(services.tasks.get(each.id) for each in tasks)
        )
        submitted = services.dispatch.submit(new())
        assert [task.id for task in there] == [submitted.task.id]

    def test_the_same_form_twice_is_one_task_and_one_message(self, services, waiting):
        first = services.dispatch.submit(new(submission_key="form-1"))
        second = services.dispatch.submit(new(submission_key="form-1"))
        assert (second.created, second.task.id) == (False, first.task.id)
        assert services.db.tasks.count_documents({}) == 1
        assert waiting() == [str(first.task.id)]

    def test_twenty_clicks_at_once_are_one_task(self, services):
        together, submitted = threading.Barrier(20), []

        def click():
            together.wait()
            submitted.append(services.dispatch.submit(new(submission_key="form-1")))

        clicks = [threading.Thread(target=click) for _ in range(20)]
        for each in clicks:
            each.start()
        for each in clicks:
            each.join()
        assert services.db.tasks.count_documents({}) == 1
        assert len({each.task.id for each in submitted}) == 1
        assert sum(each.created for each in submitted) == 1

    def test_with_redis_away_it_is_saved_and_sent_later(self, services, redis_away, waiting):
        with redis_away():
            submitted = services.dispatch.submit(new())
        assert (submitted.created, submitted.dispatched) == (True, False)
        assert services.tasks.get(submitted.task.id).hint == "due"
        assert services.recovery.push_due() == 1
        assert waiting() == [str(submitted.task.id)]

    def test_one_for_later_is_not_sent(self, services, clock, waiting):
        submitted = services.dispatch.submit(new(run_at=clock.now + timedelta(minutes=5)))
        assert submitted.dispatched
        assert waiting() == []

    def test_its_files_belong_to_it(self, services):
        stored = services.files.save(io.BytesIO(b"a,b\n"), "a.csv", "text/csv", "alice", role="input")
        submitted = services.dispatch.submit(new(files=(stored.id,)))
        assert [each.id for each in services.files.of_task(submitted.task.id)] == [stored.id]

    def test_without_one_of_its_files_there_is_no_task(self, services):
        kept = services.files.save(io.BytesIO(b"a,b\n"), "a.csv", "text/csv", "alice", role="input")
        with pytest.raises(Invalid, match="no longer there"):
            services.dispatch.submit(new(files=(kept.id, ObjectId())))
        assert services.db.tasks.count_documents({}) == 0
        assert services.db["files.files"].find_one({"_id": kept.id})["metadata"]["tasks"] == []

    def test_a_doubled_form_keeps_the_files_of_the_first(self, services):
        first, second = (
            services.files.save(io.BytesIO(b"a,b\n"), name, "text/csv", "alice", role="input")
            for name in ("first.csv", "second.csv")
        )
        task = services.dispatch.submit(new(files=(first.id,), submission_key="form-1")).task
        services.dispatch.submit(new(files=(first.id, second.id), submission_key="form-1"))
        assert [each.name for each in services.files.of_task(task.id)] == ["first.csv"]
        with pytest.raises(NotFound):
            services.files.get(second.id)

    def test_its_words_can_be_found(self, services):
        services.dispatch.submit(new(title="Quarterly report", tags=("finance",)))
        assert services.dispatch.words.expand("qu").words == ("quarterly",)
        assert services.dispatch.words.expand("fin").words == ("finance",)


class TestActions:
    """Bob operates."""

    def test_a_waiting_task_is_canceled_and_its_message_taken_back(self, services, new_task, waiting):
        task = new_task()
        services.dispatch.cancel(task.id, "bob")
        assert services.tasks.get(task.id).status is Status.CANCELED
        assert waiting() == []

    def test_a_running_task_gets_the_flag(self, services, running):
        task = running()
        services.dispatch.cancel(task.id, "bob")
        assert services.tasks.get(task.id).cancel["by"] == "bob"

    def test_a_retry_sends_it_again(self, services, task_in, waiting):
        task = task_in(Status.FAILED)
        assert services.dispatch.retry(task.id)
        assert services.tasks.get(task.id).status is Status.QUEUED
        assert waiting() == [str(task.id)]

    def test_a_retry_with_redis_away_is_kept(self, services, task_in, redis_away):
        task = task_in(Status.FAILED)
        with redis_away():
            assert not services.dispatch.retry(task.id)
        assert services.tasks.get(task.id).hint == "due"

    def test_a_task_that_is_moved_up_is_taken_first(self, services, new_task, waiting):
        first, second = new_task(priority="medium"), new_task(priority="low")
        services.dispatch.reprioritize(second.id, Priority.HIGH)
        assert services.tasks.get(second.id).priority is Priority.HIGH
        assert waiting() == [str(second.id), str(first.id)]

    def test_a_scheduled_task_is_moved_without_a_message(self, services, task_in, waiting):
        task = task_in(Status.SCHEDULED)
        services.dispatch.reprioritize(task.id, Priority.HIGH)
        stored = services.tasks.get(task.id)
        assert (stored.priority, stored.status) == (Priority.HIGH, Status.SCHEDULED)
        assert waiting() == []

    def test_a_deleted_task_takes_its_log_and_files_with_it(self, services, task_in):
        task = task_in(Status.SUCCEEDED)
        stored = services.files.save(io.BytesIO(b"a,b\n"), "a.csv", "text/csv", "alice", role="output")
        services.files.attach([stored.id], task.id)
        services.logs.write_part(task.id, 1, 0, b"hello")
        services.dispatch.delete(task.id)
        assert services.db.tasks.count_documents({}) == services.db.logs.count_documents({}) == 0
        assert services.db["files.files"].count_documents({}) == 0

    @pytest.mark.parametrize("status", Status)
    @pytest.mark.parametrize(
        "action",
        [Action.CANCEL, Action.RETRY, Action.REPRIORITIZE, Action.DELETE],
        ids=lambda each: each.value,
    )
    def test_what_the_table_does_not_offer_is_a_conflict(self, action, status, services, task_in, document):
        if action in ACTIONS[status]:
            return
        task = task_in(status)
        before = document(task)
        arguments = {Action.CANCEL: ("bob",), Action.REPRIORITIZE: (Priority.HIGH,)}.get(action, ())
        with pytest.raises(Conflict, match=f"is (already )?{status.label.lower()}"):
            getattr(services.dispatch, action.value)(task.id, *arguments)
        assert document(task) == before

    @pytest.mark.parametrize("action", ["cancel", "retry", "reprioritize", "delete"])
    def test_who_comes_second_is_told_so(self, action, services, task_in, monkeypatch):
        task = task_in(Status.FAILED if action in ("retry", "delete") else Status.QUEUED)
        monkeypatch.setattr(services.tasks, action, lambda *args: False)
        arguments = {"cancel": ("bob",), "reprioritize": (Priority.HIGH,)}.get(action, ())
        with pytest.raises(Conflict, match="status changed before"):
            getattr(services.dispatch, action)(task.id, *arguments)

    def test_a_task_that_is_not_there_is_not_found(self, services):
        with pytest.raises(NotFound):
            services.dispatch.cancel(ObjectId(), "bob")

    def test_redis_away_does_not_stop_a_cancel(self, services, new_task, redis_away):
        task = new_task()
        with redis_away():
            services.dispatch.cancel(task.id, "bob")
        assert services.tasks.get(task.id).status is Status.CANCELED


class TestFailed:
    def test_another_attempt_is_scheduled_where_one_is_left(self, services, running, clock):
        task = running(max_attempts=2)
        assert services.dispatch.failed(task, an_error()) is Status.SCHEDULED
        run_at = services.tasks.get(task.id).run_at
        assert clock.now <= run_at <= clock.now + timedelta(seconds=4)

    def test_a_task_may_say_when(self, services, running, clock):
        task = running(max_attempts=2)
        services.dispatch.failed(task, an_error(), after_s=90)
        assert services.tasks.get(task.id).run_at == clock.now + timedelta(seconds=90)

    @pytest.mark.parametrize(("attempts", "retry"), [(1, True), (5, False)])
    def test_it_fails_where_none_is_left_or_wanted(self, attempts, retry, services, running):
        task = running(max_attempts=attempts)
        assert services.dispatch.failed(task, an_error("Bad."), retry=retry) is Status.FAILED
        stored = services.tasks.get(task.id)
        assert (stored.status, stored.error["message"]) == (Status.FAILED, "Bad.")

    def test_a_canceled_task_is_not_tried_again(self, services, running):
        task = running(max_attempts=5)
        services.dispatch.cancel(task.id, "bob")
        assert services.dispatch.failed(task, an_error()) is Status.CANCELED
        assert services.tasks.get(task.id).status is Status.CANCELED

    @pytest.mark.parametrize("ending", ["failed", "crashed", "release"])
    def test_a_cancel_that_comes_at_the_last_moment_is_kept(self, ending, services, running, monkeypatch):
        """Between the look at the flag and the write that would queue the task again."""
        task, ask = running(max_attempts=5), services.tasks.cancel_requested
        looks = [] if ending == "release" else [False]
        monkeypatch.setattr(
            services.tasks, "cancel_requested", lambda task: looks.pop() if looks else ask(task)
        )
        services.tasks.cancel(task.id, "bob")
        argument = an_error() if ending == "failed" else "It died."
        getattr(services.dispatch, ending)(task, argument)
        assert services.tasks.get(task.id).status is Status.CANCELED

    @pytest.mark.parametrize("ending", ["failed", "crashed"])
    def test_an_attempt_that_is_over_decides_nothing(self, ending, services, running, document):
        task = running(max_attempts=5)
        services.tasks.succeed(task, 1)
        before = document(task)
        assert getattr(services.dispatch, ending)(task, an_error() if ending == "failed" else "Died.") is None
        assert document(task) == before

    def test_the_wait_grows_and_is_bounded(self, monkeypatch):
        monkeypatch.setattr("random.uniform", lambda low, high: high)
        assert [backoff_s(attempt) for attempt in (1, 2, 3, 9, 500)] == [4, 8, 16, 900, 900]

    def test_the_wait_is_jittered_from_nothing_on(self, monkeypatch):
        monkeypatch.setattr("random.uniform", lambda low, high: low)
        assert backoff_s(5) == 0


class TestCrashed:
    def test_it_is_tried_again_at_once(self, services, running, waiting):
        task = running(max_attempts=2)
        assert services.dispatch.crashed(task, "Killed.") is Status.QUEUED
        assert services.tasks.get(task.id).crashes == 1
        assert waiting() == [str(task.id)]

    def test_it_fails_where_no_attempt_is_left(self, services, running):
        task = running(max_attempts=1)
        assert services.dispatch.crashed(task, "Killed.") is Status.FAILED
        assert services.tasks.get(task.id).error["kind"] == "crash"

    def test_the_third_time_it_is_poison(self, services, running):
        task = running(max_attempts=99)
        for _ in range(MAX_CRASHES - 1):
            assert services.dispatch.crashed(task, "Killed.") is Status.QUEUED
            queued = services.tasks.get(task.id)
            task = services.tasks.claim(task.id, queued.dispatch, "w1")
        assert services.dispatch.crashed(task, "Killed.") is Status.FAILED
        stored = services.tasks.get(task.id)
        assert (stored.crashes, stored.attempt) == (MAX_CRASHES, MAX_CRASHES)
        assert "crashed 3 times" in stored.error["message"]

    def test_a_canceled_one_is_canceled(self, services, running):
        task = running(max_attempts=5)
        services.dispatch.cancel(task.id, "bob")
        assert services.dispatch.crashed(task, "Killed.") is Status.CANCELED

    @pytest.mark.parametrize("attempts", [1, 2])
    def test_losses_beside_it_make_no_poison(self, attempts, services, running):
        task = running(max_attempts=attempts)
        for _ in range(MAX_CRASHES + 1):
            assert services.dispatch.lost(task, "Its host died.") is Status.SCHEDULED
            task = begun_again(services, task)
        assert (task.crashes, task.losses, task.attempt) == (0, MAX_CRASHES + 1, MAX_CRASHES + 2)
        ended = services.dispatch.crashed(task, "Killed.")
        assert ended is (Status.FAILED if attempts == 1 else Status.QUEUED)
        assert services.tasks.get(task.id).crashes == 1

    def test_a_worker_that_stops_hands_its_task_on(self, services, running, waiting):
        task = running(max_attempts=1)
        assert services.dispatch.release(task, "The worker was stopped.")
        assert (services.tasks.get(task.id).attempt, services.tasks.get(task.id).max_attempts) == (1, 2)
        assert waiting() == [str(task.id)]


def begun_again(services, task):
    """The next attempt of a task whose worker was lost, whatever it waits for."""
    services.tasks.stage(services.tasks.get(task.id))
    queued = services.tasks.get(task.id)
    return services.tasks.claim(queued.id, queued.dispatch, "w2")


class TestLost:
    def test_it_begins_anew_within_seconds_and_keeps_its_attempts(self, services, running, clock):
        task = running(max_attempts=1)
        assert services.dispatch.lost(task, "Its host died.") is Status.SCHEDULED
        stored = services.tasks.get(task.id)
        assert (stored.max_attempts - stored.attempt, stored.crashes, stored.losses) == (1, 0, 1)
        assert timedelta(0) <= stored.run_at - clock.now <= timedelta(seconds=LOSS_WAIT_FIRST_S)
        assert begun_again(services, task).attempt == 2

    def test_what_a_host_ran_does_not_start_all_at_once(self, services, running, clock):
        tasks = [running() for _ in range(20)]
        for task in tasks:
            services.dispatch.lost(task, "Its host died.")
        starts = {services.tasks.get(task.id).run_at for task in tasks}
        assert len(starts) > 10

    def test_the_wait_grows_and_is_bounded(self, monkeypatch):
        monkeypatch.setattr("random.uniform", lambda low, high: high)
        assert [loss_wait_s(losses) for losses in (1, 2, 3, 7, 10**9)] == [5, 10, 20, 300, 300]

    def test_what_takes_its_workers_down_ends_by_a_limit_of_its_own(self, services, running):
        task = running(max_attempts=99)
        for _ in range(services.dispatch.max_losses - 1):
            assert services.dispatch.lost(task, "Its host died.") is Status.SCHEDULED
            task = begun_again(services, task)
        assert services.dispatch.lost(task, "Its host died.") is Status.FAILED
        stored = services.tasks.get(task.id)
        assert (stored.losses, stored.crashes, stored.error["kind"]) == (10, 0, "worker_lost")
        assert "has lost 10 workers" in stored.error["message"]

    def test_a_retry_by_a_person_begins_to_count_anew(self, services, running):
        services.dispatch.max_losses = 1
        task = running()
        assert services.dispatch.lost(task, "Its host died.") is Status.FAILED
        services.dispatch.retry(task.id)
        stored = services.tasks.get(task.id)
        assert (stored.status, stored.losses, stored.crashes) == (Status.QUEUED, 0, 0)

    @pytest.mark.parametrize("most", [1, 10])
    def test_a_canceled_one_is_canceled(self, most, services, running):
        services.dispatch.max_losses = most
        task = running(max_attempts=5)
        services.dispatch.cancel(task.id, "bob")
        assert services.dispatch.lost(task, "Its host died.") is Status.CANCELED

    def test_an_attempt_that_is_over_is_nobodys(self, services, running, document):
        task = running()
        services.tasks.succeed(task, 1)
        before = document(task)
        assert services.dispatch.lost(task, "Its host died.") is None
        assert document(task) == before


def test_redis_away_is_an_unavailable_queue(redis_away, services):
    with redis_away(), pytest.raises(QueueUnavailable, match="start when it is back"):
        assert isinstance(services.dispatch.queues, Queues)
        services.recovery.push_due()
        services.recovery.recover()
