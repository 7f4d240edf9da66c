"""The leader lease and the rounds of repair."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pymongo
import pytest
from pymongo.errors import AutoReconnect, ExecutionTimeout, OperationFailure

from app.core import clock
from app.core.bulk.operations import NewBulk, State
from app.core.clock import utcnow
from app.core.listing.filter import TaskFilter
from app.core.people.roles import Role
from app.core.queue.bulk import Operation
from app.core.services import Services
from app.core.tasks import store
from app.core.tasks.states import Action, Status
from app.core.tasks.task import Task
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


def test_bulk_operations_are_worked_off_whichever_process_leads(
    services: Services, new_task: Callable[..., Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And MongoDB away, or a defect, ends neither the thread nor the operation."""
    monkeypatch.setattr(maintenance, "ROUND_S", 0.0)
    bob = Maintenance(services, "bob")
    assert Maintenance(services, "charlie").lead()
    user = services.people.users.local()
    asked = NewBulk(
        Operation(Action.CANCEL, ""), TaskFilter(), (), None, utcnow() + timedelta(hours=1), "k" * 16
    )
    task = new_task()
    operation = services.access(services.people.users.person(user)).bulk.begin(asked)
    faults: list[BaseException] = [AutoReconnect("away"), KeyError("a defect")]
    real = services.operations.waiting

    def waiting(holder: str) -> object:
        if faults:
            raise faults.pop()
        if services.operations.get(operation.id).state is State.ENDED:
            bob.stop()
        return real(holder)

    monkeypatch.setattr(services.operations, "waiting", waiting)
    bob.work_off_bulk()
    assert services.tasks.get(task.id).status is Status.CANCELED


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
    bob._leases_seen.unrenewed_s = 0.0
    return bob


def test_a_round_takes_up_a_task_whose_worker_died(
    services: Services, new_task: Callable[..., Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    bob = a_patient_leader(services, monkeypatch)
    task = new_task(max_attempts=2)
    services.queues.take(0)
    monkeypatch.setattr(store, "LEASE", timedelta(seconds=-1))
    services.tasks.claim(task.id, 1, "dead")

    bob.round()

    rescued = services.tasks.get(task.id)
    assert (rescued.status, rescued.crashes, rescued.losses) == (Status.SCHEDULED, 0, 1)


def test_a_leader_that_has_just_started_keeps_nobody_else_from_rescuing(
    services: Services, new_task: Callable[..., Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    bob = a_patient_leader(services, monkeypatch)
    bob.resign()
    alice = Maintenance(services, "alice")
    task = new_task(max_attempts=2)
    monkeypatch.setattr(store, "LEASE", timedelta(seconds=-1))
    services.tasks.claim(task.id, 1, "dead")

    alice.round()
    assert services.tasks.get(task.id).status is Status.RUNNING and not bob.lead()
    bob.round()

    assert services.tasks.get(task.id).status is Status.SCHEDULED


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
    monkeypatch.setattr(store, "LEASE", timedelta(seconds=-1))
    services.tasks.claim(task.id, 1, "dead")

    Maintenance(services, "bob").round()

    assert services.tasks.get(task.id).status is Status.RUNNING


def test_who_does_not_lead_measures_the_clock_as_well(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[object] = []
    monkeypatch.setattr(clock, "known", lambda: True)
    monkeypatch.setattr(clock, "synchronise", lambda db: measured.append(db) or timedelta(0))
    monkeypatch.setitem(maintenance.EVERY_S, "clock", 0.0)
    assert Maintenance(services, "alice").lead()
    bob = Maintenance(services, "bob")

    for _ in range(3):
        bob.round()

    assert len(measured) == 3 and not bob.lead()


@pytest.mark.parametrize(("away_s", "status"), [(20.0, Status.RUNNING), (5.0, Status.SCHEDULED)])
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
    monkeypatch.setattr(store, "LEASE", timedelta(seconds=-1))
    services.tasks.claim(task.id, 1, "dead")
    bob.round()

    assert services.tasks.get(task.id).status is status


def failing(error: Exception) -> Callable[[], int]:
    def fail(*given: object) -> int:
        raise error

    return fail


DEFECTS = [KeyError("owner"), OperationFailure("too big", 10334), ExecutionTimeout("too slow", 50)]


@pytest.mark.parametrize("error", DEFECTS, ids=lambda error: type(error).__name__)
def test_what_fails_in_one_repair_keeps_no_other_from_its_turn(
    services: Services, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    bob, done = a_patient_leader(services, monkeypatch), []
    for name in ("stage", "push_due", "recover", "rescue"):
        monkeypatch.setattr(services.recovery, name, failing(error))
    for name in ("sweep", "prune"):
        monkeypatch.setattr(services.recovery, name, lambda name=name: done.append(name) or 0)

    bob.round()

    assert done == ["sweep", "prune"]
    assert "stage: it failed" in caplog.text and str(error) in caplog.text


def test_with_mongodb_away_a_round_ends(
    services: Services, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bob = a_patient_leader(services, monkeypatch)
    monkeypatch.setattr(services.recovery, "stage", failing(AutoReconnect("gone")))

    bob.round()

    assert "push" not in bob._done and "does not answer (AutoReconnect)" in caplog.text


def test_a_refusal_is_not_told_as_an_absence(
    services: Services, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bob = Maintenance(services, "bob")
    monkeypatch.setattr(bob, "lead", failing(OperationFailure("not authorized on taskqueue", 13)))

    bob.round()

    assert "refuses: not authorized" in caplog.text and "does not answer" not in caplog.text


def test_a_slow_index_keeps_nothing_from_being_repaired(
    services: Services, monkeypatch: pytest.MonkeyPatch, new_task: Callable[..., Task]
) -> None:
    task = new_task(run_at=utcnow() + timedelta(seconds=60))
    services.db.tasks.update_one({"_id": task.id}, {"$set": {"run_at": utcnow()}})
    building, built = threading.Event(), threading.Event()

    def build(db: object) -> None:
        building.set()
        built.wait(10)

    monkeypatch.setattr(maintenance, "create_indexes", build)
    monkeypatch.setattr(maintenance, "ROUND_S", 0.01)
    bob = Maintenance(services, "bob")
    monkeypatch.setattr(bob, "resign", lambda: None)
    thread = threading.Thread(target=bob.run)
    thread.start()
    assert building.wait(10)
    for _ in range(500):
        if services.tasks.get(task.id).status is Status.QUEUED:
            break
        time.sleep(0.02)
    bob.stop()
    thread.join()
    built.set()

    assert services.tasks.get(task.id).status is Status.QUEUED


def test_an_index_that_failed_is_tried_again(
    services: Services, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tries, answers = [], iter([ExecutionTimeout("too slow", 50), None])

    def build(db: object) -> None:
        tries.append(pymongo._csot.get_timeout())
        if error := next(answers):
            raise error

    monkeypatch.setattr(maintenance, "create_indexes", build)
    monkeypatch.setattr(maintenance, "INDEXES_AGAIN_S", 0.0)
    Maintenance(services, "bob").prepare()

    assert tries == [maintenance.INDEXES_WITHIN_S] * 2 and "too slow" in caplog.text


@pytest.mark.parametrize(("took_s", "rescues"), [(20.0, True), (31.0, False)])
def test_a_long_round_is_no_cut_unless_it_took_a_lease(
    services: Services, monkeypatch: pytest.MonkeyPatch, took_s: float, rescues: bool
) -> None:
    """Where there is much to repair, rounds are long; a process that was stopped in one knows nothing."""
    bob, now, rescued = a_patient_leader(services, monkeypatch), [time.monotonic()], []
    monkeypatch.setattr(maintenance.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(services.recovery, "rescue", lambda lost: rescued.append(now[0]) or 0)

    def prune() -> int:
        now[0] += took_s
        return 0

    monkeypatch.setattr(services.recovery, "prune", prune)
    bob.round()
    now[0] += 1.0
    before = len(rescued)
    bob._done.clear()
    bob.round()

    assert (len(rescued) > before) is rescues


@pytest.mark.parametrize(("moved_s", "rescues"), [(0, True), (14, True), (3600, False), (-3600, False)])
def test_where_the_databases_clock_was_set_nobody_is_rescued_for_a_lease(
    services: Services, monkeypatch: pytest.MonkeyPatch, moved_s: float, rescues: bool
) -> None:
    bob, rescued = a_patient_leader(services, monkeypatch), []
    monkeypatch.setattr(services.recovery, "rescue", lambda lost: rescued.append(lost) or 0)
    monkeypatch.setattr(clock, "synchronise", lambda db: timedelta(seconds=moved_s))

    bob.round()

    assert bool(rescued) is rescues


@pytest.mark.parametrize(("moved_s", "status"), [(-3600, Status.QUEUED), (3600, Status.SCHEDULED)])
def test_where_it_was_set_back_no_retry_waits_longer(
    services: Services,
    new_task: Callable[..., Task],
    monkeypatch: pytest.MonkeyPatch,
    moved_s: float,
    status: Status,
) -> None:
    """What a person has scheduled waits for its time all the same."""
    bob = a_patient_leader(services, monkeypatch)
    wished, failed, offered = new_task(run_at=utcnow() + timedelta(hours=2)), new_task(), new_task()
    later = {"status": "scheduled", "status_at": utcnow() + timedelta(hours=1)}
    for task, count in ((failed, "attempt"), (offered, "put_offs")):
        values = {**later, "run_at": later["status_at"], count: 1}
        services.db.tasks.update_one({"_id": task.id}, {"$set": values, "$unset": {"hint": ""}})
    monkeypatch.setattr(clock, "synchronise", lambda db: timedelta(seconds=moved_s))

    bob.round()

    assert {services.tasks.get(task.id).status for task in (failed, offered)} == {status}
    assert services.tasks.get(wished.id).status is Status.SCHEDULED


def test_nothing_is_judged_before_the_databases_time_is_known(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob, done = Maintenance(services, "bob"), []
    monkeypatch.setattr(clock, "synchronise", lambda db: done.append("time") or timedelta(0))
    monkeypatch.setattr(bob, "lead", lambda what="maintenance": done.append(what))

    bob.round()

    assert done[0] == "time" and "maintenance" in done


def test_sessions_and_tokens_that_are_long_over_are_deleted(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = services.people
    user = people.users.add("alice", Role.SUBMITTER)
    days = {"short": timedelta(days=1), "long": timedelta(days=100)}
    for name, life in days.items():
        people.tokens.create(people.users.person(user), name, life)
    people.sessions.begin(user.id, ["link"])
    Maintenance(services, "bob").round()
    assert services.db.sessions.count_documents({}) == 1 and services.db.tokens.count_documents({}) == 2

    later = clock.utcnow() + timedelta(days=40)
    for module in ("sessions", "api_tokens"):
        monkeypatch.setattr(f"app.core.people.{module}.utcnow", lambda: later)
    Maintenance(services, "bob").round()

    assert services.db.sessions.count_documents({}) == 0
    assert [token["name"] for token in services.db.tokens.find()] == ["long"]
