"""`make up` and the format of its database: it migrates by itself on one's own machine, and nowhere else."""

from __future__ import annotations

import dataclasses
from contextlib import contextmanager

import pytest

from app.core.mongo import Mongo
from app.core.schema import version
from app.local import readiness
from app.local.children import ChildError
from config import Settings
from tests.core.migrations.conftest import contents, old

__all__ = ["old"]


@pytest.fixture(autouse=True)
def over_these_services(services, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def given(settings: Settings):
        yield services

    monkeypatch.setattr(readiness, "_services", given)


def test_it_says_what_it_does_and_does_it(old: Mongo, settings: Settings) -> None:
    said: list[str] = []
    readiness.migrate(settings, said.append)
    assert version.read(old) == version.CURRENT
    assert "tasks 19, files.files 3" in said[0] and "local: administrator" in said[1]


def test_a_current_database_needs_no_word(services, settings: Settings) -> None:
    readiness.migrate(settings, pytest.fail)


def test_production_waits_for_the_command(old: Mongo, settings: Settings) -> None:
    before = contents(old)
    with pytest.raises(ChildError, match="flask migrate"):
        readiness.migrate(dataclasses.replace(settings, environment="production"), pytest.fail)
    assert contents(old) == before


def test_a_newer_database_is_refused(services, settings: Settings) -> None:
    version.write(services.db, version.CURRENT + 1)
    with pytest.raises(ChildError, match="newer version"):
        readiness.migrate(settings, pytest.fail)
