"""Warnings about what lasts: once a minute while it does, and at once when it changes.

A store that is away is met by every thread of a process; each of them would say so, once a second.
"""

from __future__ import annotations

import logging
import time

EVERY_S = 60.0


class SparseLog:
    """What a process has said lately. ``subject`` is what goes wrong, ``why`` says the reason in words.

    Several subjects that go wrong for one reason are one line.
    """

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._every_s = every_s
        self._lasting: dict[str, str] = {}
        self._said: dict[str, float] = {}

    def warning(self, log: logging.Logger, subject: str, why: str, message: str, *args: object) -> bool:
        """Warn, unless the same reason was given within a minute; returns whether it was said.

        Without a subject nothing lasts: it is said of a start only.
        """
        now = time.monotonic()
        if subject:
            self._lasting[subject] = why
        if now - self._said.get(why, float("-inf")) < self._every_s:
            return False
        self._said = {old: at for old, at in self._said.items() if now - at < self._every_s} | {why: now}
        log.warning(message, *args)
        return True

    def over(self, log: logging.Logger, subject: str, message: str, *args: object) -> None:
        """Say once that what was warned of is over, for all of its subjects; nothing where nothing was."""
        why = self._lasting.pop(subject, None)
        if why is None or why in self._lasting.values():
            return
        self._said.pop(why, None)
        log.info(message, *args)
