"""Attempts on one axis of time, and the durations of the latest runs."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from app.core.clock import utcnow
from app.core.tasks.states import Status
from app.web.tasks.detail import attempts
from app.web.tasks.timeline import MOST_RUNS, Span, runs_of, timeline
from tests.web.looking import claim, fail, succeed


def past(number: int, *at: float, outcome: str = "error") -> dict:
    """An attempt that was queued, started and finished so many seconds ago."""
    queued_at, started_at, finished_at = (utcnow() - timedelta(seconds=seconds) for seconds in at)
    times = {"queued_at": queued_at, "started_at": started_at, "finished_at": finished_at}
    return {"attempt": number, "outcome": outcome, **times}


@pytest.fixture
def retried(new_task, services):
    """Failed after 20 s of 80 s in the queue, and again after a pause of 10 s."""
    history = [past(1, 100, 80, 60), past(2, 50, 20, 0)]
    return replace(fail(services, new_task()), history=history)


def test_attempts_share_one_axis_and_add_up(retried):
    found = timeline(retried, attempts(retried))
    assert [bar.number for bar in found.bars] == [2, 1]
    spans = [span for bar in found.bars for span in (bar.queued, bar.ran)]
    assert [(round(span.x), round(span.width)) for span in spans] == [(50, 30), (80, 20), (0, 20), (20, 20)]
    seconds = [
        round(each.total_seconds()) for each in (found.elapsed, found.queued, found.ran, found.between)
    ]
    assert seconds == [100, 50, 40, 10]


def test_one_that_is_queued_again_has_a_bar_of_its_own(retried):
    queued = replace(retried, status=Status.QUEUED, queued_at=utcnow() - timedelta(seconds=25))
    bar = timeline(queued, attempts(queued)).bars[0]
    assert (bar.number, bar.ran, round(bar.queued.x)) == (None, None, 75)


def test_the_shortest_can_be_seen_within_the_axis(retried):
    short = replace(retried, history=[past(1, 1_000, 0.001, 0)])
    assert timeline(short, attempts(short)).bars[0].ran == Span(99.6, 0.4)


def test_without_times_there_is_none(retried, new_task):
    assert timeline(new_task(), []) is None
    damaged = replace(retried, history=[{}])
    assert timeline(damaged, attempts(damaged)) is None


@pytest.fixture
def lasting(new_task, services):
    """A task that ended after so many seconds."""

    def end(seconds: float, kind: str = "count_slowly"):
        task = succeed(services, new_task(type=kind))
        started = {"started_at": task.finished_at - timedelta(seconds=seconds)}
        services.db.tasks.update_one({"_id": task.id}, {"$set": started})
        return services.tasks.get(task.id)

    return end


def test_this_run_is_marked_among_the_latest_that_ran(lasting, alice, services, new_task):
    tasks = [lasting(seconds) for seconds in (4, 8, 2)]
    canceled = new_task()
    services.dispatch.cancel(canceled.id, "alice")
    lasting(50, "another")
    page = alice.read(f"/tasks/{tasks[1].id}")
    assert "This run took 8.0 s ; the median of 3 runs is 4.0 s. 0 took longer." in page.replace("s;", "s ;")
    html = alice.open(f"/tasks/{tasks[1].id}")
    assert html.count("is-this") == 1 and html.count("<b>This run</b>") == 1
    assert re.search(rf'href="/tasks/{tasks[0].id}">Count', html)
    waiting = alice.read(f"/tasks/{new_task().id}")
    assert "The median of 3 runs is 4.0 s." in waiting
    running = claim(services, new_task())
    assert "This run took" not in alice.read(f"/tasks/{running.id}")


def test_an_old_run_is_shown_before_newer_ones(lasting):
    old, *others = [lasting(seconds) for seconds in range(1, MOST_RUNS + 6)]
    found = runs_of(old, others[::-1])
    assert len(found.runs) == MOST_RUNS
    assert found.runs[0].this and found.longer == MOST_RUNS - 1


def test_one_run_is_no_comparison(lasting):
    task = lasting(1)
    assert runs_of(task, [task]) is None
