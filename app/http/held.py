"""An answer that is held: who takes it over finishes its request later, and the request log waits for that.

The middleware of the log and the streams meet here; neither knows the other.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any

KEY = "task_queue.held"


class Held:
    """In the environ of a request whose answer somebody else ends, with its status and its bytes."""

    def __init__(self) -> None:
        self._end: Callable[[int, int], None] | None = None

    def when_ended(self, end: Callable[[int, int], None]) -> None:
        self._end = end

    def ended(self, status: int, size: int) -> None:
        """Record the end of the request. Only the first call counts."""
        end, self._end = self._end, None
        if end is not None:
            end(status, size)


def hold(environ: MutableMapping[str, Any]) -> Held:
    """Have the request of an environ end later."""
    held = environ[KEY] = Held()
    return held


def held_in(environ: MutableMapping[str, Any]) -> Held | None:
    """Return what ends a request later; None for one that ends with its answer."""
    found = environ.get(KEY)
    return found if isinstance(found, Held) else None
