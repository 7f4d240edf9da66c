"""Each count on Home is the number of tasks in the list that it links to."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from bson import ObjectId
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.clock import utcnow
from app.core.listing.filter import ENDED_WITHIN
from app.core.people.roles import Role
from app.core.tasks.states import ENDED, Priority, Status
from tests.plugins.examples import examples

ERRORS = [
    "Empty.",
    "No column a.",
    "no column a.",
    "  spaces at both ends  ",
    "two\nlines",
    "a\r\nb",
    "",
    "é" * 199,
    "x" * 200,
    "x" * 200 + " and more",
    "x" * 199 + "y and more",
    "a.*",
    "$where",
    "<b>&amp;",
]
EDGES = [0, 1, 59, 3_599, 3_600, 3_601, 86_399, 86_401, 604_799, 604_801, 900_000]
TASKS = st.lists(
    st.tuples(
        st.sampled_from(list(Status)),
        st.sampled_from(list(Priority)),
        st.sampled_from(["count_slowly", "clean_table"]),
        st.sampled_from(EDGES),
        st.sampled_from(ERRORS),
    ),
    max_size=14,
)
COUNT = re.compile(r'<a[^>]*href="(/tasks\?[^"]*)"[^>]*>\s*(?:<b>)?\s*([0-9,]+)(?:</b>)?')


def document(status: Status, priority: Priority, kind: str, age_s: int, error: str) -> dict[str, Any]:
    now = utcnow()
    ended = now - timedelta(seconds=age_s)
    times: dict[str, Any] = {"finished_at": ended, "started_at": ended} if status in ENDED else {}
    return {
        "_id": ObjectId(),
        "type": kind,
        "title": "A task",
        "params": {},
        "priority": int(priority),
        "owner": "local",
        "status": status.value,
        "created_at": ended - timedelta(seconds=5),
        "attempt": 1,
        "max_attempts": 1,
        "timeout_s": 60,
        "dispatch": 1,
        "keywords": [],
        **times,
        **({"error": {"message": error}} if status is Status.FAILED else {}),
    }


def counts(page: str) -> list[tuple[str, int]]:
    """The links of a page whose text is a count."""
    return [(unescape(link), int(count.replace(",", ""))) for link, count in COUNT.findall(page)]


def listed(client: Any, link: str) -> int:
    """How many tasks a person finds in a list, page after page."""
    found = 0
    address = f"{link}&per_page=25"
    while address:
        page = client.get(address)
        assert page.status_code == 200, page.text
        found += len(set(re.findall(r'<tr id="task-([0-9a-f]{24})"', page.text)))
        following = re.search(r'<a[^>]*href="([^"]*after=[^"]*)"', page.text)
        address = unescape(following[1]) if following else ""
    return found


@pytest.mark.parametrize(
    ("tasks", "window"),
    [
        (
            [(Status.FAILED, Priority.HIGH, "clean_table", 60, "x" * 200 + each) for each in ("", "a", "b")],
            "1h",
        ),
        ([(Status.FAILED, Priority.LOW, "clean_table", 60, each) for each in ERRORS], "24h"),
        ([(Status.SUCCEEDED, Priority.LOW, "clean_table", 60, "")] * 30, "7d"),
        ([(status, Priority.LOW, "clean_table", 3_601, "Empty.") for status in Status], "1h"),
    ],
)
def test_each_count_is_that_of_its_list(client, services, tasks, window):
    judge(client, services, tasks, window)


@pytest.mark.slow
@settings(
    max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(TASKS, st.sampled_from(list(ENDED_WITHIN)))
def test_each_count_is_that_of_its_list_whatever_there_is(client, services, tasks, window):
    judge(client, services, tasks, window)


def judge(client, services, tasks, window):
    services.db.tasks.delete_many({})
    if tasks:
        services.db.tasks.insert_many([document(*task) for task in tasks])
    services.listing._counts.clear()
    client.application.extensions["live"]._kept = None

    page = client.get(f"/?failures={window}").text

    found = counts(page)
    assert len(found) >= (9 if tasks else 6)  # two for each queue, the bar's, and each outcome
    assert [(link, listed(client, link)) for link, _ in found] == found


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_a_count_of_tasks_that_one_may_not_see_is_no_link(role, signed_in_as, new_task):
    new_task(priority="high"), new_task(priority="high", private=True)
    client = signed_in_as(role)
    found = counts(client.get("/").text)
    assert [(link, listed(client, link)) for link, _ in found] == found
    assert bool([link for link, _ in found if "queued" in link]) == (role is Role.OPERATOR)


def test_the_tab_of_the_list_says_the_same(client, services):
    rows = [
        (Status.FAILED, Priority.HIGH, "clean_table", age, error) for age in EDGES for error in ERRORS[:3]
    ]
    services.db.tasks.insert_many([document(*row) for row in rows])

    for link, count in counts(client.get("/?failures=24h").text):
        tab = re.search(
            r'aria-current="page">\s*\w+ <span class="tab-count">([0-9,]+)',
            client.get(f"/tasks/counts?{link.partition('?')[2]}").text,
        )
        assert tab and int(tab[1]) == count, link


def test_failures_of_which_not_all_were_read_say_so(client, services, monkeypatch):
    monkeypatch.setattr("app.core.listing.stats.FAILURES_READ", 3)
    rows = [(Status.FAILED, Priority.HIGH, "clean_table", age, "Empty.") for age in range(9)]
    services.db.tasks.insert_many([document(*row) for row in rows])

    page = client.get("/").text

    assert re.search(r'class="count"[^>]*><b>3\+</b>', page)


class TestListOfWhatEnded:
    @pytest.fixture(autouse=True)
    def _some(self, services):
        rows = [
            (Status.FAILED, Priority.HIGH, "clean_table", age, "two\nlines") for age in (1, 4_000, 90_000)
        ]
        rows += [(Status.RUNNING, Priority.HIGH, "clean_table", 1, "")]
        services.db.tasks.insert_many([document(*row) for row in rows])

    def test_it_has_a_chip_and_keeps_its_filters(self, client):
        page = client.get("/tasks?ended=24h&error=two%0Alines").text
        assert "in the last 24 hours" in page
        assert '<input type="hidden" name="ended" value="24h">' in page
        assert listed(client, "/tasks?ended=24h&error=two%0D%0Alines") == 2  # as a form sends it back

    def test_it_is_sorted_by_when_they_ended(self, client):
        assert client.get("/tasks?ended=24h&sort=created").status_code == 200
        assert "sort=created" not in client.get("/tasks?ended=24h").text

    def test_the_tab_of_what_lives_is_without_it(self, client):
        page = unescape(client.get("/tasks/counts?ended=24h&error=x&status=failed").text)
        assert '"/tasks?status=running"' in page
        assert '"/tasks?status=succeeded&ended=24h&error=x&sort=finished"' in page

    def test_an_action_on_all_that_match_takes_only_these(self, bob):
        assert "Delete 1 task?" in bob.choose("delete?ended=1h&status=failed&sort=finished", all="1")

    @pytest.mark.parametrize("query", ["ended=2h", "ended=-1", "error=" + "x" * 201])
    def test_what_no_page_links_to(self, client, query):
        assert client.get(f"/tasks?{query}").status_code == 400
