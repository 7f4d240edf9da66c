"""View Tasks: rows, tabs, filters as chips, sorts, pages, and what is asked again."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from app.core.tasks.task import id_end
from app.web.platform.request_args import LIVE_ROWS
from tests.web.create.creating import publish
from tests.web.looking import aged, claim, fail, succeed, text_of


def titles(html: str) -> list[str]:
    return re.findall(r'class="stretched-link"[^>]*>([^<]*)<', html)


@pytest.fixture
def thirty(services, new_task):
    """Thirty tasks, a minute apart; "task 29" is the newest."""
    made = [
        new_task(title=f"task {number}", priority=["high", "medium", "low"][number % 3])
        for number in range(30)
    ]
    return [
        aged(services, task, timedelta(minutes=30 - number), "created_at") for number, task in enumerate(made)
    ]


def link(html: str, label: str) -> str:
    found = re.search(rf'href="([^"]*)">{label}<', html)
    assert found, label
    return found[1].replace("&amp;", "&")


class TestPages:
    def test_newest_first_a_page_at_a_time_there_and_back(self, alice, thirty):
        first = alice.open("/tasks")
        assert titles(first) == [f"task {number}" for number in range(29, 4, -1)]
        second = alice.open(link(first, "Next ›"))
        assert titles(second) == [f"task {number}" for number in range(4, -1, -1)]
        assert titles(alice.open(link(second, "‹ Previous"))) == titles(first)
        assert titles(alice.open(link(second, "« First"))) == titles(first)

    def test_last(self, alice, thirty):
        last = alice.open(link(alice.open("/tasks"), "Last »"))
        assert titles(last)[-1] == "task 0"
        assert 'aria-disabled="true">Next ›' in last

    def test_size(self, alice, thirty):
        assert len(titles(alice.open("/tasks?per_page=50"))) == 30

    def test_one_page_has_no_pager(self, alice, new_task):
        new_task()
        assert "Next ›" not in alice.open("/tasks")

    def test_links_keep_everything_else(self, alice, thirty):
        address = link(alice.open("/tasks?status=queued&order=asc"), "Next ›")
        assert address.startswith("/tasks?status=queued&order=asc&after=")


class TestFilters:
    def test_each(self, alice, thirty):
        assert titles(alice.open("/tasks?priority=high&q=task&per_page=50")) == [
            f"task {n}" for n in range(27, -1, -3)
        ]
        assert titles(alice.open("/tasks?status=failed")) == []

    def test_chips_remove_one_filter(self, alice, thirty):
        html = alice.open("/tasks?priority=high&q=task")
        assert 'href="/tasks?q=task" title="Remove this filter">priority: <b>High</b>' in html
        assert 'href="/tasks?priority=high" title="Remove this filter">words: <b>task</b>' in html

    def test_types_by_their_titles(self, alice, services, new_task):
        publish(services)
        new_task(type="clean_table", title="mine")
        assert "type: Clean a table ×" in alice.read("/tasks?type=clean_table")

    def test_empty_values_are_no_filter(self, alice, new_task):
        new_task(title="one")
        assert titles(alice.open("/tasks?q=&priority=&type=&tag=&per_page=")) == ["one"]

    def test_a_search_for_too_much_says_so(self, alice, new_task):
        for number in range(12):
            new_task(title=f"report{number:02}")
        said = "Too many matches for “report”. Showing tasks with the first 11 words; type more letters."
        assert said in alice.read("/tasks?q=report")
        assert said not in alice.read("/tasks?q=report0")

    def test_nothing_matches(self, alice, new_task):
        new_task()
        assert "No tasks match these filters." in alice.read("/tasks?tag=nobody")

    def test_no_tasks_at_all(self, alice):
        assert "Create the first task" in alice.read("/tasks")

    def test_an_id_leads_to_its_task(self, client, new_task):
        task = new_task()
        answer = client.get(f"/tasks?q={str(task.id).upper()}")
        assert (answer.status_code, answer.location) == (303, f"/tasks/{task.id}")

    @pytest.mark.parametrize("pasted", ["{end}", " {END} ", "{id}-3", "http://host/app/tasks/{id}?attempt=1"])
    def test_so_do_what_pages_and_logs_show_of_it(self, client, new_task, pasted):
        task = new_task()
        shown = {"end": id_end(task.id), "END": id_end(task.id).upper(), "id": str(task.id)}
        answer = client.get("/tasks", query_string={"q": pasted.format(**shown)})
        assert (answer.status_code, answer.location) == (303, f"/tasks/{task.id}")

    def test_every_id_of_the_list_is_found(self, alice, client, thirty):
        shown = re.findall(r"<code>([0-9a-f]{8})</code>", alice.open("/tasks?per_page=50"))
        assert len(shown) == 30
        assert {client.get(f"/tasks?q={piece}").status_code for piece in shown} == {303}

    @pytest.mark.parametrize("q", ["a", "!", "a b", "-"])
    def test_a_short_search_is_said_below_its_box(self, alice, new_task, q):
        new_task(title="one")
        html = alice.open(f"/tasks?status=queued&q={q}")
        assert "Type at least 2 letters, or paste a task ID." in text_of(html)
        assert f'name="q" value="{q}"' in html and titles(html) == ["one"]
        assert not re.search(r'(href|action|hx-get)="[^"]*[?;&]q=', html)


class TestSorts:
    def test_arrows_turn_around(self, alice, new_task):
        new_task()
        html = alice.open("/tasks")
        assert 'aria-sort="descending"' in html
        assert 'href="/tasks?order=asc"' in html
        assert 'href="/tasks?sort=finished"' in html

    def test_oldest_first(self, alice, thirty):
        assert titles(alice.open("/tasks?order=asc"))[0] == "task 0"

    def test_by_finish_only_what_has_finished(self, alice, services, new_task):
        new_task(title="waits")
        succeed(services, new_task(title="done"))
        assert titles(alice.open("/tasks?sort=finished")) == ["done"]

    def test_a_choice_for_small_screens(self, alice, services, new_task):
        new_task(title="waits"), succeed(services, new_task(title="done"))
        html = alice.open("/tasks?order=finished-asc&q=count")
        assert titles(html) == ["done"]
        assert '<option value="finished-asc" selected>Finished (oldest first)</option>' in html
        assert 'href="/tasks?status=failed&amp;q=count&amp;sort=finished&amp;order=asc"' in html

    def test_what_has_not_finished_is_not_sorted_by_it(self, alice, new_task):
        new_task()
        html = alice.open("/tasks?status=queued")
        assert "sort=finished" not in html and "finished-asc" not in html
        assert "These tasks haven't finished" in alice.read("/tasks?status=queued&sort=finished")


class TestTabs:
    def test_counts_come_after_the_rows(self, alice, services, new_task):
        new_task()
        fail(services, new_task())
        html = alice.open("/tasks?priority=medium")
        assert re.search(
            r'hx-get="/tasks/counts\?priority=medium&amp;before=[0-9a-f-]+" hx-trigger="load, every 10s,',
            html,
        )
        tabs = alice.read("/tasks/counts?priority=medium&status=failed")
        assert "All 2 Waiting 1 Scheduled 0 Running 0 Succeeded 0 Failed 1 Canceled 0" in tabs

    def test_sorted_by_the_end_they_lead_to_what_they_count(self, alice, services, new_task):
        new_task()
        fail(services, new_task())
        html = alice.open("/tasks/counts?sort=finished")
        assert "All 1 Waiting 1 Scheduled 0 Running 0 Succeeded 0 Failed 1 Canceled 0" in text_of(html)
        assert 'href="/tasks?status=queued"' in html
        assert 'href="/tasks?status=failed&amp;sort=finished"' in html

    def test_the_present_one(self, alice):
        assert 'href="/tasks?status=failed" aria-current="page"' in alice.open("/tasks?status=failed")


class TestRows:
    def test_progress_and_error(self, alice, services, new_task):
        running = claim(services, new_task())
        services.tasks.report_progress(running, {"done": 1, "total": 4, "message": ""})
        fail(services, new_task(), "The disk is full.")
        html = alice.open("/tasks")
        assert 'max="100" value="25.0"' in html
        assert "The disk is full." in html

    def test_only_what_lives_is_asked_again(self, alice, services, new_task):
        live, done = new_task(), succeed(services, new_task())
        html = alice.open("/tasks")
        assert f'hx-get="/tasks/rows?ids={live.id}" hx-trigger="every' in html
        claimed = claim(services, live)
        html = alice.open(f"/tasks/rows?ids={live.id}")
        assert (
            f'<hx-partial hx-target="#task-{live.id}" hx-swap="outerMorph"><tr id="task-{live.id}" ' in html
        )
        assert str(done.id) not in html
        services.tasks.succeed(claimed, {})
        assert "hx-get" not in alice.open(f"/tasks/rows?ids={live.id}")

    def test_a_list_where_nothing_lives_asks_nothing(self, alice, services, new_task):
        succeed(services, new_task())
        assert "/tasks/rows" not in alice.open("/tasks")

    def test_a_deleted_task_is_asked_for_no_more(self, alice, services, new_task):
        task = new_task()
        services.db.tasks.delete_one({"_id": task.id})
        assert "hx-get" not in alice.open(f"/tasks/rows?ids={task.id}")

    def test_all_that_lives_is_asked_again_and_no_address_grows_too_long(self, alice, services, new_task):
        made = {str(new_task().id) for _ in range(LIVE_ROWS + 5)}
        polls = re.findall(r'hx-get="(/tasks/rows[^"]*)"', alice.open("/tasks?per_page=200"))
        asked = [poll.partition("ids=")[2].split(".") for poll in polls]
        assert [len(ids) for ids in asked] == [LIVE_ROWS, 5]
        assert {each for ids in asked for each in ids} == made
        assert max(map(len, polls)) < 4_000
        assert alice.open(polls[1]).count("hx-get=") == 1
