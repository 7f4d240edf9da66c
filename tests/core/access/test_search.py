"""By what a task is found that somebody created: its inputs and files and its owner, and never a secret."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest

from app.core.listing.filter import TaskFilter
from app.core.secrets.secret import Secret
from app.core.tasks.task import MOST_FOUND_BY, MOST_WORDS, NewTask
from tests.core.access.people import ADA, BOB
from tests.web.create.creating import publish

CANARY = "hunter2canary"
ANN = replace(ADA, name="Ann.Marsh")


@pytest.fixture
def create(services):
    publish(services, schema={"properties": {"mode": {"default": "gentle"}, "rows": {"default": 25}}})

    def submit(who=ANN, title: str = "Clean", files: tuple[Any, ...] = (), **params: Any):
        kind = services.catalog.get("clean_table")
        new = NewTask(type="clean_table", params=params, title=title, files=files)
        return services.access(who).submit(new, kind).task

    return submit


@pytest.fixture
def found(services):
    return lambda q, who=ADA: [task.title for task in services.access(who).page(TaskFilter(q=q)).tasks]


def test_by_inputs_that_differ_from_the_defaults(create, found):
    create(title="one", mode="gentle", rows=25, city="Trondheim", deep={"list": ["Ålesund", 4711]})
    create(title="two", mode="thorough", rows=30)
    assert found("trondheim") == found("ålesund 4711") == ["one"]
    assert found("thorough") == found("30") == ["two"]
    assert found("gentle") == found("25") == found("true") == []


def test_by_the_owner_and_by_files(create, found, services, document):
    file = services.files.save(io.BytesIO(b"a"), "airports.csv", "text/csv", ANN.id, role="input")
    task = create(title="one", files=(file.id,), source=str(file.id))
    create(BOB, title="two")
    assert found("airports") == found("marsh") == found("ann.marsh") == ["one"]
    assert str(file.id) not in document(task)["keywords"]


def test_a_secret_is_no_word(create, found, services, document):
    task = create(password=Secret(CANARY), nested={"keys": [Secret(f"{CANARY} second")]}, city="Oslo")
    claimed = services.tasks.claim(task.id, task.dispatch, "w1")
    services.tasks.fail(claimed, {"kind": "error", "type": "ValueError", "message": "•••• was refused"})
    assert found("oslo refused") == ["Clean"]
    assert found(CANARY) == found("hunter2") == found("second") == found("sealed") == []
    stored = [*document(task)["keywords"], *(word["_id"] for word in services.db.words.find())]
    assert not [word for word in stored if "hunter" in word or "second" in word]


def test_however_much_is_sent_a_task_has_so_many_words(create, document):
    long = " ".join(f"word{number}" for number in range(500))
    inputs = {f"text{number}": f"value{number} {long}" for number in range(300)}
    task = create(title=long[:200], **inputs)
    assert len(document(task)["keywords"]) <= MOST_WORDS + MOST_FOUND_BY + 2
    assert {"value0", "value1"} <= set(document(task)["keywords"])


def test_a_task_that_was_stored_before_gets_the_words_of_its_next_attempt(create, found, services):
    task = create(title="old")
    services.db.tasks.update_one({"_id": task.id}, {"$set": {"keywords": ["old", "for:team"]}})
    claimed = services.tasks.claim(task.id, task.dispatch, "w1")
    services.tasks.fail(claimed, {"kind": "error", "type": "ValueError", "message": "No such column"})
    assert found("column") == found("old w1") == ["old"]
