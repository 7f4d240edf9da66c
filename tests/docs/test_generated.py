"""The generated pages of docs/reference are those of the tables, and no page is missing in the site."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from fnmatch import fnmatchcase

import click
import pytest
from flask import Flask

from app.core.errors import Cause
from app.core.people.person import PUBLIC
from app.core.people.roles import Permission
from app.web.platform.permissions import needed_by
from tests.docs.documents import DOCS, ROOT
from tests.docs.equivalents import EQUIVALENTS
from tests.docs.generated import MODULES, PAGES, SECTIONS, dtq_programs, openapi, written
from tests.test_config import NAMES
from tests.web.conftest import app, compiled_templates, one_app

__all__ = ["app", "compiled_templates", "one_app"]

WITHOUT_SERVER = {"login", "logout", "completion"}
COMMANDS = (DOCS / "reference" / "commands.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_a_generated_page_is_that_of_its_table(page: str) -> None:
    text = (DOCS / "reference" / page).read_text(encoding="utf-8")

    assert text == written(page), "Run `python -m tests.docs.generated`."


@pytest.mark.parametrize(
    ("module", "names"), [(name, row[1:]) for name, row in zip(MODULES, SECTIONS, strict=True)]
)
def test_the_reference_of_a_module_has_all_its_public_names(module: str, names: tuple[str, ...]) -> None:
    public = getattr(importlib.import_module(module), "__all__", names)

    assert sorted(names) == sorted(public)


def test_what_a_person_can_do_is_listed_with_every_operation_and_command() -> None:
    operations = {about["operationId"] for known in openapi()["paths"].values() for about in known.values()}

    assert {name for row in EQUIVALENTS for name in row.api} == operations
    programs = {name for name, command in dtq_programs().items() if not isinstance(command, click.Group)}
    assert {name for row in EQUIVALENTS for name in row.commands} == programs - WITHOUT_SERVER
    for row in EQUIVALENTS:
        assert bool(row.why) != bool(row.api and row.commands), f"{row.what}: say why programs cannot, or how"


def test_every_route_of_a_page_is_in_a_row_with_its_permission(app: Flask) -> None:
    needed = {endpoint: needed_by(app, endpoint) for endpoint in app.view_functions}
    pages = {name for name, need in needed.items() if need != PUBLIC and not name.startswith("api.")}
    missing = {name for name in pages if not any(row.has(name) for row in EQUIVALENTS)}
    assert not missing, f"Add to tests/docs/equivalents.py how programs do it: {sorted(missing)}"

    for row in EQUIVALENTS:
        for pattern in row.routes:
            assert {name for name in pages if fnmatchcase(name, pattern)}, f"{row.what}: no route {pattern}"
        found = {needed[name] for name in pages if row.has(name)}
        assert row.inside or found <= {row.permission.value}, (row.what, found)
        programs = {
            need
            for name, need in needed.items()
            if name.startswith("api.") and name.rpartition(".")[2] in row.api
        }
        assert row.inside or programs <= {(row.programs or row.permission).value}, (row.what, programs)
    assert {row.permission for row in EQUIVALENTS} == set(Permission)
    assert not {row.permission.value for row in EQUIVALENTS if row.inside} & set(needed.values())


def test_every_setting_and_every_cause_has_a_row() -> None:
    settings = (DOCS / "reference" / "settings.md").read_text(encoding="utf-8")
    causes = (DOCS / "reference" / "store-errors.md").read_text(encoding="utf-8")

    assert re.findall(r"^\| `([A-Z_]+)` \|", settings, re.MULTILINE) == NAMES
    assert re.findall(r"^\| `([a-z_]+)` \|", causes, re.MULTILINE) == [cause.value for cause in Cause]


@pytest.mark.parametrize(
    "program", [("workers",), ("workers", "run"), ("app.local", "up"), ("app.local", "servers")], ids=" ".join
)
def test_the_options_of_a_program_are_those_of_its_page(program: tuple[str, ...]) -> None:
    section = COMMANDS.split(f"### python -m {' '.join(program)}\n")[1].split("\n##")[0]
    command = [sys.executable, "-m", *program, "--help"]
    env = {
        **os.environ,
        "ENVIRONMENT": "local",
        "COLUMNS": "200",
        "NO_COLOR": "1",
        "PYTHONPATH": str(ROOT / "library"),
    }
    help = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True).stdout

    assert set(re.findall(r"--[a-z][a-z-]*", section)) == set(re.findall(r"--[a-z][a-z-]*", help)) - {
        "--help"
    }


def test_every_page_is_in_the_navigation() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    nav = re.findall(r"[\w/-]+\.md$", text, re.MULTILINE)

    assert sorted(nav) == sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))


def test_the_site_is_strict_and_loads_nothing_from_elsewhere() -> None:
    site = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")

    assert "\nstrict: true\n" in site and "\n  font: false\n" in site
    assert not re.search(r"analytics|javascript|https?:|- offline", site)


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "examples/greetings/README.md"])
def test_the_links_of_pages_outside_the_site_lead_somewhere(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]

    assert links
    for path, _, anchor in (link.partition("#") for link in links):
        target = (ROOT / name).parent / path
        assert target.exists(), path
        headings = (
            re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE) if anchor else []
        )
        assert not anchor or anchor in [
            re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") for title in headings
        ]
