"""What a child tells its supervisor: JSON lines on a pipe.

Each write wakes the supervisor, so a line may wait for the next one. With a line goes what pages are to hear
of (`Changes`), and once a second what was counted (`Meter`).
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from typing import Any

from app.core.queue.changes import Change, Code
from app.core.statistics.meter import Meter

COUNTED_S = 1.0  # So often the supervisor hears what was counted, with a line that is due anyway.


class StatusLines:
    """Lines into ``pipe``; ``others`` are the other descriptors by which the two processes talk."""

    def __init__(self, pipe: int, others: tuple[int, ...], meter: Meter) -> None:
        self._pipe, self._meter = pipe, meter
        self._pipes = {number: _identity(number) for number in (pipe, *others)}
        self._held = b""
        self._changes: list[Change] = []
        self._counted_at = time.monotonic()

    def send(self, **line: Any) -> None:
        """Write a line, after those that are held."""
        self.hold(**line)
        self.flush()

    def hold(self, **line: Any) -> None:
        """Write a line together with the next one, or with `flush`, which must come before a wait."""
        if self._changes:
            line["changed"], self._changes = [change.packed() for change in self._changes], []
        if self.count_is_due:
            self._counted_at, line["counted"] = time.monotonic(), self._meter.drain()
        self._held += json.dumps(line).encode() + b"\n"

    def flush(self) -> None:
        """Write what is held."""
        if self._held:
            os.write(self._pipe, self._held)
            self._held = b""

    @property
    def holds(self) -> bool:
        """Whether a line is held."""
        return bool(self._held)

    @property
    def count_is_due(self) -> bool:
        """Whether it is time to hand on what was counted, if anything was."""
        return time.monotonic() - self._counted_at >= COUNTED_S and self._meter.waiting

    def tell_of(self, changes: list[Change]) -> None:
        """Have the supervisor tell pages of changes: of a status with the line that is due anyway."""
        self._changes += changes
        if any(change.code is Code.PROGRESS for change in changes) and self.has_pipes():
            with contextlib.suppress(OSError):
                self.send()

    def has_pipes(self) -> bool:
        """Return whether each descriptor is still the pipe that it was, and was closed by no task."""
        return all(_identity(number) == pipe for number, pipe in self._pipes.items())


def _identity(descriptor: int) -> tuple[int, int] | None:
    try:
        found = os.fstat(descriptor)
    except OSError:
        return None
    return found.st_dev, found.st_ino
