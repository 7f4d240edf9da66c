"""A Redis that does not answer costs a request one timeout, however often it is asked."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from redis.exceptions import ConnectionError, TimeoutError

from app.core.queue import connection

TIMEOUT_MS = 200


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def url(server: socket.socket) -> str:
    return f"redis://127.0.0.1:{server.getsockname()[1]}"


def test_after_a_timeout_it_fails_at_once_for_a_moment_and_then_tries_again(server: socket.socket) -> None:
    redis = connection.connect(url(server), TIMEOUT_MS)
    asks = (redis.ping, redis.ping, redis.pipeline().set("a", 1).execute, redis.ping)
    first, *others = [seconds_until_the_timeout(ask) for ask in asks]
    assert first >= TIMEOUT_MS / 1000 and sum(others) < first / 2

    time.sleep(TIMEOUT_MS / 1000)
    assert seconds_until_the_timeout(redis.ping) >= TIMEOUT_MS / 1000
    redis.close()


def seconds_until_the_timeout(ask: Callable[[], Any]) -> float:
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        ask()
    return time.monotonic() - began


def test_a_refused_connection_starts_no_pause(server: socket.socket) -> None:
    address = url(server)
    server.close()
    redis = connection.connect(address, TIMEOUT_MS)
    for _ in range(2):
        with pytest.raises(ConnectionError, match="refused"):
            redis.ping()
