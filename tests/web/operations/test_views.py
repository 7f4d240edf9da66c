"""The pages of workers, queues and types: what they say, what they link to, what operators do there."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from app.core.catalog import ModuleProblem, WorkerState
from app.core.people.roles import Role
from app.core.tasks.states import Priority
from tests.web.create.creating import publish
from tests.web.looking import Looker, aged, claim, fail, succeed, text_of, worker


def press(looker: Looker, address: str, page: str, **values: str):
    looker.open(page)
    return looker.client.post(address, data={"csrf_token": looker._token, **values})


class TestWorkers:
    def test_one_says_what_it_is_and_what_it_runs(self, alice, services, new_task):
        publish(services)
        task = claim(services, new_task(title="Count to 7"), "vm.1234")
        worker(services, "vm.1234", processed=1234, memory_mb=87)
        html = alice.open("/workers")
        assert f'<a href="/tasks/{task.id}">Count to 7</a> · <time ' in html
        page = text_of(html)
        for said in ("vm.1234", "Process 1 on host", "version 0.1.0", "87 MB", "1,234", "1 task type"):
            assert said in page
        assert 'hx-get="/workers/live"' in alice.open("/workers/live")

    def test_a_module_that_failed_is_named_with_its_error(self, alice, services):
        worker(services, state=WorkerState.CANNOT_LOAD, problems=(ModuleProblem("lab.tasks", "No numpy."),))
        page = alice.read("/workers")
        assert "lab.tasks could not be loaded: No numpy." in page and "Cannot load its task types" in page

    def test_a_task_of_another_is_a_task(self, signed_in_as, services, new_task):
        publish(services)
        task = claim(services, new_task(title="Salaries", owner="ann", private=True))
        worker(services)
        html = Looker(signed_in_as(Role.VIEWER)).open("/workers")
        assert "a task" in text_of(html)
        assert "Salaries" not in html and str(task.id) not in html

    def test_nobody_online_is_said(self, alice):
        assert "No workers online." in alice.read("/workers")

    def test_an_operator_stops_one_after_its_task(self, alice, services):
        worker(services)
        answer = press(alice, "/workers/worker-1/stop", "/workers")
        assert (answer.status_code, answer.headers["Location"]) == (303, "/workers")
        page = alice.read("/workers")
        assert "Stops after its task. Asked by local" in page and "Stop after this task" not in page
        assert press(alice, "/workers/worker-1/stop", "/queues").status_code == 409

    def test_a_viewer_has_no_button_and_may_not(self, signed_in_as, services):
        worker(services)
        viewer = Looker(signed_in_as(Role.VIEWER))
        assert "Stop after this task" not in viewer.open("/workers")
        assert press(viewer, "/workers/worker-1/stop", "/workers").status_code == 403
        assert not services.catalog.asked_to_stop("worker-1")


class TestQueues:
    def test_counts_are_links_and_an_unserved_queue_is_red(self, app, alice, new_task, services):
        new_task(priority="high")
        html = alice.open("/queues")
        assert '<a href="/tasks?status=queued&amp;priority=high">1</a>' in html
        assert html.count('<span class="wrong" data-unserved>') == 3
        worker(services)
        app.extensions["live"].forget()
        assert "data-unserved" not in alice.open("/queues")

    def test_paused_it_is_said_wherever_its_tasks_are(self, alice, new_task, services):
        publish(services)
        worker(services)
        task = new_task(priority="high")
        done = press(alice, "/queues/pause", "/queues", priority="high", why="Disk is full")
        assert done.status_code == 303
        said = "The queue is paused by local: Disk is full"
        assert "Paused by local" in alice.read("/queues") and "Disk is full" in alice.read("/queues")
        form = re.search(r'href="(/tasks/new/\w+)"', alice.open("/tasks/new"))
        for address in ("/", f"/tasks/{task.id}", form[1]):
            assert said in alice.read(address), address
        assert said not in alice.read(f"/tasks/{new_task(priority='low').id}")

        press(alice, "/queues/resume", "/queues", priority="high")
        assert services.pauses.read().queues == {} and said not in alice.read(f"/tasks/{task.id}")

    @pytest.mark.parametrize(
        ("address", "values", "status"),
        [
            ("/queues/pause", {"priority": "urgent"}, 422),
            ("/queues/pause", {"priority": "high", "why": "x" * 201}, 422),
            ("/queues/resume", {"priority": "high"}, 409),
        ],
    )
    def test_what_cannot_be_done_is_said(self, alice, services, address, values, status):
        assert press(alice, address, "/queues", **values).status_code == status
        assert services.pauses.read().queues == {}

    def test_a_reason_is_text(self, alice, services):
        services.pauses.pause(Priority.LOW, "", "<b>bold</b>")
        assert "&lt;b&gt;bold&lt;/b&gt;" in alice.open("/queues")

    def test_types_that_nobody_serves_are_named_with_what_waits(self, alice, new_task, services):
        publish(services)
        name = services.catalog.types()[0].name
        services.db.workers.delete_many({})
        new_task(type=name)
        html = alice.open("/queues")
        assert f'href="/tasks?type={name}&amp;status=queued">1 waiting</a>' in html

    def test_a_viewer_may_not(self, signed_in_as, services):
        viewer = Looker(signed_in_as(Role.VIEWER))
        assert "Pause queue" not in viewer.open("/queues")
        assert press(viewer, "/queues/pause", "/workers", priority="low").status_code == 403
        assert services.pauses.read().queues == {}


class TestPausedTypes:
    def test_it_is_said_wherever_its_tasks_are_and_ends_there(self, alice, new_task, services):
        publish(services)
        worker(services)
        name = services.catalog.types()[0].name
        task, page = new_task(type=name), f"/types/{name}"
        assert press(alice, f"{page}/pause", page, why="Broken <b>").status_code == 303
        said = "This task type is paused by local: Broken <b>"
        for address in (page, f"/tasks/{task.id}", f"/tasks/new/{name}"):
            assert said in alice.read(address), address
        assert "Paused" in alice.read("/types") and "Pause type" not in alice.read(page)
        assert press(alice, f"{page}/pause", page).status_code == 409
        assert press(alice, f"{page}/resume", page).status_code == 303
        assert said not in alice.read(f"/tasks/{task.id}") and "Pause type" in alice.read(page)
        assert press(alice, f"{page}/resume", page).status_code == 409

    def test_what_cannot_be_done_is_said(self, alice, services):
        publish(services)
        name = services.catalog.types()[0].name
        assert press(alice, "/types/nothing/pause", f"/types/{name}").status_code == 404
        assert press(alice, f"/types/{name}/pause", f"/types/{name}", why="x" * 201).status_code == 422
        assert services.pauses.read().types == {}

    def test_a_viewer_may_not(self, signed_in_as, services):
        publish(services)
        name = services.catalog.types()[0].name
        viewer = Looker(signed_in_as(Role.VIEWER))
        assert "Pause type" not in viewer.open(f"/types/{name}")
        assert press(viewer, f"/types/{name}/pause", "/workers").status_code == 403


class TestTypes:
    @pytest.fixture
    def runs(self, services, new_task):
        publish(services)
        name = services.catalog.types()[0].name
        for _ in range(3):
            task = succeed(services, new_task(type=name))
            started = task.finished_at - timedelta(seconds=40)
            services.db.tasks.update_one({"_id": task.id}, {"$set": {"started_at": started}})
        fail(services, new_task(type=name))
        aged(services, fail(services, new_task(type=name)), timedelta(days=3), "finished_at")
        return name

    def test_runs_failure_rate_and_durations(self, alice, runs):
        html = alice.open("/types")
        for status, count in (("succeeded", 3), ("failed", 1)):
            link = re.search(rf'href="(/tasks\?[^"]*status={status}[^"]*)">{count}</a>', html)
            rows = alice.open(link[1].replace("&amp;", "&"))
            assert rows.count('<tr id="task-') == count
        assert "25 %" in text_of(html) and "40 s" in text_of(html)
        assert "40 %" in alice.read("/types?period=7d")

    def test_a_type_says_what_it_is_and_takes(self, alice, runs, services):
        page = alice.read(f"/types/{runs}")
        kind = services.catalog.get(runs)
        for said in (kind.title, runs, "Median", "40 s", "JSON Schema", *(each.name for each in kind.fields)):
            assert said in page

    def test_a_type_without_a_worker_is_red(self, alice, runs, services):
        services.db.workers.delete_many({})
        assert "No running worker supports this type" in alice.read("/types")
        assert "data-unserved" in alice.open(f"/types/{runs}")

    def test_what_one_may_not_see_is_not_counted(self, signed_in_as, services, new_task):
        publish(services)
        name = services.catalog.types()[0].name
        succeed(services, new_task(type=name, owner="ann", private=True))
        assert "No runs in this period" in Looker(signed_in_as(Role.VIEWER)).read("/types")

    def test_when_too_many_ended_the_figures_say_since_when(self, alice, runs, monkeypatch):
        monkeypatch.setattr("app.core.listing.stats.RUNS_READ", 2)
        page = alice.read("/types")
        assert "the figures cover those since" in page

    def test_what_is_not_there_is_said(self, alice):
        assert "There is no task type “nothing”" in alice.read("/types/nothing", 404)
        assert "Use one of these for “period”" in alice.read("/types?period=1y", 400)


def test_every_page_leads_there(alice, services):
    html = alice.open("/")
    for address in ("/workers", "/queues", "/types"):
        assert f'class="bar-link" href="{address}"' in html
        assert 'aria-current="page">' in alice.open(address)
