"""Outcomes that MongoDB could not be told, on this host's disk until it can.

One file for each, written whole or not at all. Its reader or writer holds its lock: the child that ran
the attempt while it tries again, and after its death any worker of the host, which finds it unlocked.
What is written from here is guarded by attempt and worker like every outcome, so an attempt that was
superseded meanwhile changes nothing and its file is dropped. No secret of a task is in any of it.
By hand because queues on disk, such as SQLite or diskcache, have no lock that ends with its process.

    <sha256 of the rest> NEWLINE <JSON: task, attempt, worker, outcome, sizes> NEWLINE <result> <log parts>
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bson import ObjectId
from bson.errors import BSONError

from app.core.errors import NotFound
from app.core.files.attempt_logs import Logs
from app.core.files.log_text import PART
from app.core.services import Services
from app.core.tasks.states import Status
from app.core.tasks.task import Task
from config import Settings
from workers.attempt.attempt import Failed, NotBegun, Outcome, Succeeded, WasCanceled
from workers.attempt.persist import EndedAttempt, away, write_down

WHOLE, PARTIAL, DAMAGED = ".outcome", ".partial", ".damaged"

log = logging.getLogger("workers.attempt.journal")


class DamagedError(ValueError):
    """A file of the journal that is not as it was written."""


@dataclass(frozen=True)
class JournalFile:
    """One file of the journal, locked by this process."""

    path: Path
    descriptor: int

    def drop(self) -> None:
        """It was written to MongoDB, or never can be."""
        self.path.unlink(missing_ok=True)
        os.close(self.descriptor)

    def leave(self) -> None:
        """Somebody else may write it."""
        os.close(self.descriptor)

    def set_aside(self) -> None:
        """Keep it for a person to look at, where nobody tries it again."""
        self.path.replace(self.path.with_suffix(DAMAGED))
        os.close(self.descriptor)

    def content(self) -> bytes:
        with os.fdopen(os.dup(self.descriptor), "rb") as file:
            file.seek(0)
            return file.read()


class Journal:
    """The files of one database in ``folder``, which is made on first use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, ended: EndedAttempt) -> JournalFile:
        """Make an outcome durable. Raises OSError, and then nothing is kept."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{ended.task.id}-{ended.task.attempt}-{secrets.token_hex(4)}"
        path = self.folder / (name + WHOLE)
        partial = path.with_suffix(PARTIAL)
        descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            with os.fdopen(os.dup(descriptor), "wb") as file:
                file.writelines(_encoded(ended))
            os.fsync(descriptor)
            partial.rename(path)
            self._sync()
        except OSError:
            partial.unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            os.close(descriptor)
            raise
        return JournalFile(path, descriptor)

    def _sync(self) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def left(self) -> Iterator[JournalFile]:
        """The outcomes that nobody holds any more; what was never whole is removed."""
        for path in sorted(self.folder.glob(f"*{PARTIAL}")):
            if kept := _locked(path):
                kept.drop()
        for path in sorted(self.folder.glob(f"*{WHOLE}")):
            if kept := _locked(path):
                yield kept


def journal_of(settings: Settings) -> Journal:
    """The journal of the settings' database: workers of several may share a folder."""
    parts = urlsplit(settings.mongodb_uri)
    where = parts.netloc.rpartition("@")[2] + parts.path
    return Journal(Path(settings.worker_state_dir) / hashlib.sha256(where.encode()).hexdigest()[:16])


def replay(services: Services, journal: Journal) -> int:
    """Write what processes that are gone have left; returns how many outcomes took effect.

    Raises what a store raises that does not answer; the rest stays for the next time. What can never be
    written is set aside, or it would stand in the way of everything else, time and again.
    """
    written = 0
    for kept in journal.left():
        try:
            written += _replay(services, kept)
        except Exception as error:
            if away(error):
                kept.leave()
                raise
            log.exception("%s in the journal cannot be written and is set aside.", kept.path.name)
            kept.set_aside()
    return written


def _replay(services: Services, kept: JournalFile) -> bool:
    try:
        ended = _decoded(kept.content(), services)
    except DamagedError as error:
        log.error("%s in the journal is damaged (%s) and set aside.", kept.path.name, error)
        kept.set_aside()
        return False
    except NotFound:
        log.warning("%s in the journal is of a task that is gone; it was dropped.", kept.path.name)
        kept.drop()
        return False
    status = write_down(services, ended)
    if status is None:
        log.warning("%s in the journal came too late: the task went on; it was dropped.", kept.path.name)
    else:
        log.info("%s of the journal was written: the task is %s.", kept.path.name, status.value)
    kept.drop()
    return status is not None


def _locked(path: Path) -> JournalFile | None:
    """A file of which nobody else has the lock, else None; it may be gone, too."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return None
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_nlink:
            return JournalFile(path, descriptor)
    os.close(descriptor)
    return None


# The format


def _encoded(ended: EndedAttempt) -> list[bytes]:
    outcome, parts = ended.outcome, ended.printed.parts()
    head = {
        "task": str(ended.task.id),
        "attempt": ended.task.attempt,
        "worker": ended.task.worker,
        "progress": ended.progress,
        "log": [(place, len(content)) for place, content in parts],
        "outcome": _described(outcome),
    }
    result = outcome.encoded if isinstance(outcome, Succeeded) else b""
    rest = [json.dumps(head, default=str).encode(), b"\n", result, *(content for _, content in parts)]
    digest = hashlib.sha256()
    for piece in rest:
        digest.update(piece)
    return [digest.hexdigest().encode(), b"\n", *rest]


def _described(outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, Succeeded):
        names = {"kind": outcome.kind, "file_id": str(outcome.file_id)}
        return {"is": "succeeded", "size": len(outcome.encoded), **names}
    if isinstance(outcome, Failed):
        return {"is": "failed", "error": outcome.error, "retry": outcome.retry, "after_s": outcome.after_s}
    if isinstance(outcome, NotBegun):
        return {"is": "not begun", "message": outcome.message}
    return {"is": "canceled"}


def _decoded(content: bytes, services: Services) -> EndedAttempt:
    """Return an entry of the journal. Raises DamagedError; NotFound when the task is gone."""
    try:
        head, outcome, parts = _parsed(content)
        task_id = ObjectId(head["task"])
        attempt, worker, progress = head["attempt"], head["worker"], head["progress"]
    except (ValueError, LookupError, TypeError, BSONError) as error:  # also one of a version to come
        raise DamagedError(str(error) or type(error).__name__) from error
    ours = _as_claimed(services.tasks.get(task_id), attempt, worker)
    return EndedAttempt(ours, outcome, progress, Parts(services.logs, ours, parts))


def _parsed(content: bytes) -> tuple[dict[str, Any], Outcome, list[tuple[int, bytes]]]:
    digest, _, rest = content.partition(b"\n")
    if hashlib.sha256(rest).hexdigest().encode() != digest:
        raise DamagedError("its checksum does not match")
    encoded, _, body = rest.partition(b"\n")
    head = json.loads(encoded)
    place, parts = head["outcome"].get("size", 0), []
    for part, size in head["log"]:
        parts.append((part, body[place : place + size]))
        place += size
    return head, _outcome(head["outcome"], body), parts


def _as_claimed(task: Task, attempt: int, worker: str) -> Task:
    """The task as the attempt had it, so that every write of it is guarded by that attempt."""
    return replace(task, attempt=attempt, lease={"worker": worker}, status=Status.RUNNING)


def _outcome(described: dict[str, Any], body: bytes) -> Outcome:
    if described["is"] == "succeeded":
        encoded = body[: described["size"]]
        return Succeeded(json.loads(encoded), encoded, described["kind"], ObjectId(described["file_id"]))
    if described["is"] == "failed":
        return Failed(described["error"], described["retry"], described["after_s"])
    if described["is"] == "not begun":
        return NotBegun(described["message"])
    if described["is"] == "canceled":
        return WasCanceled()
    raise ValueError(f"an outcome of a kind that is not known here: {described['is']!r}")


@dataclass(frozen=True)
class Parts:
    """What an attempt printed, as the journal has it."""

    logs: Logs
    task: Task
    kept: list[tuple[int, bytes]]

    def write(self, *, ended: bool = True) -> None:
        for part, content in self.kept:
            self.logs.write_part(self.task.id, self.task.attempt, part, content)
        if self.kept:
            last, content = self.kept[-1]
            self.logs.trim(self.task.id, self.task.attempt, last * PART + len(content))

    def parts(self) -> list[tuple[int, bytes]]:
        return self.kept
