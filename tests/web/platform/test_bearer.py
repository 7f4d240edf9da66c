"""Programs that send a token: who they act as, what is refused, and that cookies do not count then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import fakeredis
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.core import clock
from app.core.people.api_tokens import PREFIX, ApiToken, _checksum
from app.core.people.audit import Event
from app.core.people.person import Origin
from app.core.people.random_tokens import new_token
from app.core.people.roles import Permission, Role
from app.core.people.users import User
from app.core.services import Services
from app.core.sign_in.administration import COMMAND
from app.core.tasks.task import Task
from setting_values import Rate
from tests.signing_in import signed_in, user_of
from tests.web.create.creating import Browser, Sent, only, publish, upload

DAY = timedelta(days=1)
UNKNOWN = PREFIX + "x" * 43 + _checksum("x" * 43)
Made = tuple[ApiToken, str]


@pytest.fixture
def alice(services: Services) -> User:
    return user_of(services, Role.SUBMITTER, "alice")


@pytest.fixture
def make(services: Services, alice: User) -> Callable[..., Made]:
    def create(
        permissions: list[Permission] | None = None, types: list[str] | None = None, user: User = alice
    ) -> Made:
        owner = services.people.users.person(user)
        return services.programs.create_token(owner, "import", DAY, permissions, types, Origin())

    return create


def wrong_token() -> str:
    text = new_token()
    return PREFIX + text + _checksum(text)


def ask(
    client: FlaskClient, token: str, path: str = "/tasks", method: str = "GET", **given: Any
) -> TestResponse:
    headers = {"Authorization": f"Bearer {token}", **given.pop("headers", {})}
    return client.open(path, method=method, headers=headers, **given)


def require_refused(answer: TestResponse) -> None:
    assert answer.status_code == 401
    assert answer.mimetype == "application/problem+json"
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json is not None and answer.json["title"] == "Token refused"


def test_a_token_acts_for_its_owner_without_a_form_token(
    anonymous: FlaskClient,
    services: Services,
    alice: User,
    make: Callable[..., Made],
    new_task: Callable[..., Task],
) -> None:
    token, text = make()
    task = new_task(owner=alice.id)
    assert ask(anonymous, text).status_code == 200
    assert ask(anonymous, text, f"/tasks/{task.id}/cancel", "POST").status_code == 303
    assert services.tasks.get(task.id).status.value == "canceled"
    used = services.people.tokens.of_user(alice.id)[0]
    assert used.id == token.id and used.used_at is not None and used.used_from == "127.0.0.1"
    entry = services.db.audit.find_one({"event": Event.TASK_CANCEL.value})
    assert entry is not None and (entry["who"], entry["via"]) == (alice.id, "token")


def test_it_has_no_more_than_its_permissions(
    anonymous: FlaskClient,
    services: Services,
    alice: User,
    make: Callable[..., Made],
    new_task: Callable[..., Task],
) -> None:
    task = new_task(owner=alice.id)
    _, text = make([Permission.TASK_READ])
    assert ask(anonymous, text, f"/tasks/{task.id}").status_code == 200
    answer = ask(anonymous, text, f"/tasks/{task.id}/cancel", "POST")
    assert answer.status_code == 403 and answer.mimetype == "application/problem+json"
    assert services.tasks.get(task.id).status.value == "queued"


def test_it_creates_tasks_of_its_types_only(
    anonymous: FlaskClient, services: Services, make: Callable[..., Made]
) -> None:
    publish(services)
    name = services.catalog.types()[0].name
    _, others = make(types=["another"])
    _, text = make(types=[name])
    assert ask(anonymous, others, f"/tasks/new/{name}").status_code == 403
    assert ask(anonymous, text, f"/tasks/new/{name}").status_code == 200


@pytest.mark.parametrize("path", ["/profile", "/profile/tokens", "/users", "/users/tokens"])
def test_no_token_manages_profiles_or_users(
    anonymous: FlaskClient, services: Services, make: Callable[..., Made], path: str
) -> None:
    _, text = make(user=user_of(services))
    assert ask(anonymous, text, path).status_code == 403


@pytest.mark.parametrize("end", ["revoked", "expired", "disabled", "reset", "owner gone"])
def test_a_token_that_is_over_is_refused(
    anonymous: FlaskClient,
    services: Services,
    alice: User,
    make: Callable[..., Made],
    monkeypatch: Any,
    end: str,
) -> None:
    token, text = make()
    user_of(services)
    if end == "revoked":
        services.programs.revoke_token(token.id, COMMAND, Origin())
    elif end == "expired":
        later = clock.utcnow() + 2 * DAY
        monkeypatch.setattr("app.core.people.api_tokens.utcnow", lambda: later)
    elif end == "disabled":
        services.administration.disable(alice, COMMAND, Origin())
        services.administration.enable(alice, COMMAND, Origin())
    elif end == "reset":
        services.administration.reset(alice, COMMAND, Origin())
    else:
        services.people.users.remove_new(alice.id)
    require_refused(ask(anonymous, text))


def test_the_token_of_a_disabled_owner_is_refused_while_it_lasts(
    anonymous: FlaskClient, services: Services, alice: User, make: Callable[..., Made]
) -> None:
    _, text = make()
    user_of(services)
    services.people.users.disable(alice.id)
    require_refused(ask(anonymous, text))


@pytest.mark.parametrize("text", ["", "x", "dtq_x", UNKNOWN, "Bearer", "dtq_" + "ä" * 49])
def test_a_wrong_token_is_refused(anonymous: FlaskClient, text: str) -> None:
    require_refused(anonymous.get("/tasks", headers={"Authorization": f"Bearer {text}"}))


def test_the_name_of_the_scheme_is_of_any_case(anonymous: FlaskClient, make: Callable[..., Made]) -> None:
    _, text = make()
    assert anonymous.get("/tasks", headers={"Authorization": f"bEARER {text}"}).status_code == 200


def test_a_token_elsewhere_counts_for_nothing(anonymous: FlaskClient, make: Callable[..., Made]) -> None:
    _, text = make()
    anonymous.set_cookie("Authorization", f"Bearer {text}")
    for path in (f"/tasks?token={text}", f"/tasks?access_token={text}", "/tasks"):
        assert anonymous.get(path).status_code in (303, 400)
    assert anonymous.get("/tasks", headers={"Authorization": f"Basic {text}"}).status_code == 303
    assert anonymous.post("/tasks/new/x", data={"access_token": text}).status_code == 401


def test_a_session_does_not_count_beside_a_token(
    client: FlaskClient, services: Services, make: Callable[..., Made]
) -> None:
    _, text = make([Permission.TASK_READ])
    assert client.get("/users").status_code == 200
    assert ask(client, text, "/users").status_code == 403
    require_refused(ask(client, "dtq_x", "/users"))


def test_a_wrong_token_beside_a_session_is_no_way_past_the_token_of_forms(client: FlaskClient) -> None:
    for path, status in (("/sign-in", 400), ("/sign-out", 401), ("/users", 401)):
        assert ask(client, "dtq_x", path, "POST").status_code == status


def test_wrong_tokens_are_counted_and_recorded_once(
    app: Flask, anonymous: FlaskClient, services: Services, make: Callable[..., Made]
) -> None:
    _, text = make()
    app.extensions["services"] = replace(services, programs=replace(services.programs, most=Rate(2, 3_600)))
    statuses = [ask(anonymous, wrong_token()).status_code for _ in range(4)]
    assert statuses == [401, 401, 429, 429]
    assert int(ask(anonymous, "x").headers["Retry-After"]) > 60
    assert ask(anonymous, text).status_code == 200
    entries = list(services.db.audit.find({"event": Event.SIGN_IN.value, "outcome": "failed"}))
    assert [(entry["reason"], entry["via"]) for entry in entries] == [("token", "token")]
    elsewhere = {"environ_base": {"REMOTE_ADDR": "127.0.0.2"}}
    assert ask(anonymous, wrong_token(), **elsewhere).status_code == 401


def test_without_redis_tokens_go_on_working(
    app: Flask, anonymous: FlaskClient, services: Services, make: Callable[..., Made]
) -> None:
    _, text = make()
    server = fakeredis.FakeServer()
    server.connected = False
    rates = replace(services.programs.rates, redis=lambda: fakeredis.FakeRedis(server=server))
    app.extensions["services"] = replace(services, programs=replace(services.programs, rates=rates))
    assert ask(anonymous, text).status_code == 200
    require_refused(ask(anonymous, wrong_token()))
    assert services.db.audit.count_documents({"event": Event.SIGN_IN.value}) == 0


def test_a_public_page_asks_nothing_of_a_token(anonymous: FlaskClient) -> None:
    assert ask(anonymous, "dtq_x", "/healthz").status_code == 200
    assert ask(anonymous, "dtq_x", "/sign-in").status_code == 200


def test_programs_are_told_of_the_scheme_where_nobody_is_signed_in(anonymous: FlaskClient) -> None:
    answer = anonymous.get("/tasks", headers={"Accept": "application/json"})
    assert answer.status_code == 401 and answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_person_who_signs_in_still_needs_the_token_of_forms(app: Flask, services: Services) -> None:
    client = signed_in(app.test_client(), services)
    assert client.post("/profile/tokens", data={"name": "x", "life": "7"}).status_code == 400


def test_a_token_creates_a_task_by_the_form_of_its_type(
    anonymous: FlaskClient, services: Services, alice: User, make: Callable[..., Made]
) -> None:
    publish(services)
    _, token = make()
    headers = {"Authorization": f"Bearer {token}"}
    values = Sent(ask(anonymous, token, "/tasks/new/clean_table").text).values
    del values["csrf_token"]
    anonymous.delete_cookie(next(iter(anonymous._cookies.values())).key) if anonymous._cookies else None
    values["p-source"] = upload()
    values["p-note"] = "by a program"

    wrong = Browser(anonymous).send(values, headers=headers, p_rows="many")
    assert (wrong.status_code, wrong.mimetype) == (422, "application/problem+json")
    assert wrong.json is not None and "p-rows" in wrong.json["fields"]
    values["p-source"] = upload()
    answer = Browser(anonymous).send(values, headers=headers)
    assert answer.status_code == 303, answer.text
    assert (only(services).owner, only(services).params["note"]) == (alice.id, "by a program")


def test_what_a_token_may_not_do_is_not_said_of_its_owner(
    anonymous: FlaskClient, new_task: Callable[..., Task], alice: User, make: Callable[..., Made]
) -> None:
    _, token = make([Permission.TASK_READ])
    answer = ask(anonymous, token, f"/tasks/{new_task(owner=alice.id).id}/cancel", "POST")
    assert answer.status_code == 403 and answer.json is not None
    assert "This token doesn't have the permission task.cancel." in answer.json["detail"]
