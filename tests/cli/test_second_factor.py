"""`flask users`: requiring a second factor, and resetting somebody who has lost theirs."""

from __future__ import annotations

import pytest

from app import create_app
from app.core.people.roles import Role
from app.core.sign_in.factors import Factors
from tests.core.sign_in.phone import set_up


@pytest.fixture
def flask(settings, services):
    runner = create_app(settings, services).test_cli_runner()
    return lambda *words: runner.invoke(args=["users", *words])


@pytest.fixture
def ann(services):
    return services.people.users.add("ann", Role.SUBMITTER)


def test_one_is_required_and_no_longer(flask, services, ann):
    services.people.sessions.begin(ann.id, ["password"])
    assert flask("require-second-factor", "ann").exit_code == 0
    assert services.people.users.get(ann.id).second_factor_required
    assert services.people.sessions.of_user(ann.id) == []
    assert "second factor required" in flask("list").stdout
    assert flask("require-second-factor", "ann", "--off").exit_code == 0
    assert not services.people.users.get(ann.id).second_factor_required
    changes = services.db.audit.find({"event": "user.change", "via": "command"}).sort("_id")
    assert [entry["after"] for entry in changes] == [
        {"second_factor_required": True},
        {"second_factor_required": False},
    ]


def test_nobody_is_refused(flask):
    ran = flask("require-second-factor", "nobody")
    assert (ran.exit_code, ran.stdout) == (2, "")


def test_a_reset_removes_the_app(flask, services, ann):
    second_factors = Factors.of(services.db, services.settings).second_factors
    set_up(second_factors, ann)
    assert flask("reset", "ann").exit_code == 0
    assert not second_factors.active(ann.id)
