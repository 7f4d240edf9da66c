"""Batches in the core: checked like single tasks, all or none, once per key, whichever process is killed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from typing import Annotated, Any

import fakeredis
import pytest
from pydantic import Field
from redis.exceptions import ConnectionError as RedisAway
from rq.job import Job

from app.core.access.access import Access
from app.core.access.batches import BatchRequest
from app.core.access.inputs import TaskRequest
from app.core.batches import creation, store
from app.core.batches.batch import Batch, Mode, State
from app.core.errors import Conflict, Forbidden, Invalid, NotFound, QuotaExceeded
from app.core.files.store import ORPHAN_AFTER
from app.core.listing.filter import TaskFilter
from app.core.people.person import Person
from app.core.people.quotas import Quotas
from app.core.queue.rq import FEW
from app.core.services import Services
from app.core.tasks.states import Priority, Status
from app.core.tasks.task import Task
from tests.core.access.people import ALICE, BOB, VERA
from tests.core.params.schemas import FILE, schema_of
from tests.web.create.creating import publish

NUMBERS = schema_of(number=(int, ...), label=(str, ""))
FileId = Annotated[str, Field(json_schema_extra=FILE)]


@pytest.fixture(autouse=True)
def types(services: Services) -> None:
    publish(services, "count", title="Count", schema=NUMBERS, priority="low", max_attempts=2)


@pytest.fixture
def alice(services: Services) -> Access:
    return services.access(ALICE)


def rows(count: int = 3, **given: Any) -> list[TaskRequest]:
    return [TaskRequest("count", {"number": number}, **given) for number in range(count)]


def submit(access: Access, **given: Any) -> Batch:
    return access.batches.submit(BatchRequest(**{"rows": rows(), **given}))[0]


def tasks_of(services: Services, batch: Batch) -> list[Task]:
    return [services.tasks.get(task_id) for task_id in batch.task_ids]


def hints(services: Services) -> set[str]:
    keys = [queue.key for queue in services.queues._queues.values()]
    return {job.decode() for key in keys for job in services.queues.redis.lrange(key, 0, -1)}


# What is created


def test_each_row_is_a_task_like_one_that_is_created_alone(services: Services, alice: Access) -> None:
    made = submit(alice, rows=[*rows(2, title="Mine", tags=("A",)), *rows(1, priority=Priority.HIGH)])
    assert (made.state, made.owner, made.types, made.rejected) == (State.READY, "alice", ("count",), 0)
    assert made.title == "Count: 3 tasks"
    first, second, third = tasks_of(services, made)
    assert [task.params for task in (first, second)] == [{"number": n, "label": ""} for n in range(2)]
    assert (first.title, first.tags, first.owner, first.batch) == ("Mine", ("a",), "alice", made.id)
    assert (first.priority, first.max_attempts, third.priority) == (Priority.LOW, 2, Priority.HIGH)
    assert hints(services) == {task.job_id for task in (first, second, third)}
    assert services.tasks.claim(first.id, first.dispatch, "worker")
    assert services.db.batch_parts.count_documents({}) == 0
    entries = list(services.db.audit.find({"event": "batch.create"}))
    assert [(entry["target"], entry["after"]["tasks"]) for entry in entries] == [(str(made.id), 3)]


def test_a_list_shows_the_tasks_of_a_batch(services: Services, alice: Access, new_task: Any) -> None:
    made, _ = submit(alice), submit(alice)
    new_task(owner="alice")
    listed = alice.page(TaskFilter.parse({"q": [f"batch:{made.id}"]})).tasks
    assert {task.id for task in listed} == {*made.task_ids}
    assert alice.counts(TaskFilter(batch=str(made.id)))["queued"].value == 3


def test_in_parts_all_is_as_in_one(
    services: Services, alice: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "PART_TASKS", 2)
    made = submit(alice, rows=rows(5))
    assert (made.parts, made.made, made.pushed) == (3, 3, 3)
    assert [task.params["number"] for task in tasks_of(services, made)] == [*range(5)]
    assert len(hints(services)) == 5


def test_a_large_push_leaves_what_single_ones_leave(services: Services, alice: Access) -> None:
    made = tasks_of(services, submit(alice, rows=rows(FEW + 1)))
    redis, other = services.queues.redis, fakeredis.FakeRedis()
    services.queues.redis = other
    single = replace(made[0])
    job = services.queues._job(single)
    services.queues._queues[single.priority].connection = other
    services.queues._queues[single.priority].enqueue_job(job)
    key, changing = Job.key_for(single.job_id), {b"created_at", b"enqueued_at"}
    many, alone = redis.hgetall(key), other.hgetall(key)
    assert {name: value for name, value in many.items() if name not in changing} == {
        name: value for name, value in alone.items() if name not in changing
    }
    assert many.keys() == alone.keys()
    assert abs(redis.ttl(key) - other.ttl(key)) <= 1
    assert redis.smembers("rq:queues") == other.smembers("rq:queues")


# What is wrong


def test_all_or_none(services: Services, alice: Access) -> None:
    wrong = [*rows(2), TaskRequest("count", {"number": "x"}), TaskRequest("lost", {})]
    with pytest.raises(Invalid) as refused:
        submit(alice, rows=wrong)
    assert refused.value.fields.keys() == {"tasks.2.params.number", "tasks.3.type"}
    assert services.db.tasks.count_documents({}) == services.db.batches.count_documents({}) == 0
    made = submit(alice, rows=wrong, mode=Mode.EACH)
    assert [bool(one) for one in made.ids] == [True, True, False, False] and made.rejected == 2
    assert [(one.row, one.path) for one in made.problems] == [(2, "params.number"), (3, "type")]
    assert len(tasks_of(services, made)) == 2
    with pytest.raises(Invalid):
        submit(alice, rows=wrong[2:], mode=Mode.EACH)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"title": "x" * 201}, "title"),
        ({"tags": ("x" * 41,)}, "tags"),
        ({"max_attempts": 0}, "max_attempts"),
        ({"timeout_s": 10**9}, "timeout_s"),
    ],
)
def test_the_limits_of_every_task_hold(alice: Access, given: Any, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        submit(alice, rows=rows(1, **given))
    assert refused.value.fields.keys() == {f"tasks.0.{field}"}


def test_how_many_there_may_be(alice: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    for count in (0, 10_001):
        with pytest.raises(Invalid, match="from 1 to 10,000"):
            submit(alice, rows=rows(1) * count)
    monkeypatch.setattr(store, "MOST_BYTES", 1_000)
    with pytest.raises(Invalid, match="MB together"):
        submit(alice)


def test_who_may(services: Services, alice: Access) -> None:
    with pytest.raises(Forbidden):
        submit(services.access(VERA))
    publish(services, "secret", title="S", schema=NUMBERS, roles=["operator"])
    with pytest.raises(Invalid) as refused:
        submit(alice, rows=[TaskRequest("secret", {"number": 1})])
    assert "requires the role operator" in refused.value.fields["tasks.0.type"]
    assert submit(services.access(BOB), rows=[TaskRequest("secret", {"number": 1})])


def test_quotas_count_every_task(services: Services) -> None:
    quotas = Quotas(services.quotas.rates, services.queries.count_waiting, (("submitter", 4),), (), (), ())
    alice = replace(services, quotas=quotas).access(ALICE)
    submit(alice)
    with pytest.raises(QuotaExceeded, match="4 waiting tasks, and 3 more"):
        submit(alice)
    assert services.db.tasks.count_documents({}) == 3


def test_who_may_know_of_one(services: Services, alice: Access) -> None:
    team, private = submit(alice), submit(alice, rows=rows(2, private=True))
    sam = services.access(Person("sam", "Sam", ALICE.role, grants=ALICE.grants))
    assert sam.batches.get(team.id).id == team.id
    with pytest.raises(NotFound):
        sam.batches.get(private.id)
    assert [one.id for one in sam.batches.page().batches] == [team.id]
    both = [private.id, team.id]
    assert [one.id for one in services.access(BOB).batches.page().batches] == both
    assert [one.id for one in alice.batches.page().batches] == both


# Once, and whole, whatever happens


def test_the_same_key_is_the_same_batch(services: Services, alice: Access) -> None:
    first, created = alice.batches.submit(BatchRequest(rows(), key="k", hash="h"))
    again, anew = alice.batches.submit(BatchRequest(rows(5), key="k", hash="other"))
    assert (created, anew, again.id, again.submission_hash) == (True, False, first.id, "h")
    assert services.db.tasks.count_documents({}) == 3
    assert submit(services.access(BOB), key="k").id != first.id


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def killed_at(monkeypatch: pytest.MonkeyPatch, alice: Access) -> Callable[[str, int], None]:
    """Submit a batch of three parts with the key k, and end at a place."""
    monkeypatch.setattr(store, "PART_TASKS", 2)

    def kill(point: str, nth: int = 1) -> None:
        passed = []

        def reach(name: str, detail: object = "") -> None:
            passed.append(name)
            if name == point and passed.count(name) == nth:
                raise Killed

        with monkeypatch.context() as patched:
            patched.setattr(creation, "reach", reach)
            with pytest.raises(Killed):
                submit(alice, rows=rows(5), key="k")

    return kill


PLACES = [
    ("batch_part", 1),
    ("batch_part", 3),
    ("batch_whole", 1),
    ("batch_inserted", 1),
    ("batch_inserted", 3),
]


@pytest.mark.parametrize(("point", "nth"), PLACES)
def test_killed_anywhere_it_is_all_or_none(
    services: Services, killed_at: Callable[..., None], point: str, nth: int
) -> None:
    killed_at(point, nth)
    assert services.batches.recover() == 0  # its lease lasts
    services.db.batches.update_many({}, {"$set": {"lease": {}}})
    services.batches.recover()
    expected = 0 if point == "batch_part" else 5
    assert services.db.tasks.count_documents({}) == expected
    assert services.db.batches.count_documents({}) == bool(expected)
    assert len(hints(services)) == expected
    assert services.db.batch_parts.count_documents({}) == 0
    assert services.batches.recover() == 0


@pytest.mark.parametrize(("point", "nth"), PLACES)
def test_killed_anywhere_the_same_key_makes_it_whole(
    services: Services,
    alice: Access,
    killed_at: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    point: str,
    nth: int,
) -> None:
    killed_at(point, nth)
    monkeypatch.setattr(creation, "WAIT_S", 0.0)
    with pytest.raises(Conflict):
        submit(alice, rows=rows(5), key="k")
    services.db.batches.update_many({}, {"$set": {"lease": {}}})
    made = submit(alice, rows=rows(5), key="k")
    assert sorted(task.params["number"] for task in tasks_of(services, made)) == [*range(5)]
    assert services.db.tasks.count_documents({}) == len(hints(services)) == 5


def test_what_stood_still_writes_nothing_more(
    services: Services, alice: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its batch was removed meanwhile: neither a task nor a row is left."""

    def reach(name: str, detail: object = "") -> None:
        if name == "batch_part":
            services.db.batches.update_many({}, {"$set": {"lease": {}}})
            assert services.batches.recover() == 1

    monkeypatch.setattr(creation, "reach", reach)
    with pytest.raises(Exception, match="given up and nothing was created"):
        submit(alice, key="k")
    for name in ("tasks", "batches", "batch_parts"):
        assert services.db[name].count_documents({}) == 0


def test_a_deleted_task_does_not_come_back(services: Services, killed_at: Callable[..., None]) -> None:
    killed_at("batch_inserted", 1)
    task = services.db.tasks.find_one({})
    assert services.tasks.cancel(task["_id"], "alice")
    assert services.dispatch.deletions.delete([task["_id"]]) == []
    services.db.batches.update_many({}, {"$set": {"lease": {}}})
    services.batches.recover()
    assert services.tasks.get(task["_id"]).status is Status.CANCELED
    assert task["_id"] not in {name.split("-")[0] for name in hints(services)}
    assert services.dispatch.deletions.delete([task["_id"]]) == [task["_id"]]


def test_without_redis_it_is_told_later(
    services: Services, alice: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(services.queues.redis, "pipeline", _away)
        made = submit(alice, key="k")
        assert made.state is State.MADE and len(tasks_of(services, made)) == 3
        assert submit(alice, key="k").id == made.id
    assert hints(services) == set()
    services.batches.recover()
    assert len(hints(services)) == 3
    assert services.batches.batches.get(made.id).state is State.READY


def _away(*given: Any, **named: Any) -> Any:
    raise RedisAway("away")


# Files


def test_a_file_belongs_to_every_task_that_names_it(services: Services, alice: Access, clock: Any) -> None:
    publish(services, "read", title="Read", schema=schema_of(source=(FileId, ...), line=(int, 1)))
    file = alice.files.save(_content(), "table.csv", "text/csv")
    asked = [TaskRequest("read", {"source": str(file.id), "line": line}) for line in range(3)]
    made = submit(alice, rows=asked)
    assert made.title == "Read: 3 tasks" and tasks_of(services, made)[0].title == "Read: table.csv"
    clock.advance(seconds=2 * ORPHAN_AFTER.total_seconds())
    services.files.prune_orphans(10)
    for task in tasks_of(services, made):
        assert [one.name for one in alice.files.of_task(task)] == ["table.csv"]
        services.tasks.cancel(task.id, "alice")
        services.dispatch.deletions.delete([task.id])
    with pytest.raises(NotFound):
        services.files.get(file.id)


def test_a_file_that_is_gone_creates_nothing(
    services: Services, alice: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(services, "read", title="Read", schema=schema_of(source=(FileId, ...)))
    with pytest.raises(Invalid) as refused:
        submit(alice, rows=[TaskRequest("read", {"source": "0" * 24})])
    assert refused.value.fields.keys() == {"tasks.0.params.source"}
    files = [alice.files.save(_content(), f"{name}.csv", "text/csv") for name in "ab"]
    real = services.files.attach_many

    def attach(named: Any) -> None:
        services.files.discard(files[1].id)
        real(named)

    monkeypatch.setattr(services.files, "attach_many", attach)
    with pytest.raises(Invalid, match="no longer there"):
        submit(alice, rows=[TaskRequest("read", {"source": str(file.id)}) for file in files], key="k")
    assert services.db["files.files"].find_one({"_id": files[0].id})["metadata"]["tasks"] == []
    for name in ("tasks", "batches", "batch_parts"):
        assert services.db[name].count_documents({}) == 0


def _content() -> Any:
    return BytesIO(b"a,b\n1,2\n")


# What has become of them


def test_figures(services: Services, alice: Access) -> None:
    made = submit(alice, rows=rows(6))
    one, two, three, four, five, _ = tasks_of(services, made)
    for task, message in ((one, "Line 3 is bad."), (two, "Line 5 is bad."), (three, "")):
        taken = services.tasks.claim(task.id, task.dispatch, "worker")
        error = {"kind": "error", "type": "ValueError", "message": message, "traceback": ""}
        assert services.tasks.fail(taken, error) if message else services.tasks.succeed(taken, {"n": 1})
    services.tasks.cancel(four.id, "alice")
    services.tasks.cancel(five.id, "alice")
    services.dispatch.deletions.delete([five.id])
    found = alice.batches.summary(made)
    assert {status.value: count for status, count in found.counts.items() if count} == {
        "queued": 1, "succeeded": 1, "failed": 2, "canceled": 1,
    }  # fmt: skip
    assert (found.total, found.ended, found.deleted, found.live) == (6, 5, 1, True)
    assert found.median == found.p95 == found.longest is not None
    assert [(reason.type, reason.count) for reason in found.reasons] == [("count", 2)]
    reason = found.reasons[0]
    listed = alice.page(TaskFilter(batch=str(made.id), status="failed", error_group=reason.group)).tasks
    assert {task.id for task in listed} == {one.id, two.id}


def test_tasks_that_are_not_there_yet_are_neither_ended_nor_deleted(
    services: Services, alice: Access
) -> None:
    made = submit(alice, rows=rows(3))
    services.db.tasks.delete_many({"_id": {"$in": made.task_ids[1:]}})
    services.db.batches.update_one({"_id": made.id}, {"$set": {"state": "whole"}})
    found = alice.batches.summary(alice.batches.get(made.id))
    assert (found.total, found.to_come, found.deleted, found.ended, found.live) == (3, 2, 0, 0, True)


def test_a_batch_goes_after_its_tasks(services: Services, alice: Access, clock: Any) -> None:
    made = submit(alice, rows=rows(1))
    clock.advance(seconds=2 * services.batches.batches._retention.total_seconds())
    assert services.batches.batches.prune() == 0
    services.tasks.cancel(made.task_ids[0], "alice")
    services.dispatch.deletions.delete(made.task_ids)
    assert services.batches.batches.prune() == 0
    clock.advance(seconds=2 * store.LOOK_AGAIN.total_seconds())
    assert services.batches.batches.prune() == 1
    with pytest.raises(NotFound):
        alice.batches.get(made.id)
