"""One part of the state of a process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class StatePart:
    """How to read a part as a value that can be compared, and how to write such a value back.

    ``name`` completes "a task changed the ...". ``lasting``: more has changed then than can be known.
    """

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], None]
    lasting: bool = False
