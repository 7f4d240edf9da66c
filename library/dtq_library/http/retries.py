"""Whether and when a request may be sent again.

A request that may have been done is sent again only where doing it twice is doing it once (RFC 9110,
9.2.2). 429 and 503 say that it was not done.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import Literal

from dtq import utcnow
from dtq_library.http.headers import Header

When = Literal["safe", "always", "never"]

IDEMPOTENT = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"}
_NOT_DONE = {429, 503}
_FOR_GOOD = {501, 505}
LONGEST_S = 24 * 3600.0


def may_repeat(when: When, method: str, *, done: bool) -> bool:
    """``done``: the server may have done what was asked."""
    return when == "always" or (when == "safe" and (not done or method in IDEMPOTENT))


def passing(status: int) -> bool:
    """A status that says "not now": too many requests, or a trouble of the server's own."""
    return status == 429 or (500 <= status <= 599 and status not in _FOR_GOOD)


def may_be_done(status: int) -> bool:
    return status not in _NOT_DONE


def after_s(headers: Iterable[Header]) -> float | None:
    """Seconds until the server wants to be asked again, by its Retry-After; a day at the most."""
    value = next((value.strip() for name, value in headers if name.lower() == "retry-after"), "")
    if value.isascii() and value.isdigit():
        return min(float(value[:12]), LONGEST_S)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return min(max((moment - utcnow()).total_seconds(), 0.0), LONGEST_S)
