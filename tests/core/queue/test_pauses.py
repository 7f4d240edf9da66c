"""Paused queues and task types: who and why, and what workers do not take meanwhile."""

from __future__ import annotations

import pytest

from app.core.errors import Invalid
from app.core.queue.pauses import MAX_WHY
from app.core.tasks.states import Priority

HIGH = Priority.HIGH


def test_it_says_who_paused_what_and_why_until_it_is_resumed(services, clock):
    assert services.pauses.pause(HIGH, "bob", "Disk is full")
    pause = services.pauses.read().queues[HIGH]
    assert (pause.by, pause.why) == ("bob", "Disk is full") and pause.at is not None
    assert services.pauses.resume(HIGH) and services.pauses.read().queues == {}


def test_who_was_first_stays(services):
    services.pauses.pause(HIGH, "bob", "Disk is full")
    assert not services.pauses.pause(HIGH, "ada", "Lunch")
    assert services.pauses.read().queues[HIGH].by == "bob"
    services.pauses.resume(HIGH)
    assert not services.pauses.resume(HIGH)


def test_a_reason_has_an_end(services):
    with pytest.raises(Invalid):
        services.pauses.pause(HIGH, "bob", "x" * (MAX_WHY + 1))
    assert services.pauses.read().queues == {}


def test_a_damaged_document_pauses_all_the_same(services):
    services.db.pauses.insert_one({"_id": "high", "by": 7, "why": [], "at": "now"})
    services.db.pauses.insert_one({"_id": "no queue of ours"})
    assert [*services.pauses.read().queues] == [HIGH]


def test_nothing_is_taken_from_a_paused_queue_and_its_hints_stay(services, new_task):
    urgent, other = new_task(priority="high"), new_task(priority="low")
    assert services.queues.take(0, {HIGH}) == other.job_id
    assert services.queues.take(0, {*Priority}) is None
    assert services.queues.take(0) == urgent.job_id


def test_what_waits_in_a_paused_queue_is_not_before_others(services, new_task):
    new_task(priority="high")
    task = new_task(priority="low")
    assert services.queues.place(task) == 2 and services.queues.place(task, {HIGH}) == 1


def test_a_type_is_paused_apart_from_the_queues_whatever_its_name(services):
    for name in ("echo", "high"):
        assert services.pauses.pause(name, "bob", "Broken")
        assert not services.pauses.pause(name, "ada", "")
    assert services.pauses.read().queues == {}
    assert {name: pause.by for name, pause in services.pauses.read().types.items()} == {
        "echo": "bob",
        "high": "bob",
    }
    assert services.pauses.resume("echo") and not services.pauses.resume("echo")
    assert [*services.pauses.read().types] == ["high"]
