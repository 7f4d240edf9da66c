"""The web process starts when the stores are away, and takes them up when they are there."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from flask_pymongo.wrappers import MongoClient
from pymongo.errors import ServerSelectionTimeoutError

from app import create_app
from app.core import clock
from app.core import mongo as database
from app.core.errors import Unavailable
from app.core.queue import connection
from app.core.schema import indexes
from app.core.store_errors import advice
from app.web.platform.stores import Readiness
from config import load

CLOSED = {
    "ENVIRONMENT": "local",
    "SECRET_KEY": "tests-only",
    "SECRETS_KEY": "tests-only too",
    "MONGODB_URI": "mongodb://127.0.0.1:1",
    "MONGODB_TIMEOUT_MS": "100",
    "REDIS_URL": "redis://127.0.0.1:1/0",
}


def test_it_starts_without_stores_and_says_so(monkeypatch):
    monkeypatch.setattr("pymongo.common.MIN_HEARTBEAT_INTERVAL", 0.05)  # what pymongo waits at least: 0.5 s
    app = create_app(load(CLOSED))
    services = app.extensions["services"]
    assert isinstance(services.db.client, MongoClient)
    assert services.db.name == "taskqueue"
    client = app.test_client()
    started = time.monotonic()
    for address in ("/", "/tasks", "/tasks/new"):
        answer = client.get(address)
        assert answer.status_code == 503
        assert "The database (MongoDB) did not answer" in answer.text
        assert '<p class="advice">' in answer.text
        assert answer.headers["Retry-After"]
    problem = client.get("/tasks", headers={"Accept": "application/json"})
    assert set(problem.json) == {"type", "title", "status", "detail", "request_id"}
    assert time.monotonic() - started < 20  # pymongo's own limit is 30 s for each
    assert client.get("/healthz").status_code == 200
    services.db.client.close()


def test_a_page_without_redis_says_what_to_do_about_it(client, services, monkeypatch):
    monkeypatch.setattr(services.queues, "redis", connection.connect("redis://127.0.0.1:1/0", 200))
    monkeypatch.setattr(advice, "running_servers", lambda folder: {})
    answer = client.get("/")
    assert answer.status_code == 200
    assert "The queue (Redis) does not answer." in answer.text
    assert "<code>python -m app.local servers</code>" in answer.text


def test_a_database_that_went_away_later_is_said_with_what_to_do(client, services, monkeypatch):
    def away(*given, **more):
        raise ServerSelectionTimeoutError("nobody")

    monkeypatch.setattr(services.listing, "page", away)
    answer = client.get("/tasks")
    assert answer.status_code == 503
    assert '<p class="advice">' in answer.text


def test_ready_once_and_again_after_a_failure(services, monkeypatch):
    made: list[object] = []
    answers = [False, True, True]
    monkeypatch.setattr(database, "answers", lambda _: answers.pop(0))
    monkeypatch.setattr(indexes, "create_indexes", made.append)
    monkeypatch.setattr(clock, "synchronise", lambda _: None)
    readiness = Readiness(services.db)
    with pytest.raises(Unavailable):
        readiness.ensure()
    readiness.ensure()
    readiness.ensure()
    assert made == [services.db]
    assert answers == [True]


def test_settings_that_are_wrong_are_told_and_nothing_starts():
    env = {"WEB_BIND": "nowhere", "SECRET_KEY": "weak"}
    ran = subprocess.run(
        [sys.executable, "-c", "import wsgi"], env=env, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    assert "WEB_BIND: use a host and a port" in ran.stderr
    assert "SECRET_KEY: use 32 or" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert "weak" not in ran.stderr
