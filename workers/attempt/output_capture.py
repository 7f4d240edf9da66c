"""The output of an attempt: standard output and error, caught at the file descriptor.

The child writes into a file of the attempt; the supervisor copies what is there to the logs while
the attempt runs, the child copies the rest when it ends. Both may write the same part (see `attempt_logs`).
"""

from __future__ import annotations

import ctypes
import fcntl
import logging
import os
import sys
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, TextIO

from bson import ObjectId

from app.core.clock import utcnow
from app.core.files.attempt_logs import Logs, kept_parts
from app.core.files.log_text import PART
from app.core.secrets.redaction import FILL, Mask

STEP = 2**20
MOST_TIMES = 500
"""Of a part: of what prints little for hours, later lines have the time at which the part was full."""
_C = ctypes.CDLL(None)


def log_path(folder: Path, task_id: ObjectId, attempt: int) -> Path:
    """Where the output of an attempt is while it runs."""
    return folder / f"{task_id}-{attempt}.log"


class Capture:
    """Sends everything that this process and its children print into a file, until it is left.

    Then standard input and output are what they were before, whatever was done to them.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._saved: list[int] = []
        self._streams: tuple[TextIO, TextIO] = sys.stdout, sys.stderr
        self._input: TextIO | None = sys.stdin

    def __enter__(self) -> Capture:
        flush()
        self._streams = sys.stdout, sys.stderr = _usable(sys.stdout, 1), _usable(sys.stderr, 2)
        self._input = sys.stdin
        target = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._saved = [os.dup(0), os.dup(1), os.dup(2)]
        os.dup2(target, 1)
        os.dup2(target, 2)
        os.close(target)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        flush()
        sys.stdout, sys.stderr = self._streams
        flush()
        for descriptor, saved in enumerate(self._saved):
            os.dup2(saved, descriptor)
            os.close(saved)
        sys.stdin = self._input if _is_open(self._input) else _made(0)
        sys.stdout, sys.stderr = _usable(sys.stdout, 1), _usable(sys.stderr, 2)


def flush() -> None:
    """Write what Python and C still hold of the output; nothing is raised."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            continue  # the task closed it, or the disk is full: what was printed before is there
    _C.fflush(None)


def _usable(stream: TextIO, descriptor: int) -> TextIO:
    """A standard stream, or a new one in its place where a task has closed or detached it."""
    if _is_open(stream):
        return stream
    made = _made(descriptor)
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler) and handler.stream is stream:
            handler.stream = made  # its own method would flush the closed one
    return made


def _is_open(stream: TextIO | None) -> bool:
    try:
        return stream is not None and not stream.closed
    except (ValueError, AttributeError):
        return False


def _made(descriptor: int) -> TextIO:
    """A new one, in an encoding that is loaded already: the task may have left no way to import another."""
    if descriptor == 0:
        return open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - it stays
    return open(descriptor, "w", 1, "utf-8", "backslashreplace", closefd=False)  # noqa: SIM115 - it stays


def fill(output: BinaryIO, mask: Mask, begin: int, end: int, *, ended: bool = True, by: bytes = FILL) -> int:
    """Overwrite the secrets between two places of a file; returns up to where all of them are.

    That is before ``end`` where a secret may be going on, unless the output has ended.
    """
    step = max(STEP, 2 * mask.longest)
    fcntl.flock(output, fcntl.LOCK_EX)  # supervisor and child: neither reads what the other has half filled
    while (begin := _data(output, begin)) < end:
        output.seek(begin)
        content = output.read(min(step, end - begin))
        spans, last = mask.spans(content), begin + len(content) >= end
        settled = len(content) if last and ended else mask.settled(content, spans)
        if not last:
            settled = settled or len(content)  # one secret after the other, with no end in sight
        for start, stop in spans:
            if start < settled:
                output.seek(begin + start)
                output.write(by * (stop - start))
        begin += settled
        if last or not content:
            break
    output.flush()
    fcntl.flock(output, fcntl.LOCK_UN)
    return begin


def _data(output: BinaryIO, at: int) -> int:
    """The place, or the end of the hole that it is in: nothing is to be found in one
    (`workers.attempt.limits`)."""
    here = os.lseek(output.fileno(), 0, os.SEEK_CUR)
    try:
        return os.lseek(output.fileno(), at, os.SEEK_DATA)
    except (OSError, AttributeError):
        return at  # there is nothing behind it, or this system knows no holes
    finally:
        os.lseek(output.fileno(), here, os.SEEK_SET)


class LogWriter:
    """Copies an attempt's output from its file to the logs, part by part, each when it has grown.

    Before anything is copied, secrets are overwritten in the file itself, each byte by one `FILL`: the disk
    keeps none, places stay as they are, and a copy finds the same.
    """

    def __init__(self, logs: Logs, path: Path, task_id: ObjectId, attempt: int, mask: Mask) -> None:
        self._logs = logs
        self._path = path
        self._task_id = task_id
        self._attempt = attempt
        self._mask = mask
        self._settled = 0
        self._written = 0
        self._timed: Counter[int] = Counter()

    def write(self, *, ended: bool = False) -> None:
        """Copy what is new. Raises PyMongoError; whatever was not copied is copied the next time.

        Until it has ended, what may be the beginning of a secret waits for the rest of it.
        """
        try:
            with self._path.open("r+b") as output:
                size = self._hidden(output, ended=ended)
                if size > self._written:
                    self._copy(output, size, ended)
        except FileNotFoundError:
            return  # the attempt ended in the meantime, and the child has copied all of it

    def parts(self) -> list[tuple[int, bytes]]:
        """What is kept of the output, which has ended, each part with its place."""
        with self._path.open("r+b") as output:
            size = self._hidden(output, ended=True)
            return [(part, _part(output, part, size)) for part in kept_parts(size)]

    def _hidden(self, output: BinaryIO, *, ended: bool) -> int:
        """How much there is to copy, its secrets overwritten."""
        size = os.fstat(output.fileno()).st_size
        if self._mask:
            size = self._settled = fill(output, self._mask, self._settled, size, ended=ended)
        return size

    def _copy(self, output: BinaryIO, size: int, ended: bool) -> None:
        for part in kept_parts(size):
            if (part + 1) * PART <= self._written:
                continue
            content = _part(output, part, size)
            self._timed[part] += 1
            at = utcnow() if ended or self._timed[part] <= MOST_TIMES else None
            self._logs.write_part(self._task_id, self._attempt, part, content, at)
        self._logs.trim(self._task_id, self._attempt, size)
        self._written = size


def _part(output: BinaryIO, part: int, size: int) -> bytes:
    output.seek(part * PART)
    return output.read(min(PART, size - part * PART))
