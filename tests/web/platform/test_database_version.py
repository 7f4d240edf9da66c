"""Pages of a database that has another format: none, until it is migrated or the program installed."""

from __future__ import annotations

import pytest

from app import create_app
from app.core import mongo as database
from app.core.schema import version
from app.web.platform import stores
from tests.core.migrations.conftest import old_task


class AtOnce:
    """A thread that runs where it is started."""

    def __init__(self, target, **given):
        self.start = target


@pytest.fixture
def served(settings, services, monkeypatch):
    """The application as it is served: it makes its database ready itself."""
    monkeypatch.setattr(stores, "connect", lambda app, settings: services)
    monkeypatch.setattr(database, "answers", lambda db: True)
    return create_app(settings).test_client()


@pytest.mark.parametrize(("found", "said"), [(0, "flask migrate"), (version.CURRENT + 1, "newer version")])
def test_no_page_is_served_over_another_format(served, services, found, said):
    services.db.tasks.insert_one(old_task())
    version.write(services.db, found)
    for address in ("/", "/tasks", "/tasks/new"):
        answer = served.get(address)
        assert (answer.status_code, said in answer.text) == (503, True)
    assert served.get("/healthz").status_code == 200

    version.write(services.db, version.CURRENT)
    assert served.get("/tasks").status_code == 303, "to sign in"


def test_the_log_of_a_server_that_starts_says_so(served, services, monkeypatch, caplog):
    monkeypatch.setattr(
        stores.threading, "Thread", lambda target, **given: type("T", (), {"start": staticmethod(target)})
    )
    version.write(services.db, version.CURRENT + 1)
    stores.announce(served.application)
    assert "newer version" in caplog.text


def test_a_page_shows_names_and_asks_for_them_once(client, services, new_task, monkeypatch):
    alice = services.people.users.add("Alice", services.people.users.local().role)
    task = new_task(owner=alice.id)
    asked = []
    real = type(services.people.users).names
    monkeypatch.setattr(
        type(services.people.users), "names", lambda self, ids: asked.append(1) or real(self, ids)
    )
    page = client.get(f"/tasks/{task.id}").text
    assert f">{alice.id}<" not in page and ">Alice<" in page
    assert len(asked) == 1
