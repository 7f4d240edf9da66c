"""What to do when a store does not answer depends on where the program runs and on what runs beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.store_errors import advice as store_advice
from app.core.store_errors.advice import CHECK, RESTART, START, START_ELSEWHERE, START_THAT, WAIT, advice
from app.local.__main__ import write_env
from app.local.folder import locked
from config import Settings, load

STORES = ["MONGODB_URI", "REDIS_URL"]
STRONG = "Zk3-9vXq_71hTsw0LrCePbYu5nDgJa2mQ8oF"
ELSEWHERE = {
    "MONGODB_URI": "mongodb://user:hunter2@127.0.0.1:40001/x?directConnection=true",
    "REDIS_URL": "redis://:hunter2@127.0.0.1:40002/0",
}


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[dict[str, str]]:
    """`make up` runs in the folder, at ports that are not the usual ones."""
    with locked(tmp_path / ".dtq"):
        write_env(tmp_path / ".dtq", {"ENVIRONMENT": "local", **ELSEWHERE})
        yield ELSEWHERE


def local(**env: str) -> Settings:
    return load({"ENVIRONMENT": "local", **env})


@pytest.mark.parametrize("setting", STORES)
def test_with_no_server_it_is_how_to_start_one(setting: str, tmp_path: Path) -> None:
    assert advice(setting, local(), {}, tmp_path) == START
    assert START.count(".") == START.count("app.local") + 1  # one sentence


@pytest.mark.parametrize("setting", STORES)
def test_in_production_it_names_the_setting(setting: str, tmp_path: Path, servers: dict[str, str]) -> None:
    said = advice(
        setting, load({"SECRET_KEY": STRONG, "SECRETS_KEY": STRONG.swapcase(), **ELSEWHERE}), {}, tmp_path
    )

    assert said.startswith(CHECK[:10])
    assert f"`{setting}`" in said
    assert "hunter2" not in said and "make up" not in said


@pytest.mark.parametrize("setting", STORES)
def test_an_address_that_was_given_is_named(setting: str, tmp_path: Path) -> None:
    said = advice(setting, local(**ELSEWHERE), {}, tmp_path)

    assert said.startswith(START_THAT[:6]) and f"`{setting}`" in said
    assert "hunter2" not in said


@pytest.mark.parametrize("setting", STORES)
def test_servers_that_were_found_and_have_stopped_are_started_again(setting: str, tmp_path: Path) -> None:
    assert advice(setting, local(**ELSEWHERE), dict.fromkeys(STORES, "make up"), tmp_path) == START


@pytest.mark.parametrize("setting", STORES)
def test_servers_that_were_started_afterwards_are_found_by_a_restart(
    setting: str, tmp_path: Path, servers: dict[str, str]
) -> None:
    assert advice(setting, local(), {}, tmp_path) == RESTART


@pytest.mark.parametrize("setting", STORES)
def test_servers_that_are_about_to_start_are_waited_for(
    setting: str, tmp_path: Path, servers: dict[str, str]
) -> None:
    assert advice(setting, local(**servers), {}, tmp_path)[:20] == WAIT[:20]


def test_where_make_up_does_not_run_it_is_not_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_advice, "instead_of", lambda program: "WSL")
    assert advice("REDIS_URL", local(), {}, tmp_path) == START_ELSEWHERE
