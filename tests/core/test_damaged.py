"""Documents that no version of ours writes are passed over, and keep nobody else from their turn."""

from __future__ import annotations

import copy
from datetime import datetime, timedelta, timezone
from io import BytesIO

import pytest
from bson import ObjectId

from app.core.clock import utcnow
from app.core.errors import NotFound
from app.core.listing.filter import TaskFilter
from app.core.queue import recovery
from app.core.queue.dispatcher import LOSS_WAIT_FIRST_S
from app.core.tasks.states import Status
from app.core.tasks.store import LEASE
from tests.core.damage import MISSING, WRONG, every
from tests.core.test_catalog import CLEAN as TYPE
from workers.maintenance import Maintenance

WORKER = {
    "host": "box",
    "pid": 7,
    "version": "0.1.0",
    "started_at": datetime(2026, 1, 1, tzinfo=timezone.utc),
    "seen_at": None,
    "processed": 0,
    "task": None,
    "types": ["count_slowly"],
}

DAMAGE = {
    "a field is missing": {"$unset": {"owner": ""}},
    "an unknown status": {"$set": {"status": "paused"}},
    "an unknown priority": {"$set": {"priority": 7}},
}


@pytest.fixture
def damage(services):
    def damaged(task, how: str = "a field is missing"):
        services.db.tasks.update_one({"_id": task.id}, DAMAGE[how])
        return task

    return damaged


@pytest.mark.parametrize("how", DAMAGE)
def test_a_list_shows_the_others_and_the_log_names_it_once(how, services, new_task, damage, caplog):
    task, bad = new_task(), damage(new_task(), how)
    for _ in range(2):
        assert [each.id for each in services.listing.page(TaskFilter()).tasks] == [task.id]
    assert caplog.text.count(str(bad.id)) == 1


def test_a_page_of_them_is_no_end_of_the_list(services, new_task, damage):
    oldest = [new_task() for _ in range(30)]
    for _ in range(60):
        damage(new_task())
    first = services.listing.page(TaskFilter())
    second = services.listing.page(TaskFilter(after=first.next))
    assert [each.id for each in [*first.tasks, *second.tasks]] == [task.id for task in reversed(oldest)]
    assert (len(first.tasks), second.next) == (25, "")


def test_what_is_due_behind_a_batch_of_them_is_queued(services, task_in, clock, damage, monkeypatch):
    monkeypatch.setattr(recovery, "BATCH", 2)
    for _ in range(5):
        damage(task_in(Status.SCHEDULED))
    clock.advance(seconds=1)
    task = task_in(Status.SCHEDULED)
    clock.advance(hours=2)
    assert services.recovery.stage() == 1
    assert services.tasks.get(task.id).status is Status.QUEUED


@pytest.mark.parametrize("lease", [{}, {"worker": None}, {"worker": ""}])
def test_a_task_that_runs_on_none_keeps_no_other_from_its_rescue(
    lease, services, running, clock, rescue, damage
):
    damage(running(), "an unknown priority")
    nobody, task = running(max_attempts=2), running(max_attempts=2)
    until = utcnow() - timedelta(days=1)
    services.db.tasks.update_one({"_id": nobody.id}, {"$set": {"lease": {**lease, "until": until}}})
    clock.advance(seconds=LEASE.total_seconds() + 1)
    assert rescue() == 2
    assert services.tasks.get(task.id).status is Status.SCHEDULED


def test_a_message_that_names_one_is_stale(services, new_task, damage):
    task = damage(new_task())
    assert services.tasks.claim(task.id, task.dispatch, "w1") is None


def test_its_page_says_so(services, new_task, damage):
    task = damage(new_task())
    with pytest.raises(NotFound, match="can't be displayed"):
        services.tasks.get(task.id)


@pytest.mark.slow
@pytest.mark.parametrize("wrong", WRONG)
def test_no_wrong_type_in_any_field_keeps_another_task_from_its_repair(
    wrong, services, task_in, running, clock, rescue, caplog, monkeypatch
):
    """Of whatever status, and however many: they come first in every batch."""
    monkeypatch.setattr(recovery, "REPAIR_S", 60)
    services.db.tasks.drop_indexes()
    services.db.tasks.insert_many(every(WRONG[wrong]))
    due, lost = task_in(Status.SCHEDULED), running(max_attempts=2)
    waits = task_in(Status.QUEUED)
    services.queues.redis.flushall()
    clock.advance(hours=2)
    rescue()
    clock.advance(seconds=LOSS_WAIT_FIRST_S)
    for piece in ("stage", "push_due", "recover", "sweep"):
        getattr(services.recovery, piece)()
    assert {services.tasks.get(task.id).status for task in (due, lost, waits)} == {Status.QUEUED}
    assert not services.queues.missing([services.tasks.get(task.id) for task in (due, lost, waits)])
    assert "a repair of it failed" not in caplog.text
    clock.advance(days=60)
    services.recovery.prune()


def test_a_task_to_which_a_repair_cannot_be_done_keeps_no_other_from_its_turn(
    services, task_in, clock, monkeypatch
):
    bad, task = task_in(Status.SCHEDULED), task_in(Status.SCHEDULED)
    clock.advance(hours=2)
    real = services.tasks.stage

    def stage(each):
        return 1 / 0 if each.id == bad.id else real(each)

    monkeypatch.setattr(services.tasks, "stage", stage)
    assert services.recovery.stage() == 1
    assert services.tasks.get(task.id).status is Status.QUEUED


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("collection", ["workers", "task_types"])
def test_workers_and_types_of_any_shape_are_passed_over(wrong, collection, services, clock):
    fields = WORKER if collection == "workers" else TYPE
    value = WRONG[wrong]
    services.db[collection].insert_one({**fields, "_id": "whole", "seen_at": clock.now})
    for field in fields.keys() - {"_id"}:
        broken = {**fields, "_id": field, "seen_at": clock.now, field: value}
        if value is MISSING:
            del broken[field]
        services.db[collection].insert_one(broken)
    found = services.catalog.workers() if collection == "workers" else services.catalog.types()
    assert "whole" in [each.name for each in found]


def test_a_schema_of_which_no_form_can_be_made_is_damage(services):
    services.db.task_types.insert_one({**TYPE, "_id": "bad", "schema": {"properties": {"n": {"title": 7}}}})
    assert services.catalog.types() == []
    with pytest.raises(NotFound, match="cannot be read"):
        services.catalog.get("bad")


@pytest.mark.parametrize("wrong", WRONG)
def test_files_and_logs_of_any_shape_are_passed_over(wrong, services, new_task):
    task, value = new_task(), WRONG[wrong]
    good = services.files.save(BytesIO(b"a"), "a.csv", "text/csv", "alice", role="input")
    services.files.attach([good.id], task.id)
    document = services.db["files.files"].find_one({"_id": good.id})
    for field in ("filename", "length", "uploadDate", "metadata.sha256", "metadata.role", "metadata.owner"):
        broken = copy.deepcopy(document) | {"_id": ObjectId()}
        place, _, last = field.rpartition(".")
        (broken[place] if place else broken)[last] = None if value is MISSING else value
        services.db["files.files"].insert_one(broken)
    assert good.id in [file.id for file in services.files.of_task(task.id)]
    services.logs.write_part(task.id, 1, 0, b"hello")
    part = {} if value is MISSING else {"content": value, "size": value}
    services.db.logs.insert_one({"_id": "x", "task": task.id, "attempt": 1, "part": 1, **part})
    assert services.logs.read(task.id, 1).text.startswith("hello")


@pytest.mark.parametrize("until", ["x", None, 7, datetime(2999, 1, 1, tzinfo=timezone.utc)])
def test_a_lease_of_no_time_or_of_one_far_away_keeps_nobody_from_the_lead(services, until):
    services.db.leases.insert_one({"_id": "maintenance", "holder": "somebody", "until": until})
    assert Maintenance(services, "w1").lead()
    assert not Maintenance(services, "w2").lead()
