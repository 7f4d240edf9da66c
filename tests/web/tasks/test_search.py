"""The search of every page: words and filters in one box, and what is wrong with them said below it."""

from __future__ import annotations

import re

import pytest

from tests.web.looking import claim, fail, text_of
from tests.web.tasks.test_list import titles


@pytest.mark.parametrize(
    ("q", "address"),
    [
        ("status:failed", "/tasks?status=failed"),
        ("status:waiting priority:high two", "/tasks?status=queued&priority=high&q=two"),
        ("error:timeout after:2026-11-01", "/tasks?created_from=2026-11-01&error_words=timeout"),
        ("finished_after:2026-11-01", "/tasks?finished_from=2026-11-01&sort=finished"),
    ],
)
def test_what_is_typed_becomes_the_address(q, address, client):
    answer = client.get("/tasks", query_string={"q": q})
    assert (answer.status_code, answer.location) == (303, address)
    assert client.get(address).status_code == 200


def test_owners_by_name_and_oneself(client, services):
    me = services.people.users.local().id
    for typed in ("me", "local", "LOCAL"):
        answer = client.get("/tasks", query_string={"q": f"owner:{typed}"})
        assert answer.location == f"/tasks?owner={me}"
    assert client.get("/tasks?owner=nobody").status_code == 200


@pytest.mark.parametrize(
    ("q", "said"),
    [
        ("a", "Type at least 2 letters"),
        ("!", "Type at least 2 letters"),
        ("x" * 300, "Use 200 characters or fewer"),
        ("color:red", "There is no filter “color”."),
        ("status:pending", "“pending” isn't a valid status"),
        ("after:soon", "“soon” isn't a date"),
        ("after:2026-11-01 finished_after:2026-11-01", "not by both"),
    ],
)
def test_what_cannot_be_used_is_said_below_the_box(q, said, alice, client, new_task):
    new_task(title="one")
    answer = client.get("/tasks", query_string={"q": q, "priority": "medium"})
    assert answer.status_code == 200 and titles(answer.text) == ["one"]
    assert re.search(
        rf'id="search-problem" role="status">[^<]*{said.split(" “")[0].replace(chr(39), "&#39;")}',
        answer.text,
    )
    assert 'aria-describedby="search-problem" autofocus' in answer.text
    assert "priority: <b>Medium</b>" in answer.text


@pytest.mark.parametrize("address", ["/tasks?created_from=soon", "/tasks?finished_before=2026-13-01"])
def test_a_bad_time_in_the_form_is_said_as_well(address, alice):
    assert "isn't a date" in alice.read(address)


def test_the_one_box_keeps_the_filters_of_the_list(alice, new_task):
    html = alice.open("/tasks?status=queued&tag=x&q=words")
    assert (
        html.count('name="q"') == html.count('id="search"') + 1
    )  # The other keeps it hidden in the filters.
    form = re.search(r'<form class="bar-search".*?</form>', html, re.DOTALL)[0]
    assert 'name="status" value="queued"' in form and 'name="tag" value="x"' in form
    assert 'name="q" value="words"' in form
    assert "hidden" not in re.search(r'<form class="bar-search".*?</form>', alice.open("/"), re.DOTALL)[
        0
    ].replace("visually-hidden", "").replace("aria-hidden", "")


def test_several_statuses_are_ticked_and_one_chip(alice, client, new_task, services):
    new_task(title="waits"), fail(services, new_task(title="failed"))
    answer = client.get("/tasks?status=failed&status=queued")
    assert answer.location == "/tasks?status=queued,failed"
    html = alice.open(answer.location)
    assert titles(html) == ["failed", "waits"]
    assert "status: Waiting, Failed ×" in text_of(html)
    assert html.count('name="status" value="failed" checked') == 1


def test_workers_and_errors_as_filters(alice, services, new_task):
    claim(services, new_task(title="runs"), by="vm-1.7")
    fail(services, new_task(title="failed"), "The server timed out.")
    assert titles(alice.open("/tasks?worker=vm-1")) == ["runs"]
    assert (
        titles(alice.open("/tasks?error_words=timed+out"))
        == titles(alice.open("/tasks?q=timed"))
        == ["failed"]
    )


def test_sorts_that_look_at_the_newest_only_say_so(alice, new_task, monkeypatch):
    for _ in range(3):
        new_task()
    assert "Sorted among" not in alice.read("/tasks?order=duration-desc")
    monkeypatch.setattr("app.core.listing.ranking.MOST", 2)
    assert "Sorted among the newest 2 matching tasks." in alice.read("/tasks?order=queue_time-asc")


def test_new_tasks_are_announced_and_nothing_moves(alice, new_task):
    new_task(title="one")
    html = alice.open("/tasks?q=o")
    html = alice.open("/tasks?priority=medium")
    address = re.search(r'class="list-tabs" hx-get="([^"]*)"', html)[1].replace("&amp;", "&")
    assert "new-tasks" not in alice.open(address)
    new_task(title="two"), new_task(title="three"), new_task(priority="high")
    region = alice.open(address)
    assert (
        'role="status"><a class="btn btn-primary btn-sm" href="/tasks?priority=medium">2 new tasks</a>'
        in region
    )


def test_a_later_page_announces_nothing(alice, new_task):
    for _ in range(30):
        new_task()
    html = alice.open("/tasks")
    following = re.search(r'href="(/tasks\?after=[^"]*)"', html)[1]
    assert "before=" not in re.search(r'class="list-tabs" hx-get="([^"]*)"', alice.open(following))[1]
