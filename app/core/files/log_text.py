"""The output of an attempt line by line: where each begins, and when the worker had it.

A worker looks at an output once a second, and once when it ends. So a line was printed within a second before
the time that it has here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.core.excerpts import MARK, settled, without_begun, without_rest
from app.core.mongo import Document
from app.core.secrets.redaction import collapsed

PART = 64 * 1024
"""Bytes of an output that are kept together."""


@dataclass(frozen=True)
class LogLine:
    """``place`` is in bytes of the output. ``number`` counts from 1; None behind what is left out.

    ``at`` is None where no time is kept; ``gap``: it stands for what is left out. ``index`` counts the lines
    that were read.
    """

    place: int
    number: int | None
    text: str
    at: datetime | None = None
    gap: bool = False
    index: int = field(default=0, compare=False)


class LogText:
    """The lines of what is kept of an output from ``place`` on, where the line of that ``number`` begins.

    Without a number (0), none has one.
    """

    def __init__(self, parts: Iterable[Document], place: int = 0, number: int = 1) -> None:
        self._lines: list[tuple[int, bytes]] = []
        self._times: list[tuple[int, datetime]] = []
        self._first, self._numbered = number, 0
        self._holes: dict[int, int] = {}
        self.end = place
        run, begun = b"", place
        for part in parts:
            begins = part["part"] * PART
            content = part["content"][max(0, self.end - begins) :]
            if begins > self.end:
                self._add(without_begun(run), begun)
                self._add_hole(begins)
                run, content = b"", without_rest(content)
                begun = self.end = begins + len(part["content"]) - len(content)
            run += content
            self.end += len(content)
            self._times += _times(part.get("times") or {}, begins)
        self._add(run, begun)
        if not self._holes:
            self._numbered = len(self._lines)
        self._times.sort()
        self.whole = not run or run.endswith(b"\n")
        """Whether the last line was printed to its end."""

    def _add(self, run: bytes, place: int) -> None:
        for line in run.split(b"\n"):
            self._lines.append((place, line))
            place += len(line) + 1
        if not self._lines[-1][1]:
            self._lines.pop()  # what follows the last end of a line, or nothing at all

    def _add_hole(self, begins: int) -> None:
        if not self._holes:
            self._numbered = len(self._lines)
        self._holes[len(self._lines)] = (begins - self.end) // 1024
        self._lines.append((self.end, b""))

    def __len__(self) -> int:
        return len(self._lines)

    def between(self, first: int, end: int) -> list[LogLine]:
        """Return the lines from index ``first`` to before ``end``."""
        return [self._line(index) for index in range(max(0, first), min(end, len(self)))]

    def found(self, words: str, most: int) -> tuple[list[LogLine], bool]:
        """Return the first lines that show a text, in upper or lower case, and whether there are more."""
        wanted = words.casefold()
        found: list[LogLine] = []
        for index, (_, line) in enumerate(self._lines):
            if wanted in settled(line.decode("utf-8", "replace")).casefold():
                if len(found) == most:
                    return found, True
                found.append(self._line(index))
        return found, False

    def _line(self, index: int) -> LogLine:
        place, content = self._lines[index]
        if index in self._holes:
            left_out = f"{MARK} {self._holes[index]:,} KB left out {MARK}"
            return LogLine(place, None, left_out, gap=True, index=index)
        number = self._first + index if self._first and index < self._numbered else None
        at = bisect_right(self._times, place, key=_first)
        printed = self._times[at][1] if at < len(self._times) else None
        return LogLine(place, number, collapsed(content).decode("utf-8", "replace"), printed, index=index)

    def timed(self) -> str:
        """Return all lines, each behind its time, or `-` where none is kept."""
        lines = self.between(0, len(self))
        return "".join(
            f"{f'{line.at:%Y-%m-%dT%H:%M:%SZ}' if line.at else '-'} {line.text}\n" for line in lines
        )

    def without_open(self) -> LogText:
        """Return the same without a last line that may go on."""
        if not self.whole:
            self.end = self._lines.pop()[0]
        return self


def _first(pair: tuple[int, Any]) -> int:
    return pair[0]


def _times(kept: Document, begins: int) -> Sequence[tuple[int, datetime]]:
    """Return up to which place the output was there at which time; a key is a place in its part."""
    return [
        (begins + int(size), at)
        for size, at in kept.items()
        if size.isascii() and size.isdigit() and isinstance(at, datetime)
    ]
