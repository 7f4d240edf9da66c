"""The page of one's own tokens: list, create, the text once, revoke."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.core.people.audit import Event
from app.core.people.person import Origin
from app.core.people.roles import Permission, Role
from app.core.services import Services
from tests.signing_in import token_of, user_of
from tests.web.create.creating import publish
from tests.web.looking import text_of

PAGE = "/profile/tokens"


def send(client: FlaskClient, path: str = PAGE, **data: Any) -> TestResponse:
    return client.post(path, data={"csrf_token": token_of(client.get(PAGE).text), **data})


def key_of(page: str) -> str:
    return re.findall(r'name="submission_key" value="([^"]{16,})"', page)[0]


@pytest.mark.parametrize("role", list(Role))
def test_everybody_has_tokens_of_their_own(
    signed_in_as: Callable[..., FlaskClient], services: Services, role: Role
) -> None:
    client = signed_in_as(role)
    assert "You have no tokens." in client.get(PAGE).text
    assert f'href="{PAGE}"' in client.get("/profile").text
    answer = send(client, name="nightly import", life="30")
    assert answer.status_code == 201 and answer.headers["Cache-Control"] == "no-store"
    (token,) = services.people.tokens.all()
    assert token.user == user_of(services, role, role.value).id
    assert token.expires_at - token.created_at == timedelta(days=30)
    assert token.permissions is None and token.types is None


def test_the_text_is_shown_once_and_stored_nowhere(client: FlaskClient, services: Services) -> None:
    answer = send(client, name="import", life="7")
    (text,) = set(re.findall(r"dtq_[A-Za-z0-9_-]{49}", answer.text))
    assert text not in client.get(PAGE).text and text not in client.get("/users/tokens").text
    stored = [str(list(services.db[name].find())) for name in services.db.list_collection_names()]
    assert stored and not any(text in documents for documents in stored)
    assert not any(text in value for _, value in answer.headers)
    assert services.people.tokens.find(text) is not None


def test_a_form_that_is_sent_again_creates_no_second_token(client: FlaskClient, services: Services) -> None:
    values = {"submission_key": key_of(client.get(PAGE).text), "name": "import", "life": "7"}
    assert send(client, **values).status_code == 201
    again = send(client, **values)
    assert again.status_code == 409 and "This form was already sent" in again.text
    assert len(services.people.tokens.all()) == 1
    assert send(client, **values | {"submission_key": key_of(again.text)}).status_code == 201


def test_a_token_may_have_some_permissions_and_types(
    signed_in_as: Callable[..., FlaskClient], services: Services
) -> None:
    publish(services)
    kind = services.catalog.types()[0].name
    client = signed_in_as(Role.SUBMITTER)
    chosen = ["task.read", "task.create"]
    answer = send(
        client, name="a", life="7", permissions="some", permission=chosen, types="some", type=[kind]
    )
    assert answer.status_code == 201
    (token,) = services.people.tokens.all()
    assert token.permissions == (Permission.TASK_CREATE, Permission.TASK_READ) and token.types == (kind,)
    page = text_of(client.get(PAGE).text)
    assert "Create tasks, View tasks" in page and f"task types: {kind}" in page
    entry = services.db.audit.find_one({"event": Event.TOKEN_CREATE.value})
    assert entry is not None and entry["target"] == token.id
    assert entry["after"]["permissions"] == ["task.create", "task.read"]


@pytest.mark.parametrize(
    ("field", "data"),
    [
        ("name", {"name": ""}),
        ("name", {"name": "x" * 81}),
        ("life", {"life": "0"}),
        ("life", {"life": "367"}),
        ("life", {"life": "soon"}),
        ("life", {"life": "²"}),
        ("permissions", {"permissions": "some"}),
        ("permissions", {"permissions": "some", "permission": "user.manage"}),
        ("permissions", {"permissions": "some", "permission": "task.delete.all"}),
        ("types", {"types": "some"}),
    ],
)
def test_a_wrong_form_is_shown_again(
    signed_in_as: Callable[..., FlaskClient], services: Services, field: str, data: dict[str, Any]
) -> None:
    client = signed_in_as(Role.SUBMITTER)
    answer = send(client, **{"name": "import", "life": "7", **data})
    assert answer.status_code == 422 and f'id="{field}-about"' in answer.text
    assert services.people.tokens.all() == []


def test_a_viewer_cannot_give_what_they_lack(
    signed_in_as: Callable[..., FlaskClient], services: Services
) -> None:
    client = signed_in_as(Role.VIEWER)
    assert 'value="task.create"' not in client.get(PAGE).text
    assert send(client, name="a", life="7", permissions="some", permission="task.create").status_code == 422
    assert services.people.tokens.all() == []


def test_one_revokes_ones_own_tokens_only(
    signed_in_as: Callable[..., FlaskClient], services: Services
) -> None:
    client = signed_in_as(Role.SUBMITTER)
    send(client, name="import", life="7")
    (own,) = services.people.tokens.all()
    bob = services.people.users.person(user_of(services, Role.OPERATOR, "bob"))
    other, _ = services.programs.create_token(bob, "x", timedelta(days=1), None, None, Origin())
    assert send(client, f"{PAGE}/revoke", token=other.id).status_code == 404
    assert send(client, f"{PAGE}/revoke", token=own.id).status_code == 303
    works = {token.id: token.works for token in services.people.tokens.all()}
    assert works == {own.id: False, other.id: True}
    assert "Revoked" in text_of(client.get(PAGE).text)
    assert services.db.audit.count_documents({"event": Event.TOKEN_REVOKE.value}) == 1
