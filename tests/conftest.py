"""What every test may ask for: settings, and the core over stores in memory."""

from __future__ import annotations

import gc
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import fakeredis
import hypothesis
import mongomock
import pytest
from mongomock.collection import BulkOperationBuilder

from app.core import clock
from app.core.schema import indexes, version
from app.core.services import Services, assemble
from app.core.tasks.states import Priority
from app.core.tasks.task import NewTask, Task
from config import Settings, load
from tests import quick_connections, quick_mongomock, quick_routes
from tests.plugins.examples import examples

# A property holds or does not; how long an example takes says something of the machine.
hypothesis.settings.register_profile("untimed", deadline=None, max_examples=examples(100))
hypothesis.settings.load_profile("untimed")

# Otherwise every process rewrites the assertions of all tests anew, which takes half of the collection,
# and every program that a test starts compiles ours again.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

quick_connections.teach()
quick_mongomock.teach()
quick_routes.teach()

pytest_plugins = ["tests.plugins.chromium", "tests.plugins.noskip", "tests.plugins.order"]


def pytest_addoption(parser: pytest.Parser) -> None:
    about = (
        "MongoDB server of the real tests: a name as for bench, or NAME=PROGRAM; else as `make up` chooses"
    )
    parser.addoption("--mongo", default="auto", help=about)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Thousands of tests stay until the end: no need to search them for garbage again and again.

    A page makes thousands of objects, few of them in cycles: seldom is enough.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show why a test got a second try: what ended by chance today may be a defect."""
    for report in terminalreporter.stats.get("rerun", ()):
        terminalreporter.section(f"first try of {report.nodeid}")
        terminalreporter.write_line(report.longreprtext)


@pytest.fixture(scope="module", autouse=True)
def no_task_leaves_its_folder() -> Iterator[None]:
    """Who makes the context of an attempt closes it; those of programs that tests start are not seen here."""
    real, shared, made = tempfile.mkdtemp, tempfile.gettempdir(), []

    def remembered(*args: Any, **given: Any) -> str:
        folder = real(*args, **given)
        made.append(Path(folder))
        return folder

    tempfile.mkdtemp = remembered
    yield
    tempfile.mkdtemp = real
    assert [folder for folder in made if folder.match(f"{shared}/task-*") and folder.exists()] == []


@pytest.fixture
def settings() -> Settings:
    return load({"ENVIRONMENT": "local", "SECRET_KEY": "tests-only", "SECRETS_KEY": "tests-only too"})


@pytest.fixture(scope="session")
def indexed() -> Any:
    """A database with the indexes of the product and nothing else; :func:`services` copies them."""
    client: Any = mongomock.MongoClient(tz_aware=True)
    db = client.get_database("indexed")
    indexes.create_indexes(db)
    return db


@pytest.fixture
def services(settings: Settings, indexed: Any, monkeypatch: pytest.MonkeyPatch) -> Services:
    """The core on mongomock and fakeredis."""
    monkeypatch.setattr(BulkOperationBuilder, "add_update", _add_update)
    monkeypatch.setattr(clock, "synchronise", lambda db: timedelta(0))  # mongomock has no `hello`
    client: Any = mongomock.MongoClient(tz_aware=True)
    made = assemble(settings, client.get_database("tests"), fakeredis.FakeRedis())
    version.require_not_newer(made.db)  # An empty one gets the current version, as from `create_indexes`.
    quick_mongomock.copy_indexes(indexed, made.db)
    return made


_real_add_update = BulkOperationBuilder.add_update


def _add_update(self: Any, *args: Any, sort: None = None, **given: Any) -> Any:
    """pymongo 4.11 and newer name a sort, which mongomock 4.3 does not know."""
    return _real_add_update(self, *args, **given)


@pytest.fixture
def new_task(services: Services) -> Callable[..., Task]:
    """Submits a task and returns it as it is stored; any field of NewTask may be given."""

    def submit(**given: Any) -> Task:
        values: dict[str, Any] = {
            "type": "count_slowly",
            "params": {},
            "title": "Count",
            "owner": "alice",
            **given,
        }
        if isinstance(values.get("priority"), str):
            values["priority"] = Priority.from_word(values["priority"])
        submitted = services.dispatch.submit(NewTask(**values))
        return services.tasks.get(submitted.task.id)

    return submit
