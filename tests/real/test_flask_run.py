"""`flask run` and the other programs beside running servers, without stores, and with the reloader."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.error import HTTPError

import click
import dotenv
import psutil
import pytest

from app.local.children import free_port
from app.local.servers import LocalStores
from tests.docs.documents import ROOT
from tests.real.clones import answers, clone_into, get, running, terminal
from tests.rig.processes import until

pytestmark = pytest.mark.real

FLASK = [sys.executable, "-m", "flask"]
WORKERS = [sys.executable, "-m", "workers", "-n", "1"]
NOTE = "Using the servers of `make up` in .dtq."
CLOSED = {"MONGODB_URI": "mongodb://127.0.0.1:1/x", "REDIS_URL": "redis://127.0.0.1:1/0"}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clone_into(tmp_path_factory.mktemp("flask") / "clone")


@pytest.fixture(scope="module")
def servers(clone: Path, usual_ports: None) -> Iterator[Path]:
    """`python -m app.local servers` runs in the clone, and a worker that has found them."""
    with running([sys.executable, "-m", "app.local", "servers"], clone, terminal()) as program:
        program.wait_for("export REDIS_URL")
        with running(WORKERS, clone, terminal()) as workers:
            until(lambda: "count_slowly" in flask(clone, "tasks", "types").stdout, 60)
            assert workers.said.count(NOTE) == 1
            yield clone


def flask(folder: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*FLASK, *words],
        cwd=folder,
        env=terminal(FLASK_APP="app", **env),
        capture_output=True,
        text=True,
        timeout=60,
    )


# Beside running servers


def test_a_command_finds_them_and_says_so(servers: Path) -> None:
    ran = flask(servers, "tasks", "run", "count_slowly", "seconds=0", "steps=1")

    assert ran.returncode == 0, ran.stderr
    assert '"steps": 1' in ran.stdout
    assert NOTE not in ran.stdout and ran.stderr.count(NOTE) == 1


def test_gunicorn_finds_them_where_it_is_local(servers: Path) -> None:
    port = free_port(0)
    env = terminal(ENVIRONMENT="local", WEB_BIND=f"127.0.0.1:{port}", WEB_CONCURRENCY="2")
    with running([sys.executable, "-m", "gunicorn", "wsgi:app"], servers, env) as program:
        until(lambda: answers(f"http://127.0.0.1:{port}"))
        person = Person(f"http://127.0.0.1:{port}")
        person.sign_in(flask(servers, "users", "link").stdout)
        assert person.get("/tasks")[0] == 200
        assert program.said.count(NOTE) == 1


def test_in_production_they_are_not_used(servers: Path) -> None:
    key = "Zk3-9vXq_71hTsw0LrCePbYu5nDgJa2mQ8oF"
    keys = {"SECRET_KEY": key, "SECRETS_KEY": key.swapcase()}
    ran = flask(servers, "settings", ENVIRONMENT="production", **keys)

    assert ran.returncode == 0
    assert re.search(r"^REDIS_URL +\(hidden\) +default ", ran.stdout, re.MULTILINE)
    assert NOTE not in ran.stderr


def test_the_reloader_keeps_forms_and_says_everything_once(servers: Path) -> None:
    port = free_port(0)
    person = Person(f"http://localhost:{port}")
    with running(
        [*FLASK, "--debug", "run", "--port", str(port)], servers, terminal(FLASK_APP="app")
    ) as program:
        until(lambda: answers(person.site))
        assert len(serving(program.process.pid)) == 2
        program.wait_for("/sign-in/link/")
        person.sign_in(program.said)
        task = flask(servers, "tasks", "run", "count_slowly", "seconds=60", "--no-follow")
        address = f"/tasks/{re.search('Task ([0-9a-f]{24})', task.stderr)[1]}"  # type: ignore[index]  # a test may fail there
        token = person.token(address)

        with (servers / "app" / "web" / "create" / "form_fields.py").open("a") as module:
            module.write("\n# changed\n")
        program.wait_for("Detected change")
        until(lambda: program.said.count("Debugger is active") == 2)
        until(lambda: answers(person.site))

        assert person.send(f"{address}/cancel", csrf_token=token) == 200
        assert program.said.count(NOTE) == 1
        assert program.said.count("Sign in by this link") == 1


def serving(pid: int) -> list[psutil.Process]:
    """The reloader and what it has started."""
    reloader = psutil.Process(pid)
    return [reloader, *reloader.children(recursive=True)]


@dataclass
class Person:
    """Somebody with a browser that keeps cookies."""

    site: str

    def __post_init__(self) -> None:
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def sign_in(self, said: str) -> None:
        """Sign in by the link in what a program said."""
        found = re.search(r"/sign-in/link/[\w-]+", said)
        assert found, said
        assert self.send(found[0], csrf_token=self.token(found[0])) == 200

    def get(self, address: str) -> tuple[int, str]:
        """Status and text of a page."""
        try:
            with self.opener.open(self.site + address, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as refused:
            return refused.code, refused.read().decode()

    def token(self, address: str) -> str:
        with self.opener.open(self.site + address, timeout=20) as answer:
            found = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', answer.read().decode())
        assert found
        return found[1]

    def send(self, address: str, **form: str) -> int:
        body = urllib.parse.urlencode(form).encode()
        with self.opener.open(self.site + address, body, timeout=20) as answer:
            return int(answer.status)


# Without stores


@pytest.mark.parametrize("away", [["MONGODB_URI"], ["REDIS_URL"], ["MONGODB_URI", "REDIS_URL"]], ids="-".join)
def test_a_store_that_is_away_is_said_on_every_page(away: list[str], real_stores: LocalStores) -> None:
    port = free_port(0)
    env = {**real_stores.addresses, **{name: CLOSED[name] for name in away}, "FLASK_SKIP_DOTENV": "1"}
    given = terminal(FLASK_APP="app", FLASK_ENV="development", SECRET_KEY="tests-only", **env)
    site = f"http://localhost:{port}"
    with running([*FLASK, "run", "--port", str(port)], ROOT, given) as program:
        until(lambda: answers(site))
        expected = 503 if "MONGODB_URI" in away else 200
        person = Person(site)
        if expected == 200:
            program.wait_for("/sign-in/link/")
            person.sign_in(program.said)
        for address in ("/", "/tasks", "/tasks/new", "/home/live", "/pulse"):
            status, page = person.get(address)
            assert status == expected
            if address not in ("/home/live", "/pulse") or expected == 503:
                assert f"<code>{'MONGODB_URI' if expected == 503 else 'REDIS_URL'}</code>" in page
        ready, said = get(f"{site}/readyz")
        assert ready == expected
        assert said.count("away") == len(away)
        assert get(f"{site}/healthz")[0] == 200


def test_without_servers_a_command_says_what_to_do(tmp_path: Path) -> None:
    alone = clone_into(tmp_path / "clone")
    for words, code in ((("tasks", "types"), 2), (("data", "export", "export"), 1)):
        ran = flask(alone, *words, FLASK_ENV="development")

        assert (ran.returncode, ran.stdout) == (code, "")
        assert "python -m app.local servers" in ran.stderr
        assert NOTE not in ran.stderr
        assert "Traceback" not in ran.stderr


def test_servers_that_cannot_be_started_say_what_to_install(tmp_path: Path) -> None:
    """The environment of README's steps has no embedded servers: here, none where they are looked for."""
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    packages = next((environment / "lib").glob("python*/site-packages"))
    for package in (click, dotenv, psutil):
        installed = Path(package.__file__).parent
        os.symlink(installed, packages / installed.name)
    servers = [
        str(environment / "bin" / "python"),
        "-m",
        "app.local",
        "servers",
        "--folder",
        str(tmp_path / ".dtq"),
    ]
    given = terminal(PATH="", FLASK_SKIP_DOTENV="1")
    ran = subprocess.run(servers, cwd=ROOT, env=given, capture_output=True, text=True, timeout=60)

    assert ran.returncode == 1
    assert "pip install -r requirements-local.txt" in ran.stderr
    assert "Traceback" not in ran.stderr
