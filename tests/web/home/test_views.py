"""Home: queues, workers, outcomes, failures, and what it says when there is nothing or nobody."""

from __future__ import annotations

from datetime import timedelta

import pytest
from redis.exceptions import ConnectionError as RedisAway

from app.core.catalog import ModuleProblem, WorkerInfo, WorkerState
from app.core.clock import utcnow
from app.core.listing.waits import Line
from app.core.tasks.states import Status
from app.web.platform.pulse import Pulse
from tests.web.create.creating import publish
from tests.web.looking import aged, claim, fail, succeed, text_of, worker


def test_nothing_and_nobody(alice):
    page = alice.read("/")
    assert "No tasks yet" in page
    assert "No workers online. Tasks won't run until you start one." in page
    assert "python -m workers" in page


def test_lanes_count_and_link(alice, new_task, services):
    worker(services)
    new_task(priority="high")
    new_task(priority="high")
    claim(services, new_task(priority="low"))
    html = alice.open("/")
    assert '<a href="/tasks?status=queued&amp;priority=high">2</a>' in html
    assert '<a href="/tasks?status=running&amp;priority=low">1</a>' in html
    assert "No worker is running" not in html


def test_what_waits_too_long_is_said_in_words(alice, new_task, services):
    worker(services)
    aged(services, new_task(), timedelta(minutes=7), "queued_at")
    html = alice.open("/")
    assert "7 min (over 5 min target)" in text_of(html)
    assert '<b>1</b> waiting<span class="pulse-detail">, oldest 7 min</span>' in html


def test_a_worker_links_to_what_it_runs(alice, new_task, services):
    task = claim(services, new_task())
    worker(services, task=str(task.id), processed=1234)
    html = alice.open("/")
    assert f'Running <a href="/tasks/{task.id}"><b>{task.title}</b></a> · <time ' in html
    assert "1,234 done" in html


def test_outcomes_of_the_last_hour_only(alice, new_task, services):
    succeed(services, new_task())
    aged(services, succeed(services, new_task()), timedelta(hours=2), "finished_at")
    assert "1 Succeeded 0 Failed 0 Canceled" in alice.read("/")


def test_failures_are_grouped_and_the_window_is_chosen(alice, new_task, services):
    for _ in range(2):
        fail(services, new_task(), "The disk is full.")
    aged(services, fail(services, new_task(), "Long ago."), timedelta(days=3), "finished_at")
    day, week = alice.read("/"), alice.read("/?failures=7d")
    assert "2 failed The disk is full." in day
    assert "Long ago." not in day
    assert "1 failed Long ago." in week
    assert "status=failed&amp;type=count_slowly" in alice.open("/")


def test_the_region_keeps_its_window(alice, new_task):
    new_task()
    assert 'hx-get="/home/live?failures=7d"' in alice.open("/home/live?failures=7d")


class TestPulse:
    def test_redis_away_is_said_on_every_page(self, alice, new_task, services, monkeypatch):
        task = new_task()
        monkeypatch.setattr(services.queues.redis, "pipeline", _away)
        for address in ("/", "/tasks", f"/tasks/{task.id}", "/pulse"):
            assert "The queue (Redis) does not answer." in alice.read(address)

    def test_a_redis_that_hangs_is_waited_for_once(self, alice, new_task, services, monkeypatch):
        asked = []
        task = new_task()

        def hangs(*args, **kwargs):
            asked.append(1)
            _away()

        monkeypatch.setattr(services.queues.redis, "pipeline", hangs)
        alice.open("/")
        alice.open(f"/tasks/{task.id}")
        assert len(asked) == 1

    def test_many_pages_read_once(self, alice, services, monkeypatch):
        read = []
        queues = services.stats.queues

        def counted():
            read.append(1)
            return queues()

        monkeypatch.setattr(services.stats, "queues", counted)
        for _ in range(5):
            alice.open("/pulse")
        assert len(read) == 1

    def test_no_worker_is_wrong(self, alice, services):
        assert "no worker" in alice.read("/pulse")


class TestHealth:
    def test_alive_without_stores(self, app, alice, monkeypatch):
        monkeypatch.delitem(app.extensions, "services")
        assert alice.open("/healthz") == "ok\n"

    def test_ready(self, client, services, monkeypatch):
        monkeypatch.setattr("app.core.mongo.answers", lambda _: True)
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json) == (200, {"mongodb": "ok", "redis": "ok"})

    def test_redis_away_still_accepts_tasks(self, client, services, monkeypatch):
        monkeypatch.setattr("app.core.mongo.answers", lambda _: True)
        monkeypatch.setattr(services.queues.redis, "pipeline", _away)
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json["redis"]) == (200, "away")

    def test_mongodb_away_does_not(self, client, monkeypatch):
        monkeypatch.setattr("app.core.mongo.answers", lambda _: False)
        assert client.get("/readyz").status_code == 503

    @pytest.mark.parametrize("version", [0, 99, "damaged"])
    def test_a_database_of_another_version_is_not_ready(self, client, services, monkeypatch, version):
        monkeypatch.setattr("app.core.mongo.answers", lambda _: True)
        services.db.meta.replace_one({"_id": "schema"}, {"version": version}, upsert=True)
        answer = client.get("/readyz")
        assert answer.status_code == 503 and answer.json["mongodb"] == "refuses"
        assert answer.json["causes"]["mongodb"]["code"] == "other_format"


def _away(*args, **kwargs):
    raise RedisAway("away")


@pytest.mark.parametrize("status", list(Status))
def test_every_status_has_its_word_on_the_newest_tasks(alice, new_task, services, status):
    task = new_task()
    services.db.tasks.update_one({"_id": task.id}, {"$set": {"status": status.value}})
    assert f'<span class="status status-{status.value}">{status.label}</span>' in alice.open("/")


class TestModules:
    """A module of task types that a worker could not load is said where people miss its types."""

    @pytest.fixture
    def broken(self, services):
        problem = ModuleProblem(
            "tests.web.create.kinds", "tests.web.create.kinds cannot be imported: ZeroDivisionError."
        )
        now = utcnow()
        services.catalog.report(
            WorkerInfo("w1", "host", 1, "0.1.0", now, now, state=WorkerState.CANNOT_LOAD, problems=(problem,))
        )
        return problem

    def test_on_home_create_and_the_waiting_task(self, alice, broken, new_task, services):
        task = new_task()
        publish(services, task.type, module="tests.web.create.kinds.below")
        for address in ("/", "/tasks/new", f"/tasks/new/{task.type}", f"/tasks/{task.id}"):
            assert "data-module-problems" in alice.open(address), address
            assert broken.sentence in alice.read(address)

    def test_a_type_of_another_module_says_nothing_of_it(self, alice, broken, new_task, services):
        task = new_task()
        publish(services, task.type, module="tests.web.kindship")
        for address in (f"/tasks/new/{task.type}", f"/tasks/{task.id}"):
            assert "data-module-problems" not in alice.open(address), address

    @pytest.mark.parametrize("state", list(WorkerState))
    def test_a_worker_counts_as_free_only_when_it_is_ready(self, alice, new_task, services, state):
        new_task()
        now = utcnow()
        services.catalog.report(WorkerInfo("w1", "host", 1, "0.1.0", now, now, state=state, loading="slow"))
        page = alice.open("/")
        assert f'data-state="{state.value}"' in page
        assert ('data-state="ready"' in page) is (state is WorkerState.READY)

    @pytest.mark.parametrize("state", list(WorkerState))
    def test_a_start_is_estimated_from_ready_workers_only(self, services, state):
        now = utcnow()
        worker = WorkerInfo("w1", "host", 1, "0.1.0", now, now, types=("count",), state=state)
        pulse = Pulse([], [worker], True, Line())
        assert pulse.starts_in_s(1, "another") is None
        assert (pulse.starts_in_s(1, "count") is not None) is (state is WorkerState.READY)


def test_a_title_that_begins_with_its_type_is_not_followed_by_it(alice, services, new_task):
    publish(services)
    kind = services.catalog.types()[0]
    new_task(type=kind.name, title=f"{kind.title}: airports.csv")
    assert text_of(alice.open("/tasks")).count(f"{kind.title}: airports.csv {kind.title}") == 0
    new_task(type=kind.name, title="Airports")
    assert f"Airports {kind.title}" in alice.read("/tasks")
