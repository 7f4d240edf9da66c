"""What an attempt printed, kept in parts of fixed size.

A part is named by task, attempt and its place in the output, so writing it twice is the same as
once: the supervisor writes while the attempt runs, the child when it ends, and the longer wins.
Of a long output the head and the tail are kept. A part has the times at which it had grown to which size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from app.core import stored
from app.core.excerpts import hole, without_begun, without_rest
from app.core.files.log_text import PART, LogText
from app.core.mongo import Document, Mongo
from app.core.secrets.redaction import FILL, collapsed

HEAD_PARTS = 8
TAIL_PARTS = 8


MOST_READ_PARTS = 4
LONGEST_LINE = 64 * 1024
"""A line that is longer is told before its end has come."""


@dataclass(frozen=True)
class LogPiece:
    """What is kept of an output from a place on: bytes from ``start``; ``skipped`` before it are left out.

    ``more``: something follows, and not only when the attempt prints again.
    """

    start: int
    content: bytes
    skipped: int = 0
    more: bool = False
    before_gap: bool = False
    """What follows directly is left out, so that a line or a character here has no end."""

    def text(self, *, over: bool) -> tuple[str, int]:
        """Return the text that is certain, and the place in bytes after it.

        That is whole lines, and the rest when the attempt is ``over``; of a very long line what is there.
        """
        content = self.content
        kept = content if self.before_gap or (over and not self.more) else content[: _certain(content)]
        shown = collapsed(without_rest(kept) if self.skipped else kept).decode("utf-8", "replace")
        mark = hole(self.skipped // 1024) if self.skipped and kept else ""
        return mark + shown, self.start + len(kept)


def _certain(content: bytes) -> int:
    """Return how much of an output that goes on is whole: lines, or letters where a line is very long."""
    line = content.rfind(b"\n") + 1
    if line or len(content) < LONGEST_LINE:
        return line
    return len(without_begun(content).rstrip(FILL)) or len(content)


@dataclass(frozen=True)
class AttemptLog:
    """The output of one attempt as text; ``size`` counts all bytes that were printed."""

    text: str
    size: int
    complete: bool


def kept_parts(size: int) -> list[int]:
    """The places of the parts that are kept of an output of ``size`` bytes."""
    count = -(-size // PART)
    tail = range(max(HEAD_PARTS, count - TAIL_PARTS), count)
    return [*range(min(count, HEAD_PARTS)), *tail]


_PART: dict[str, stored.Check] = {
    "part": stored.is_count,
    "size": stored.is_size,
    "content": lambda content: isinstance(content, bytes),
}


def _part(found: Document) -> Document:
    """Raises DamagedDocumentError."""
    return stored.checked(found, _PART, {"times": stored.is_document})


class Logs:
    """The logs collection of ``db``; ``told`` is told of tasks whose log has grown, and never raises."""

    def __init__(self, db: Mongo, told: Callable[[ObjectId], None] = lambda task_id: None) -> None:
        self._logs = db.logs
        self._told = told

    def write_part(
        self, task_id: ObjectId, attempt: int, part: int, content: bytes, at: datetime | None = None
    ) -> None:
        """Keep one part, printed until ``at``; a shorter one than what is there changes nothing."""
        key = f"{task_id}-{attempt}-{part}"
        values: Document = {
            "task": task_id,
            "attempt": attempt,
            "part": part,
            "size": len(content),
            "content": content,
        }
        update: Document = {"$set": values}
        if at and content:
            update["$min"] = {f"times.{len(content)}": at}
        try:
            self._logs.update_one({"_id": key, "size": {"$lte": len(content)}}, update, upsert=True)
        except DuplicateKeyError:
            return  # somebody wrote more of it
        self._told(task_id)

    def trim(self, task_id: ObjectId, attempt: int, size: int) -> None:
        """Drop the parts between head and tail of an output of ``size`` bytes."""
        if size > HEAD_PARTS * PART:
            kept = kept_parts(size)
            self._logs.delete_many({"task": task_id, "attempt": attempt, "part": {"$nin": kept}})

    def read(self, task_id: ObjectId, attempt: int) -> AttemptLog:
        """All that is kept of one attempt's output; says where the middle is left out."""
        found = self._logs.find({"task": task_id, "attempt": attempt}).sort([("part", 1)])
        parts = list(stored.readable("part of a log", _part, found))
        pieces: list[bytes] = []  # joined before they are decoded: a letter may lie across two parts
        expected = 0
        for part in parts:
            content = part["content"]
            if part["part"] != expected:
                pieces[-1:] = [without_begun(piece) for piece in pieces[-1:]]
                pieces.append(hole((part["part"] - expected) * PART // 1024).encode())
                content = without_rest(content)
            pieces.append(content)
            expected = part["part"] + 1
        size = (parts[-1]["part"] * PART + parts[-1]["size"]) if parts else 0
        text = collapsed(b"".join(pieces)).decode("utf-8", "replace")
        return AttemptLog(text, size, complete=len(parts) == expected)

    def lines(self, task_id: ObjectId, attempt: int, place: int = 0, number: int = 1) -> LogText:
        """Return the lines of what is kept; from ``place`` on, where the line of that ``number`` begins."""
        query = {"task": task_id, "attempt": attempt, "part": {"$gte": place // PART}}
        found = self._logs.find(query).sort([("part", 1)])
        return LogText(stored.readable("part of a log", _part, found), place, number)

    def read_from(self, task_id: ObjectId, attempt: int, place: int) -> LogPiece:
        """Return what is kept from a place on, in bytes of the output: a few parts that lie together."""
        query = {"task": task_id, "attempt": attempt, "part": {"$gte": place // PART}}
        found = self._logs.find(query).sort([("part", 1)]).limit(MOST_READ_PARTS + 1)
        pieces: list[bytes] = []
        start = end = place
        for part in stored.readable("part of a log", _part, found):
            begins = part["part"] * PART
            inside = max(0, place - begins)
            gap = begins > end
            if len(part["content"]) > inside and (len(pieces) == MOST_READ_PARTS or (gap and pieces)):
                return LogPiece(start, b"".join(pieces), start - place, more=True, before_gap=gap)
            if len(part["content"]) > inside:
                start = start if pieces else begins + inside
                pieces.append(part["content"][inside:])
                end = begins + len(part["content"])
        return LogPiece(start, b"".join(pieces), start - place)

    def delete(self, task_ids: Sequence[ObjectId]) -> None:
        self._logs.delete_many({"task": {"$in": list(task_ids)}})
