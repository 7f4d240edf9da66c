"""Buttons: what they do to the stored task, and what they refuse to do."""

from __future__ import annotations

import io
import re

import pytest
from redis.exceptions import ConnectionError as RedisAway

from app.core.errors import NotFound
from app.core.secrets.secret import Secret
from app.core.tasks.states import Priority, Status
from app.core.tasks.task import NewTask
from tests.web.create.creating import publish
from tests.web.looking import claim, fail, succeed, text_of
from workers.types.task_modules import load


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


class TestRunAgain:
    KEY = "a-key-of-this-button"

    def press(self, alice, task, **values):
        return alice.press(task, "again", **{"submission_key": self.KEY, **values})

    def made_from(self, services, task):
        found = services.db.tasks.find({"parent": task.id}, {"_id": 1})
        return [services.tasks.get(each["_id"]) for each in found]

    def test_one_click_is_one_task_with_the_same_inputs(self, alice, services, new_task):
        publish(services)
        file = services.files.save(io.BytesIO(b"a,b"), "a.csv", "text/csv", "local", role="input")
        params = {"source": str(file.id), "rows": 7}
        task = new_task(
            type="clean_table", params=params, files=(file.id,), title="Weekly", priority="high",
            tags=("a",), timeout_s=42, max_attempts=5, private=True,
        )  # fmt: skip
        answers = [self.press(alice, task) for _ in range(20)]
        (again,) = self.made_from(services, task)
        assert {(answer.status_code, answer.location) for answer in answers} == {(303, f"/tasks/{again.id}")}
        assert (again.title, again.priority, again.tags) == ("Weekly", Priority.HIGH, ("a",))
        assert (again.timeout_s, again.max_attempts, again.private) == (42, 5, True)
        assert again.params["rows"] == 7 and again.params["source"] == str(file.id)
        assert [each.id for each in services.files.of_task(again.id)] == [file.id]
        assert "No changes from the previous run" not in alice.read(f"/tasks/{task.id}")

    def test_the_button_is_on_the_page_with_a_key_of_its_own(self, alice, new_task):
        keys = [
            re.search(r'name="submission_key" value="([^"]{16,})"', alice.open(f"/tasks/{new_task().id}"))[1]
            for _ in range(2)
        ]
        assert keys[0] != keys[1]

    def test_inputs_that_do_not_fit_any_more_lead_to_the_form(self, alice, services, new_task):
        publish(services)
        task = new_task(type="clean_table", params={"rows": 0})
        answer = self.press(alice, task)
        assert (answer.status_code, answer.location) == (303, f"/tasks/new/clean_table?from={task.id}")
        assert "Enter 1 or more." in flashed(alice)
        assert self.made_from(services, task) == []

    def test_a_type_that_is_gone(self, alice, services, new_task):
        task = new_task(type="gone")
        assert self.press(alice, task).status_code == 404
        assert self.made_from(services, task) == []

    @pytest.mark.parametrize("key", ["", "short", "x" * 65, "a key with spaces in it"])
    def test_a_key_that_is_none(self, alice, services, new_task, key):
        publish(services)
        task = new_task(type="clean_table")
        assert self.press(alice, task, submission_key=key).status_code == 400
        assert self.made_from(services, task) == []

    def test_a_secret_is_used_by_its_owner_only(self, alice, services, new_task):
        kind = load(["tests.workers.samples"])["confess"]
        publish(services, "confess", schema=kind.document()["schema"])
        params = {"password": Secret("hush")}
        task = services.dispatch.submit(NewTask("confess", params, "Confess")).task
        self.press(alice, task)
        (again,) = self.made_from(services, task)
        assert services.vault.opened(again.params, again.id)["password"] == Secret("hush")
        other = services.dispatch.submit(NewTask("confess", params, "Confess", owner="bob")).task
        self.press(alice, other)
        assert "uses a secret of its owner" in flashed(alice)
        assert self.made_from(services, other) == []


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


def undo_form(page: str) -> tuple[str, dict[str, str]]:
    """Address and fields of the button that the message has."""
    form = re.search(r'<form method="post" action="([^"]+)" class="undo">(.*?)</form>', page, re.S)
    assert form, text_of(page)
    return form[1], dict(re.findall(r'name="([^"]+)" value="([^"]*)"', form[2]))


class TestUndo:
    def test_a_cancel_is_undone_by_the_button_of_its_message(self, alice, services, new_task):
        task = new_task()
        page = alice.open(alice.press(task, "cancel").location)
        address, fields = undo_form(page)
        answer = alice.client.post(address, data=fields)
        assert (answer.status_code, answer.location) == (303, f"/tasks/{task.id}")
        assert "Cancel undone. The task is at the end of the medium-priority queue." in alice.read(
            answer.location
        )
        assert services.tasks.get(task.id).status is Status.QUEUED
        assert services.db.audit.count_documents({"event": "task.restore"}) == 1
        answer = alice.client.post(address, data=fields)
        assert "Not undone." in alice.read(answer.location)
        assert services.db.audit.count_documents({"event": "task.restore"}) == 1

    def test_a_running_task_has_no_such_button(self, alice, services, new_task):
        task = new_task()
        claim(services, task)
        assert 'class="undo"' not in alice.open(alice.press(task, "cancel").location)

    def test_a_priority_is_undone(self, alice, services, new_task):
        task = new_task(priority="low")
        page = alice.open(alice.press(task, "priority", priority="high").location)
        address, fields = undo_form(page)
        assert alice.client.post(address, data={**fields, "dispatch": "x"}).status_code == 400
        assert alice.client.post(address, data={**fields, "priority": "x"}).status_code == 422
        late = alice.client.post(address, data={**fields, "until": "1"})
        assert "too late" in alice.read(late.location)
        assert services.tasks.get(task.id).priority is Priority.HIGH
        answer = alice.client.post(address, data=fields)
        assert "Priority is Low again." in alice.read(answer.location)
        assert services.tasks.get(task.id).priority is Priority.LOW
        assert "Not undone." in alice.read(alice.client.post(address, data=fields).location)
