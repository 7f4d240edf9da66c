"""The leader lease and the rounds of repair."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from pymongo.errors import AutoReconnect

from app.core import clock, tasks
from app.core.clock import utcnow
from app.core.services import Services
from app.core.states import Status
from app.core.task import Task
from workers import maintenance
from workers.maintenance import Maintenance


def test_one_leads_and_another_takes_over_when_it_resigns(services: Services) -> None:
    bob, charlie = Maintenance(services, "bob"), Maintenance(services, "charlie")

    assert (bob.lead(), charlie.lead(), bob.lead()) == (True, False, True)
    bob.resign()
    assert (charlie.lead(), bob.lead()) == (True, False)


def test_a_defect_in_a_repair_does_not_end_the_rounds(
    services: Services, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rounds: list[int] = []
    bob = Maintenance(services, "bob")

    def broken() -> None:
        rounds.append(1)
        if len(rounds) == 2:
            bob.stop()
        raise KeyError("a defect")

    monkeypatch.setattr(maintenance, "ROUND_S", 0.0)
    monkeypatch.setattr(bob, "round", broken)
    bob.run()

    assert len(rounds) == 2 and "a defect" in caplog.text


def test_a_leader_that_vanished_is_followed(services: Services) -> None:
    assert Maintenance(services, "bob").lead()
    services.db.leases.update_one({}, {"$set": {"until": utcnow() - timedelta(seconds=1)}})

    assert Maintenance(services, "charlie").lead()


def a_patient_leader(services: Services, monkeypatch: pytest.MonkeyPatch) -> Maintenance:
    """One that has been there for a lease."""
    with monkeypatch.context() as long_ago:
        long_ago.setattr(maintenance, "LEASE", timedelta(0))
        bob = Maintenance(services, "bob")
        bob.round()
    bob._done.clear()
    return bob


def test_a_round_takes_up_a_task_whose_worker_died(
    services: Services, new_task: Callable[..., Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    bob = a_patient_leader(services, monkeypatch)
    task = new_task(max_attempts=2)
    services.queues.take(0)
    monkeypatch.setattr(tasks, "LEASE", timedelta(seconds=-1))
    services.tasks.claim(task.id, 1, "dead")

    bob.round()

    rescued = services.tasks.get(task.id)
    assert (rescued.status, rescued.crashes, rescued.dispatch) == (Status.QUEUED, 1, 2)
    assert services.queues.take(0) == rescued.job_id


def test_a_leader_that_has_just_started_keeps_nobody_else_from_rescuing(
    services: Services, new_task: Callable[..., Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    bob = a_patient_leader(services, monkeypatch)
    bob.resign()
    alice = Maintenance(services, "alice")
    task = new_task(max_attempts=2)
    monkeypatch.setattr(tasks, "LEASE", timedelta(seconds=-1))
    services.tasks.claim(task.id, 1, "dead")

    alice.round()
    assert services.tasks.get(task.id).status is Status.RUNNING and not bob.lead()
    bob.round()

    assert services.tasks.get(task.id).status is Status.QUEUED


def test_a_round_sends_a_lost_hint_again(services: Services, new_task: Callable[..., Task]) -> None:
    task = new_task()
    Maintenance(services, "bob").round()
    assert services.queues.take(0) == task.job_id

    Maintenance(services, "bob").round()

    assert services.queues.take(0) == task.job_id


def test_whoever_has_just_started_rescues_nobody_for_a_lease(
    services: Services, new_task: Callable[..., Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    task = new_task(max_attempts=2)
    monkeypatch.setattr(tasks, "LEASE", timedelta(seconds=-1))
    services.tasks.claim(task.id, 1, "dead")

    Maintenance(services, "bob").round()

    assert services.tasks.get(task.id).status is Status.RUNNING


def test_who_does_not_lead_measures_the_clock_as_well(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[object] = []
    monkeypatch.setattr(clock, "synchronise", measured.append)
    monkeypatch.setitem(maintenance.EVERY_S, "clock", 0.0)
    assert Maintenance(services, "alice").lead()
    bob = Maintenance(services, "bob")

    for _ in range(3):
        bob.round()

    assert len(measured) == 3 and not bob.lead()


@pytest.mark.parametrize(("away_s", "status"), [(20.0, Status.RUNNING), (5.0, Status.QUEUED)])
def test_whoever_was_cut_off_for_long_rescues_nobody_for_a_lease(
    services: Services,
    new_task: Callable[..., Task],
    monkeypatch: pytest.MonkeyPatch,
    away_s: float,
    status: Status,
) -> None:
    task = new_task(max_attempts=2)
    bob = a_patient_leader(services, monkeypatch)

    def away() -> bool:
        raise AutoReconnect("cut off")

    with monkeypatch.context() as cut_off:
        cut_off.setattr(bob, "lead", away)
        bob.round()
    bob._answered -= away_s
    monkeypatch.setattr(tasks, "LEASE", timedelta(seconds=-1))
    services.tasks.claim(task.id, 1, "dead")
    bob.round()

    assert services.tasks.get(task.id).status is status
