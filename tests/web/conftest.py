"""The application over stores in memory, and somebody who looks at its pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import fakeredis
import mongomock
import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2.bccache import Bucket, BytecodeCache

from app import create_app
from app.core.people.roles import Role
from app.core.services import Services, assemble
from app.web.platform.pulse import Live
from config import load
from tests.browser.results import done
from tests.signing_in import signed_in
from tests.web.create.creating import Browser, publish
from tests.web.looking import Looker
from tests.web.tasks.choosing import Chooser


class CompiledTemplates(BytecodeCache):
    """Holds the code of templates, by name and source, for all applications of a process."""

    def __init__(self) -> None:
        self._code: dict[tuple[str, str], Any] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._code.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key, bucket.checksum] = bucket.code


COMPILED = CompiledTemplates()


@pytest.fixture(scope="session", autouse=True)
def compiled_templates() -> Iterator[None]:
    """Some tests make applications of their own; they share what is compiled of the templates."""
    kept: dict[str, Any] = dict(Flask.jinja_options)
    Flask.jinja_options = {**kept, "bytecode_cache": COMPILED}
    yield
    Flask.jinja_options = kept


@pytest.fixture(scope="session")
def one_app() -> Flask:
    """Made once; :func:`app` gives it other stores for each test."""
    settings = load({"ENVIRONMENT": "local", "SECRET_KEY": "tests-only", "SECRETS_KEY": "tests-only too"})
    db: Any = mongomock.MongoClient(tz_aware=True).get_database("none")
    return create_app(settings, assemble(settings, db, fakeredis.FakeRedis()))


@pytest.fixture
def app(one_app: Flask, services: Services) -> Flask:
    one_app.extensions.update(services=services, live=Live(services))
    return one_app


@pytest.fixture
def anonymous(app: Flask) -> FlaskClient:
    """Somebody who is not signed in."""
    return app.test_client()


@pytest.fixture
def client(app: Flask, services: Services) -> FlaskClient:
    """The administrator of a server on their own machine."""
    return signed_in(app.test_client(), services)


@pytest.fixture
def signed_in_as(app: Flask, services: Services) -> Callable[..., FlaskClient]:
    """A browser in which a person of a role, and of a name of their own, is signed in."""

    def sign_in(role: Role, name: str = "") -> FlaskClient:
        return signed_in(app.test_client(), services, role, name or role.value)

    return sign_in


@pytest.fixture
def browser(client: FlaskClient, services: Services) -> Browser:
    """Somebody who fills in the form of the one type there is."""
    publish(services)
    return Browser(client)


@pytest.fixture
def alice(client: FlaskClient) -> Looker:
    """Alice looks and presses buttons."""
    return Looker(client)


@pytest.fixture
def bob(client: FlaskClient) -> Chooser:
    """Bob chooses many tasks and acts on them."""
    return Chooser(client)


@pytest.fixture
def shown(alice: Looker, services: Services) -> Callable[..., str]:
    """The page of a task that succeeded with this result, or a part of it."""

    def show(result: Any, kind: Any, query: str = "", status: int = 200) -> str:
        return alice.open(f"/tasks/{done(services, result, kind).id}{query}", status)

    return show
