"""`flask users`: who may sign in, without a page."""

from __future__ import annotations

import pytest

from app import create_app
from app.cli import users
from app.core.people.links import Purpose
from app.core.people.roles import Role
from app.core.services import assemble
from config import load
from tests.signing_in import signed_in

SECRET = "abcdefghijklmnopqrstuvwxyz0123456789"


@pytest.fixture
def flask(settings, services):
    runner = create_app(settings, services).test_cli_runner()
    return lambda *words: runner.invoke(args=["users", *words])


def link_in(services, ran):
    """The link whose address a command printed, alone, on standard output."""
    assert ran.exit_code == 0, ran.output
    address, token = ran.stdout.strip().rsplit("/", 1)
    assert address.endswith("/sign-in/link")
    return services.people.links.find(token)


def test_a_user_is_added_with_a_link_for_a_password(flask, services):
    link = link_in(services, flask("add", "alice", "--role", "operator", "--group", "ops", "--group", "dev"))
    user = services.people.users.by_name("alice")
    assert (user.role, user.groups, user.password_hash) == (Role.OPERATOR, ("dev", "ops"), None)
    assert (link.purpose, link.user) == (Purpose.PASSWORD, user.id)
    assert services.db.audit.count_documents({"event": "user.add", "via": "command"}) == 1


@pytest.mark.parametrize(
    "words",
    [("add", "alice", "--role", "viewer"), ("add", "<b>", "--role", "viewer"), ("disable", "nobody"),
     ("reset", "nobody"), ("link", "nobody")],
)  # fmt: skip
def test_what_cannot_be_done_is_said_with_exit_code_2(flask, services, words):
    services.people.users.add("alice", Role.VIEWER)
    ran = flask(*words)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert ran.stderr


def test_disabling_ends_sessions_and_enabling_lets_in_again(settings, services, flask):
    client = signed_in(create_app(settings, services).test_client(), services, Role.VIEWER, "alice")
    assert flask("disable", "alice").exit_code == 0
    assert client.get("/").status_code == 303
    assert flask("link", "alice").exit_code == 2
    assert flask("enable", "alice").exit_code == 0
    assert link_in(services, flask("link", "alice")).purpose is Purpose.LOCAL


def test_the_last_administrator_stays(flask, services):
    services.people.users.add("root", Role.ADMINISTRATOR)
    assert flask("disable", "root").exit_code == 2
    assert flask("role", "root", "viewer").exit_code == 2
    assert services.people.users.by_name("root").role is Role.ADMINISTRATOR


def test_role_groups_reset_and_list(flask, services):
    services.people.users.add("alice", Role.VIEWER, password_hash="a hash")
    assert flask("role", "alice", "submitter").exit_code == 0
    assert flask("groups", "alice", "ops").exit_code == 0
    assert "alice  submitter  ops     password" in flask("list").stdout
    assert link_in(services, flask("reset", "alice")).purpose is Purpose.PASSWORD
    assert "no password" in flask("list").stdout


def test_without_a_name_the_local_person_has_a_link(flask, services):
    ran = flask("link")
    assert ran.stdout.startswith("http://127.0.0.1:8000/sign-in/link/")
    assert link_in(services, ran).user == services.people.users.local().id


def test_in_production_it_is_for_the_first_administrator_and_only_once_there_is_none(services):
    settings = load({"SECRET_KEY": SECRET, "SECRETS_KEY": SECRET[::-1], "WEB_HOSTS": "tasks.example"})
    core = assemble(settings, services.db, services.queues.redis)
    runner = create_app(settings, core).test_cli_runner()
    ran = runner.invoke(args=["users", "link"])
    assert ran.stdout.startswith("https://tasks.example/sign-in/link/")
    assert link_in(services, ran).purpose is Purpose.BOOTSTRAP
    services.people.users.add("root", Role.ADMINISTRATOR)
    assert runner.invoke(args=["users", "link"]).exit_code == 2


def test_a_link_leads_to_the_server_that_runs_below_its_prefix(services, monkeypatch):
    settings = load({"ENVIRONMENT": "local", "SECRET_KEY": "tests-only", "WEB_PREFIX": "/queue"})
    monkeypatch.delenv("WEB_BIND", raising=False)
    monkeypatch.setattr(users, "running_servers", lambda folder: {"WEB_BIND": "127.0.0.1:8455"})
    core = assemble(settings, services.db, services.queues.redis)
    runner = create_app(settings, core).test_cli_runner()
    ran = runner.invoke(args=["users", "link"])
    assert ran.stdout.startswith("http://127.0.0.1:8455/queue/sign-in/link/")
    monkeypatch.setenv("WEB_BIND", "127.0.0.1:9000")
    assert runner.invoke(args=["users", "link"]).stdout.startswith("http://127.0.0.1:9000/queue/")
