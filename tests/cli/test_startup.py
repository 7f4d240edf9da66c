"""`flask` with FLASK_APP=app: `create_app()` takes its settings from the environment."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from pathlib import Path

import flask.cli
import pytest
from click.testing import CliRunner, Result

from app import create_app
from app.cli import settings as settings_module
from app.cli import startup
from app.core import failpoints
from app.core.services import Services
from app.local.__main__ import write_env
from app.local.folder import locked
from app.web.platform import stores
from config import SettingsError
from environment import effective

WRONG = {"FLASK_ENV": "development", "WEB_THREADS": "many"}
OUTSIDE = {"FLASK_ENV": "development", "WEB_BIND": "[::]:1"}
DEVELOPMENT = {"FLASK_ENV": "development", "SECRET_KEY": "tests-only", "SECRETS_KEY": "tests-only too"}
STRONG = "Zk3-9vXq_71hTsw0LrCePbYu5nDgJa2mQ8oF"
PRODUCTION = {"SECRET_KEY": STRONG, "SECRETS_KEY": STRONG.swapcase()}
OURS = ("ENVIRONMENT", "FLASK_DEBUG", "FLASK_ENV", "FLASK_RUN_HOST", "FLASK_SKIP_DOTENV",
        "MONGODB_URI", "REDIS_URL", "SECRET_KEY", "SECRETS_KEY", "WEB_BIND",
        "SERVER_SOFTWARE", "WERKZEUG_RUN_MAIN")  # fmt: skip


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A checkout without `.env` and servers, and a process whose environment says nothing."""
    for name in OURS:
        monkeypatch.delenv(name, raising=False)
    for module in (startup, settings_module):
        monkeypatch.setattr(module, "effective", functools.partial(effective, root=tmp_path))
    made: list[Services] = []
    connect = stores.connect
    monkeypatch.setattr(stores, "connect", lambda *given: made.append(connect(*given)) or made[-1])
    yield tmp_path
    for services in made:
        services.close()


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where `flask run` would have listened."""
    hosts: list[str] = []
    monkeypatch.setattr(flask.cli, "run_simple", lambda host, *_, **__: hosts.append(host))
    return hosts


def run(*words: str, **env: str) -> Result:
    return CliRunner().invoke(flask.cli.cli, ["--app", "app", *words], env={"FLASK_DEBUG": None, **env})


def test_the_steps_of_the_readme_start_a_server(checkout: Path, served: list[str]) -> None:
    ran = run("run", **DEVELOPMENT)

    assert (ran.exit_code, served) == (0, ["127.0.0.1"])
    assert "Serving Flask app" in ran.output


def test_the_application_is_that_of_the_environment(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in DEVELOPMENT.items():
        monkeypatch.setenv(name, value)
    app = create_app()

    assert app.extensions["services"].settings.local
    assert app.config["SECRET_KEY"] == DEVELOPMENT["SECRET_KEY"]


@pytest.mark.parametrize("debug", ["1", "0"])
def test_templates_are_read_again_while_somebody_works_on_them(
    debug: str, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLASK_ENV", "development")
    monkeypatch.setenv("FLASK_DEBUG", debug)
    assert create_app().jinja_env.auto_reload is (debug == "1")


@pytest.mark.parametrize("words", [("run",), ("settings",), ("tasks", "types"), ("--help",)])
@pytest.mark.parametrize("env", [{}, WRONG, OUTSIDE])
def test_what_is_wrong_is_a_message(
    words: tuple[str, ...], env: dict[str, str], checkout: Path, served: list[str]
) -> None:
    ran = run(*words, **env)

    assert ran.exit_code == 1
    assert isinstance(ran.exception, SystemExit)
    assert re.match(r"The settings are not usable:\n(  - [A-Z_]+: .*\n)+$", ran.stderr)
    assert served == []


def test_elsewhere_it_is_an_exception(checkout: Path) -> None:
    with pytest.raises(SettingsError):
        create_app()


def test_fail_points_are_armed_as_for_any_server(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("settings", **{failpoints.VARIABLE: "no such point", **DEVELOPMENT}).exit_code == 1
    assert run("settings", **{failpoints.VARIABLE: "claimed=kill", **PRODUCTION}).exit_code == 1


# Who can reach it


@pytest.mark.parametrize(
    ("words", "env"),
    [
        (("run", "--host", "0.0.0.0"), DEVELOPMENT),
        (("run", "-h", "::"), DEVELOPMENT),
        (("run", "--host", "tasks.example"), {"ENVIRONMENT": "local"}),
        (("--debug", "run", "--host", "0.0.0.0"), {}),
        (("run", "--debug", "--host", "0.0.0.0"), {}),
        (("--debug", "run", "--host", "0.0.0.0"), {**PRODUCTION, "ENVIRONMENT": "production"}),
        (("run",), {**DEVELOPMENT, "FLASK_RUN_HOST": "0.0.0.0"}),
    ],
)
def test_a_relaxed_server_is_not_shown_to_others(
    words: tuple[str, ...], env: dict[str, str], checkout: Path, served: list[str]
) -> None:
    ran = run(*words, **env)

    assert (ran.exit_code, served) == (1, [])
    assert "  - --host: " in ran.stderr


@pytest.mark.parametrize(
    ("words", "env"),
    [
        (("run", "--host", "0.0.0.0"), PRODUCTION),
        (("run", "--host", "localhost"), DEVELOPMENT),
        (("run", "--host", "127.0.0.2"), {"ENVIRONMENT": "local"}),
        (("--debug", "run"), {}),
        (("--debug", "run"), {**PRODUCTION, "ENVIRONMENT": "production"}),
    ],
)
def test_another_one_may_be(
    words: tuple[str, ...], env: dict[str, str], checkout: Path, served: list[str]
) -> None:
    ran = run(*words, **env)

    assert ran.exit_code == 0, ran.output
    assert len(served) == 1


# Running servers


def test_running_servers_are_said_once(checkout: Path, served: list[str]) -> None:
    with locked(checkout / ".dtq"):
        write_env(checkout / ".dtq", {"ENVIRONMENT": "local", "MONGODB_URI": "mongodb://127.0.0.1:1/x",
                                      "REDIS_URL": "redis://127.0.0.1:1"})  # fmt: skip
        first = run("run")
        reloaded = run("run", WERKZEUG_RUN_MAIN="true")
        under_gunicorn = run("settings", SERVER_SOFTWARE="gunicorn/27.0.1")

    assert first.stderr.count("Using the servers of `make up` in .dtq.") == 1
    assert "make up" not in reloaded.stderr + under_gunicorn.stderr
    assert re.search(r"^REDIS_URL +\(hidden\) +make up ", under_gunicorn.stdout, re.MULTILINE)


def test_flask_settings_says_where_each_value_comes_from(checkout: Path) -> None:
    (checkout / ".env").write_text("WEB_THREADS=3\n")
    shown = run("settings", LOG_LEVEL="debug", FLASK_ENV="development").stdout

    for row in (
        r"WEB_THREADS +3 +\.env",
        "LOG_LEVEL +debug +environment",
        "ENVIRONMENT +local +FLASK_ENV",
        r"SECRET_KEY +\(hidden\) +\.dtq",
        "WORKER_PROCESSES +2 +default",
    ):
        assert re.search(f"^{row} ", shown, re.MULTILINE), row
