"""Files: streamed in and out, named safely, and gone with the last task that names them."""

from __future__ import annotations

import hashlib
import io
from datetime import timedelta

import pytest
from bson import ObjectId

from app.core.errors import Invalid, NotFound, TooLarge
from app.core.files.gridfs import CHUNK
from app.core.files.store import Files, safe_name


class Endless(io.BytesIO):
    """A stream that says how much of it was read."""

    def __init__(self, size: int) -> None:
        self.left = size
        self.asked: list[int | None] = []

    def read(self, size: int | None = -1) -> bytes:
        self.asked.append(size)
        given = min(size or 0, self.left)
        self.left -= given
        return b"x" * given


@pytest.fixture
def save(services):
    def store(content: bytes = b"a,b\n1,2\n", name: str = "orders.csv", owner: str = "alice"):
        return services.files.save(io.BytesIO(content), name, "text/csv", owner, role="input")

    return store


def test_what_is_stored_is_what_was_sent(services, save):
    content = bytes(range(256)) * 3_000
    stored = save(content)
    assert b"".join(services.files.chunks(stored.id)) == content
    assert (stored.size, stored.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert (stored.name, stored.content_type, stored.owner) == ("orders.csv", "text/csv", "alice")


def test_it_is_known_by_its_id(services, save):
    stored = save()
    assert services.files.get(stored.id) == stored
    assert stored.uploaded_at.utcoffset() == timedelta(0)


def test_an_empty_file_is_a_file(services, save):
    stored = save(b"")
    assert stored.size == 0
    assert list(services.files.chunks(stored.id)) == []


def test_no_more_than_a_chunk_is_held(services):
    source = Endless(5 * CHUNK + 1)
    stored = services.files.save(source, "big.bin", "", "alice", role="input")
    assert max(source.asked) == CHUNK
    assert max(len(chunk) for chunk in services.files.chunks(stored.id)) <= CHUNK


def test_a_file_above_the_limit_is_refused_and_nothing_is_kept(services):
    small = Files(services.db, max_bytes=2**20)
    source = Endless(10 * 2**20)
    with pytest.raises(TooLarge, match=r"big\.bin is larger than 1 MB"):
        small.save(source, "big.bin", "", "alice", role="input")
    assert source.left > 8 * 2**20
    assert services.db["files.files"].count_documents({}) == 0
    assert services.db["files.chunks"].count_documents({}) == 0


def test_the_limit_itself_is_taken_and_a_result_has_none(services):
    small = Files(services.db, max_bytes=1_000)
    assert small.save(Endless(1_000), "a", "", "alice", role="input").size == 1_000
    assert small.save(Endless(1_001), "a", "", "alice", role="output", limited=False).size == 1_001


def test_an_upload_that_breaks_off_leaves_nothing(services):
    class Broken(Endless):
        def read(self, size: int | None = -1) -> bytes:
            if self.asked:
                raise ConnectionResetError
            return super().read(size)

    with pytest.raises(ConnectionResetError):
        services.files.save(Broken(2**30), "a", "", "alice", role="input")
    assert services.db["files.chunks"].count_documents({}) == 0


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("orders.csv", "orders.csv"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\alice\\orders.csv", "orders.csv"),
        ("/absolute/orders.csv", "orders.csv"),
        ("a\r\nSet-Cookie: x.csv", "aSet-Cookie: x.csv"),
        ("a\x00b\x1b[31m.csv", "ab[31m.csv"),
        ("\u202egpj.exe", "gpj.exe"),
        ("", "file"),
        ("..", "file"),
        ("/", "file"),
        (" . ", "file"),
        ("Größe 1.csv", "Größe 1.csv"),
    ],
)
def test_a_name_is_a_name_and_never_a_path(sent, kept):
    assert safe_name(sent) == kept


def test_a_long_name_keeps_its_ending():
    assert safe_name("x" * 500 + ".parquet").endswith("x.parquet")
    assert len(safe_name("x" * 500)) == 200


def test_a_file_that_is_not_there_is_not_found(services):
    with pytest.raises(NotFound, match="deleted along with its task"):
        services.files.get(ObjectId())
    with pytest.raises(NotFound):
        next(services.files.chunks(ObjectId()))


class TestOwnership:
    def test_a_file_is_named_with_its_tasks(self, services, save):
        mine, task_id = save(), ObjectId()
        assert services.files.named([str(mine.id)]) == [(mine, [])]
        services.files.attach([mine.id], task_id)
        assert services.files.named([str(mine.id)]) == [(mine, [task_id])]

    def test_what_is_no_id_names_nothing(self, services):
        assert services.files.named(["", "x", "../a", str(ObjectId())]) == []

    def test_the_files_of_a_task_are_in_the_order_they_came(self, services, save):
        task_id = ObjectId()
        files = [save(name=f"{number}.csv") for number in range(3)]
        services.files.attach([each.id for each in reversed(files)], task_id)
        save(name="of-nobody.csv")
        assert [each.name for each in services.files.of_task(task_id)] == ["0.csv", "1.csv", "2.csv"]

    def test_attaching_twice_is_attaching_once(self, services, save):
        stored, task_id = save(), ObjectId()
        services.files.attach([stored.id, stored.id], task_id)
        services.files.release(task_id)
        with pytest.raises(NotFound):
            services.files.get(stored.id)

    def test_where_one_is_gone_none_is_attached(self, services, save):
        stored, task_id = save(), ObjectId()
        with pytest.raises(Invalid, match="choose it again"):
            services.files.attach([stored.id, ObjectId()], task_id)
        assert services.files.of_task(task_id) == []
        assert services.files.get(stored.id)

    def test_it_goes_with_the_last_task_that_names_it(self, services, save):
        stored, first, second = save(), ObjectId(), ObjectId()
        services.files.attach([stored.id], first)
        services.files.attach([stored.id], second)
        services.files.release(first)
        assert services.files.get(stored.id)
        services.files.release(second)
        assert services.db["files.chunks"].count_documents({}) == 0

    def test_orphans_go_after_a_day_and_at_most_so_many_at_once(self, services, save, clock):
        for _ in range(3):
            save()
        owned = save()
        services.files.attach([owned.id], ObjectId())
        services.files.confirm([owned.id])
        assert services.files.prune_orphans(10) == 0
        clock.advance(hours=25)
        assert [services.files.prune_orphans(2) for _ in range(3)] == [2, 1, 0]
        assert services.files.get(owned.id)

    def test_a_file_whose_task_was_never_made_is_an_orphan(self, services, save, clock):
        stored = save()
        services.files.attach([stored.id], ObjectId())
        clock.advance(hours=25)
        assert services.files.prune_orphans(10) == 1
        assert services.db["files.files"].count_documents({}) == 0

    def test_a_file_whose_task_was_made_but_not_confirmed_stays(self, services, save, clock):
        stored, task_id = save(), ObjectId()
        services.files.attach(
            [
                stored.id,
            ],
            task_id,
        )
        services.db.tasks.insert_one({"_id": task_id})
        clock.advance(hours=25)
        assert services.files.prune_orphans(10) == 0
        assert services.files.get(stored.id)

    def test_nothing_is_attached_to_a_file_that_is_being_deleted(self, services, save, monkeypatch):
        stored, first, second = save(), ObjectId(), ObjectId()
        services.files.attach([stored.id], first)
        monkeypatch.setattr(services.files._content, "delete", lambda file_id: None)
        services.files.release(first)
        with pytest.raises(Invalid, match="no longer there"):
            services.files.attach([stored.id], second)

    def test_a_file_whose_deletion_stopped_half_way_is_an_orphan(self, services, save, clock, monkeypatch):
        stored, task_id = save(), ObjectId()
        services.files.attach([stored.id], task_id)
        services.files.confirm([stored.id])
        with monkeypatch.context() as broken:
            broken.setattr(services.files._content, "delete", lambda file_id: None)
            broken.setattr(services.files._files, "delete_one", lambda found: None)
            services.files.release(task_id)
        assert services.db["files.chunks"].count_documents({}) == 1
        clock.advance(hours=25)
        assert services.files.prune_orphans(10) == 1
        assert services.db["files.chunks"].count_documents({}) == 0

    def test_what_an_upload_left_that_ended_with_its_process_goes_after_a_day(self, services, save, clock):
        whole, left = save(), ObjectId()
        services.files._content.write(left, iter([b"x" * CHUNK, b"x"]))
        for file_id in (whole.id, left):
            services.db["files.uploads"].insert_one({"_id": file_id, "at": clock.now})
        services.files.attach([whole.id], ObjectId())
        services.files.confirm([whole.id])
        clock.advance(hours=23)
        assert services.files.prune_orphans(10) == 0
        clock.advance(hours=2)
        assert services.files.prune_orphans(10) == 1
        assert services.db["files.chunks"].distinct("files_id") == [whole.id]
        assert services.db["files.uploads"].count_documents({}) == 0


def test_what_is_missing_in_the_middle_is_said_and_not_passed_over(services, save):
    stored = save(b"x" * 3 * CHUNK)
    services.db["files.chunks"].delete_one({"n": 1})
    chunks = services.files.chunks(stored.id)
    assert len(next(chunks)) == CHUNK
    with pytest.raises(NotFound):
        next(chunks)


def test_a_task_has_all_of_its_files_however_many(services):
    """An archive of 10,000 entries becomes as many files, and each of them can be downloaded."""
    task_id = ObjectId()
    stored = services.files.save(io.BytesIO(b"x"), "0.csv", "text/csv", "alice", role="output")
    document = services.files._files.find_one({"_id": stored.id})
    document["metadata"]["tasks"] = [task_id]
    services.files._files.insert_many([document | {"_id": ObjectId()} for _ in range(1_500)])

    assert len(services.files.of_task(task_id)) == 1_500
