"""What programs that follow a task are told: each change, each part of a log once, and the end."""

from __future__ import annotations

import json
from typing import Any

import pytest
from bson import ObjectId

from app.core.errors import NotFound
from app.core.files.attempt_logs import HEAD_PARTS, PART, Logs
from app.core.people.person import Person
from app.streams.following import Reading
from app.streams.stream import Watcher
from app.streams.task_stream import TaskLog, place_of

TASK = ObjectId()


@pytest.fixture
def logs(services: Any) -> Logs:
    return services.logs


def all_of(logs: Logs, attempt: int, place: int = 0, *, over: bool = True) -> tuple[str, list[int]]:
    """The text that readers get who go on at each place they were told, and the places."""
    text, places = "", [place]
    while True:
        found, after = logs.read_from(TASK, attempt, places[-1]).text(over=over)
        if not found:
            return text, places
        text += found
        places.append(after)


def test_a_log_is_read_from_each_place_as_a_whole(logs: Logs) -> None:
    """Letters of several bytes lie across parts and pieces."""
    content = ("é" * 40 + "\n").encode() * (6 * PART // 81)
    for part in range(-(-len(content) // PART)):
        logs.write_part(TASK, 1, part, content[part * PART : (part + 1) * PART])
    text, places = all_of(logs, 1)
    assert text == content.decode() and len(places) > 2
    assert all_of(logs, 1, places[1])[0] == content[places[1] :].decode()
    assert all_of(logs, 1, len(content))[0] == ""
    assert all_of(logs, 2)[0] == ""


def test_lines_without_end_wait_while_the_attempt_runs(logs: Logs) -> None:
    logs.write_part(TASK, 1, 0, b"one\ntw")
    assert logs.read_from(TASK, 1, 0).text(over=False) == ("one\n", 4)
    assert logs.read_from(TASK, 1, 4).text(over=False) == ("", 4)
    assert logs.read_from(TASK, 1, 4).text(over=True) == ("tw", 6)


def test_what_is_left_out_is_said_once(logs: Logs) -> None:
    size = 20 * PART
    for part in (*range(HEAD_PARTS), 18, 19):
        logs.write_part(TASK, 1, part, b"x" * (PART - 1) + b"\n")
    text, places = all_of(logs, 1)
    assert text.count("KB left out") == 1 and f"{10 * PART // 1024} KB left out" in text
    assert places[-1] == size
    assert text.count("x") == (HEAD_PARTS + 2) * (PART - 1)


@pytest.mark.parametrize("text", ["x", "1", "-", "0-5", "3-0", "1-x", "1--1", "1-9999999999999999"])
def test_an_id_that_is_none_of_this_log_is_refused(text: str) -> None:
    with pytest.raises(NotFound):
        place_of(text, 2)


def test_an_id_is_a_place() -> None:
    assert (place_of("1-4096", 2), place_of("1-0", 0)) == ((1, 4096), (1, 0))


def test_who_may_no_longer_know_is_told_nothing_more(logs: Logs, new_task: Any) -> None:
    task, watcher = new_task(), Watcher(Person("a", "A"))
    logs.write_part(task.id, 1, 0, b"secret\n")
    for may in (True, False):
        stream = TaskLog(watcher, task, lambda _, may=may: may, (1, 0), only=False, chunked=True)
        stream.read(Reading(task.id, task, "A", {(1, 0): logs.read_from(task.id, 1, 0)}))
        said = stream.news(1)
        assert (b"secret" in said) is may and stream.over is not may
        if may:
            event_id, _, data = said.decode().strip().split("\n")
            assert event_id == "id: 1-7" and json.loads(data[6:])["text"] == "secret\n"
