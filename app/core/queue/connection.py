"""The client of Redis: it answers or fails within its time, and at once when Redis has just not answered."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import TimeoutError
from redis.retry import Retry

LONGEST_PAUSE_S = 0.5

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
