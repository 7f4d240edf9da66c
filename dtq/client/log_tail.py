"""Which part of a log is new, when it is read again and again. It asks no server."""

from __future__ import annotations

ANCHOR = 400
"""Characters at the end of what was read, by which the place is found again in a log that lost its middle."""
REST = 50_000
LEFT_OUT = "… part of the log is left out …\n"


class LogTail:
    """Remembers what was read of the log of an attempt."""

    def __init__(self) -> None:
        self.attempt = 0
        self._read = ""

    def attempts(self, latest: int) -> list[int]:
        """Return the attempts whose logs to read now: the one before once more, to its end."""
        return list(dict.fromkeys(attempt for attempt in (self.attempt, latest) if attempt))

    def fresh(self, attempt: int, text: str, complete: bool) -> str:
        """Return what is new; whole lines only, while the attempt may still print. No part comes twice."""
        if attempt != self.attempt:
            self.attempt, self._read = attempt, ""
        whole = text if complete else text[: text.rfind("\n") + 1]
        if whole.startswith(self._read):
            new = whole[len(self._read) :]
        elif len(whole) <= len(self._read) and self._read.startswith(whole):
            return ""
        else:
            new = self._after_gap(whole)
        self._read = whole
        return new

    def _after_gap(self, whole: str) -> str:
        anchor = self._read[-ANCHOR:]
        at = whole.rfind(anchor) if anchor else -1
        if at >= 0:
            return whole[at + len(anchor) :]
        return LEFT_OUT + whole[whole.rfind("\n", 0, -REST) + 1 if len(whole) > REST else 0 :]
