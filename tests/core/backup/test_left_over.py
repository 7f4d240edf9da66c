"""What an export that is not a snapshot may hold, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

from bson import ObjectId

from app.core.backup.manifest import Manifest
from app.core.backup.restore import Restored
from app.core.services import Services
from app.core.tasks.task import NewTask
from tests.core.conftest import Clock

Exporter = Callable[..., Manifest]
Restorer = Callable[..., Restored]


def test_what_belongs_to_tasks_that_came_later_is_deleted_by_maintenance(
    seeded: Services, other: Services, export: Exporter, restore: Restorer, clock: Clock
) -> None:
    later = ObjectId()
    file = seeded.files.save(BytesIO(b"later"), "b.txt", "text/plain", "alice", role="input")
    seeded.files.attach([file.id], later)
    seeded.files.confirm([file.id])
    seeded.logs.write_part(later, 1, 0, b"later")
    export()
    restored = restore()
    clock.advance(minutes=6)
    other.recovery.prune()

    assert restored.left_over == 2
    assert other.db.logs.count_documents({"task": later}) == 0
    assert other.db["files.chunks"].count_documents({"files_id": file.id}) == 0
    assert other.db["files.files"].count_documents({}) == 1
    assert other.db.logs.count_documents({}) == 1
    assert other.db.deletions.count_documents({}) == 0


def test_content_of_a_file_that_was_still_coming_in_is_deleted_by_maintenance(
    seeded: Services, other: Services, export: Exporter, restore: Restorer, clock: Clock
) -> None:
    seeded.db["files.chunks"].insert_one({"files_id": ObjectId(), "n": 0, "data": b"part"})
    export()
    restored = restore()
    clock.advance(hours=25)
    other.recovery.prune()

    assert restored.left_over == 1
    assert other.db["files.chunks"].count_documents({}) == 1
    assert other.db["files.uploads"].count_documents({}) == 0


def test_a_task_whose_file_was_deleted_while_it_was_exported_still_works(
    seeded: Services, other: Services, export: Exporter, restore: Restorer
) -> None:
    owner = seeded.db["files.files"].find_one()["metadata"]["tasks"][0]
    seeded.db["files.files"].delete_many({})
    seeded.db["files.chunks"].delete_many({})
    export()
    restore()

    assert other.files.of_task(owner) == []
    other.dispatch.delete(owner)
    assert other.tasks.gone([owner]) == [owner]


def test_a_task_can_be_created_where_one_was_imported(
    other: Services, export: Exporter, restore: Restorer
) -> None:
    export()
    restore()

    assert other.dispatch.submit(NewTask(type="count_slowly", params={}, title="New")).created
