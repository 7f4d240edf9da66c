"""Workers and a database that has another format: they end, and are not started again."""

from __future__ import annotations

import logging

import pytest
from pymongo.errors import AutoReconnect

from app.core.schema import version
from app.core.services import Services
from tests.core.migrations.conftest import old_task
from workers.supervisor import fleet as program


@pytest.mark.parametrize(("found", "said"), [(0, "flask migrate"), (version.CURRENT + 1, "newer version")])
def test_a_worker_ends_with_a_code_of_its_own(
    services: Services, found: int, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    services.db.tasks.insert_one(old_task())
    version.write(services.db, found)
    with caplog.at_level(logging.ERROR), pytest.raises(SystemExit) as ended:
        program.require_version(services)
    assert ended.value.code == program.UNSUPPORTED
    assert said in caplog.text


def test_a_database_that_is_away_is_waited_for(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def require(db: object) -> None:
        asked.append(db)
        if len(asked) < 3:
            raise AutoReconnect("away")

    monkeypatch.setattr(program.version, "require", require)
    monkeypatch.setattr(program.time, "sleep", lambda seconds: None)
    program.require_version(services)
    assert len(asked) == 3


class Ended:
    """A worker process that has ended, and counts how often it is told to."""

    def __init__(self, code: int | None) -> None:
        self.code, self.pid, self.told = code, id(self), 0

    def poll(self) -> int | None:
        return self.code

    def terminate(self) -> None:
        self.told += 1
        self.code = 0


def test_the_fleet_stops_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    started = [Ended(program.UNSUPPORTED), Ended(None)]
    left = iter(started)
    monkeypatch.setattr(program, "_start", lambda options, *given: next(left))
    monkeypatch.setattr(program, "adopt", lambda: False)
    monkeypatch.setattr(program.signal, "signal", lambda *given: None)
    monkeypatch.setattr(program.time, "sleep", lambda seconds: None)
    with pytest.raises(SystemExit) as ended:
        program.Fleet(2, reload=False, secrets={}).run()
    assert ended.value.code == program.UNSUPPORTED
    assert started[1].told == 1
