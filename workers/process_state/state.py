"""What a process has of its own: saved once, and put back after each attempt, or the process is replaced.

`workers.process_state.system` and `workers.process_state.python` list the parts. Not among them: files that
stay open and what modules keep in variables of their own, as both are caches more often than not;
`workers.attempt.limits` bounds the files. What a module sets while it is loaded is part of what is saved;
what it sets when a function imports it later is undone like anything else.
"""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Callable

from workers.process_state import python, system
from workers.process_state.part import StatePart

log = logging.getLogger("workers.process_state.state")


def all_parts() -> list[StatePart]:
    """The parts in the order in which they are put back: first what the others' own code relies on."""
    return [*python.functions(), *system.parts(), *python.parts()]


class ProcessState:
    """The state of this process as it was when saved."""

    def __init__(self) -> None:
        self._parts = all_parts()
        self._saved = [part.read() for part in self._parts]

    def restore(self) -> list[str]:
        """Put back whatever differs; returns the names of the parts for which only a fresh process will do.

        Random numbers go on from a seed that nobody knows: the same for each task would be worse than any.
        """
        lost = [part.name for part, saved in zip(self._parts, self._saved, strict=True) if _lost(part, saved)]
        random.seed(os.urandom(16))  # twice as fast as without
        return lost

    def costs(self, measure: Callable[[Callable[[], object]], float]) -> dict[str, float]:
        """What it costs to look at each part, for `bench.process_state`."""
        return {part.name: measure(part.read) for part in self._parts}


def _lost(part: StatePart, saved: object) -> bool:
    try:
        if part.read() == saved:
            return False
    except Exception:
        log.debug("The %s cannot be read after a task.", part.name)
    try:
        part.write(saved)
        return part.lasting or bool(part.read() != saved)
    except Exception as error:
        log.debug("The %s cannot be put back: %s", part.name, error)
        return True
