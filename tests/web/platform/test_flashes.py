"""A message about what was just done: once, on the page that it belongs to, for a short while."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.web.platform import flashes
from tests.web.create.creating import publish
from tests.web.looking import text_of

SAID = "The task is canceled."


@pytest.fixture
def canceled(alice, new_task):
    """Somebody canceled a task, and the browser has not followed yet: the address that it is sent to."""
    answer = alice.press(new_task(), "cancel")
    assert answer.status_code == 303
    return answer.location


def test_it_is_said_once(alice, canceled):
    assert SAID in alice.read(canceled)
    assert SAID not in alice.read(canceled)  # a reload, or Back


def test_no_other_page_takes_it(alice, canceled, new_task):
    for elsewhere in (
        "/",
        "/tasks",
        f"/tasks/{new_task().id}",
        "/tasks/new",
        f"{canceled}?attempt=",
        "/nowhere",
    ):
        answer = alice.client.get(elsewhere)
        assert SAID not in answer.text, elsewhere
    for part in ("/pulse", f"{canceled}/live", f"{canceled}/log", "/home/live"):
        assert SAID not in alice.client.get(part).text
    assert SAID in alice.read(canceled)


def test_a_page_that_nobody_came_to_says_nothing_later(alice, canceled, monkeypatch):
    later = flashes.utcnow() + timedelta(seconds=flashes.LIFE_S + 1)
    monkeypatch.setattr(flashes, "utcnow", lambda: later)
    assert SAID not in alice.read(canceled)
    with alice.client.session_transaction() as session:
        assert flashes.KEY not in session


def test_the_query_belongs_to_the_address(app):
    with app.test_request_context("/tasks?tag=a+b&status=failed"):
        flashes.flash_at("/tasks?status=failed&tag=a%20b", "mine", "success")
        flashes.flash_at("/tasks?status=failed", "other", "success")
        assert flashes._taken() == [("success", "mine", None)]
        assert flashes._taken() == []


def test_behind_a_prefix(app):
    with app.test_request_context("/tasks", base_url="http://localhost/queue"):
        flashes.flash_at("/queue/tasks", "mine", "success")
        assert flashes._taken() == [("success", "mine", None)]


def test_a_few_are_kept(app):
    with app.test_request_context("/tasks"):
        for number in range(20):
            flashes.flash_at("/tasks", str(number), "success")
        assert [message for _, message, _ in flashes._taken()] == ["15", "16", "17", "18", "19"]


def test_what_people_write_stays_text(browser, services):
    publish(services, schema={"type": "object", "properties": {}})
    form = browser.open()
    answer = browser.send(form, title="<script>alert(1)</script>", then="another")
    page = browser.client.get(answer.location).text
    assert "Created <script>alert(1)</script> . Add another below." in text_of(page)
    assert "<script>alert" not in page
