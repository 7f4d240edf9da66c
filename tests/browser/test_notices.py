"""What a page says of servers that do not answer: each thing once, and nothing of those that do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisAway

from app.core.services import Services
from app.web.platform import pulse
from tests.browser import seeded
from tests.browser.conftest import TASK

pytestmark = pytest.mark.browser


@pytest.fixture
def page(chromium: Any, address: str, services: Services) -> Iterator[Any]:
    seeded.publish(services)
    context = chromium.new_context(base_url=address)
    opened = context.new_page()
    opened.clock.install()
    yield opened
    context.close()


def notices(page: Any) -> list[str]:
    """The first sentence of every notice that can be seen."""
    return [text.split(".")[0].strip() for text in page.locator(".notice:visible").all_inner_texts()]


def poll(page: Any, address: str, ends: str = "requestfinished", after_ms: int = 5_000) -> None:
    """Let the next request to an address come at once, and wait for its end."""
    with page.expect_event(ends, lambda request: address in request.url):
        page.clock.run_for(after_ms)


def test_redis_away_only_redis_is_named(
    page: Any, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulse, "KEPT_S", 0)
    page.goto("/tasks/new/count_slowly")

    def away(*args: Any, **kwargs: Any) -> None:
        raise RedisAway("away")

    monkeypatch.setattr(services.queues.redis, "pipeline", away)
    page.get_by_role("button", name="Create", exact=True).click()
    page.wait_for_url(TASK)
    for address in ("/live", "/pulse", "/live"):
        poll(page, address)
    assert notices(page) == ["The queue (Redis) does not answer", "Saved"]


def test_a_server_that_is_away_is_named_until_it_is_back(page: Any) -> None:
    page.goto("/")
    for how in (lambda route: route.fulfill(status=503), lambda route: route.abort()):
        page.route("**/home/live*", how)
        page.route("**/pulse", how)
        page.clock.run_for(5_000)
        page.wait_for_selector("#stale:visible")
        assert notices(page) == ["Connection lost"]
        page.unroute_all()
        page.clock.run_for(5_000)
        page.wait_for_selector("#stale", state="hidden")


def test_a_poll_that_ends_with_the_page_is_nobodys_fault(page: Any) -> None:
    page.goto("/")
    page.evaluate("dispatchEvent(new Event('beforeunload'))")
    page.route("**/home/live*", lambda route: route.abort())
    poll(page, "/home/live", ends="requestfailed", after_ms=3_000)
    assert notices(page) == []
