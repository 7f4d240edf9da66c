"""Passwords: which may be chosen, and how they are hashed and verified (argon2id).

A hash takes 19 MiB and tens of milliseconds by design, so a process makes only a few at once; who comes
beyond that is told to try again. Throttling by account and address happens elsewhere, before this.
"""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from app.core.errors import Invalid, Unavailable
from app.core.people.names import name_key

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST = 8
ADVISED = 15
MOST_BYTES = 1_024
COMMON = Path(__file__).with_name("common_passwords.txt")
"""One per line: the 10,000 most common of 8 or more characters."""
AT_ONCE = 4
WAIT_S = 2.0
NOBODYS = "$argon2id$v=19$m=19456,t=2,p=1$0vqiILC1duuGTsMkz47poA$aezh3wY815Wq4Kt2SFJVhE21ZAu7A73QB3RrUMkT0kQ"  # noqa: S105 - of random bytes that nobody knows
"""What is verified for a user that does not exist or has no password, so that the time tells nothing."""


def prepared(password: str) -> bytes:
    """Return what is hashed: the same for every way to type a character. Raises Invalid if too long."""
    if len(password) > MOST_BYTES or len(password.encode("utf-8", "replace")) > MOST_BYTES:
        raise Invalid("Check the password.", {"password": f"Use {MOST_BYTES:,} bytes or fewer."})
    return unicodedata.normalize("NFKC", password).encode("utf-8", "replace")


@cache
def _hasher() -> PasswordHasher:
    """Return argon2id with OWASP's least parameters. Imported at first use: workers hash nothing."""
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


@cache
def common_passwords() -> frozenset[str]:
    return frozenset(COMMON.read_text(encoding="utf-8").splitlines())


def require_good(password: str, name: str) -> None:
    """Refuse what is guessed first; there are no rules of composition. Raises Invalid."""
    if problem := _problem(password, name):
        raise Invalid("Check the password.", {"password": problem})


def _problem(password: str, name: str) -> str:
    prepared(password)
    if len(password) < SHORTEST:
        return f"Use {SHORTEST} characters or more; {ADVISED} or more are better."
    if len(set(password)) < 3 or password.casefold() in common_passwords():
        return "This is one of the most common passwords. Choose another one."
    if name_key(password) == name_key(name):
        return "Choose a password that is not your name."
    return ""


class Passwords:
    """Hashes and verifies, ``at_once`` in parallel; others wait ``wait_s`` seconds at most."""

    def __init__(self, at_once: int = AT_ONCE, wait_s: float = WAIT_S) -> None:
        self._free = threading.BoundedSemaphore(at_once)
        self._wait_s = wait_s

    def hashed(self, password: str) -> str:
        """Raises Invalid for one that is too long, Unavailable where too many are hashed."""
        given = prepared(password)
        with self._one():
            return _hasher().hash(given)

    def verify(self, password_hash: str | None, password: str) -> bool:
        """Return whether a password is right; takes the same time where there is none to compare with.

        Raises Invalid for one that is too long, Unavailable where too many are verified.
        """
        given = prepared(password)
        with self._one():
            return self._verified(password_hash or NOBODYS, given) and password_hash is not None

    def _verified(self, password_hash: str, given: bytes) -> bool:
        from argon2.exceptions import InvalidHashError, VerificationError

        try:
            return _hasher().verify(password_hash, given)
        except (VerificationError, InvalidHashError):
            return False

    @staticmethod
    def outdated(password_hash: str) -> bool:
        """Return whether a hash was made with other parameters than those in force."""
        return _hasher().check_needs_rehash(password_hash)

    @contextmanager
    def _one(self) -> Iterator[None]:
        if not self._free.acquire(timeout=self._wait_s):
            raise Unavailable("The server is checking many passwords right now. Try again in a moment.")
        try:
            yield
        finally:
            self._free.release()
