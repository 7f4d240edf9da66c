"""The commands of `flask`."""

from __future__ import annotations

import pytest

from app import create_app
from app.core.services import Services
from config import Settings, describe


def test_flask_settings_prints_the_table_and_no_secret(
    settings: Settings, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "a-secret-that-nobody-may-see")
    monkeypatch.setenv("REDIS_URL", "redis://:hunter2@127.0.0.1:6379/0")
    shown = create_app(settings, services).test_cli_runner().invoke(args=["settings"])

    assert shown.exit_code == 0
    assert [line.split()[0] for line in shown.output.splitlines()] == [row.name for row in describe({})]
    assert "nobody-may-see" not in shown.output and "hunter2" not in shown.output
