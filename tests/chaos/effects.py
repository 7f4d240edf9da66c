"""The ledger of effects: what tasks did to the world, one line each, appended in one write."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

LEDGER = "CHAOS_LEDGER"


@dataclass(frozen=True)
class Effect:
    """One run of a task's own code, as it was seen from outside; ``at`` in seconds since 1970."""

    task: str
    attempt: int
    at: float


def note(task: str, attempt: int) -> None:
    """Append one line to the ledger that the environment names: whole or not at all (O_APPEND)."""
    line = f"{task} {attempt} {time.time():.3f}\n".encode()
    ledger = os.open(os.environ[LEDGER], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(ledger, line)
    finally:
        os.close(ledger)


def read(ledger: Path) -> list[Effect]:
    """Every effect, in order."""
    if not ledger.exists():
        return []
    lines = (line.split() for line in ledger.read_text().splitlines())
    return [Effect(task, int(attempt), float(at)) for task, attempt, at in lines]
