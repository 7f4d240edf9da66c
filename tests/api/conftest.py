"""A program that asks the API with a token, over stores in memory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.core.people.roles import Role
from app.core.services import Services
from tests.signing_in import user_of
from tests.web.conftest import app, compiled_templates, one_app
from tests.web.create.creating import publish

__all__ = ["app", "compiled_templates", "one_app"]


class Program:
    """Sends requests to the API with the token of a user."""

    def __init__(self, app: Flask, services: Services, role: Role, name: str) -> None:
        self.user = user_of(services, role, name)
        people = services.people
        _, token = people.tokens.create(people.users.person(self.user), "CI", timedelta(days=1), None)
        self._client = app.test_client(use_cookies=False)
        self._token = {"Authorization": f"Bearer {token}"}

    def ask(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, **given: Any
    ) -> TestResponse:
        return self._client.open(
            f"/api/v1{path}", method=method, headers={**self._token, **(headers or {})}, **given
        )

    def get(self, path: str, status: int = 200, **given: Any) -> Any:
        answer = self.ask("GET", path, **given)
        assert answer.status_code == status, answer.text
        return answer.json

    def post(self, path: str, body: Any = None, status: int = 200, **given: Any) -> Any:
        sent = {} if body is None else {"json": body}
        answer = self.ask("POST", path, **sent, **given)
        assert answer.status_code == status, answer.text
        return answer.json


@pytest.fixture
def program_of(app: Flask, services: Services) -> Callable[..., Program]:
    """A program of a person with a role, and the one task type there is."""
    publish(services)
    return lambda role=Role.SUBMITTER, name="robot": Program(app, services, role, name)


@pytest.fixture
def program(program_of: Callable[..., Program]) -> Program:
    return program_of()
