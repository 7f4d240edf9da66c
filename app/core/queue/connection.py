"""The client of Redis: it answers or fails within its time, and at once when Redis has just not answered.

And what is said where it fails.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, TimeoutError
from redis.retry import Retry

from app.core.errors import QueueUnavailable
from app.core.store_errors import causes
from app.core.store_errors.advice import reason

LONGEST_PAUSE_S = 0.5
SAFE = "Tasks are safe and start when it is back."
SAFE_ONCE_MENDED = "Tasks are safe and start once that is mended."

Answer = TypeVar("Answer")


class _OneTry(Retry):
    """Tries once, and not at all for a moment after a timeout.

    A request may ask Redis several times: for quotas, to push, for a page. All of them together should not
    take longer than the one timeout. A refused connection costs no time, so it starts no pause.
    """

    def __init__(self, pause_s: float) -> None:
        super().__init__(NoBackoff(), 0)
        self._pause_s = pause_s
        self._paused_until = 0.0

    def __deepcopy__(self, memo: Any) -> _OneTry:
        """Return the same one: redis-py gives a copy to each connection, and all of them are one server's."""
        return self

    def call_with_retry(self, do: Callable[[], Answer], *args: Any, **named: Any) -> Answer:
        if time.monotonic() < self._paused_until:
            raise TimeoutError("Redis did not answer a moment ago.")
        try:
            return super().call_with_retry(do, *args, **named)
        except TimeoutError:
            self._paused_until = time.monotonic() + self._pause_s
            raise


def connect(url: str, timeout_ms: int) -> Redis:
    """Return a client that answers or fails within its time; nothing is retried behind the caller's back."""
    timeout_s = timeout_ms / 1000
    retry = _OneTry(min(timeout_s, LONGEST_PAUSE_S))
    return Redis.from_url(url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s, retry=retry)


@contextmanager
def translated(redis: Redis) -> Iterator[None]:
    """Raise QueueUnavailable, with the cause, for what Redis or the connection to it raises."""
    try:
        yield
    except (RedisError, OSError) as error:
        cause = causes.of_redis(error, redis)
        safe = SAFE_ONCE_MENDED if cause.refusal else SAFE
        raise QueueUnavailable(f"{reason('REDIS_URL', cause)} {safe}", cause) from error
