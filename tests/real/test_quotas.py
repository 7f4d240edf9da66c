"""Quotas and wrong tokens are counted on a real Redis as on the one in memory, also by requests at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from app.core.people.quotas import Rates
from app.core.services import Services

pytestmark = pytest.mark.real


def test_a_rate_holds_for_many_at_once(services: Services) -> None:
    rates = Rates(lambda: services.queues.redis)
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda _: rates.hit("submits", "alice", 20, 3_600), range(60)))
    assert waits.count(0) == 20
    assert all(wait is not None and 0 <= wait <= 3_600 for wait in waits)
    assert rates.hit("submits", "bob", 20, 3_600) == 0


def test_a_cost_counts_as_much(services: Services) -> None:
    rates = Rates(lambda: services.queues.redis)
    assert rates.hit("upload-kb", "alice", 10_485_760, 86_400, cost=10_000_000) == 0
    wait = rates.hit("upload-kb", "alice", 10_485_760, 86_400, cost=1_000_000)
    assert wait is not None and wait > 0
    assert rates.hit("upload-kb", "alice", 10_485_760, 86_400, cost=485_760) == 0
    keys = list(services.queues.redis.scan_iter("dtq:rates*"))
    assert keys and all(services.queues.redis.ttl(key) > 0 for key in keys)
