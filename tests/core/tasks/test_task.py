"""The values of a task: ids, words, and what a document becomes."""

from __future__ import annotations

import pytest
from bson import ObjectId

from app.core.tasks.states import ACTIONS, Priority, Status
from app.core.tasks.task import parse_job_id, parse_task_id, words_of

ID = "65f000000000000000000001"


def test_a_message_names_the_task_and_the_dispatch():
    assert parse_job_id(f"{ID}-7") == (ObjectId(ID), 7)


@pytest.mark.parametrize(
    "forged",
    [
        "",
        ID,
        f"{ID}-",
        f"{ID}--1",
        f"{ID}-1\n",
        f"{ID.upper()}-x",
        f" {ID}-1",
        f"{ID}-1234567890",
        "os.system('id')",
        f"{ID}\x00-1",
    ],
)
def test_a_message_that_we_never_sent_names_nothing(forged):
    assert parse_job_id(forged) is None


def test_an_id_is_read_as_people_paste_it():
    assert parse_task_id(f"  {ID.upper()}\n".replace("F", "f")) == ObjectId(ID)


@pytest.mark.parametrize("text", ["", "1", ID[:-1], ID + "0", "g" * 24, "a" * 12, "../" + ID])
def test_what_cannot_be_an_id_is_none(text):
    assert parse_task_id(text) is None


def test_words_are_lower_case_and_each_once():
    assert words_of("Clean the Table, the BIG table", "clean_table", "Größe") == [
        "clean",
        "the",
        "table",
        "big",
        "clean_table",
        "größe",
    ]


def test_words_are_bounded_in_number_and_length():
    words = words_of("a bb " + "x" * 99, " ".join(f"word{number}" for number in range(99)))
    assert len(words) == 40
    assert words[:2] == ["bb", "x" * 40]
    assert "a" not in words


def test_a_task_is_what_was_submitted(new_task):
    parent = ObjectId()
    task = new_task(
        title="Orders of May",
        priority="high",
        tags=("monthly",),
        params={"rows": [1, None, {"deep": "é"}]},
        timeout_s=5,
        max_attempts=3,
        parent=parent,
    )
    assert (task.title, task.owner, task.tags, task.parent) == (
        "Orders of May",
        "alice",
        ("monthly",),
        parent,
    )
    assert (task.priority, task.timeout_s, task.max_attempts) == (Priority.HIGH, 5, 3)
    assert task.params == {"rows": [1, None, {"deep": "é"}]}


def test_times_are_aware_utc_in_milliseconds(new_task):
    created = new_task().created_at
    assert created.utcoffset().total_seconds() == 0
    assert created.microsecond % 1000 == 0


@pytest.mark.parametrize("status", Status)
def test_a_task_knows_what_may_be_done_to_it(status, task_in):
    task = task_in(status)
    assert task.status is status
    assert task.actions == ACTIONS[status]
    assert task.live is not status.ended


def test_the_hint_of_a_task_names_its_dispatch(new_task):
    task = new_task()
    assert parse_job_id(task.job_id) == (task.id, task.dispatch)


def test_a_task_has_a_worker_while_it_runs(running, new_task):
    assert running().worker == "w1"
    assert new_task().worker is None
