"""Remembered paths: the same as Flask makes, below every prefix, and no more of them than allowed."""

from __future__ import annotations

import pytest
from bson import ObjectId
from flask import Blueprint, Flask, url_for

from app.http import addresses
from app.http.addresses import AddressedFlask

TASK = ObjectId("6b09d45370394a272a8cf961")
ASKED = [
    ("task", {"name": TASK}),
    ("task", {"name": str(TASK)}),
    ("task", {"name": 1}),
    ("task", {"name": True}),
    ("task", {"name": "a b/ü"}),
    ("task", {"name": "x", "page": 2}),
    ("task", {"name": "x", "page": None}),
    ("task", {"name": "x", "page": [1, 2]}),
    ("task", {"name": "x", "_anchor": "log"}),
    ("task", {"name": "x", "_external": True}),
    ("task", {"name": "x", "_scheme": "https", "_external": True}),
]


def made(kind: type[Flask]) -> Flask:
    app = kind("made")
    app.add_url_rule("/tasks/<name>", "task", lambda name: name)
    for name in ("one", "two"):
        room = Blueprint(name, name, url_prefix=f"/{name}")
        room.add_url_rule("/here", "here", lambda: url_for(".here"))
        app.register_blueprint(room)
    return app


@pytest.fixture
def app() -> Flask:
    return made(AddressedFlask)


@pytest.mark.parametrize("prefix", ["", "/queue"])
def test_paths_are_those_of_flask_the_first_time_and_again(app, prefix):
    plain = made(Flask)
    for base in (f"http://one.example{prefix}/", f"http://two.example/other{prefix}/"):
        with plain.test_request_context(base_url=base):
            expected = [plain.url_for(name, **values) for name, values in ASKED]
        with app.test_request_context(base_url=base):
            for _ in range(2):
                assert [app.url_for(name, **values) for name, values in ASKED] == expected


def test_a_relative_endpoint_is_that_of_its_room(app):
    client = app.test_client()
    asked = ("/one/here", "/two/here", "/one/here")
    assert [client.get(path).text for path in asked] == [*asked]


def test_a_path_is_made_once(app, monkeypatch):
    with app.test_request_context():
        app.url_for("task", name="x")
        monkeypatch.setattr(Flask, "url_for", lambda *_, **__: pytest.fail("made again"))
        assert app.url_for("task", name="x") == "/tasks/x"


def test_no_more_are_remembered_than_allowed(app, monkeypatch):
    monkeypatch.setattr(addresses, "MOST_REMEMBERED", 3)
    with app.test_request_context():
        for number in range(10):
            assert app.url_for("task", name=number) == f"/tasks/{number}"
            assert len(app._paths) <= 3
        app.url_for("task", name="x" * 400)
        assert all(len(path) <= addresses.LONGEST_REMEMBERED for path in app._paths.values())
