"""What a page is told: names of what its person may know of, and no more of them than it can use."""

from __future__ import annotations

import json

from bson import ObjectId

from app.core.people.person import Origin
from app.core.people.roles import Role
from app.core.queue.changes import Change, Code
from app.streams.page_stream import MOST_NAMED, SLOWEST_MS, PageStream
from app.streams.stream import Watcher
from tests.core.access.people import person

ONE, OTHER = str(ObjectId()), str(ObjectId())


def stream(services, role: Role = Role.OPERATOR, task: str = "", **given: bool) -> PageStream:
    """A stream of the person with the ID `me`, which has begun."""
    rights = services.access(person(role, **given), Origin())
    made = PageStream(
        Watcher(rights.person),
        lambda change: rights.may_know(change.owner, private=change.private),
        task,
        chunked=False,
    )
    made.begun(True, [])
    made.news(1)
    return made


def told(made: PageStream, streams: int = 1) -> dict:
    lines = made.news(streams).decode().splitlines()
    return json.loads(next(line for line in lines if line.startswith("data: "))[6:])


def names(made: PageStream, *changes: Change) -> list[str]:
    made.hear(changes)
    return told(made)["changed"] if made.has_news else []


def test_a_list_is_told_which_tasks_have_changed(services):
    made = stream(services)
    assert names(made, Change(Code.STATUS, ONE, "you")) == sorted([ONE, "tasks"])
    assert names(made, Change(Code.PROGRESS, ONE, "you")) == [ONE]
    assert names(made, Change(Code.LOG, ONE, "you")) == []
    assert names(made, Change(Code.WORKERS), Change(Code.QUEUES)) == ["queues", "workers"]


def test_a_task_page_is_told_of_its_task(services):
    made = stream(services, task=ONE)
    assert names(made, Change(Code.PROGRESS, ONE, "you"), Change(Code.LOG, ONE)) == sorted(
        [ONE, "tasks", "log"]
    )
    assert names(made, Change(Code.LOG, OTHER)) == []
    assert names(made, Change(Code.PROGRESS, OTHER, "you")) == []
    assert names(made, Change(Code.STATUS, OTHER, "you")) == ["tasks"]


def test_a_stranger_is_told_nothing(services):
    own_only = stream(services, Role.SUBMITTER, own_tasks_only=True)
    assert names(own_only, Change(Code.STATUS, ONE, "you")) == []
    assert names(own_only, Change(Code.STATUS, ONE, "")) == []  # whose it is, nobody has said
    assert names(own_only, Change(Code.STATUS, ONE, "me")) == sorted([ONE, "tasks"])
    everyone = stream(services, Role.VIEWER)
    assert names(everyone, Change(Code.STATUS, ONE, "you", private=True)) == []
    assert names(everyone, Change(Code.STATUS, ONE, "you")) == sorted([ONE, "tasks"])


def test_many_tasks_are_not_named(services):
    made = stream(services)
    changes = [Change(Code.STATUS, str(ObjectId()), "you") for _ in range(MOST_NAMED + 1)]
    assert names(made, *changes) == ["many", "tasks"]


def test_it_says_when_nothing_is_heard_and_that_all_may_have_changed_when_it_is_again(services):
    made = stream(services)
    made.hear_listening(False)
    assert told(made) == {"changed": [], "listening": False, "pace": 20}
    assert not made.has_news
    made.hear_listening(True)
    assert told(made) == {"changed": ["*"], "listening": True, "pace": 20}


def test_who_comes_late_is_told_what_was_missed_or_that_nobody_knows(services):
    made = stream(services)
    made.begun(True, [Change(Code.STATUS, ONE, "you")])
    assert told(made)["changed"] == sorted([ONE, "tasks"])
    made.begun(True, None)
    assert told(made)["changed"] == ["*"]


def test_many_pages_take_their_time(services):
    made = stream(services)
    assert [told(made, streams)["pace"] for streams in (1, 100, 10**6)] == [20, 2_000, SLOWEST_MS]
