"""The commands on the page of a task: run as they stand, each makes the same task again."""

from __future__ import annotations

import html
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
from flask import Flask
from pydantic import BaseModel, Field, SecretStr

from app.core.people.roles import Role
from app.core.services import Services
from app.core.tasks.task import parse_task_id
from dtq.cli import words
from dtq.client import Client
from tests.core.params.schemas import FILE, schema_of
from tests.dtq.cli.conftest import PROGRAM, ROOT
from tests.signing_in import signed_in
from tests.web.create.creating import publish

HOSTILE = 'it\'s "x" $HOME `id` $(id) \\ \\n !! {{x}} %s é 表 '
SECRET = "open 'sesame' \"now\" \\ $(id) é"
SAME = ("type", "title", "priority", "tags", "max_attempts", "timeout_s", "private", "files")

needs_tools = pytest.mark.skipif(
    not (shutil.which("curl") and shutil.which("jq")), reason="needs curl and jq"
)


class Part(BaseModel):
    name: str = ""
    key: SecretStr | None = None


class Row(BaseModel):
    name: str
    key: SecretStr | None = None


SCHEMA = schema_of(
    source=(Annotated[str, Field(json_schema_extra=FILE)], ...),
    text=(str, "x"),
    text_or_none=(str | None, "x"),
    count=(int, 1),
    ratio=(float, 0.5),
    yes=(bool, False),
    names=(list[str], []),
    numbers=(list[int], [1]),
    table=(dict[str, Any], {}),
    token=(SecretStr | None, None),
    part=(Part, Part()),
    rows=(list[Row], []),
)
OPTIONS: dict[str, Any] = {
    "priority": "high", "title": f"-t {HOSTILE}", "tags": ["a b", "it's"], "max_attempts": 7, "timeout_s": 9,
    "private": True,
}  # fmt: skip
TEXTS = [
    HOSTILE, "", "@people.csv", "-x", "two\nlines", "\x1b[201~\rid\n", "\u202egnp.exe", "null", "1", "a=b:=c",
    " room ", "’", "🦆",
]  # fmt: skip

Shown = Callable[..., dict[str, str]]
Ran = Callable[..., str]


@pytest.fixture
def shown(app: Flask, services: Services) -> Shown:
    """What the page of a task offers to copy, by name."""

    def of(task_id: str, *person: Any) -> dict[str, str]:
        page = signed_in(app.test_client(), services, *person).get(f"/tasks/{task_id}").text
        found = re.findall(
            r'data-command="(\w+)">.*?data-copy="(.*?)".*?<pre[^>]*>(.*?)</pre>', page, re.DOTALL
        )
        # A slash at its end would be doubled by curl's line.
        assert not found or "<code>DTQ_URL</code> to <code>http://localhost</code>" in page
        for _, copied, read in found:
            assert copied == read
        return {name: html.unescape(copied) for name, copied, _ in found}

    return of


@pytest.fixture
def ran(login: dict[str, str], tmp_path: Path) -> Ran:
    """Runs a text in a shell or as a program, in an empty folder; returns the ID of the task that it made."""
    program = tmp_path / "bin" / "dtq"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nexec {PROGRAM[0]} -c '{PROGRAM[2]}' \"$@\"\n", encoding="utf-8")
    program.chmod(0o755)
    folder = tmp_path / "empty"
    folder.mkdir()

    def run(name: str, text: str, **env: str) -> str:
        command = [sys.executable, "-c", text] if name == "Python" else ["sh", "-c", text]
        path = f"{program.parent}:{os.environ['PATH']}"
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=60,
            env={**login, "PATH": path, "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8", **env},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert not list(folder.iterdir())
        return re.findall(r"\b[0-9a-f]{24}\b", done.stdout)[0]

    return run


def document(services: Services, task_id: str) -> dict[str, Any]:
    found: dict[str, Any] = services.db.tasks.find_one({"_id": parse_task_id(task_id)})
    return found


@needs_tools
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"text": HOSTILE, "text_or_none": None, "count": -3, "ratio": 1e-9, "yes": True, "names": TEXTS},
        {"names": [""], "numbers": [], "table": {"a'b": [HOSTILE, {"deep": None}]}, "text_or_none": ""},
        {"part": {"name": HOSTILE, "key": None}, "rows": [{"name": HOSTILE, "key": None}]},
    ],
    ids=["defaults", "texts", "empty", "models"],
)
def test_each_command_makes_the_same_task(
    client: Client, services: Services, shown: Shown, ran: Ran, people: Path, params: dict[str, Any]
) -> None:
    publish(services, "odd", schema=SCHEMA)
    options = OPTIONS if params else {}
    task = client.submit("odd", {"source": people, **params}, **options)
    before = document(services, task.id)

    texts = shown(task.id)
    assert texts.keys() == {"curl", "Python", "dtq"}
    for name, text in texts.items():
        assert all(line.isprintable() for line in text.split("\n")) and (name == "Python" or "\n" not in text)
        made = document(services, ran(name, text))
        assert made["_id"] != before["_id"]
        assert made["params"] == before["params"], name
        assert [made.get(key) for key in SAME] == [before.get(key) for key in SAME], name


@needs_tools
def test_secrets_come_from_the_environment(
    client: Client, services: Services, shown: Shown, ran: Ran, people: Path
) -> None:
    publish(services, "odd", schema=SCHEMA)
    secrets = {"SECRET_TOKEN": SECRET, "SECRET_PART_KEY": "canary\n2"}
    task = client.submit("odd", source=people, token=SECRET, part={"name": "x", "key": "canary\n2"})

    texts = shown(task.id)
    for name, text in texts.items():
        assert "sesame" not in text and "canary" not in text and "sealed" not in text and "•" not in text
        made = services.tasks.get(parse_task_id(ran(name, text, **secrets)))
        kept = services.vault.opened(made.params, made.id)
        assert (kept["token"].reveal(), kept["part"]["key"].reveal()) == (SECRET, "canary\n2"), name
    assert texts.keys() == {"curl", "Python", "dtq"}


def test_what_words_cannot_say_is_left_to_the_others(
    client: Client, services: Services, shown: Shown, people: Path
) -> None:
    publish(services, "odd", schema=SCHEMA)
    task = client.submit("odd", source=people, rows=[{"name": "x", "key": "canary"}])
    texts = shown(task.id)
    assert texts.keys() == {"curl", "Python"} and "env.SECRET_ROWS_1_KEY" in texts["curl"]


def test_who_may_not_create_and_long_inputs_get_none(
    client: Client, services: Services, shown: Shown, people: Path
) -> None:
    publish(services, "odd", schema=SCHEMA)
    task = client.submit("odd", source=people)
    assert shown(task.id, Role.SUBMITTER, "sue") and shown(task.id, Role.VIEWER, "vera") == {}
    assert shown(client.submit("odd", source=people, text="long " * 10_000).id) == {}


@pytest.mark.parametrize("text", TEXTS)
def test_written_words_are_read_as_what_they_were(text: str) -> None:
    for name, value in {"text": text, "text_or_none": text, "names": [text, text]}.items():
        said = words.written(SCHEMA, name, value)
        assert words.read(SCHEMA, said, lambda title, variable: "") == {name: value}
        assert all(word.isprintable() for word in said)
