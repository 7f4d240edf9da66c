"""Many tasks at once: what the list offers, what a preview says, and what is done."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from pymongo.errors import NetworkTimeout

from app.core.access import bulk
from app.core.bulk import run as bulk_run
from app.core.listing.filter import TaskFilter
from app.core.people.person import Person
from app.core.people.roles import Permission, Reach, Role
from app.core.tasks.states import Priority, Status
from app.web.platform import permissions
from tests.web.create.creating import publish
from tests.web.looking import aged, claim, fail, succeed, text_of

TAGGED = "?tag=nightly"


@pytest.fixture
def one_of_each(services, new_task) -> dict[str, Any]:
    return {
        "waits": new_task(title="waits"),
        "runs": claim(services, new_task(title="runs")),
        "failed": fail(services, new_task(title="failed")),
        "done": succeed(services, new_task(title="done")),
    }


@pytest.fixture
def by_workers(monkeypatch) -> None:
    """None is small enough to be done before the answer."""
    monkeypatch.setattr(bulk, "SMALL", -1)
    monkeypatch.setattr(bulk_run, "FIRST", 2)
    monkeypatch.setattr(bulk_run, "BATCH", 2)
    monkeypatch.setattr(bulk_run, "TURN_S", 0.0)


def states(services) -> dict[str, str]:
    return {task["title"]: task["status"] for task in services.db.tasks.find()}


class TestTheList:
    def test_each_row_can_be_ticked_and_says_what_may_be_done_to_it(self, bob, services, one_of_each):
        services.dispatch.cancel(one_of_each["runs"].id, "bob")
        html = bob.open("/tasks")
        assert html.count('type="checkbox" name="id"') == 4
        for name, actions in {
            "waits": "cancel clone reprioritize tag untag",
            "runs": "clone tag untag",
        }.items():
            assert f'<tr id="task-{one_of_each[name].id}" data-actions="{actions}">' in html
        assert "Select waits" in text_of(html)
        row = bob.open(f"/tasks/rows?ids={one_of_each['waits'].id}")
        assert f'name="id" value="{one_of_each["waits"].id}" form="many">' in row

    def test_the_bar_keeps_filter_and_page(self, bob, new_task):
        for _ in range(26):
            new_task(tags=("nightly",))
        html = bob.open(f"/tasks{TAGGED}")
        assert f'formaction="/tasks/many/cancel{TAGGED}"' in html
        assert 'name="all"' in html
        last = bob.open(f"/tasks{TAGGED}&last=1")
        assert f'formaction="/tasks/many/delete{TAGGED}&amp;last=1"' in last

    def test_one_page_is_all_that_there_is(self, bob, new_task):
        new_task()
        assert 'name="all"' not in bob.open("/tasks")

    def test_only_what_the_filter_and_the_person_allow_is_offered(self, bob, new_task, monkeypatch):
        new_task()
        assert 'data-actions="cancel clone reprioritize tag untag" data-counted' in bob.open(
            "/tasks?status=queued"
        )
        looker = Person(
            "bob",
            "bob",
            Role.VIEWER,
            grants=dict.fromkeys((Permission.TASK_READ, Permission.TASK_CANCEL), Reach.ANY),
        )
        monkeypatch.setattr(permissions, "current_person", lambda: looker)
        html = bob.open("/tasks")
        assert "/tasks/many/cancel" in html
        assert "/tasks/many/delete" not in html


WHAT_COMES_OF_IT = {
    "cancel": (
        "Cancel 2 tasks? Waiting tasks are canceled immediately. "
        "Running tasks are asked to stop, usually within seconds.",
        "Skipped: 2 already finished.",
        "2 tasks canceled. Skipped 1 has failed failed",
        {"waits": "canceled"},
    ),
    "retry": (
        "Retry 1 task? Each task is queued again at the end of its priority queue.",
        "Skipped: 1 waits, 1 is running, 1 has succeeded.",
        "1 task queued for retry. Skipped 1 waits waits",
        {"failed": "queued"},
    ),
    "priority": (
        "Move 1 task to high priority? The tasks move to the end of that queue, oldest first.",
        "Skipped: 1 is running, 2 already finished.",
        "1 task moved to the end of the high-priority queue. Skipped 1 is running runs",
        {},
    ),
    "again": (
        "Run 4 tasks again? A new task is created with the same inputs for each of them.",
        "",
        "No task run again. Skipped 4 cannot be run again with the same inputs",
        {},
    ),
    "tag": (
        "Tag 4 tasks with “night”? The tasks are listed under this tag, and found by it.",
        "",
        "4 tasks tagged “night”. No tasks were skipped.",
        {},
    ),
    "untag": ("Nothing to untag", "Skipped: 4 do not have this tag.", None, {}),
    "delete": (
        "Delete 2 tasks? This permanently deletes the tasks with their logs and files. It can't be undone.",
        "Skipped: 1 waits, 1 is running.",
        "2 tasks deleted, with their logs and files. Skipped 1 waits waits",
        {"failed": None, "done": None},
    ),
}


class TestNamed:
    @pytest.mark.parametrize("path", WHAT_COMES_OF_IT)
    def test_done_to_those_it_is_legal_for(self, bob, services, one_of_each, path):
        question, left, said, changed = WHAT_COMES_OF_IT[path]
        before = states(services)
        preview = bob.choose(path, *one_of_each.values(), priority="high", tag=" Night")
        assert question in text_of(preview)
        assert left in text_of(preview)
        assert states(services) == before

        if said is None:
            assert "<button class" not in preview.split("<main")[1].split("</main")[0]
            return
        assert said in bob.end(preview)
        after = {**before, **changed}
        assert states(services) == {name: status for name, status in after.items() if status is not None}
        runs, waits = (services.tasks.get(one_of_each[name].id) for name in ("runs", "waits"))
        assert (runs.cancel or {}).get("by") == ("local" if path == "cancel" else None)
        assert waits.priority is (Priority.HIGH if path == "priority" else Priority.MEDIUM)

    def test_the_preview_names_the_first_ten(self, bob, new_task):
        tasks = [new_task(title=f"task {number}") for number in range(25)]
        said = text_of(bob.choose("cancel", *tasks))
        assert "task 9 and 15 more" in said
        assert "task 10" not in said

    def test_what_people_write_stays_text(self, bob, new_task):
        hostile = "<script>alert('x')</script>"
        task = new_task(title=hostile, tags=(hostile,))
        for html in (bob.choose("cancel", task), bob.choose(f"cancel?tag={hostile}", all="1")):
            assert "<script>alert" not in html
            assert hostile in text_of(html)

    def test_the_way_back_is_the_list_as_it_was(self, bob, new_task):
        html = bob.choose(f"cancel{TAGGED}", new_task(tags=("nightly",)))
        assert f'href="/tasks{TAGGED}" data-back>Keep tasks' in html
        assert f'href="/tasks{TAGGED}">Back to the list' in bob.open(bob.start(html))
        retry = bob.choose("retry", new_task(tags=("nightly",)))
        assert "data-back>Back to the list" in retry  # Nothing to retry, so nothing to say no to.

    def test_a_task_that_is_gone_or_there_already(self, bob, new_task):
        said = text_of(bob.choose("priority", new_task(priority="low"), ObjectId(), priority="low"))
        assert "Nothing to move" in said
        assert "Skipped: 1 already in that queue, 1 no longer exists." in said

    def test_what_changed_since_is_left(self, bob, services, new_task):
        ended, fails_later = new_task(), new_task()
        services.tasks.cancel(ended.id, "alice")
        preview = bob.choose("delete", ended, fails_later)
        assert "Delete 1 task?" in text_of(preview)
        fail(services, fails_later)
        bob.press_on(preview)
        assert [task["_id"] for task in services.db.tasks.find()] == [fails_later.id]

    def test_the_form_of_a_preview_says_when_it_was(self, bob, services, new_task):
        task = new_task()
        bob.choose("cancel", task)
        assert bob.send("cancel/run", {"id": [task.id]}).status_code == 400
        assert services.tasks.get(task.id).status.value == "queued"

    def test_sending_it_twice_is_one_bulk_action(self, bob, services, new_task):
        task = new_task(priority="low")
        preview = bob.choose("priority", task, priority="high")
        address = bob.start(preview)
        once = services.tasks.get(task.id)
        assert [bob.start(preview) for _ in range(3)] == [address] * 3
        assert services.tasks.get(task.id) == once
        assert services.db.bulk_operations.count_documents({}) == 1


class TestAllThatMatch:
    @pytest.fixture
    def nightly(self, services, new_task) -> list[Any]:
        tasks = [new_task(title=f"night {number}", tags=("nightly",)) for number in range(5)]
        return [*tasks, fail(services, new_task(title="night failed", tags=("nightly",)))]

    def test_in_batches_to_the_end(self, bob, services, nightly, new_task, by_workers):
        publish(services)
        other = new_task(title="other")
        preview = bob.choose(f"cancel{TAGGED}&order=asc", all="1")
        assert "Cancel 5 tasks?" in text_of(preview)
        assert "All tasks matching: tag: nightly" in text_of(preview)
        assert "Skipped: 1 already finished." in text_of(preview)
        late = new_task(title="late", tags=("nightly",))
        aged(services, late, -timedelta(hours=1), "created_at")

        address, runner, seen = bob.start(preview), services.bulk_runner("w1"), []
        while "Stop" in (page := bob.open(address)):
            seen.append(services.db.tasks.count_documents({"status": "canceled"}))
            assert f"{seen[-1]} of 5 tasks {seen[-1] * 20} % done" in text_of(page)
            runner.turn()
        assert seen[0] == 0 and {2, 4} <= {*seen}
        assert "Done 5 tasks canceled. No tasks were skipped." in text_of(page)
        assert "All matching tag: nightly" in text_of(page)
        assert {services.tasks.get(task.id).status for task in nightly[:5]} == {Status.CANCELED}
        assert services.tasks.get(other.id).status is Status.QUEUED
        assert services.tasks.get(late.id).status is Status.QUEUED

    @pytest.mark.parametrize(
        ("path", "status", "left"),
        [("retry", "queued", 0), ("delete", None, 0), ("priority", "queued", 5)],
    )
    def test_each_action(self, bob, services, nightly, path, status, left):
        preview = bob.choose(f"{path}{TAGGED}", all="1", priority="low")
        assert bob.end(preview)
        found = states(services)
        assert found.get("night failed") == ("failed" if path == "priority" else status)
        assert services.db.tasks.count_documents({"priority": int(Priority.LOW)}) == left

    def test_never_more_than_it_said(self, bob, services, nightly, new_task):
        fails_later = new_task(tags=("nightly",))
        ends = [services.tasks.cancel(task.id, "alice") for task in nightly]
        preview = bob.choose("delete?tag=nightly", all="1")
        assert f"Delete {len(ends)} tasks?" in text_of(preview)
        fail(services, fails_later)
        bob.end(preview)
        assert [services.tasks.get(fails_later.id).status.value] == ["failed"]
        assert services.db.tasks.count_documents({}) == 1

    def test_too_many_to_count(self, bob, services, nightly, by_workers, monkeypatch):
        monkeypatch.setattr("app.core.listing.listing.COUNT_LIMIT", 3)
        monkeypatch.setattr("app.web.bulk.views.COUNT_LIMIT", 3)
        preview = bob.choose("cancel", all="1")
        assert "Cancel 3+ tasks?" in text_of(preview)
        assert "All tasks: no filters are active." in text_of(preview)
        address = bob.start(preview)
        services.bulk_runner("w1").turn()
        page = bob.open(address)
        assert "Canceling tasks 2 tasks No workers" in text_of(page)
        assert "More than 2 done" in text_of(page)
        assert '<progress class="bar-progress" aria-label' in page

    def test_nothing_that_it_is_legal_for(self, bob, nightly):
        html = bob.choose("retry?status=queued", all="1")
        assert "Nothing to retry" in text_of(html)
        assert "Skipped: 5 wait." in text_of(html)
        assert ">Retry" not in html

    def test_a_list_of_what_has_finished_holds_nothing_else(self, bob, nightly):
        said = text_of(bob.choose("cancel?sort=finished", all="1"))
        assert "Nothing to cancel All finished tasks" in said
        assert "Skipped: 1 already finished." in said

    def test_mongodb_away_is_tried_again_by_a_button(self, bob, services, nightly, monkeypatch):
        preview = bob.choose("cancel", all="1")
        with monkeypatch.context() as away:
            away.setattr(services.operations, "insert", _away)
            page = bob.press_on(preview)
        assert page.status_code == 503 and ">Try again</button>" in page.text
        assert bob.press_on(page.text).status_code == 303
        assert services.listing.count(TaskFilter(status="queued")).value == 0


def _away(*args: Any) -> None:
    raise NetworkTimeout("away")
