"""The pulse is read by one at a time, and nobody waits for the one who reads."""

from __future__ import annotations

import threading

import pytest

from app.core.errors import QueueUnavailable
from app.web import live
from app.web.live import Live
from tests.web.looking import worker


def test_what_is_known_is_used_while_somebody_reads(services, monkeypatch):
    shared = Live(services)
    known = shared.pulse()
    monkeypatch.setattr(live, "KEPT_S", 0)
    asked, answers = threading.Event(), threading.Event()
    lanes = services.stats.lanes

    def slow():
        asked.set()
        answers.wait(5)
        return lanes()

    monkeypatch.setattr(services.stats, "lanes", slow)
    reader = threading.Thread(target=shared.pulse)
    reader.start()
    assert asked.wait(5)
    assert shared.pulse() is known
    answers.set()
    reader.join(5)
    assert shared._kept is not None and shared._kept[1] is not known


def test_the_pace_is_read_with_the_rest_where_somebody_works_and_something_waits(
    services, new_task, monkeypatch
):
    read = []
    monkeypatch.setattr(services.stats, "pace", lambda within: read.append(within) or 0.5)
    worker(services)
    assert Live(services).pulse().starts_in_s(1) is None
    new_task()
    shared = Live(services)
    assert [shared.pulse().starts_in_s(4) for _ in range(3)] == [8, 8, 8]
    assert read == [live.PACE_OVER]


def test_without_workers_nothing_is_expected(services, new_task, monkeypatch):
    monkeypatch.setattr(services.stats, "pace", lambda within: 0.5)
    new_task()
    assert Live(services).pulse().starts_in_s(1) is None


def test_a_failure_is_not_kept(services, monkeypatch):
    shared = Live(services)
    with monkeypatch.context() as patched, pytest.raises(RuntimeError):
        patched.setattr(services.stats, "lanes", _fail)
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
