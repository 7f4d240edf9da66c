"""The output of an attempt: standard output and error, caught at the file descriptor.

The child writes into a file of the attempt; the supervisor copies what is there to the logs while
the attempt runs, the child copies the rest when it ends. Both may write the same part (see `logs`).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from bson import ObjectId

from app.core.logs import PART, Logs, kept_parts


def log_path(folder: Path, task_id: ObjectId, attempt: int) -> Path:
    """Where the output of an attempt is while it runs."""
    return folder / f"{task_id}-{attempt}.log"


class Capture:
    """Sends everything that this process and its children print into a file, until it is left."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._saved: list[int] = []

    def __enter__(self) -> Capture:
        _flush()
        target = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._saved = [os.dup(1), os.dup(2)]
        os.dup2(target, 1)
        os.dup2(target, 2)
        os.close(target)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _flush()
        for descriptor, saved in zip((1, 2), self._saved, strict=True):
            os.dup2(saved, descriptor)
            os.close(saved)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue  # the task closed it, or the disk is full: what was printed before is there


class LogWriter:
    """Copies an attempt's output from its file to the logs, part by part, each when it has grown."""

    def __init__(self, logs: Logs, path: Path, task_id: ObjectId, attempt: int) -> None:
        self._logs = logs
        self._path = path
        self._task_id = task_id
        self._attempt = attempt
        self._written = 0

    def write(self) -> None:
        """Copy what is new. Raises PyMongoError; whatever was not copied is copied the next time."""
        try:
            with self._path.open("rb") as output:
                size = os.fstat(output.fileno()).st_size
                if size > self._written:
                    self._copy(output, size)
        except FileNotFoundError:
            return  # the attempt ended in the meantime, and the child has copied all of it

    def parts(self) -> list[tuple[int, bytes]]:
        """What is kept of the output as it is now, each part with its place."""
        with self._path.open("rb") as output:
            size = os.fstat(output.fileno()).st_size
            return [(part, _part(output, part, size)) for part in kept_parts(size)]

    def _copy(self, output: BinaryIO, size: int) -> None:
        for part in kept_parts(size):
            if (part + 1) * PART <= self._written:
                continue
            content = _part(output, part, size)
            self._logs.write_part(self._task_id, self._attempt, part, content)
        self._logs.trim(self._task_id, self._attempt, size)
        self._written = size


def _part(output: BinaryIO, part: int, size: int) -> bytes:
    output.seek(part * PART)
    return output.read(min(PART, size - part * PART))
