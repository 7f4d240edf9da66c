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
from tests.web.create.creating import Browser, Sent, nothing_was_created, publish, upload

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
        return texts_of(signed_in(app.test_client(), services, *person).get(f"/tasks/{task_id}").text)

    return of


def texts_of(page: str) -> dict[str, str]:
    found = re.findall(r'data-command="(\w+)">.*?data-copy="(.*?)".*?<pre[^>]*>(.*?)</pre>', page, re.DOTALL)
    # A slash at its end would be doubled by curl's line.
    assert not found or "<code>DTQ_URL</code> to <code>http://localhost</code>" in page
    for _, copied, read in found:
        assert copied == read
    return {name: html.unescape(copied) for name, copied, _ in found}


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
        assert {path.name for path in folder.iterdir()} <= {"people.csv"}
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


# While a form is filled in


FILLED = {
    "p_text": HOSTILE,
    "p_count": "7",
    "p_token": SECRET,
    "p_names": "a\nb",
    "title": "Mine",
    "tags": "x, y",
}


@pytest.fixture
def form(app: Flask, services: Services, client: Client) -> Browser:
    """Somebody before the form of a type; the owner of the token that commands use."""
    publish(services, "odd", schema=SCHEMA)
    return Browser(signed_in(app.test_client(), services, Role.SUBMITTER, "robot"))


@needs_tools
def test_what_is_filled_in_becomes_commands_that_create_it_and_nothing_is_created(
    form: Browser, services: Services, client: Client, ran: Ran, people: Path, tmp_path: Path
) -> None:
    hook = client.create_webhook("CI", "https://example.org/hook", scope="chosen")
    filled = {**FILLED, "priority": "low", "run_at": "2030-01-02T03:04", "run_at_zone": "UTC", "private": "y"}
    values = form.open("/tasks/new/odd")
    answer = form.send(
        values,
        "odd",
        p_source=upload(people.read_bytes(), "people.csv"),
        then="commands",
        notify=hook.id,
        **filled,
    )
    assert answer.status_code == 200 and nothing_was_created(services), answer.text
    assert "Nothing was created." in answer.text and "sesame" not in answer.text
    assert (
        "<code>SECRET_TOKEN</code>" in answer.text
        and "<code>FILE_SOURCE</code> (<bdi>people.csv</bdi>)" in answer.text
    )
    texts = texts_of(answer.text)
    shutil.copy(people, tmp_path / "empty" / "people.csv")
    again = Sent(answer.text).values
    created = form.send(again, "odd", then="task")
    assert created.status_code == 303, created.text
    wanted = document(services, created.location.rpartition("/")[2])
    for name, text in texts.items():
        uploaded = client.upload(people).id
        made = document(services, ran(name, text, SECRET_TOKEN=SECRET, FILE_SOURCE=uploaded))
        same = (*SAME[:-1], "run_at", "notify", "owner")
        assert [made.get(key) for key in same] == [wanted.get(key) for key in same], name
        for parameter in ("text", "count", "names"):
            assert made["params"][parameter] == wanted["params"][parameter], name
        assert services.files.get(parse_task_id(made["params"]["source"])).name == "people.csv"
    assert texts.keys() == {"curl", "Python", "dtq"}


def test_a_form_with_something_wrong_says_so_instead(form: Browser, services: Services) -> None:
    answer = form.send(form.open("/tasks/new/odd"), "odd", p_count="many", then="commands")
    assert answer.status_code == 422 and "data-command" not in answer.text
    assert "Task not created. Fix" in answer.text and nothing_was_created(services)
