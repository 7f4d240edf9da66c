"""Outcomes on disk: written whole, found when their writer is gone, applied under the same guard."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from app.core.files.attempt_logs import HEAD_PARTS, PART, TAIL_PARTS
from app.core.secrets.redaction import Mask
from app.core.secrets.secret import MASK
from app.core.services import Services
from app.core.tasks.states import Status
from app.core.tasks.task import Task
from config import load
from tests.canary import CANARY, hits
from workers.attempt import journal as journals
from workers.attempt.attempt import Failed, NotBegun, Outcome, Succeeded, WasCanceled, returned
from workers.attempt.journal import Journal, journal_of, replay
from workers.attempt.output_capture import LogWriter
from workers.attempt.persist import EndedAttempt

NONE = Mask()
ERROR = {"kind": "error", "type": "ValueError", "message": "No such column.", "traceback": ""}


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "state" / "here")


@pytest.fixture
def claimed(services: Services, new_task: Callable[..., Task]) -> Task:
    task = services.tasks.claim(new_task(max_attempts=2).id, 1, "w1")
    assert task
    return task


@pytest.fixture
def ended(services: Services, claimed: Task, tmp_path: Path) -> Callable[..., EndedAttempt]:
    """The attempt as its child has it at the end, having printed something."""

    def make(outcome: Outcome, printed: bytes = b"hello\n", mask: Mask = NONE) -> EndedAttempt:
        path = tmp_path / "log"
        path.write_bytes(printed)
        return EndedAttempt(
            claimed, outcome, {"done": 3}, LogWriter(services.logs, path, claimed.id, 1, mask)
        )

    return make


def left_by_a_dead_child(journal: Journal, ended: EndedAttempt) -> Path:
    kept = journal.keep(ended)
    kept.leave()
    return kept.path


def files(journal: Journal) -> list[str]:
    return sorted(path.suffix for path in journal.folder.iterdir())


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (returned({"rows": 3}, NONE), Status.SUCCEEDED),
        (Failed(ERROR, retry=False), Status.FAILED),
        (Failed(ERROR, after_s=5), Status.SCHEDULED),
        (NotBegun("MongoDB was away."), Status.QUEUED),
        (WasCanceled(), Status.CANCELED),
    ],
    ids=["succeeded", "failed", "again", "not begun", "canceled"],
)
def test_what_a_dead_child_has_left_is_written(
    services: Services, journal: Journal, ended: Any, claimed: Task, outcome: Outcome, status: Status
) -> None:
    if status is Status.CANCELED:
        services.dispatch.cancel(claimed.id, "bob")
    left_by_a_dead_child(journal, ended(outcome))

    assert replay(services, journal) == 1

    task = services.tasks.get(claimed.id)
    assert (task.status, task.attempt, task.crashes) == (status, 1, 0)
    assert task.result == ({"rows": 3} if status is Status.SUCCEEDED else None)
    assert services.logs.read(task.id, 1).text == "hello\n"
    assert files(journal) == []


def test_a_large_result_and_a_long_log_survive(
    services: Services, journal: Journal, ended: Any, claimed: Task
) -> None:
    big = returned({"text": "é" * 400_000}, Mask())
    left_by_a_dead_child(journal, ended(big, b"head" * PART * 10 + b"the end"))

    replay(services, journal)

    task = services.tasks.get(claimed.id)
    assert task.result_file and b"".join(services.files.chunks(task.result_file)) == big.encoded
    assert services.db.logs.count_documents({}) == HEAD_PARTS + TAIL_PARTS
    assert services.logs.read(task.id, 1).text.endswith("the end")


def test_what_its_child_still_holds_is_left_alone(
    services: Services, journal: Journal, ended: Any, claimed: Task
) -> None:
    kept = journal.keep(ended(returned(1, Mask())))

    assert replay(services, journal) == 0
    assert services.tasks.get(claimed.id).status is Status.RUNNING and files(journal) == [".outcome"]
    kept.drop()
    assert files(journal) == []


def test_one_that_came_too_late_changes_nothing_and_is_dropped(
    services: Services, journal: Journal, ended: Any, claimed: Task, caplog: pytest.LogCaptureFixture
) -> None:
    left_by_a_dead_child(journal, ended(returned("x" * 400_000, Mask())))
    services.dispatch.crashed(claimed, "It was thought dead.")
    services.tasks.claim(claimed.id, 2, "w1")
    before = services.db.tasks.find_one({"_id": claimed.id})

    assert replay(services, journal) == 0

    assert services.db.tasks.find_one({"_id": claimed.id}) == before
    assert files(journal) == [] and services.files.of_task(claimed.id) == []
    assert services.db["files.files"].count_documents({}) == 0
    assert "came too late" in caplog.text


def test_one_of_a_task_that_is_gone_is_dropped(
    services: Services, journal: Journal, ended: Any, caplog: pytest.LogCaptureFixture
) -> None:
    left_by_a_dead_child(journal, ended(returned(1, Mask())))
    services.db.tasks.delete_many({})

    assert replay(services, journal) == 0
    assert files(journal) == [] and services.db.logs.count_documents({}) == 0
    assert "is gone" in caplog.text


def of_a_version_to_come(whole: bytes) -> bytes:
    return hashlib.sha256(b"{}\n").hexdigest().encode() + b"\n{}\n"


@pytest.mark.parametrize(
    "damage", [lambda whole: whole[:-1], lambda whole: b"", lambda whole: whole + b"x", of_a_version_to_come]
)
def test_a_damaged_one_is_set_aside_and_the_next_is_written(
    services: Services, journal: Journal, ended: Any, claimed: Task, damage: Any
) -> None:
    path = left_by_a_dead_child(journal, ended(returned(1, Mask())))
    other = path.with_name(f"{'0' * 24}-1-x.outcome")
    other.write_bytes(damage(path.read_bytes()))

    assert replay(services, journal) == 1
    assert replay(services, journal) == 0

    assert files(journal) == [".damaged"]
    assert services.tasks.get(claimed.id).status is Status.SUCCEEDED


def test_one_that_can_never_be_written_is_set_aside_and_the_next_is_written(
    services: Services, journal: Journal, ended: Any, claimed: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = left_by_a_dead_child(journal, ended(returned(1, NONE)))
    path.with_name(f"{'0' * 24}-1-x.outcome").write_bytes(path.read_bytes())
    real, answers = journals.write_down, iter([TypeError("a defect")])

    def write_down(*given: Any) -> Status | None:
        if error := next(answers, None):
            raise error
        return real(*given)

    monkeypatch.setattr(journals, "write_down", write_down)

    assert replay(services, journal) == 1
    assert files(journal) == [".damaged"]
    assert services.tasks.get(claimed.id).status is Status.SUCCEEDED


def test_while_mongodb_is_away_it_stays(
    services: Services, journal: Journal, ended: Any, claimed: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_by_a_dead_child(journal, ended(returned(1, Mask())))

    def away(*given: object, **named: object) -> None:
        raise AutoReconnect("away")

    with monkeypatch.context() as cut_off, pytest.raises(AutoReconnect):
        cut_off.setattr(services.tasks, "succeed", away)
        replay(services, journal)

    assert replay(services, journal) == 1
    assert services.tasks.get(claimed.id).status is Status.SUCCEEDED


@pytest.mark.parametrize("step", ["fsync", "rename"])
def test_a_full_disk_is_said_and_leaves_nothing(
    journal: Journal, ended: Any, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def full(*given: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk, pytest.raises(OSError, match="No space"):
        disk.setattr(os if step == "fsync" else Path, step, full)
        journal.keep(ended(returned(1, Mask())))

    assert files(journal) == []


def test_one_that_was_never_whole_is_removed(services: Services, journal: Journal) -> None:
    journal.folder.mkdir(parents=True)
    (journal.folder / "x.partial").write_bytes(b"half")

    assert replay(services, journal) == 0 and files(journal) == []


def test_nobody_else_can_read_it(journal: Journal, ended: Any) -> None:
    path = left_by_a_dead_child(journal, ended(returned("private", Mask())))

    assert (path.stat().st_mode & 0o777, journal.folder.stat().st_mode & 0o777) == (0o600, 0o700)


def test_workers_of_two_databases_share_a_folder_and_no_outcome() -> None:
    uris = ("mongodb://u:old@a/one", "mongodb://u:new@a/one", "mongodb://a/two", "mongodb://b/one")
    folders = [journal_of(load({"ENVIRONMENT": "local", "MONGODB_URI": uri})).folder for uri in uris]

    assert folders[0] == folders[1]  # a changed password is the same database
    assert len(set(folders)) == 3


def test_a_success_whose_answer_was_lost_is_one_success_with_one_file(
    services: Services, claimed: Task
) -> None:
    outcome = returned("x" * 400_000, Mask())
    assert isinstance(outcome, Succeeded)

    for _ in range(2):
        assert (
            journals.write_down(services, EndedAttempt(claimed, outcome, None, NoLog())) is Status.SUCCEEDED
        )

    assert [file.id for file in services.files.of_task(claimed.id)] == [outcome.file_id]


class NoLog:
    def write(self, *, ended: bool) -> None: ...

    def parts(self) -> list[tuple[int, bytes]]:
        return []


def test_no_secret_is_in_it_even_when_nothing_was_copied_before(
    services: Services, journal: Journal, ended: Any, claimed: Task
) -> None:
    mask = Mask([CANARY])
    path = left_by_a_dead_child(journal, ended(returned({"said": CANARY}, mask), CANARY.encode(), mask))

    assert hits(path.read_bytes()) == []
    assert replay(services, journal) == 1
    assert services.tasks.get(claimed.id).result == {"said": MASK}
    assert services.logs.read(claimed.id, 1).text == MASK
