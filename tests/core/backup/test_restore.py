"""Importing: all of it, once, compared; never over what is there, and never half and called whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from bson import ObjectId

from app.core.backup.manifest import Manifest
from app.core.backup.problems import BackupProblem, Caution
from app.core.backup.restore import Restored
from app.core.backup.source import IMPORTS
from app.core.backup.target import Target
from app.core.catalog import WorkerInfo
from app.core.clock import utcnow
from app.core.errors import UnsupportedDatabase
from app.core.migrations.migration import Migration
from app.core.people.audit import Event
from app.core.people.person import Origin
from app.core.people.roles import Role
from app.core.schema import version
from app.core.schema.indexes import create_indexes
from app.core.services import Services
from app.core.tasks.states import Status
from tests.core.backup.conftest import contents, killed, refusal
from tests.core.conftest import Clock, Rescuer
from workers.maintenance import Maintenance

Exporter = Callable[..., Manifest]
Restorer = Callable[..., Restored]


def test_everything_is_there_afterwards(
    seeded: Services, other: Services, export: Exporter, restore: Restorer
) -> None:
    export()
    restored = restore()

    assert contents(other) == contents(seeded)
    assert restored.documents == sum(map(len, contents(seeded).values()))
    assert restored.warned == []
    assert other.files.chunks(other.db["files.files"].find_one()["_id"])
    assert other.db[IMPORTS].find_one() is None
    assert other.db.leases.find_one() is None


def test_who_was_online_and_who_led_is_not_imported(
    seeded: Services, other: Services, export: Exporter, restore: Restorer
) -> None:
    now = utcnow()
    seeded.catalog.report(WorkerInfo("w1", "host", 1, "0.1.0", now, now, types=("count_slowly",)))
    Maintenance(seeded, "w1").lead()
    manifest = export()
    restore()

    counts = {entry.name: entry.content.count for entry in manifest.collections}
    assert counts["workers"] == counts["leases"] == 1
    assert other.catalog.workers() == [] and other.db.leases.find_one() is None


def test_our_indexes_are_made_from_the_code(other: Services, export: Exporter, restore: Restorer) -> None:
    export()
    restore()

    assert {"hint", "run_at", "retention", "submission"} <= other.db.tasks.index_information().keys()
    assert other.db["files.chunks"].index_information()["files_id_1_n_1"]["unique"]


def test_an_index_that_is_not_ours_is_made_from_its_metadata(
    seeded: Services, other: Services, export: Exporter, restore: Restorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []
    monkeypatch.setattr(Target, "_accepted", lambda self, command: made.append(command) or command is made[0])
    for name in ("theirs", "refused", "guard_id_status"):
        seeded.db.tasks.create_index([(name, 1)], name=name)
    export()
    restored = restore()

    asked = [index["name"] for command in made for index in command["indexes"]]
    assert asked == ["theirs", "refused"]
    assert [warned.caution for warned in restored.warned] == [Caution.INDEX]


# Hints


def test_every_task_that_waits_is_sent_again_whatever_redis_holds(
    seeded: Services, other: Services, export: Exporter, restore: Restorer, new_task: Callable[..., Any]
) -> None:
    """The other Redis has an epoch, so nothing there says that hints are lost."""
    waiting = [seeded.tasks.get(new_task(title=str(number)).id) for number in range(3)]
    assert {task.hint for task in waiting} == {"sent"}
    export()
    other.queues.epoch.begin("another")
    restored = restore()

    assert restored.sent_anew == 4
    assert other.recovery.recover() == 0
    assert other.recovery.push_due() == 4
    assert len(drained(other)) == 4


def test_hints_that_wait_in_the_same_redis_are_not_doubled(
    seeded: Services, other: Services, export: Exporter, restore: Restorer
) -> None:
    export()
    restore()
    other.queues.push(other.queries.undispatched(10))

    assert other.recovery.push_due() == 0
    assert len(drained(other)) == 1
    assert other.queries.undispatched(10) == []


def drained(services: Services) -> list[str]:
    taken = []
    while (job_id := services.queues.take(0)) is not None:
        taken.append(job_id)
    return taken


def test_a_task_that_ran_is_rescued_when_its_lease_runs_out(
    seeded: Services, other: Services, export: Exporter, restore: Restorer, clock: Clock
) -> None:
    export()
    restore()
    clock.advance(seconds=31)

    assert Rescuer(other, clock)() == 1
    task = other.queries.find({"history.outcome": "worker_lost"}, [("_id", 1)], 1)[0]
    assert (task.status, task.losses) == (Status.SCHEDULED, 1)


# What may be there


def test_a_database_that_holds_anything_is_refused(
    other: Services, export: Exporter, restore: Restorer
) -> None:
    export()
    other.db.tasks.insert_one({"_id": 1})

    assert refusal(restore) is BackupProblem.NOT_EMPTY
    assert other.db[IMPORTS].find_one() is None and other.db.leases.find_one() is None


def test_what_workers_publish_is_no_obstacle_and_is_kept(
    seeded: Services, other: Services, export: Exporter, restore: Restorer
) -> None:
    def published(title: str) -> list[dict[str, Any]]:
        return [{"_id": "count_slowly", "title": title}]

    seeded.catalog.publish(published("old"), "w1")
    export()
    other.catalog.publish([*published("new"), {"_id": "newer", "title": ""}], "w2")
    other.dispatch.words.learn(["count", "unheard"])
    restored = restore()

    assert other.db.task_types.find_one({"_id": "count_slowly"})["title"] == "new"
    assert other.db.words.find_one({"_id": "unheard"})
    assert restored.warned == []


def test_told_to_merge_it_adds_what_is_missing_and_changes_nothing(
    seeded: Services, other: Services, export: Exporter, restore: Restorer
) -> None:
    create_indexes(other.db)
    first, second = seeded.db.tasks.find().sort([("_id", 1)]).limit(2)
    other.db.tasks.insert_many([first, {**second, "title": "Theirs"}, {"_id": 1, "hint": "due"}])
    export()
    restored = restore(merge=True)

    assert other.db.tasks.count_documents({}) == seeded.db.tasks.count_documents({}) + 1
    assert other.db.tasks.find_one({"_id": second["_id"]})["title"] == "Theirs"
    assert [warned.caution for warned in restored.warned] == [Caution.KEPT]
    assert str(second["_id"]) in restored.warned[0].message


def test_a_document_whose_unique_key_another_one_has_is_left_out_and_named(
    seeded: Services, other: Services, export: Exporter, restore: Restorer
) -> None:
    create_indexes(other.db)
    chunk = seeded.db["files.chunks"].find_one()
    other.db["files.chunks"].insert_one({**chunk, "_id": ObjectId()})
    export()
    restored = restore(merge=True)

    assert [warned.caution for warned in restored.warned] == [Caution.KEPT]
    assert other.db["files.chunks"].count_documents({"files_id": chunk["files_id"]}) == 1


def test_workers_that_are_online_are_an_obstacle(
    other: Services, export: Exporter, restore: Restorer, clock: Clock
) -> None:
    export()
    other.catalog.report(WorkerInfo("w1", "host", 1, "0.1.0", clock.now, clock.now))

    assert refusal(restore) is BackupProblem.WORKERS
    assert restore(with_workers=True).documents
    assert [worker.name for worker in other.catalog.workers()] == ["w1"]


def test_killed_workers_are_one_for_half_a_minute_only(
    other: Services, export: Exporter, restore: Restorer, clock: Clock
) -> None:
    export()
    other.catalog.report(WorkerInfo("w1", "host", 1, "0.1.0", clock.now, clock.now))
    clock.advance(seconds=31)

    assert restore().documents


def test_maintenance_rests_until_the_import_is_whole(
    other: Services, export: Exporter, restore: Restorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    export()
    leader = Maintenance(other, "w1")
    assert leader.lead() and leader.lead("rescue")
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        killed(patched, "insert", 2)
        restore(with_workers=True)

    assert not leader.lead() and not leader.lead("rescue")
    restore(with_workers=True)
    assert leader.lead() and leader.lead("rescue")


def test_another_key_is_warned_of(other: Services, export: Exporter, restore: Restorer) -> None:
    export()
    restored = restore(keys=["00000000"])

    assert [warned.caution for warned in restored.warned] == [Caution.KEY]


def test_a_former_key_among_the_fallbacks_is_enough(
    seeded: Services, export: Exporter, restore: Restorer
) -> None:
    export()

    assert restore(keys=["00000000", *seeded.vault.key_names]).warned == []


# Versions


def test_an_older_export_is_imported_as_one_and_says_what_to_do(
    seeded: Services, other: Services, export: Exporter, restore: Restorer
) -> None:
    seeded.db.drop_collection("meta")
    create_indexes(other.db)
    export()
    restored = restore()

    assert version.read(other.db) == 0
    assert [warned.caution for warned in restored.warned] == [Caution.VERSION]
    Migration(other.db).run()
    assert other.tasks.get(other.db.tasks.find_one()["_id"])


def test_told_to_merge_an_older_export_the_database_is_to_be_migrated_again(
    seeded: Services, other: Services, export: Exporter, restore: Restorer
) -> None:
    seeded.db.drop_collection("meta")
    create_indexes(other.db)
    other.people.users.add("bob", Role.VIEWER)
    export()
    restore(merge=True)

    assert version.read(other.db) == 0
    Migration(other.db).run()
    assert version.read(other.db) == version.CURRENT


def test_an_export_of_a_newer_version_is_refused(
    seeded: Services, other: Services, export: Exporter, restore: Restorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as newer:
        newer.setattr(version, "CURRENT", version.CURRENT + 1)
        version.write(seeded.db, version.CURRENT)
        export()

    assert refusal(restore) is BackupProblem.NEWER
    assert other.db.tasks.find_one() is None and other.db[IMPORTS].find_one() is None


def test_nothing_is_imported_into_a_newer_database(
    other: Services, export: Exporter, restore: Restorer
) -> None:
    export()
    version.write(other.db, version.CURRENT + 1)
    with pytest.raises(UnsupportedDatabase):
        restore(merge=True)
    assert other.db.tasks.find_one() is None


def test_what_a_first_start_leaves_is_no_obstacle_and_gives_way(
    seeded: Services, other: Services, export: Exporter, restore: Restorer
) -> None:
    exported = seeded.people.users.local()
    local = other.people.users.local()
    person = other.people.users.person(local)
    other.people.audit.record(person, Origin(), Event.SIGN_IN)
    other.people.sessions.begin(local.id, ["link"])
    create_indexes(other.db)
    export()
    restored = restore()

    assert restored.warned == []
    assert other.people.users.local() == exported
    assert other.db.sessions.find_one() is None and other.db.audit.find_one() is None


@pytest.mark.parametrize("how", ["another user", "another name", "an action"])
def test_a_database_that_somebody_worked_with_is_no_first_start(
    how: str, other: Services, export: Exporter, restore: Restorer
) -> None:
    person = other.people.users.person(other.people.users.local())
    if how == "another user":
        other.people.users.add("bob", Role.VIEWER)
    elif how == "another name":
        other.db.users.update_one({}, {"$set": {"name": "alice", "name_key": "alice"}})
    else:
        other.people.audit.record(person, Origin(), Event.TASK_DELETE, "an ID")
    export()

    assert refusal(restore) is BackupProblem.NOT_EMPTY
    assert other.db.users.find_one()
