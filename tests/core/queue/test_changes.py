"""Hints of what changes: who tells them, what they hold, and that nothing depends on Redis."""

from __future__ import annotations

import json
import time
from contextlib import closing
from datetime import timedelta

import pytest
from bson import ObjectId
from hypothesis import given
from hypothesis import strategies as st

from app.core.clock import utcnow
from app.core.errors import QueueUnavailable
from app.core.queue import changes
from app.core.queue.bulk import Operation
from app.core.queue.changes import MOST_HELD, MOST_TOLD, Change, Changes, Code, parse
from app.core.queue.connection import connect
from app.core.tasks.states import Action, Priority
from tests.web.looking import claim, succeed, worker


@pytest.fixture
def told(services, monkeypatch) -> list[Change]:
    """What was told, in order."""
    found: list[Change] = []
    monkeypatch.setattr(services.changes, "send", found.extend)
    return found


def took(told: list[Change]) -> list[Code]:
    codes = [change.code for change in told]
    told.clear()
    return codes


def test_every_change_of_a_status_is_told(services, new_task, told):
    task = new_task(owner="alice", private=True)
    assert told == [Change(Code.STATUS, str(task.id), "alice", True)]
    assert took(told) == [Code.STATUS]
    running = claim(services, task)
    assert took(told) == [Code.STATUS]
    services.tasks.renew(running)
    assert took(told) == []  # nobody sees a lease
    services.tasks.report_progress(running, {"done": 1})
    assert took(told) == [Code.PROGRESS]
    services.dispatch.release(running, "Stopped.")
    assert took(told) == [Code.STATUS]
    succeed(services, services.tasks.get(task.id))
    assert set(took(told)) == {Code.STATUS}
    services.dispatch.delete(task.id)
    assert took(told) == [Code.STATUS]


def test_so_is_what_people_and_maintenance_do(services, new_task, told):
    waiting, later = new_task(), new_task(run_at=utcnow() + timedelta(hours=1))
    told.clear()
    services.dispatch.reprioritize(waiting.id, Priority.HIGH)
    assert took(told) == [Code.STATUS]
    services.tasks.stage(later)
    assert took(told) == [Code.STATUS]
    services.dispatch.cancel(waiting.id, "alice")
    assert took(told) == [Code.STATUS]
    services.dispatch.retry(waiting.id)
    assert took(told) == [Code.STATUS]
    services.tasks.defer(services.tasks.get(waiting.id), utcnow())
    assert took(told) == [Code.STATUS]


def test_what_has_no_effect_tells_nothing(services, new_task, told):
    ended = succeed(services, new_task())
    told.clear()
    assert not services.tasks.retry(ended) and not services.tasks.stage(ended)
    assert services.tasks.take(ended, "worker-1") is None
    assert told == []


def test_a_bulk_action_tells_of_its_tasks_at_once(services, new_task, monkeypatch):
    tasks = [new_task() for _ in range(3)]
    sent: list[list[Change]] = []
    monkeypatch.setattr(services.changes, "send", sent.append)
    services.bulk.apply(Operation(Action.CANCEL, "alice"), tasks, ObjectId())
    assert [{change.task for change in told} for told in sent] == [{str(task.id) for task in tasks}]


def test_logs_workers_and_queues_are_told_of(services, told):
    task_id = ObjectId()
    services.logs.write_part(task_id, 1, 0, b"hello")
    assert told == [Change(Code.LOG, str(task_id))]
    assert took(told) == [Code.LOG]
    worker(services)
    assert took(told) == [Code.WORKERS]
    worker(services)  # it only lives on
    assert took(told) == []
    services.catalog.leave("worker-1")
    assert took(told) == [Code.WORKERS]
    services.pauses.pause(Priority.LOW, "bob", "")
    services.pauses.pause(Priority.LOW, "bob", "")
    assert took(told) == [Code.QUEUES]
    services.pauses.resume(Priority.LOW)
    assert took(told) == [Code.QUEUES]


def test_a_hint_holds_ids_and_codes_only(services, new_task):
    with services.queues.redis.pubsub() as pubsub:
        pubsub.subscribe(services.changes.channel)
        pubsub.get_message(timeout=1)
        task = new_task(title="Salaries", params={"password": "hunter2"}, tags=("payroll",))
        message = pubsub.get_message(timeout=1)
    assert json.loads(message["data"]) == [["status", str(task.id), "alice", 0]]


def test_what_is_told_is_heard(services, new_task):
    heard = services.changes.listen(wait_s=0.01)
    assert next(heard) == []
    task = new_task()
    assert [Change(Code.STATUS, str(task.id), "alice")] in [next(heard) for _ in range(5)]
    heard.close()


def test_without_redis_nothing_fails_and_it_rests(services, new_task, monkeypatch):
    with closing(connect("redis://127.0.0.1:1/0", timeout_ms=200)) as nobody:
        monkeypatch.setattr(services.changes, "_redis", nobody)
        assert new_task().status.value == "queued"
        monkeypatch.setattr(nobody, "publish", lambda *given: pytest.fail("it was asked again"))
        services.changes.tell([Change(Code.QUEUES)])


def test_listening_says_that_redis_is_away(services, monkeypatch):
    def away(*given, **more):
        raise ConnectionError("away")

    monkeypatch.setattr(services.queues.redis, "pubsub", away)
    with pytest.raises(QueueUnavailable):
        next(services.changes.listen())


def test_a_redis_that_hangs_is_given_up(services, monkeypatch):
    monkeypatch.setattr(changes, "SILENT_S", 0.05)
    heard = services.changes.listen(wait_s=0.01)
    began = time.monotonic()
    with pytest.raises(QueueUnavailable):
        for _ in heard:
            assert time.monotonic() - began < 5


def test_what_waits_is_told_together_and_once(services, monkeypatch):
    sent: list[list[Change]] = []
    told = Changes(services.queues.redis)
    told.at_once, told.send = False, sent.append
    told.tell([Change(Code.QUEUES), Change(Code.WORKERS)])
    told.tell([Change(Code.QUEUES)])
    assert told.waiting and sent == []
    told.flush()
    told.flush()
    assert sent == [[Change(Code.QUEUES), Change(Code.WORKERS)]] and not told.waiting


def test_neither_memory_nor_a_message_grows_without_end(services, monkeypatch):
    messages: list[str] = []
    monkeypatch.setattr(services.queues.redis, "publish", lambda channel, text: messages.append(text))
    services.changes.at_once = False
    services.changes.tell(Change(Code.STATUS, str(ObjectId()), "alice") for _ in range(MOST_HELD + 500))
    services.changes.flush()
    assert sum(len(parse(text)) for text in messages) == MOST_HELD
    assert max(len(json.loads(text)) for text in messages) == MOST_TOLD


@given(st.one_of(st.text(), st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps)))
def test_what_others_say_on_the_channel_is_skipped(text):
    assert all(isinstance(change, Change) for change in parse(text))


@pytest.mark.parametrize("packed", [
    [["status", "no id", "alice", 0]], [["status", 5, "alice", 0]], [["other", "", "", 0]],
    [["status", "", "", 2]], {"status": 1}, [[]], [None], "status",
])  # fmt: skip
def test_a_malformed_hint_is_none(packed):
    assert parse(json.dumps(packed)) == []


def test_databases_of_one_redis_have_channels_of_their_own(services):
    from redis import Redis

    assert Changes(Redis(db=3)).channel != Changes(Redis(db=0)).channel
