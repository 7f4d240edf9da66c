"""What `.dtq/` keeps besides data and logs: the lock and the environment.

`environment.py` reads both for other programs. The folder belongs to one running program at a time and to
one person (mode 700).
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

LOCK_WITHIN_S = 0.3
"""Programs that only look whether the lock is held hold it for a moment themselves."""


class AlreadyRunningError(Exception):
    """Another process holds the folder; the message says which, and where its pages are."""


class Lock:
    """Held while we run. The kernel lets go of it when we die, so it is never stale."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def tell(self, **facts: str | int) -> None:
        """Write down who holds it, for those who find it held."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, json.dumps(facts).encode(), 0)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[Lock]:
    """Make the folder and hold its lock. Raises AlreadyRunningError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Not inherited by children: one that outlives us must not hold it.
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _hold(descriptor)
    except BlockingIOError:
        holder = os.pread(descriptor, 4096, 0)
        os.close(descriptor)
        raise AlreadyRunningError(_holder(holder)) from None
    try:
        (folder / "env").unlink(missing_ok=True)  # What is there while the lock is held is ours.
        lock = Lock(descriptor)
        lock.tell(pid=os.getpid())
        yield lock
    finally:
        os.close(descriptor)


def _hold(descriptor: int) -> None:
    """Take the lock of an open file. Raises BlockingIOError where another process keeps it."""
    import fcntl  # Here, so that Windows can be told in a sentence what it lacks.

    deadline = time.monotonic() + LOCK_WITHIN_S
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.03)


def _holder(content: bytes) -> str:
    facts = {}
    with contextlib.suppress(ValueError):
        facts = json.loads(content)
    where = f" at {facts['address']}" if "address" in facts else ", and about to be ready"
    return f"Already running{where} (process {facts.get('pid', 'unknown')})."


def exports(values: Mapping[str, str]) -> str:
    """Lines for a shell."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())
