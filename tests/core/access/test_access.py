"""Every method of `Access`, by each role, on one's own, another's, and another's private task: one table."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId

from app.core.access.access import Access
from app.core.access.rights import PERMISSIONS
from app.core.bulk.operations import BulkOperation, NewBulk
from app.core.clock import utcnow
from app.core.errors import Forbidden, Invalid, NotFound
from app.core.listing.filter import TaskFilter
from app.core.people.person import ANONYMOUS, Origin, Person
from app.core.people.roles import Permission, Reach, Role
from app.core.queue.bulk import Operation
from app.core.secrets.secret import Secret
from app.core.tasks.states import Action, Priority, Status
from app.core.tasks.task import NewTask, Task
from tests.core.access.people import ADA, ALICE, BOB, VERA, person

HOUR = timedelta(hours=1)
OWN, OTHERS, PRIVATE = "own", "other's", "other's private"
TARGETS = (OWN, OTHERS, PRIVATE)
ORIGIN = Origin("192.0.2.1", "request-1", "session")

# Who is asked for: a role, and whether TASK_VISIBILITY is `own`.
ROLES = {
    "viewer": person(Role.VIEWER),
    "viewer, own": person(Role.VIEWER, own_tasks_only=True),
    "submitter": person(Role.SUBMITTER),
    "submitter, own": person(Role.SUBMITTER, own_tasks_only=True),
    "operator": person(Role.OPERATOR),
    "administrator": person(Role.ADMINISTRATOR),
}
YES, NO, HIDDEN = "yes", "refused", "hidden"


def expected(role: str, target: str, permission: Permission) -> str:
    """What the table of roles says of a permission and a target, in words of its own."""
    everything = role in ("operator", "administrator")
    if target == PRIVATE and not everything:
        return HIDDEN
    if target == OTHERS and role.endswith(", own"):
        return HIDDEN
    reads = permission in (Permission.TASK_READ, Permission.TASK_DOWNLOAD)
    if role.startswith("viewer"):
        return YES if reads else NO
    if target == OWN or everything or reads:
        return YES
    return YES if permission is Permission.TASK_CLONE else NO


@pytest.fixture
def made(services: Any, task_in: Callable[..., Task]) -> Callable[..., Task]:
    """A task of the target's kind, with a file and a log."""

    def make(target: str, status: Status) -> Task:
        task = task_in(status, owner="me" if target == OWN else "other", private=target == PRIVATE)
        file = services.files.save(io.BytesIO(b"a,b"), "a.csv", "text/csv", task.owner, role="output")
        services.files.attach([file.id], task.id)
        services.files.confirm([file.id])
        return task

    return make


def file_of(services: Any, task: Task) -> str:
    return str(services.files.of_task(task.id)[0].id)


def again(access: Access, task: Task, core: Any) -> None:
    """Run a task of a published type again."""
    publish(core, task.type, schema={"type": "object", "properties": {}})
    made = access.run_again(task.id, f"key-of-{task.id}").task
    assert (made.owner, made.parent) == (access.person.id, task.id)


Call = Callable[[Access, Task, Any], Any]
METHODS: dict[str, tuple[Permission, Status, Call]] = {
    "get": (Permission.TASK_READ, Status.QUEUED, lambda access, task, core: access.get(task.id)),
    "downloadable": (
        Permission.TASK_DOWNLOAD,
        Status.SUCCEEDED,
        lambda access, task, core: access.downloadable(task.id),
    ),
    "log": (Permission.TASK_READ, Status.SUCCEEDED, lambda access, task, core: access.log(task, 1)),
    "files.download": (
        Permission.TASK_DOWNLOAD,
        Status.SUCCEEDED,
        lambda access, task, core: access.files.download(access.get(task.id), file_of(core, task)),
    ),
    "to_clone": (Permission.TASK_CLONE, Status.FAILED, lambda access, task, core: access.to_clone(task.id)),
    "run_again": (
        Permission.TASK_CLONE,
        Status.FAILED,
        lambda access, task, core: again(access, task, core),
    ),
    "cancel": (Permission.TASK_CANCEL, Status.QUEUED, lambda access, task, core: access.cancel(task.id)),
    "retry": (Permission.TASK_RETRY, Status.FAILED, lambda access, task, core: access.retry(task.id)),
    "reprioritize": (
        Permission.TASK_REPRIORITIZE,
        Status.QUEUED,
        lambda access, task, core: access.reprioritize(task.id, Priority.HIGH),
    ),
    "delete": (Permission.TASK_DELETE, Status.SUCCEEDED, lambda access, task, core: access.delete(task.id)),
}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", METHODS)
def test_each_method_does_what_the_role_allows(services, made, document, name, role):
    permission, status, call = METHODS[name]
    access = services.access(ROLES[role], ORIGIN)
    for target in TARGETS:
        task = made(target, status)
        wanted, before = expected(role, target, permission), document(task)
        services.db.audit.delete_many({})
        if wanted == YES:
            call(access, task, services)
            continue
        with pytest.raises(Forbidden if wanted == NO else NotFound) as refused:
            call(access, task, services)
        assert document(task) == before
        if wanted == HIDDEN:
            assert str(refused.value) == as_if_missing(access, task.id)
            assert audited(services) == []
        else:
            [entry] = audited(services)
            assert (entry["event"], entry["target"], entry["who"]) == ("refused", str(task.id), "me")
            assert (entry["reason"], entry["outcome"]) == (permission.value, "failed")


def as_if_missing(access: Access, task_id: ObjectId) -> str:
    """What is said of an ID that no task has, with this one in its place."""
    nobody = ObjectId()
    with pytest.raises(NotFound) as missing:
        access.get(nobody)
    return str(missing.value).replace(str(nobody), str(task_id))


def audited(services: Any) -> list[dict[str, Any]]:
    return list(services.db.audit.find().sort([("_id", 1)]))


@pytest.mark.parametrize("role", ROLES)
def test_lists_counts_and_figures_hold_what_the_role_may_read(services, made, role):
    tasks = {target: made(target, Status.FAILED) for target in TARGETS}
    access = services.access(ROLES[role])
    seen = {t.id for target, t in tasks.items() if expected(role, target, Permission.TASK_READ) == YES}
    every = [task.id for task in tasks.values()]

    assert {task.id for task in access.page(TaskFilter()).tasks} == seen
    assert {task.id for task in access.page(TaskFilter(q="count")).tasks} == seen
    assert {task.id for task in access.rows(every)} == seen
    assert access.counts(TaskFilter())["failed"].value == len(seen)
    assert access.figures.ended(HOUR)[Status.FAILED].value == len(seen)
    assert sum(group.count for group in access.figures.failures(HOUR)) == len(seen)
    for task in tasks.values():
        assert {found.id for found in access.page(TaskFilter(q=str(task.id))).tasks} == {task.id} & seen
        assert (access.ids_of(str(task.id)[-8:]) == (task.id,)) is (task.id in seen)
        assert bool(access.find(task.id)) is (task.id in seen)
        if task.id in seen:
            assert access.files.of_task(task)
        else:
            with pytest.raises(NotFound):
                access.files.of_task(task)
        assert bool(access.files.usable([file_of(services, task)])) is (task.id in seen)


def test_counts_are_kept_for_each_visibility(services, made):
    made(PRIVATE, Status.FAILED)
    assert services.access(ADA).counts(TaskFilter())["failed"].value == 1
    assert services.access(VERA).counts(TaskFilter())["failed"].value == 0
    assert services.access(ADA).counts(TaskFilter())["failed"].value == 1


def test_a_list_by_owner(services, new_task):
    mine = [new_task(owner="alice"), new_task(owner="alice", private=True)]
    new_task(owner="bob")
    wanted = TaskFilter(owner="alice")
    for who, found in ((ALICE, mine), (BOB, mine), (VERA, mine[:1])):
        assert {task.id for task in services.access(who).page(wanted).tasks} == {task.id for task in found}
        assert services.access(who).counts(wanted)["queued"].value == len(found)
    assert services.access(person(Role.VIEWER, own_tasks_only=True)).page(wanted).tasks == []


def test_who_has_no_permission_gets_nothing(services, new_task):
    task = new_task(owner="")
    access = services.access(ANONYMOUS)
    for call in (
        lambda: access.get(task.id),
        lambda: access.page(TaskFilter()),
        lambda: access.counts(TaskFilter()),
        lambda: access.rows([task.id]),
        lambda: access.figures.ended(HOUR),
        lambda: access.files.save(io.BytesIO(b""), "a", "text/plain"),
        lambda: begun(access, Action.CANCEL, [task.id]),
    ):
        with pytest.raises(Forbidden):
            call()
    with pytest.raises(NotFound):
        access.cancel(task.id)
    assert audited(services) == []


def test_a_damaged_task_is_as_if_missing_for_who_does_not_see_all(services, new_task):
    task = new_task(owner="alice", private=True)
    services.db.tasks.update_one({"_id": task.id}, {"$set": {"private": "yes"}})
    with pytest.raises(NotFound, match="damaged"):
        services.access(ADA).get(task.id)
    with pytest.raises(NotFound, match="doesn't exist"):
        services.access(VERA).get(task.id)


# What is offered is what is permitted


@pytest.mark.parametrize("status", list(Status))
def test_no_action_is_offered_that_is_refused(services, made, status):
    for target in TARGETS:
        task = made(target, status)
        for role, someone in ROLES.items():
            wanted = {action for action in task.actions if expected(role, target, PERMISSIONS[action]) == YES}
            if expected(role, target, Permission.TASK_READ) == YES:
                assert services.access(someone).actions(task) == wanted


# Bulk actions; how one runs is in `test_bulk_run`

CANCEL = Operation(Action.CANCEL, "")


def begun(access: Access, action: Action, ids: Any = (), total: int = 100) -> BulkOperation:
    """A small bulk action, done to its end; without IDs to all tasks."""
    asked = NewBulk(Operation(action, ""), TaskFilter(), tuple(ids), total, utcnow() + HOUR, str(ObjectId()))
    return access.bulk.begin(asked)


def skipped(operation: BulkOperation) -> dict[str, int]:
    return {reason: each.count for reason, each in operation.skipped.items()}


@pytest.mark.parametrize("by", ["ids", "filter"])
def test_a_bulk_action_skips_what_one_may_not_act_on(services, made, by):
    tasks = {target: made(target, Status.QUEUED) for target in TARGETS}
    access = services.access(ROLES["submitter"], ORIGIN)
    if by == "ids":
        ids = [task.id for task in tasks.values()]
        assert [task.id for task in access.bulk.named(CANCEL, ids).tasks] == [tasks[OWN].id]
        operation = begun(access, Action.CANCEL, ids)
        assert (operation.done, skipped(operation)) == (1, {"denied": 1, "gone": 1})
    else:
        assert access.bulk.count(CANCEL, TaskFilter()).value == 1
        assert access.bulk.count_denied(CANCEL, TaskFilter()).value == 1
        operation = begun(access, Action.CANCEL, total=1)
        assert (operation.done, skipped(operation)) == (1, {"denied": 1})
    status = {target: services.tasks.get(task.id).status for target, task in tasks.items()}
    assert status == {OWN: Status.CANCELED, OTHERS: Status.QUEUED, PRIVATE: Status.QUEUED}
    assert services.tasks.get(tasks[OWN].id).cancel["by"] == "me"
    entries = audited(services)
    assert [(entry["event"], entry["target"]) for entry in entries] == [("tasks.bulk", "cancel")] * 2
    assert [entry["after"]["state"] for entry in entries] == ["running", "ended"]
    assert (entries[1]["after"]["count"], entries[1]["after"]["skipped"]["denied"]) == (1, 1)
    assert (entries[1]["address"], entries[1]["request"]) == ("192.0.2.1", "request-1")


def test_an_operator_acts_on_all(services, made):
    for target in TARGETS:
        made(target, Status.QUEUED)
    access = services.access(ROLES["operator"])
    assert access.bulk.count_denied(CANCEL, TaskFilter()).value == 0
    assert begun(access, Action.CANCEL, total=3).done == 3


def test_a_viewer_may_not_start_one(services, made):
    task = made(OWN, Status.QUEUED)
    access = services.access(ROLES["viewer"])
    for call in (
        lambda: begun(access, Action.CANCEL),
        lambda: begun(access, Action.CANCEL, [task.id]),
        lambda: access.bulk.count(CANCEL, TaskFilter()),
    ):
        with pytest.raises(Forbidden):
            call()
    assert services.tasks.get(task.id).status is Status.QUEUED


# Creating


def publish(services: Any, name: str = "count_slowly", **given: Any) -> Any:
    described = {
        "_id": name,
        "title": "Count",
        "category": "",
        "summary": "",
        "help": "",
        "schema": {},
        "priority": "medium",
        "timeout_s": 60,
        "max_attempts": 1,
        **given,
    }
    services.catalog.publish([described], "w1")
    return services.catalog.get(name)


def new(**given: Any) -> NewTask:
    return NewTask(**{"type": "count_slowly", "params": {}, "title": "Count", **given})


def test_a_task_belongs_to_who_submits_it(services):
    kind = publish(services)
    task = services.access(ALICE, ORIGIN).submit(new(owner="bob", private=True), kind).task
    stored = services.db.tasks.find_one({"_id": task.id})
    assert (stored["owner"], stored["private"]) == ("alice", True)
    assert {"owner:alice", "for:alice"} <= set(stored["keywords"]) and "for:team" not in stored["keywords"]
    [entry] = audited(services)
    assert (entry["event"], entry["target"], entry["who"]) == ("task.create", str(task.id), "alice")
    assert (entry["address"], entry["request"], entry["via"]) == ("192.0.2.1", "request-1", "session")


def test_the_same_submission_again_is_recorded_once(services):
    kind, access = publish(services), services.access(ALICE)
    first = access.submit(new(submission_key="form-1"), kind)
    assert not access.submit(new(submission_key="form-1"), kind).created
    assert [entry["target"] for entry in audited(services)] == [str(first.task.id)]


LIMITS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "none": ({}, {"submitter", "member", "operator", "administrator"}),
    "a role": ({"roles": ["operator"]}, {"operator", "administrator"}),
    "a group": ({"groups": ["finance", "law"]}, {"member", "administrator"}),
    "either": ({"roles": ["operator"], "groups": ["law"]}, {"member", "operator", "administrator"}),
    "a role of a later version": ({"roles": ["auditor"]}, {"administrator"}),
}
CREATORS = {
    "viewer": VERA,
    "submitter": ALICE,
    "member": Person("mel", "Mel", Role.SUBMITTER, frozenset({"law", "x"}), ALICE.grants),
    "operator": BOB,
    "administrator": ADA,
}


@pytest.mark.parametrize("limits", LIMITS)
def test_a_type_says_who_may_create_and_retry(services, task_in, limits):
    given, allowed = LIMITS[limits]
    kind = publish(services, **given)
    for who, someone in CREATORS.items():
        creates_and_retries(services, task_in, kind, someone, may=who in allowed)


def creates_and_retries(services: Any, task_in: Any, kind: Any, someone: Person, *, may: bool) -> None:
    access, failed = services.access(someone), task_in(Status.FAILED, owner=someone.id)
    assert (access.may_use(kind) and someone.may("task.create")) is may
    assert (Action.RETRY in access.actions(failed, kind)) is may
    for call in (
        lambda: access.submit(new(), kind),
        lambda: access.to_clone(failed.id),
        lambda: begun(access, Action.RETRY, [failed.id]).done or refuse(),
    ):
        if may:
            call()
        else:
            with pytest.raises(Forbidden):
                call()
    assert services.db.tasks.count_documents({"owner": someone.id}) == 1 + may


def refuse() -> None:
    raise Forbidden("skipped")


def test_damaged_limits_are_for_administrators(services, task_in):
    publish(services)
    services.db.task_types.update_one({}, {"$set": {"roles": "operator"}})
    failed = task_in(Status.FAILED, owner="bob")
    with pytest.raises(Forbidden):
        services.access(BOB).retry(failed.id)
    services.access(ADA).retry(failed.id)


def test_a_token_for_some_types_changes_no_task_of_others(services, task_in):
    kind, other = publish(services), publish(services, "other")
    token = services.access(BOB.narrowed(None, ["other"]))
    failed = task_in(Status.FAILED, owner="bob")
    with pytest.raises(Forbidden, match="token"):
        token.submit(new(), kind)
    for call in (token.retry, token.delete, token.to_clone):
        with pytest.raises(Forbidden):
            call(failed.id)
    assert token.actions(failed, kind) == frozenset()
    assert token.submit(new(type="other"), other).created


# Secrets, files and parents


def test_a_secret_is_used_by_its_owner_only(services, task_in):
    kind = publish(services)
    params = {"password": Secret("hunter2")}
    failed = task_in(Status.FAILED, owner="alice", params=params)
    for who in (BOB, ADA):
        access = services.access(who)
        assert Action.RETRY not in access.actions(failed, kind)
        with pytest.raises(Forbidden, match="secret"):
            access.retry(failed.id)
        for operation in (begun(access, Action.RETRY, [failed.id]), begun(access, Action.RETRY, total=1)):
            assert (operation.done, skipped(operation)) == (0, {"denied": 1})
    services.access(ALICE).retry(failed.id)

    without = Person("eve", "Eve", Role.SUBMITTER, grants={Permission.TASK_CREATE: Reach.OWN})
    with pytest.raises(Forbidden, match="secret"):
        services.access(without).submit(new(params=params), kind)


def test_a_task_names_only_files_that_its_owner_may_use(services, made):
    kind, access = publish(services), services.access(ROLES["submitter"])
    files = {target: ObjectId(file_of(services, made(target, Status.SUCCEEDED))) for target in TARGETS}
    loose = services.files.save(io.BytesIO(b"x"), "x.csv", "text/csv", "other", role="input")
    for file_id, usable in (
        (files[OWN], True),
        (files[OTHERS], True),
        (files[PRIVATE], False),
        (loose.id, False),
    ):
        if usable:
            assert access.submit(new(files=(file_id,)), kind).created
        else:
            with pytest.raises(Invalid):
                access.submit(new(files=(file_id,)), kind)


def test_a_parent_that_is_not_seen_is_left_out(services, made):
    kind, access = publish(services), services.access(ROLES["submitter"])
    for target in TARGETS:
        parent = made(target, Status.FAILED).id
        task = access.submit(new(parent=parent), kind).task
        assert task.parent == (None if target == PRIVATE else parent)


def test_what_is_done_is_recorded(services, task_in):
    access = services.access(ALICE, ORIGIN)
    waiting, failed = task_in(Status.QUEUED), task_in(Status.FAILED)
    access.reprioritize(waiting.id, Priority.HIGH)
    access.cancel(waiting.id)
    access.retry(failed.id)
    access.delete(waiting.id)
    found = [(entry["event"], entry["target"], entry["who"]) for entry in audited(services)]
    assert found == [
        ("task.reprioritize", str(waiting.id), "alice"),
        ("task.cancel", str(waiting.id), "alice"),
        ("task.retry", str(failed.id), "alice"),
        ("task.delete", str(waiting.id), "alice"),
    ]
    assert audited(services)[0]["before"] == {"priority": "medium"}
    assert audited(services)[0]["after"] == {"priority": "high"}


@pytest.mark.parametrize("who", [BOB, ADA])
def test_the_list_of_who_sees_all_asks_what_it_always_asked(services, who):
    access = services.access(who)
    assert access._listing() is services.listing
    assert access.bulk._within(access._rights.readable()) is services.bulk
    assert access.figures._stats() is services.stats
