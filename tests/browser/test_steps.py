"""README's steps followed literally in a clean clone: an environment of its own, `flask run`, a browser."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.local.children import free_port
from tests.browser.conftest import TASK, unbroken
from tests.docs.documents import ROOT, blocks
from tests.real.clones import answers, clone_into, running, terminal
from tests.rig.processes import until

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.long]

README = (ROOT / "README.md").read_text(encoding="utf-8")
(STEPS,) = (block for block in blocks(README, "sh") if "flask run" in block)
INSTALLED_WITHIN_S = 600
"""Packages that are not in the cache of pip may come over a slow line."""


def test_the_steps_are_those_that_were_asked_for() -> None:
    assert STEPS.splitlines() == [
        "python -m venv venv",
        "source venv/bin/activate",
        "pip install -r requirements.txt",
        "export FLASK_APP=app",
        "export FLASK_ENV=development",
        "flask run",
    ]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clone_into(tmp_path_factory.mktemp("steps") / "clone")


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A terminal in which `python` is one, as Debian has only `python3`."""
    variables = terminal(PIP_DISABLE_PIP_VERSION_CHECK="1", NO_COLOR="1")
    if not shutil.which("python"):
        programs = tmp_path_factory.mktemp("programs")
        (programs / "python").symlink_to(shutil.which("python3") or sys.executable)
        variables["PATH"] = f"{programs}:{variables['PATH']}"
    return variables


@contextlib.contextmanager
def steps(clone: Path, env: dict[str, str]) -> Iterator[str]:
    """The steps, and the port on which their last one serves: the usual one may be taken here."""
    port = free_port(0)
    script = STEPS.replace("flask run", f"exec flask run --port {port}")
    with running(["bash", "-e", "-c", script], clone, env) as program:
        program.wait_for("Running on", INSTALLED_WITHIN_S)
        until(lambda: answers(f"http://127.0.0.1:{port}"))
        yield str(port)


def test_without_a_store_every_page_says_how_to_get_one(
    clone: Path, env: dict[str, str], chromium: Any
) -> None:
    with (
        steps(clone, env) as port,
        unbroken(chromium.new_context(base_url=f"http://localhost:{port}")) as page,
    ):
        for address in ("/", "/tasks", "/tasks/new"):
            assert page.goto(address).status == 503
            advice = page.locator(".advice").inner_text()
            assert "make up" in advice and "python -m app.local servers" in advice


def test_the_steps_give_pages_that_work(clone: Path, env: dict[str, str], chromium: Any) -> None:
    up = [sys.executable, "-m", "app.local", "up"]
    with running(up, clone, env) as servers:
        servers.wait_for("Open http", 120)
        with steps(clone, env) as port:
            for host in ("localhost", "127.0.0.1"):
                context = chromium.new_stranger(base_url=f"http://{host}:{port}")
                with unbroken(context) as page:
                    page.goto(re.sub("^http://[^/]+", "", link_of(clone, env)))
                    page.wait_for_url("**/")
                    create_and_view(page, f"Counted by {host}")


def link_of(clone: Path, env: dict[str, str]) -> str:
    """What `flask users link` prints."""
    command = [sys.executable, "-m", "flask", "users", "link"]
    ran = subprocess.run(
        command,
        cwd=clone,
        env={**env, "FLASK_APP": "app"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return ran.stdout.strip()


def create_and_view(page: Any, title: str) -> None:
    assert page.goto("/").status == 200
    page.get_by_role("link", name="Create Task").first.click()
    page.get_by_role("link", name="Count slowly").first.click()
    page.fill("#p-seconds", "0.2")
    page.get_by_text("Advanced: title").click()
    page.fill("#title", title)
    page.get_by_role("button", name="Create", exact=True).click()
    page.wait_for_url(TASK)
    page.get_by_text("Succeeded").first.wait_for(timeout=30_000)  # shown by the page itself

    page.get_by_role("link", name="View Tasks").first.click()
    page.get_by_role("link", name=title).first.wait_for()
