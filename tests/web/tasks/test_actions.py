"""Buttons: what they do to the stored task, and what they refuse to do."""

from __future__ import annotations

import io

import pytest
from redis.exceptions import ConnectionError as RedisAway

from app.core.errors import NotFound
from app.core.tasks.states import Priority, Status
from tests.web.looking import claim, fail, succeed


def flashed(alice) -> str:
    with alice.client.session_transaction() as session:
        return str(session["flashes"])


class TestLegal:
    def test_cancel_a_waiting_task(self, alice, services, new_task):
        task = new_task()
        answer = alice.press(task, "cancel")
        assert (answer.status_code, answer.location) == (303, f"/tasks/{task.id}")
        assert services.tasks.get(task.id).status is Status.CANCELED
        assert services.tasks.get(task.id).cancel["by"] == "local"
        assert sum(services.queues.depths().values()) == 0
        assert "The task is canceled." in flashed(alice)

    def test_cancel_a_running_task_asks_it_to_stop(self, alice, services, new_task):
        task = claim(services, new_task())
        assert alice.press(task, "cancel").status_code == 303
        assert services.tasks.get(task.id).status is Status.RUNNING
        assert services.tasks.cancel_requested(task)
        assert "Stopping the task" in flashed(alice)

    def test_retry_a_failed_task(self, alice, services, new_task):
        task = fail(services, new_task())
        assert alice.press(task, "retry").status_code == 303
        again = services.tasks.get(task.id)
        assert (again.status, again.error, again.max_attempts) == (Status.QUEUED, None, 2)
        assert services.queues.depths()[Priority.MEDIUM] == 1

    def test_move_to_another_lane(self, alice, services, new_task):
        task = new_task()
        assert alice.press(task, "priority", priority="high").status_code == 303
        assert services.tasks.get(task.id).priority is Priority.HIGH
        assert services.queues.depths() == {Priority.HIGH: 1, Priority.MEDIUM: 0, Priority.LOW: 0}

    def test_delete_an_ended_task_with_its_log_and_files(self, alice, services, new_task):
        file = services.files.save(io.BytesIO(b"a"), "a.csv", "text/csv", "alice", role="input")
        task = succeed(services, new_task(params={"source": str(file.id)}, files=(file.id,)))
        services.logs.write_part(task.id, 1, 0, b"printed")
        answer = alice.press(task, "delete")
        assert (answer.status_code, answer.location) == (303, "/tasks")
        with pytest.raises(NotFound):
            services.tasks.get(task.id)
        assert services.logs.read(task.id, 1).size == 0
        assert services.files.of_task(task.id) == []
        assert alice.open(f"/tasks/{task.id}", 404)


class TestIllegal:
    @pytest.mark.parametrize("action", ["cancel", "priority"])
    def test_of_an_ended_task(self, alice, services, new_task, action):
        task = succeed(services, new_task(), {"rows": 1})
        answer = alice.press(task, action, priority="high")
        assert answer.status_code == 409
        assert "This task is succeeded" in answer.text
        assert f'href="/tasks/{task.id}"' in answer.text
        assert services.tasks.get(task.id) == task

    @pytest.mark.parametrize("action", ["retry", "delete"])
    def test_of_a_waiting_task(self, alice, services, new_task, action):
        task = new_task()
        assert alice.press(task, action).status_code == 409
        assert services.tasks.get(task.id) == task

    @pytest.mark.parametrize("word", ["", "urgent", "0", "HIGH"])
    def test_a_priority_that_there_is_not(self, alice, services, new_task, word):
        task = new_task()
        answer = alice.press(task, "priority", priority=word)
        assert answer.status_code == 422
        assert "high, medium, low" in answer.text
        assert services.tasks.get(task.id) == task

    def test_status_cannot_be_set_from_outside(self, alice, services, new_task):
        task = new_task()
        alice.press(task, "priority", priority="low", status="succeeded", attempt="9", owner="charlie")
        stored = services.tasks.get(task.id)
        assert (stored.status, stored.attempt, stored.owner) == (Status.QUEUED, 0, "alice")


def test_redis_away_a_retry_is_kept_and_says_so(alice, services, new_task, monkeypatch):
    def away(*args, **kwargs):
        raise RedisAway("away")

    task = fail(services, new_task())
    alice.open(f"/tasks/{task.id}")
    monkeypatch.setattr(services.queues.redis, "pipeline", away)
    assert alice.press(task, "retry").status_code == 303
    assert services.tasks.get(task.id).status is Status.QUEUED
    assert "starts when the queue is back" in flashed(alice)
