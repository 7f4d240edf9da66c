"""What `.dtq/` keeps besides data and logs: the lock, the secret key, the environment.

The folder belongs to one running program at a time and to one person (mode 700).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path


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
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 4096, 0)
        os.close(descriptor)
        raise AlreadyRunningError(_holder(holder)) from None
    try:
        lock = Lock(descriptor)
        lock.tell(pid=os.getpid())
        yield lock
    finally:
        os.close(descriptor)


def _holder(content: bytes) -> str:
    facts = {}
    with contextlib.suppress(ValueError):
        facts = json.loads(content)
    where = f" at {facts['address']}" if "address" in facts else ", and about to be ready"
    return f"Already running{where} (process {facts.get('pid', 'unknown')})."


def secret_key(folder: Path) -> str:
    """The key of this folder; made at the first call, readable by its owner only."""
    path = folder / "secret_key"
    with contextlib.suppress(FileExistsError):
        write_private(path, secrets.token_urlsafe(48), os.O_EXCL)
    return path.read_text().strip()


def write_private(path: Path, text: str, flags: int = 0) -> None:
    """Write a file that nobody else can read, not even for a moment."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | flags, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def exports(values: Mapping[str, str]) -> str:
    """Lines for a shell."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())


def read_env_file(path: Path) -> dict[str, str]:
    """``NAME=value`` lines, as in `.env.example`; ``#`` comments and quotes around a value are fine.

    Raises ValueError for a line of another kind, without repeating it: it may hold a secret.
    """
    values = {}
    for number, line in enumerate(path.read_text().splitlines() if path.exists() else [], start=1):
        stripped = line.strip().removeprefix("export ")
        if not stripped or stripped.startswith("#"):
            continue
        name, sign, value = stripped.partition("=")
        if not sign or not name.strip().isidentifier():
            raise ValueError(f"{path}, line {number}: expected NAME=value.")
        values[name.strip()] = _unquoted(value.strip())
    return values


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return value
