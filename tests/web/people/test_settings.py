"""The page of settings: values in force, secrets hidden, providers listed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.core.people.roles import Role
from app.core.services import Services
from app.core.single_sign_on.providers import Provider
from config import HIDDEN, SECRET_NAMES, Settings, describe, in_force, load
from tests.web.looking import text_of

SECRETS = {name: f"secret-of-{name}-0123456789-0123456789" for name in SECRET_NAMES}
GIVEN = {
    **SECRETS,
    "MONGODB_URI": "mongodb://secret-of-mongodb@db/x",
    "REDIS_URL": "redis://:secret-of-redis@db/0",
    "WEB_HOSTS": "a.example,b.example",
    "SIGN_IN_RATE": "5/2h",
    "SUBMITS_PER_MINUTE": "viewer=1 operator=2",
}


@pytest.mark.parametrize("role", list(Role))
def test_operators_and_administrators_see_settings(
    signed_in_as: Callable[..., FlaskClient], role: Role
) -> None:
    status = signed_in_as(role).get("/settings").status_code
    assert status == (200 if role in (Role.OPERATOR, Role.ADMINISTRATOR) else 403)


def test_the_page_shows_no_secret(app: Flask, client: FlaskClient, services: Services) -> None:
    app.extensions["services"] = replace(services, settings=load(GIVEN))
    page = client.get("/settings").text
    assert "secret-of" not in page and page.count(HIDDEN) == len(SECRET_NAMES)
    text = text_of(page)
    assert "a.example b.example" in text and "5/2h" in text and "viewer=1 operator=2" in text


@pytest.mark.parametrize("given", [{}, {**GIVEN, "WEB_HOSTS": "a.example b.example"}])
def test_it_is_what_the_command_shows(given: dict[str, str]) -> None:
    environment = {"ENVIRONMENT": "local", **given}
    shown = {row.name: row.value for row in in_force(load(environment), {})}
    for row in describe(environment):
        assert shown[row.name] in (row.value, row.value.replace(",", " ")), row.name


def test_sources_are_said_where_they_are_known() -> None:
    rows = {row.name: row.source for row in in_force(load(GIVEN), {"WEB_HOSTS": ".env"})}
    assert (rows["WEB_HOSTS"], rows["SIGN_IN_RATE"], rows["WEB_THREADS"]) == (
        ".env",
        "environment",
        "default",
    )


def test_providers_are_listed_without_their_secret(
    app: Flask, client: FlaskClient, settings: Settings, monkeypatch: Any
) -> None:
    assert "There are none. People sign in with a password or a link." in client.get("/settings").text
    company = Provider(
        "company", "Company", "https://id.example", "queue", "secret-of-it", ("openid",), "name", "groups",
        {"*": Role.VIEWER, "ops": Role.OPERATOR},
    )  # fmt: skip
    providers = SimpleNamespace(providers={"company": company})
    monkeypatch.setitem(app.extensions, "single_sign_on", providers)
    page = client.get("/settings").text
    assert "secret-of-it" not in page
    assert "Company company https://id.example queue everybody: Viewer, ops: Operator" in text_of(page)
