"""Lists for the tests of pages: tasks with many equal times, and walks through all pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bson import ObjectId

from app.core.listing.cursors import EPOCH, Page
from app.core.listing.filter import TaskFilter
from app.core.services import Services
from app.core.tasks.states import Status

START = EPOCH + timedelta(days=20_000)
STATUSES = list(Status)
MORE_THAN_THERE_ARE = 300


def at(milliseconds: int) -> datetime:
    return START + timedelta(milliseconds=milliseconds)


def fill(services: Services, rows: Sequence[tuple[int, int, int]]) -> None:
    """A task for each row: milliseconds (many the same), the number of a status, a priority."""
    tasks = []
    for milliseconds, status, priority in rows:
        task = {
            "_id": ObjectId(),
            "title": "Count",
            "type": "ab"[priority % 2],
            "params": {},
            "owner": "alice",
            "status": STATUSES[status].value,
            "priority": priority,
            "created_at": at(milliseconds),
            "attempt": 0,
            "max_attempts": 1,
            "timeout_s": 1,
            "dispatch": 1,
            "tags": ["even"] if milliseconds % 2 == 0 else [],
            "keywords": ["count", *(["tag:even"] if milliseconds % 2 == 0 else [])],
        }
        if STATUSES[status].ended:
            task["finished_at"] = at(milliseconds // 2)
        tasks.append(task)
    if tasks:
        services.db.tasks.insert_many(tasks)


def in_order(services: Services, wanted: TaskFilter) -> list[ObjectId]:
    """The whole list as it should be, worked out by other means."""
    tasks = [task for task in services.db.tasks.find() if _shown(task, wanted)]
    tasks.sort(key=lambda task: (task[wanted.sort_field], task["_id"]), reverse=wanted.descending)
    return [task["_id"] for task in tasks]


def _shown(task: dict, wanted: TaskFilter) -> bool:
    words = {"high": 0, "medium": 1, "low": 2}
    return (
        wanted.status in ("", task["status"])
        and (not wanted.priority or words[wanted.priority] == task["priority"])
        and wanted.type in ("", task["type"])
        and (not wanted.tag or wanted.tag in task["tags"])
        and (wanted.sort == "created" or "finished_at" in task)
    )


def forwards(services: Services, wanted: TaskFilter) -> Iterator[Page]:
    page = services.listing.page(wanted)
    yield page
    for _ in range(MORE_THAN_THERE_ARE):
        if not page.next:
            return
        page = services.listing.page(replace(wanted, after=page.next))
        yield page
    raise AssertionError("the pages do not end")


def backwards(services: Services, wanted: TaskFilter) -> Iterator[Page]:
    """From the last page on."""
    page = services.listing.page(replace(wanted, last="1"))
    yield page
    for _ in range(MORE_THAN_THERE_ARE):
        if not page.previous:
            return
        page = services.listing.page(replace(wanted, before=page.previous))
        yield page
    raise AssertionError("the pages do not end")


def start_to_end_and_back(services: Services, wanted: TaskFilter) -> None:
    """Walk both ways; every task is met exactly once and in its order, and no page is empty."""
    expected = in_order(services, wanted)
    there = list(forwards(services, wanted))
    back = list(backwards(services, wanted))
    assert [task.id for page in there for task in page.tasks] == expected
    assert [task.id for page in reversed(back) for task in page.tasks] == expected
    assert not expected or all(page.tasks for page in there + back)
    for page, following in zip(there, there[1:], strict=False):
        previous = services.listing.page(replace(wanted, before=following.previous))
        assert previous.tasks == page.tasks
