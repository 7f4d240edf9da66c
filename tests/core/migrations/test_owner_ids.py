"""Version 1: owners become user IDs, whatever is stored, and nothing is lost."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from bson import ObjectId
from hypothesis import given
from hypothesis import strategies as st
from mongomock import MongoClient

from app.core.migrations.migration import Migration
from app.core.migrations.owner_ids import OwnerIds
from app.core.mongo import Mongo
from app.core.people.roles import Role
from app.core.schema.indexes import create_indexes
from app.core.services import Services
from app.core.tasks.task import Task
from tests.core.damage import MISSING, WRONG
from tests.core.migrations.conftest import contents, old_file, old_task


def test_what_a_name_owned_is_owned_by_the_user_of_that_name(old: Mongo, services: Services) -> None:
    before = {task["_id"]: task for task in old.tasks.find()}
    Migration(old).run()

    local = services.people.users.local()
    assert local.role is Role.ADMINISTRATOR
    names = {user.id: user.name for user in services.people.users.all()}
    assert sorted(names.values()) == ["Bob-2", "bob", "carol", "dave", "local"]
    for task in old.tasks.find():
        was = before[task["_id"]]
        assert names[task["owner"]].removesuffix("-2") == was["owner"]
        assert task["keywords"] == [*was["keywords"], f"owner:{task['owner']}", "for:team"]
        same = {"owner", "keywords", "cancel"}
        assert {name: task[name] for name in task.keys() - same} == {
            name: was[name] for name in was.keys() - same
        }
        if "cancel" in was:
            assert names[task["cancel"]["by"]] == was["cancel"]["by"]
            assert task["cancel"]["at"] == was["cancel"]["at"]
        assert Task.from_document(task)
    assert [names[file["metadata"]["owner"]] for file in old["files.files"].find()] == [
        "local",
        "bob",
        "dave",
    ]


def test_users_have_no_password_and_only_the_local_one_administers(old: Mongo, services: Services) -> None:
    Migration(old).run()
    found = {user.name: (user.role, user.password_hash) for user in services.people.users.all()}
    assert found.pop("local") == (Role.ADMINISTRATOR, None)
    assert set(found.values()) == {(Role.SUBMITTER, None)}


def test_names_that_look_alike_stay_two_people_with_their_submission_keys(old: Mongo) -> None:
    Migration(old).run()
    pairs = [
        (task["owner"], task["submission_key"]) for task in old.tasks.find({"submission_key": {"$ne": None}})
    ]
    assert len(pairs) == len(set(pairs)) == 15


def test_a_user_who_is_there_already_is_the_one_of_their_name(old: Mongo, services: Services) -> None:
    local, bob = services.people.users.local(), services.people.users.add("bob", Role.OPERATOR)
    Migration(old).run()
    assert {local.id, bob.id} <= set(old.tasks.distinct("owner"))
    assert services.people.users.get(bob.id).role is Role.OPERATOR


@pytest.mark.parametrize("name", ["\u202e", " a ", "a\x00b", "x" * 5_000, "a/b", "a:b", "é", "ﬁ", "…"])
def test_a_name_that_no_user_can_have_gives_one_as_near_as_may_be(name: str, services: Services) -> None:
    services.db.drop_collection("meta")
    services.db.tasks.insert_many([old_task(name), old_task(f"{name}2")])
    Migration(services.db).run()
    first, second = (task["owner"] for task in services.db.tasks.find().sort([("_id", 1)]))
    assert first != second
    assert services.people.users.get(first).name and services.people.users.get(second).name


def test_a_private_task_that_is_migrated_already_keeps_its_audience(services: Services) -> None:
    local = services.people.users.local().id
    step = OwnerIds(services.db, False)
    private = old_task(local, keywords=[f"owner:{local}", f"for:{local}"])
    assert step.judge("tasks", private).edits == ()


# Damage

FIELDS = ("owner", "cancel", "cancel.by", "keywords")


def damaged(document: dict[str, Any], field: str, value: Any) -> dict[str, Any]:
    *path, last = field.split(".")
    place = document
    for name in path:
        place = place.setdefault(name, {})
    if value is MISSING:
        place.pop(last, None)
    else:
        place[last] = deepcopy(value)  # Damage may be done to what damage has put there.
    return document


wrong = st.sampled_from([*WRONG.values()])


@given(
    st.lists(st.tuples(st.sampled_from(FIELDS), wrong), min_size=1, max_size=4),
    st.lists(st.tuples(st.sampled_from(["metadata", "metadata.owner"]), wrong), max_size=2),
)
def test_damaged_documents_are_passed_over_and_named_and_never_lost(
    of_task: list[tuple[str, Any]], of_file: list[tuple[str, Any]]
) -> None:
    db: Any = MongoClient(tz_aware=True).get_database("tests")
    task, file, healthy = old_task(), old_file(), old_task("bob")
    for field, value in of_task:
        if not ("." in field and not isinstance(task.get("cancel", {}), dict)):
            damaged(task, field, value)
    for field, value in of_file:
        if isinstance(file.get("metadata"), dict):
            damaged(file, field, value)
    db.tasks.insert_many([task, healthy])
    db["files.files"].insert_one(file)
    was = db.tasks.find_one({"_id": task["_id"]})
    planned = Migration(db).plan()
    done = Migration(db).run()

    ids = {user["name"]: user["_id"] for user in db.users.find()}
    assert db.tasks.find_one({"_id": healthy["_id"]})["owner"] == ids["bob"]
    now, named = db.tasks.find_one({"_id": task["_id"]}), " ".join(done[0].tallies[0].named)
    owner = task.get("owner")
    if isinstance(owner, str) and owner:
        assert db.users.find_one({"_id": now["owner"]})["former_name"] == owner
    else:
        assert repr(now.get("owner")) == repr(was.get("owner"))
        assert str(task["_id"]) in named
    assert now.keys() >= task.keys()
    about = file.get("metadata")
    name = about.get("owner") if isinstance(about, dict) else None
    assert (done[0].tallies[1].passed_over == 1) is not (isinstance(name, str) and name != "")
    assert [tally.passed_over for tally in planned[0].tallies] == [
        tally.passed_over for tally in done[0].tallies
    ]
    before = contents(db)
    assert Migration(db).run() == []
    assert repr(contents(db)) == repr(before)


def test_a_task_whose_submission_key_its_owner_has_used_is_passed_over(services: Services) -> None:
    """As after an import of old tasks into a migrated database."""
    create_indexes(services.db)
    local = services.people.users.local().id
    new, old, other = old_task(local, submission_key="k"), old_task(submission_key="k"), old_task()
    services.db.tasks.insert_many([new, old, other])
    services.db.meta.update_one({"_id": "schema"}, {"$set": {"version": 0}})
    (done,) = Migration(services.db).run()

    assert done.tallies[0].passed_over == 1 and str(old["_id"]) in done.tallies[0].named[0]
    assert services.db.tasks.find_one({"_id": old["_id"]})["owner"] == "local"
    assert services.db.tasks.find_one({"_id": other["_id"]})["owner"] == local


def test_an_id_of_another_type_is_no_obstacle(old: Mongo) -> None:
    for odd in ("text", 5, True, ObjectId()):
        old.tasks.insert_one({**old_task(submission_key=f"odd {odd}"), "_id": odd})
    Migration(old).run()
    assert old.tasks.count_documents({"owner": "local"}) == 0
