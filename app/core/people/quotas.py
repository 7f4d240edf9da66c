"""Quotas: how much one person may ask for, by role, with all their tokens together.

Rates are counted in Redis; without it they are not judged, because nobody can tell. Waiting tasks are counted
in MongoDB, so their quota always holds. A role without a quota costs no query.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from redis import Redis
from redis.exceptions import RedisError

from app.core.errors import QuotaExceeded
from app.core.people.person import Person
from app.core.people.roles import Role
from config import Settings
from setting_values import PerRole

if TYPE_CHECKING:
    from limits.strategies import SlidingWindowCounterRateLimiter

PREFIX = "dtq:rates"
MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
KB, KB_PER_MB = 1_024, 1_024
TRY_AGAIN_S = 60
"""When to try again where it depends on what the workers do."""
SHARE = 64
"""Waiting tasks are counted again once a 64th of the room that there was is used up, because a count reads
each of them. Every process beside the first can exceed the quota by as much."""
MOST_KNOWN = 10_000


@dataclass
class Rates:
    """Counts of events in Redis by a sliding window; ``redis`` gives the client at each use."""

    redis: Callable[[], Redis | Any]
    _limiter: SlidingWindowCounterRateLimiter | None = field(default=None, init=False)

    def hit(self, kind: str, key: str, most: int, seconds: int, cost: int = 1) -> int | None:
        """Count an event; returns 0, or the seconds to wait where there were too many and it was not counted.

        Returns None without Redis.
        """
        from limits import RateLimitItemPerSecond

        item = RateLimitItemPerSecond(most, seconds)
        hashed_key = f"{kind}:{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()[:32]}"
        try:
            limiter = self._counting()
            if limiter.hit(item, hashed_key, cost=cost):
                return 0
            reset = limiter.get_window_stats(item, hashed_key).reset_time
            return min(seconds, max(1, round(reset - time.time())))
        except RedisError:
            return None

    def _counting(self) -> SlidingWindowCounterRateLimiter:
        if self._limiter is None:
            # Imported at first use: workers count nothing.
            from limits.storage import RedisStorage
            from limits.strategies import SlidingWindowCounterRateLimiter

            pool = self.redis().connection_pool
            storage = RedisStorage("redis://", connection_pool=pool, key_prefix=PREFIX)
            self._limiter = SlidingWindowCounterRateLimiter(storage)
        return self._limiter


@dataclass(frozen=True)
class Quotas:
    """What each role may ask for; ``count_waiting`` counts the waiting tasks of an owner up to a number."""

    rates: Rates
    count_waiting: Callable[[str, int], int]
    waiting: PerRole
    submits: PerRole
    uploads: PerRole
    upload_mb: PerRole
    _room: dict[str, int] = field(default_factory=dict, init=False)
    """How many tasks an owner may submit before their waiting ones are counted again."""

    @classmethod
    def of(cls, rates: Rates, count_waiting: Callable[[str, int], int], settings: Settings) -> Quotas:
        return cls(
            rates,
            count_waiting,
            waiting=settings.max_waiting_tasks,
            submits=settings.submits_per_minute,
            uploads=settings.uploads_per_hour,
            upload_mb=settings.upload_mb_per_day,
        )

    def require_submit(self, person: Person, count: int = 1) -> None:
        """Count a submission of so many tasks. Raises QuotaExceeded before anything is stored.

        The rate counts it as one, whatever its size: otherwise a role with a rate below 10,000 could never
        create a large batch. How many tasks there are is what the quota of waiting tasks bounds.
        """
        most = _quota(self.waiting, person.role)
        if most is not None and not self._has_room(person.id, most, count):
            if count > 1:
                raise QuotaExceeded(
                    f"You can have {most:,} waiting {_plural('task', most)}, and {count:,} more would exceed "
                    "that. Create fewer, wait until some have started, or cancel some.",
                    TRY_AGAIN_S,
                )
            raise QuotaExceeded(
                f"You have {most:,} waiting tasks, the most allowed. "
                "Wait until some have started, or cancel some.",
                TRY_AGAIN_S,
            )
        most = _quota(self.submits, person.role)
        if most is not None and (wait_s := self.rates.hit("submits", person.id, most, MINUTE_S)):
            raise QuotaExceeded(
                f"You can create {most:,} {_plural('task', most)} per minute. Try again in {_span(wait_s)}.",
                wait_s,
            )

    def _has_room(self, owner: str, most: int, count: int) -> bool:
        left = self._room.get(owner, 0)
        if left >= count:
            self._room[owner] = left - count
            return True
        free = most - self.count_waiting(owner, most)
        if len(self._room) >= MOST_KNOWN:
            self._room.clear()
        self._room[owner] = max(0, free - count) // SHARE
        return free >= count

    def require_upload(self, person: Person, size: int) -> None:
        """Count an upload of ``size`` bytes. Raises QuotaExceeded before anything is stored."""
        most = _quota(self.uploads, person.role)
        if most is not None and (wait_s := self.rates.hit("uploads", person.id, most, HOUR_S)):
            raise QuotaExceeded(
                f"You can upload {most:,} {_plural('file', most)} per hour. Try again in {_span(wait_s)}.",
                wait_s,
            )
        most = _quota(self.upload_mb, person.role)
        cost = -(-size // KB)
        if most is not None and (
            wait_s := self.rates.hit("upload-kb", person.id, most * KB_PER_MB, DAY_S, cost)
        ):
            raise QuotaExceeded(
                f"You can upload {most:,} MB per day, and this file would exceed that. "
                f"Use a smaller file, or try again in {_span(wait_s)}.",
                wait_s,
            )


def _quota(quotas: PerRole, role: Role | None) -> int | None:
    """Return the quota of a role; None where it has none."""
    return None if role is None else dict(quotas).get(role.value)


def _plural(noun: str, count: int) -> str:
    return noun if count == 1 else f"{noun}s"


def _span(seconds: int) -> str:
    """Return a time to wait in words, rounded up."""
    for size, unit in ((HOUR_S, "hour"), (MINUTE_S, "minute")):
        if seconds > size:
            count = -(-seconds // size)
            return f"{count} {_plural(unit, count)}"
    return f"{seconds} {_plural('second', seconds)}"
