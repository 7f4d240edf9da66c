"""Running servers of `make up`: found by every local program of the checkout, and by no other."""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from app.local.__main__ import write_env
from app.local.folder import locked
from config import SettingsError, load
from environment import effective, is_locked, running_servers

STRONG = "Zk3-9vXq_71hTsw0LrCePbYu5nDgJa2mQ8oF"
RUNNING = {
    "ENVIRONMENT": "local",
    "MONGODB_URI": "mongodb://127.0.0.1:40001/taskqueue?directConnection=true",
    "REDIS_URL": "redis://127.0.0.1:40002/0",
    "SECRET_KEY": "of-the-running-servers",
    "SECRETS_KEY": "of-them-as-well",
    "WEB_BIND": "127.0.0.1:8000",
    "WORKER_STATE_DIR": "/somewhere/state",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / ".dtq"


@pytest.fixture
def make_up(folder: Path) -> Iterator[Path]:
    """`make up` runs in this checkout, as other processes see it."""
    with locked(folder):
        write_env(folder, RUNNING)
        yield folder


@pytest.mark.parametrize("env", [{}, {"FLASK_ENV": "development"}, {"ENVIRONMENT": "local"}])
def test_running_servers_are_found(env: dict[str, str], make_up: Path) -> None:
    found = effective(env, make_up.parent)
    settings = load(found.values)

    assert settings.local
    assert (settings.mongodb_uri, settings.redis_url) == (RUNNING["MONGODB_URI"], RUNNING["REDIS_URL"])
    assert settings.secret_key == RUNNING["SECRET_KEY"]
    assert settings.worker_state_dir == RUNNING["WORKER_STATE_DIR"]
    assert found.sources["REDIS_URL"] == "make up"
    assert len(found.note.splitlines()) == 1


def test_the_place_of_their_own_web_server_is_not_taken(make_up: Path) -> None:
    assert "WEB_BIND" not in effective({"ENVIRONMENT": "local"}, make_up.parent).values


@pytest.mark.parametrize(
    "env",
    [
        {"ENVIRONMENT": "production"},
        {"ENVIRONMENT": "staging", "FLASK_ENV": "development"},
        {"SECRET_KEY": STRONG},
        {"SECRETS_KEY": STRONG},
        {"MONGODB_URI": "mongodb://db.example/tasks"},
        {"REDIS_URL": "redis://cache.example"},
        {"WEB_BIND": "0.0.0.0:8000"},
        {"WEB_HOSTS": "tasks.example"},
    ],
)
def test_a_production_process_does_not_see_them(env: dict[str, str], make_up: Path) -> None:
    assert effective(env, make_up.parent).values == env


def test_what_is_given_is_kept(make_up: Path) -> None:
    env = {
        "ENVIRONMENT": "local",
        "MONGODB_URI": "mongodb://db.example/x",
        "SECRET_KEY": "my own",
        "SECRETS_KEY": "mine",
    }
    found = effective(env, make_up.parent)

    assert {name: found.values[name] for name in env} == env
    assert found.values["REDIS_URL"] == RUNNING["REDIS_URL"]
    both = {**env, "REDIS_URL": "redis://cache.example"}
    assert effective(both, make_up.parent).values == both
    assert effective(both, make_up.parent).note == ""


def test_servers_that_stopped_are_not_used(folder: Path) -> None:
    with locked(folder):
        write_env(folder, RUNNING)
    found = effective({"ENVIRONMENT": "local"}, folder.parent)

    assert "MONGODB_URI" not in found.values
    assert found.note == ""
    assert effective({}, folder.parent).values == {}


def test_what_an_earlier_start_wrote_is_not_used(folder: Path) -> None:
    with locked(folder):
        write_env(folder, RUNNING)
    with locked(folder):
        assert running_servers(folder) == {}


def test_servers_of_another_folder_are_not_used(make_up: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    assert "MONGODB_URI" not in effective({"ENVIRONMENT": "local"}, tmp_path / "elsewhere").values


def test_servers_that_do_not_run_as_local_are_not_used(folder: Path) -> None:
    with locked(folder):
        write_env(folder, {**RUNNING, "ENVIRONMENT": "staging"})
        assert running_servers(folder) == {}


def test_a_look_at_the_lock_keeps_nobody_from_starting(folder: Path) -> None:
    with locked(folder):
        assert is_locked(folder)
    with (folder / "lock").open() as looked_at:
        fcntl.flock(looked_at, fcntl.LOCK_SH)  # as a look does, here for longer
        release = threading.Timer(0.05, fcntl.flock, (looked_at, fcntl.LOCK_UN))
        release.start()
        with locked(folder):
            release.join()
    assert not is_locked(folder)
    with locked(folder):
        pass


@examples(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    values=st.fixed_dictionaries(
        {name: st.text(st.characters(codec="utf-8"), min_size=1) for name in RUNNING}
    )
)
def test_whatever_servers_write_is_read(values: dict[str, str], tmp_path: Path) -> None:
    written = {**values, "ENVIRONMENT": "local"}
    with locked(tmp_path):
        write_env(tmp_path, written)
        assert running_servers(tmp_path) == written


# What always holds

NAMES = (
    "ENVIRONMENT",
    "MONGODB_URI",
    "REDIS_URL",
    "SECRET_KEY",
    "SECRETS_KEY",
    "FLASK_ENV",
    "FLASK_DEBUG",
    "WEB_HOSTS",
)
WORDS = st.sampled_from(["", "local", "production", "development", "1", "0", "x" * 40])


@examples(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    env=st.dictionaries(st.sampled_from(NAMES), WORDS),
    file=st.dictionaries(st.sampled_from(NAMES), WORDS),
    running=st.booleans(),
)
def test_nothing_that_is_given_changes_and_production_gets_nothing(
    env: dict[str, str], file: dict[str, str], running: bool, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in file.items()))
    with locked(tmp_path / ".dtq"):
        if running:
            write_env(tmp_path / ".dtq", RUNNING)
        try:
            found = effective(env, tmp_path)
        except SettingsError:
            return
    told = {**file, **env}
    given = {name: value for name, value in told.items() if value}

    assert {name: found.values[name] for name in given} == given
    if found.values.get("ENVIRONMENT") != "local":
        assert found.values == told
    elif "ENVIRONMENT" not in given:
        assert "WEB_HOSTS" not in given
        assert {"FLASK_ENV", "FLASK_DEBUG"} & set(given) or (
            running and not {"SECRET_KEY", "SECRETS_KEY"} & set(given)
        )
