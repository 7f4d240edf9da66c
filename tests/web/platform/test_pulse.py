"""The pulse is read by one at a time, and nobody waits for the one who reads."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from app.core.clock import utcnow
from app.core.errors import QueueUnavailable
from app.web.platform import pulse as live
from app.web.platform.pulse import Live
from tests.web.create.creating import publish
from tests.web.looking import claim, worker


def test_what_is_known_is_used_while_somebody_reads(services, monkeypatch):
    shared = Live(services)
    known = shared.pulse()
    monkeypatch.setattr(live, "KEPT_S", 0)
    asked, answers = threading.Event(), threading.Event()
    queues = services.stats.queues

    def slow():
        asked.set()
        answers.wait(5)
        return queues()

    monkeypatch.setattr(services.stats, "queues", slow)
    reader = threading.Thread(target=shared.pulse)
    reader.start()
    assert asked.wait(5)
    assert shared.pulse() is known
    answers.set()
    reader.join(5)
    assert shared._kept is not None and shared._kept[1] is not known


@pytest.fixture
def two_workers(services, monkeypatch):
    """Two workers; tasks of their type took 60 s so far. Returns of which types that was asked."""
    asked = []
    monkeypatch.setattr(services.stats, "durations_s", lambda kind: asked.append(kind) or [60.0] * 3)
    worker(services, "worker-1"), worker(services, "worker-2")
    return asked


def starts(services, *places):
    pulse = Live(services).pulse()
    return [pulse.starts_in_s(place, "count_slowly") for place in places]


def test_a_worker_that_is_idle_takes_the_next_at_once(services, two_workers, new_task):
    claim(services, new_task()), new_task()
    assert starts(services, 1, 2) == [1.0, pytest.approx(60, abs=2)]


def test_without_an_idle_worker_it_waits_for_what_runs(services, two_workers, new_task):
    tasks = [claim(services, new_task(), name) for name in ("worker-1", "worker-2")]
    services.db.tasks.update_one(
        {"_id": tasks[0].id}, {"$set": {"started_at": utcnow() - timedelta(seconds=50)}}
    )
    new_task()
    assert starts(services, 1, 2) == [pytest.approx(10, abs=2), pytest.approx(60, abs=2)]
    assert two_workers == ["count_slowly"]


def test_its_progress_says_more_than_what_others_took(services, two_workers, new_task):
    for name in ("worker-1", "worker-2"):
        task = claim(services, new_task(), name)
        long_ago = {"started_at": utcnow() - timedelta(minutes=5)}
        services.db.tasks.update_one(
            {"_id": task.id}, {"$set": {**long_ago, "progress": {"done": 50, "total": 100}}}
        )
    assert starts(services, 1) == [pytest.approx(300, abs=2)]


def test_a_worker_that_lacks_the_type_is_not_free_for_it(services, two_workers, new_task):
    claim(services, new_task()), claim(services, new_task(), "worker-2")
    worker(services, "worker-3", types=("another",))
    new_task()
    assert starts(services, 1) == [pytest.approx(60, abs=2)]
    assert Live(services).pulse().starts_in_s(1, "another") == 1.0


def test_the_page_of_a_task_that_waits_says_what_for(services, new_task, alice):
    publish(services)
    for name in ("worker-1", "worker-2"):
        worker(services, name, types=("clean_table",))
        claim(services, new_task(type="clean_table"), name)
    third = new_task(type="clean_table")
    assert "waiting for a free worker" in alice.read(f"/tasks/{third.id}")
    assert "Next when a worker is free" in alice.read("/tasks/new/clean_table")


def test_a_task_that_starves_says_why(app, services, new_task, alice):
    worker(services)
    low = new_task(priority="low")
    old = {"$set": {"queued_at": utcnow() - timedelta(minutes=6)}}
    services.db.tasks.update_one({"_id": low.id}, old)
    assert "Higher-priority tasks run first" not in alice.read(f"/tasks/{low.id}")
    new_task(priority="high")
    app.extensions["live"] = Live(services)
    assert "Higher-priority tasks run first" in alice.read(f"/tasks/{low.id}")


def test_without_workers_nothing_is_expected(services, new_task):
    new_task()
    assert starts(services, 1) == [None]


def test_a_failure_is_not_kept(services, monkeypatch):
    shared = Live(services)
    with monkeypatch.context() as patched, pytest.raises(RuntimeError):
        patched.setattr(services.stats, "queues", _fail)
        shared.pulse()
    assert shared.pulse().queue_answers


def test_redis_is_asked_again_after_a_moment(services, monkeypatch):
    shared = Live(services)
    answers = [QueueUnavailable("away"), 1]

    def question():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert shared.ask_queue(question) is None
    assert shared.ask_queue(question) is None
    assert len(answers) == 1
    monkeypatch.setattr(shared, "_queue_asked_again_at", 0.0)
    assert shared.ask_queue(question) == 1


def _fail():
    raise RuntimeError("broken")
