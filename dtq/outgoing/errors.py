"""How an exchange ends without an answer: refused for good, or stopped by something that may pass."""

from __future__ import annotations

from dtq import Fail


class Refused(Fail):
    """An address that is not asked: it is written oddly, or leads to where nobody may go."""


class Trouble(Exception):
    """The network or the server failed. ``sent``: the request may have arrived, and may be done."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent
