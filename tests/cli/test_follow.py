"""A task followed to its end: each thing is said once, and nothing is missed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from bson import ObjectId
from pymongo.errors import AutoReconnect

from app.cli import follow
from app.cli.follow import END_LINES, LEFT_OUT, Follower
from app.core.errors import NotFound
from app.core.files.attempt_logs import PART, kept_parts
from app.core.people.person import Person
from app.core.people.roles import Role, grants_of
from app.core.services import Services
from app.core.tasks.states import Status
from app.core.tasks.task import Task
from tests.core.conftest import an_error


def following(services: Services, task_id: ObjectId) -> Follower:
    administrator = Person("alice", "Alice", Role.ADMINISTRATOR, grants=grants_of(Role.ADMINISTRATOR))
    return Follower(services.access(administrator), services.queues, task_id)


def write(services: Services, task: Task, content: bytes, attempt: int = 1) -> None:
    for part in kept_parts(len(content)):
        services.logs.write_part(task.id, attempt, part, content[part * PART : (part + 1) * PART])
    services.logs.trim(task.id, attempt, len(content))


def test_place_running_and_the_end_are_each_seen_once(
    services: Services, new_task: Callable[..., Task]
) -> None:
    first, second = new_task(), new_task()
    follower = following(services, second.id)
    look = follower.look()
    assert (look.task.status, look.place, look.moved) == (Status.QUEUED, 2, True)
    assert not follower.look().moved

    services.queues.take(0)
    assert (look := follower.look()).moved and look.place == 1
    claimed = services.tasks.claim(second.id, second.dispatch, "w1")
    assert claimed and follower.look().task.status is Status.RUNNING
    services.tasks.succeed(claimed, 7)

    looks = list(follower.looks(0))
    assert [(each.task.status, each.moved) for each in looks] == [(Status.SUCCEEDED, True)]
    assert first.id != second.id


def test_a_log_comes_by_whole_lines_and_the_rest_at_the_end(
    services: Services, running: Callable[..., Task]
) -> None:
    task = running()
    follower = following(services, task.id)
    said = []
    for content in (b"one\ntw", b"one\ntwo\nthree gr\xc3", b"one\ntwo\nthree gr\xc3\xbc\xc3\x9fe\nthe end"):
        write(services, task, content)
        said.append(follower.look().log)
    services.tasks.succeed(task, None)
    said.append(follower.look().log)

    assert said == ["one\n", "two\n", "three grüße\n", "the end"]


def test_the_rest_of_an_attempt_comes_before_the_next_one(
    services: Services, running: Callable[..., Task]
) -> None:
    task = running(max_attempts=2)
    follower = following(services, task.id)
    write(services, task, b"first, half a li")
    assert follower.look().log == ""
    write(services, task, b"first, half a line\n")
    services.tasks.release(task, "The worker was stopped.")
    again = services.tasks.claim(task.id, task.dispatch + 1, "w2")
    assert again
    write(services, task, b"second\n", attempt=2)

    assert follower.look().log == "first, half a line\nsecond\n"
    assert follower.look().log == ""


def test_progress_is_new_only_when_it_moved(services: Services, running: Callable[..., Task]) -> None:
    task = running()
    follower = following(services, task.id)
    assert follower.look().progress is None
    services.tasks.report_progress(task, {"done": 1, "total": 2, "message": "half"})

    seen = follower.look().progress
    assert seen and (seen["done"], seen["total"], seen["message"]) == (1, 2, "half")
    assert follower.look().progress is None


def test_of_a_long_log_the_beginning_and_the_end_are_shown(
    services: Services, running: Callable[..., Task]
) -> None:
    task = running()
    follower = following(services, task.id)
    write(services, task, b"begin\n")
    assert follower.look().log == "begin\n"
    write(services, task, b"begin\n" + b"line\n" * 500_000 + b"last\n")
    assert follower.look().log == LEFT_OUT
    assert follower.look().log == ""
    services.tasks.succeed(task, None)

    assert follower.look().log == "line\n" * (END_LINES - 1) + "last\n"
    assert follower.look().log == ""


def test_mongodb_may_go_away_for_a_while(
    services: Services, running: Callable[..., Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    task = running()
    services.tasks.fail(task, an_error())
    answers = iter([AutoReconnect("away"), AutoReconnect("away"), services.tasks.get(task.id)])

    def get(task_id: ObjectId) -> Task:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(services.tasks, "get", get)

    assert [look.task.status for look in following(services, task.id).looks(0)] == [Status.FAILED]


def test_a_place_is_not_known_while_redis_is_away(
    services: Services, new_task: Callable[..., Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    task = new_task()

    def away(task: Task) -> int:
        raise follow.QueueUnavailable("away")

    monkeypatch.setattr(services.queues, "place", away)

    assert following(services, task.id).look().place is None


def test_a_task_that_is_gone_is_said(services: Services) -> None:
    with pytest.raises(NotFound):
        following(services, ObjectId()).look()
