"""One deadline over a whole exchange: a server that sends a byte a second does not get around it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from ssl import SSLContext
from typing import Any

import httpcore2

_SLICE = 16 * 1024


class TimeOver(Exception):
    """The deadline has passed."""


class Deadline:
    """``seconds`` from now."""

    def __init__(self, seconds: float) -> None:
        self._began = time.monotonic()
        self._end = self._began + seconds

    @property
    def passed_s(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began

    def left_s(self, at_most: float | None = None) -> float:
        """Seconds until the end. Raises TimeOver."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeOver
        return left if at_most is None else min(left, at_most)


class TimedStream(httpcore2.NetworkStream):
    """A connection of which every single operation ends with the deadline, whatever httpcore2 asks for."""

    def __init__(self, inner: httpcore2.NetworkStream, deadline: Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._deadline.left_s())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _SLICE):
            self._inner.write(buffer[start : start + _SLICE], self._deadline.left_s())

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        secured = self._inner.start_tls(ssl_context, server_hostname, self._deadline.left_s())
        return TimedStream(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def connect(
    addresses: Iterable[str], port: int, deadline: Deadline, each_s: float
) -> httpcore2.NetworkStream:
    """Connect to the first address that takes it, ``each_s`` seconds for each.

    Raises httpcore2.ConnectError, httpcore2.ConnectTimeout, TimeOver.
    """
    problem: Exception = httpcore2.ConnectError("no address")
    for address in addresses:
        try:
            inner = httpcore2.SyncBackend().connect_tcp(address, port, timeout=deadline.left_s(each_s))
        except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
            problem = error
        else:
            return TimedStream(inner, deadline)
    raise problem
