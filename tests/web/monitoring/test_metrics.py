"""Every metric moves when what it counts happens, and who may read them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pymongo.errors import AutoReconnect
from redis.exceptions import ConnectionError as RedisAway

from app.core.catalog import WorkerInfo
from app.core.clock import utcnow
from app.core.people.roles import Permission, Role
from app.core.services import Services
from app.core.statistics import metrics
from app.core.statistics.metrics import METRICS, Kind
from app.core.tasks.states import Priority
from app.web.platform.pulse import Live
from config import load
from tests.core.conftest import an_error
from tests.signing_in import user_of
from tests.web.create.creating import publish
from tests.web.looking import aged, claim, fail, succeed
from tests.web.monitoring.scraping import scrape, value
from workers.maintenance import Maintenance

NewTask = Callable[..., Any]
Act = Callable[[Services, NewTask], Any]


def _lost(services: Services, new_task: NewTask) -> None:
    services.dispatch.lost(claim(services, new_task()), "The worker is gone.")


def _crashed(services: Services, new_task: NewTask) -> None:
    services.dispatch.crashed(claim(services, new_task(max_attempts=3)), "It was killed.")


def _retried(services: Services, new_task: NewTask) -> None:
    services.dispatch.retry(fail(services, new_task()).id)


def _many_retried(services: Services, new_task: NewTask) -> None:
    services.tasks.retry_many([fail(services, new_task()) for _ in range(2)])


def _maintained(services: Services, new_task: NewTask) -> None:
    """A hint that was lost is found by the sweep."""
    keeper, task = Maintenance(services, "w1"), new_task()
    keeper.round()
    services.queues.remove([task])
    keeper._done.clear()
    keeper.round()


def _counted_live(services: Services, new_task: NewTask) -> None:
    new_task(priority="low"), new_task(type="unpublished")
    services.live_tasks.count()


def _online(services: Services, **given: Any) -> None:
    info = WorkerInfo("w1", "host", 1, "0.1.0", utcnow(), utcnow(), types=("count_slowly",), memory_mb=100)
    services.catalog.report(replace(info, **given))


def _paused(services: Services, new_task: NewTask) -> None:
    services.pauses.pause(Priority.LOW, "", "Repairs")


def _aged(services: Services, new_task: NewTask) -> None:
    aged(services, new_task(priority="high"), timedelta(minutes=5), "queued_at")


MOVES: list[tuple[metrics.Metric, dict[str, str], float, Act]] = [
    (metrics.TASKS, {"status": "queued", "type": "clean_table", "priority": "low"}, 0, _counted_live),
    (metrics.TASKS, {"status": "queued", "type": "other", "priority": "medium"}, 1, _counted_live),
    (metrics.QUEUE_DEPTH, {"priority": "high"}, 1, lambda core, new: new(priority="high")),
    (metrics.QUEUE_RUNNING, {"priority": "low"}, 1, lambda core, new: claim(core, new(priority="low"))),
    (metrics.OLDEST_WAIT, {"priority": "high"}, 300, _aged),
    (metrics.QUEUE_PAUSED, {"priority": "low"}, 1, _paused),
    (metrics.WORKERS, {"state": "ready"}, 1, lambda core, new: _online(core)),
    (metrics.WORKERS_BUSY, {}, 1, lambda core, new: _online(core, task=str(claim(core, new()).id))),
    (metrics.WORKERS_MEMORY, {}, 100 * 2**20, lambda core, new: _online(core)),
    (metrics.TYPES, {"served": "false"}, 1, lambda core, new: core.db.workers.delete_many({})),
    (metrics.CREATED, {"type": "count_slowly", "priority": "low"}, 1, lambda core, new: new(priority="low")),
    (metrics.ENDED, {"status": "succeeded", "type": "count_slowly", "priority": "medium"}, 1,
     lambda core, new: succeed(core, new())),
    (metrics.ENDED, {"status": "failed", "type": "count_slowly", "priority": "medium"}, 1,
     lambda core, new: fail(core, new())),
    (metrics.CANCELED_WAITING, {}, 1, lambda core, new: core.dispatch.cancel(new().id, "bob")),
    (metrics.CANCELED_WAITING, {}, 2, lambda core, new: core.tasks.cancel_many([new().id, new().id], "bob")),
    (metrics.ATTEMPTS, {"outcome": "succeeded"}, 1, lambda core, new: succeed(core, new())),
    (metrics.ATTEMPTS, {"outcome": "crash"}, 1, _crashed),
    (metrics.ATTEMPTS, {"outcome": "worker_lost"}, 1, _lost),
    (metrics.ATTEMPTS, {"outcome": "handed_back"}, 1,
     lambda core, new: core.dispatch.release(claim(core, new()), "It stops.")),
    (metrics.RETRIES, {"by": "worker"}, 1,
     lambda core, new: core.dispatch.failed(claim(core, new(max_attempts=2)), an_error())),
    (metrics.RETRIES, {"by": "person"}, 1, _retried),
    (metrics.RETRIES, {"by": "person"}, 2, _many_retried),
    (metrics.MAINTENANCE, {"repair": "sweep"}, 2, _maintained),
    (metrics.REPAIRED, {"repair": "sweep"}, 1, _maintained),
    (metrics.QUEUE_TIME, {"priority": "medium"}, 1, lambda core, new: claim(core, new())),
    (metrics.DURATION, {"type": "count_slowly"}, 1, lambda core, new: succeed(core, new())),
]  # fmt: skip
"""What happens, and by how much that raises which series. Below are those that need more."""

OTHERS = {metrics.STORE, metrics.REDIS_UP, metrics.SAMPLED_AT, metrics.BUILD}


def _told(metric: metrics.Metric) -> str:
    return f"{metric.name}_count" if metric.kind is Kind.HISTOGRAM else metric.name


@pytest.mark.parametrize(("metric", "labels", "by", "act"), MOVES)
def test_it_moves(client, services, new_task, app, metric, labels, by, act):
    publish(services)
    before = value(scrape(client), _told(metric), **labels) or 0
    act(services, new_task)
    app.extensions["live"] = Live(services)  # Pages share for a moment what was read.
    after = value(scrape(client), _told(metric), **labels)
    if metric is metrics.TASKS and labels["type"] == "clean_table":
        assert after == 0, "a published type without tasks is told, so that it is seen to rise"
    else:
        assert after is not None and after - before == pytest.approx(by, abs=1)
        assert after > before


def test_there_is_a_test_for_every_metric():
    assert {metric for metric, *_ in MOVES} | OTHERS == {*METRICS}


def test_what_else_is_told(client, services, monkeypatch):
    found = scrape(client)
    assert value(found, metrics.REDIS_UP.name) == 1 and value(found, metrics.SAMPLED_AT.name) is None
    assert value(found, metrics.BUILD.name, version="0.1.0") == 1
    services.minutes.look()
    found = scrape(client)
    assert value(found, metrics.SAMPLED_AT.name) == pytest.approx(utcnow().timestamp(), abs=11)
    for store in ("mongodb", "redis"):
        assert value(found, f"{metrics.STORE.name}_count", store=store, process="web") >= 1


def test_without_redis_the_rest_is_told(client, services, new_task, app, monkeypatch):
    def away(*args, **given):
        raise RedisAway

    new_task(priority="high")
    app.extensions["live"] = Live(services)
    monkeypatch.setattr(services.meter._redis, "hgetall", away)
    monkeypatch.setattr(services.meter._redis, "pipeline", away)
    monkeypatch.setattr(services.queues.redis, "pipeline", away)
    found = scrape(client)
    assert value(found, metrics.REDIS_UP.name) == 0
    assert value(found, metrics.QUEUE_DEPTH.name, priority="high") == 1
    assert value(found, metrics.ATTEMPTS.name, outcome="succeeded") is None


def test_without_mongodb_it_says_so(client, services, app, monkeypatch):
    def away(*args, **given):
        raise AutoReconnect("away")

    app.extensions["live"] = Live(services)
    monkeypatch.setattr(services.stats, "queues", away)
    answer = client.get("/metrics")
    assert (answer.status_code, answer.content_type) == (503, "application/problem+json")


def test_what_a_web_process_counts_is_handed_on(client, services, new_task):
    new_task()
    client.get("/tasks")
    assert not services.meter.waiting
    figures = services.meter.read()
    assert figures and figures.counters[metrics.CREATED.name]["count_slowly", "medium"] == 1


def test_the_text_is_what_was_asked_for(client):
    openmetrics = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert openmetrics.content_type.startswith("application/openmetrics-text")
    assert openmetrics.text.endswith("# EOF\n")
    assert client.get("/metrics").content_type.startswith("text/plain")


def token_of(services: Services, role: Role, *chosen: Permission) -> dict[str, str]:
    people = services.people
    owner = people.users.person(user_of(services, role, f"{role.value}-prometheus"))
    _, token = people.tokens.create(owner, "Prometheus", timedelta(days=1), chosen or None)
    return {"Authorization": f"Bearer {token}"}


def test_a_token_with_this_permission_alone_reads_them_and_nothing_else(app, services):
    client = app.test_client(use_cookies=False)
    given = token_of(services, Role.OPERATOR, Permission.METRICS_READ)
    assert scrape(client, headers=given)
    assert client.get("/tasks", headers=given).status_code == 403


@pytest.mark.parametrize("role", [Role.VIEWER, Role.SUBMITTER])
def test_others_are_refused(app, services, role):
    answer = app.test_client(use_cookies=False).get("/metrics", headers=token_of(services, role))
    assert (answer.status_code, answer.content_type) == (403, "application/problem+json")


def test_nobody_is_told_nothing(anonymous):
    answer = anonymous.get("/metrics")
    assert answer.status_code == 401 and answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        ("127.0.0.7", {}, 200),
        ("::ffff:127.0.0.7", {}, 200),
        ("127.0.1.7", {}, 401),
        ("127.0.1.7", {"X-Forwarded-For": "127.0.0.7"}, 401),
        ("127.0.0.7", {"X-Forwarded-For": "127.0.0.8"}, 401),
        ("127.0.0.7", {"Via": "1.1 proxy"}, 401),
        ("", {}, 401),
    ],
)
def test_an_allowed_address_asks_directly(anonymous, app, services, peer, headers, status):
    (network,) = load({"ENVIRONMENT": "local", "METRICS_ADDRESSES": "127.0.0.0/24"}).metrics_addresses
    app.extensions["services"] = replace(
        services, settings=replace(services.settings, metrics_addresses=(network,))
    )
    answer = anonymous.get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": peer})
    assert answer.status_code == status
    assert anonymous.get("/tasks", environ_base={"REMOTE_ADDR": peer}).status_code == 303
