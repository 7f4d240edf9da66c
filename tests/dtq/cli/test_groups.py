"""Views, webhooks, batches and figures with the command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from app.core.services import Services
from app.core.tasks.task import parse_task_id
from dtq.cli.exits import Exit
from dtq.cli.groups import batch_rows
from dtq.client import Client
from tests.core.params.schemas import schema_of
from tests.dtq.cli.conftest import Run
from tests.web.create.creating import publish
from tests.web.looking import fail, succeed

NOBODY = "0" * 24


def first(result: Any) -> list[str]:
    return [line.split("\t")[0] for line in result.stdout.splitlines()]


def test_a_view_is_saved_listed_used_and_deleted(run: Run, submitted: Any) -> None:
    high, low = submitted(priority="high", tags=["x"]), submitted(priority="low", tags=["x"])
    made = run("views", "save", "My tasks", "--tag", "x", "--sort", "priority", "--order", "asc")
    assert made.exit_code == Exit.OK, made.output
    view = made.stdout.strip()
    assert first(run("views", "list")) == [view]
    shown = run("views", "show", "my  TASKS").stdout
    assert "Name\tMy tasks\n" in shown and "tag=x" in shown
    assert set(first(run("list", "--view", "My tasks"))) == {high.id, low.id}
    assert first(run("list", "--view", view, "--priority", "low")) == [low.id]
    again = run("views", "save", "my tasks")
    assert again.exit_code == Exit.REFUSED and "already" in again.stderr
    assert run("views", "save", "my tasks", "--priority", "high", "--over").stdout.strip() == view
    now = json.loads(run("views", "show", view, "--json").stdout)
    assert (now["name"], now["filter"], now["version"]) == ("My tasks", {"priority": "high"}, 2)
    assert run("list", "--view", "Yours").exit_code == Exit.REFUSED
    assert run("views", "save", "Shared", "--share").exit_code == Exit.REFUSED
    assert run("views", "delete", "My tasks").exit_code == Exit.OK
    assert run("views", "list").stdout == ""


def test_a_webhook_from_its_creation_to_its_end(run: Run, services: Services, people: Path) -> None:
    made = run("webhooks", "create", "CI", "https://example.org/hook", "--event", "task.failed")
    assert made.exit_code == Exit.OK and "whsec_" in made.stderr and "whsec_" not in made.stdout
    hook = made.stdout.strip()
    assert first(run("webhooks", "list")) == [hook]
    assert "Events\ttask.failed\n" in run("webhooks", "show", "CI").stdout
    delivery = run("webhooks", "test", "CI").stdout.strip()
    listed = run("webhooks", "deliveries", hook).stdout.split("\t")
    assert listed[:3] == [delivery, "pending", "test"]
    assert run("webhooks", "resend", delivery).stdout.strip() == delivery
    assert run("webhooks", "off", hook).stderr == "CI: off.\n" and run("webhooks", "on", "CI").exit_code == 0
    assert run("webhooks", "rotate", "CI").stdout.startswith("whsec_")
    task = run("submit", "clean_table", f"source=@{people}", "--notify", hook).stdout
    found = services.db.tasks.find_one({"_id": parse_task_id(task.strip())})
    assert [str(one) for one in found["notify"]] == [hook]
    mail = run("webhooks", "create", "Mail", "ann@example.org", "--scope", "chosen", "--json")
    assert (json.loads(mail.stdout)["channel"], json.loads(mail.stdout)["secret"]) == ("email", None)
    address = "https://hooks.example.org/services/T0/very-secret"
    chat = run("webhooks", "create", "Chat", address, "--chat", "slack", "--event", "task.failed", "--json")
    assert (json.loads(chat.stdout)["channel"], json.loads(chat.stdout)["secret"]) == ("slack", None)
    assert run("webhooks", "off", "Chat").exit_code == Exit.OK  # which sends the address as it is shown
    shown = run("webhooks", "show", "Chat").stdout
    assert "Address\thttps://hooks.example.org/…\n" in shown and "very-secret" not in chat.output
    (kept,) = [one for one in services.subscriptions.of_owner(None) if one.asked.name == "Chat"]
    assert services.subscriptions.address(kept) == address
    assert run("webhooks", "delete", "CI").exit_code == Exit.OK
    assert run("webhooks", "show", "CI").exit_code == Exit.REFUSED
    wrong = run("webhooks", "create", "CI", "ftp://example.org", "--event", "task.failed")
    assert wrong.exit_code == Exit.USAGE and "address: " in wrong.stderr
    assert run("webhooks", "create", "CI", "https://example.org", "--event", "lost").exit_code == Exit.USAGE


@pytest.fixture
def counting(services: Services, client: Client) -> None:
    schema = schema_of(number=(int, ...), loud=(bool, False), tags=(list[str], []))
    publish(services, "count", title="Count", schema=schema)


def book(path: Path, rows: list[list[Any]]) -> None:
    workbook = openpyxl.Workbook()
    for row in rows:
        workbook.active.append(row)
    workbook.save(path)


WRITERS = {
    "rows.csv": lambda path: path.write_text("number;loud;title\n7;yes;Seven\n\n8;;\n"),
    "rows.tsv": lambda path: path.write_text("number\tloud\ttitle\n7\ttrue\tSeven\n8\t\t\n"),
    "rows.jsonl": lambda path: path.write_text(
        '{"number": 7, "loud": true, "title": "Seven"}\n\n{"number": 8}\n'
    ),
    "rows.xlsx": lambda path: book(
        path, [["number", "loud", "title"], [7, True, "Seven"], [8.0, None, None]]
    ),
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.usefixtures("counting")
def test_a_task_is_created_for_each_row(run: Run, services: Services, tmp_path: Path, name: str) -> None:
    WRITERS[name](tmp_path / name)
    done = run("batch", "submit", "count", str(tmp_path / name), "tags=a", "tags=b", "--priority", "high")
    assert done.exit_code == Exit.OK and "2 tasks created" in done.stderr, done.output
    tasks = [services.tasks.get(found["_id"]) for found in services.db.tasks.find({}, {"_id": 1})]
    assert [task.params for task in tasks] == [
        {"number": 7, "loud": True, "tags": ["a", "b"]},
        {"number": 8, "loud": False, "tags": ["a", "b"]},
    ]
    assert tasks[0].title == "Seven" and {task.priority.word for task in tasks} == {"high"}


@pytest.mark.usefixtures("counting")
def test_a_batch_is_followed_to_its_results(run: Run, services: Services, tmp_path: Path) -> None:
    (rows := tmp_path / "rows.csv").write_text("number\n7\n8\n")
    batch = run("batch", "submit", "count", str(rows), "--title", "Nightly", "--key", "k").stdout.strip()
    assert (
        run("batch", "submit", "count", str(rows), "--title", "Nightly", "--key", "k").stdout.strip() == batch
    )
    late = run("batch", "wait", batch, "--timeout", "0")
    assert late.exit_code == Exit.TIMEOUT and "goes on" not in late.stdout and "0 of 2" in late.stderr
    first_task, second = (
        services.tasks.get(found["_id"]) for found in services.db.tasks.find({}, {"_id": 1})
    )
    succeed(services, first_task, {"sum": 49})
    services.db.tasks.update_one({"_id": second.id}, {"$set": {"max_attempts": 1}})
    fail(services, services.tasks.get(second.id), "No.")
    ended = run("batch", "wait", batch)
    assert ended.exit_code == Exit.FAILED and "1 succeeded, 1 failed" in ended.stderr
    assert first(run("batch", "list")) == [batch] and "Title\tNightly\n" in run("batch", "show", batch).stdout
    saved = run("batch", "results", batch, str(tmp_path / "all.csv"))
    assert saved.exit_code == Exit.OK and "result.sum" in (tmp_path / "all.csv").read_text()
    assert run("batch", "show", NOBODY).exit_code == Exit.REFUSED


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "number,color\n1,red\n", "row 2, color: There is no parameter of this name."),
        ("a.csv", "number\nmany\n", "row 2, number: Enter a whole number."),
        ("a.csv", "number,number\n1,1\n", "names parameters, each once"),
        ("a.csv", "number\n1,2\n", "Row 2 has more cells"),
        ("a.csv", 'number\n"1\n', "Line 2 can't be read"),
        ("a.csv", "number\n", "has no rows"),
        ("a.jsonl", "[1]\n", "one object per line"),
        ("a.jsonl", "7\n", "Line 1 is no JSON object"),
        ("a.xlsx", "no workbook", "can't be read as a workbook"),
        ("a.csv", b"\xff\xfe\x00", "not text in UTF-8"),
    ],
)
@pytest.mark.usefixtures("counting")
def test_wrong_rows_get_a_sentence_and_nothing_is_created(
    run: Run, services: Services, tmp_path: Path, name: str, content: str | bytes, said: str
) -> None:
    (path := tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    done = run("batch", "submit", "count", str(path))
    assert done.exit_code == Exit.USAGE and said in done.stderr, done.output
    assert services.db.tasks.count_documents({}) == 0


@pytest.mark.usefixtures("counting")
def test_what_the_server_refuses_is_told_by_the_row_of_the_file(
    run: Run, services: Services, tmp_path: Path
) -> None:
    (rows := tmp_path / "rows.jsonl").write_text('{"number": 1}\n\n{"number": 1.5}\n')
    refused = run("batch", "submit", "count", str(rows))
    assert refused.exit_code == Exit.USAGE and services.db.tasks.count_documents({}) == 0
    each = run("batch", "submit", "count", str(rows), "--mode", "each")
    assert each.exit_code == Exit.FAILED and "row 3, number: " in each.stderr and "1 rejected" in each.stderr


def test_without_its_library_a_workbook_gets_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    with pytest.raises(batch_rows.WrongRows, match=r"dtq\[xlsx\]"):
        batch_rows.read(tmp_path / "a.xlsx", {}, {}, lambda title, variable: "")


def test_figures_are_shown(run: Run) -> None:
    lines = run("stats", "--period", "7d").stdout.splitlines()
    assert len(lines) >= 56 and all(len(line.split("\t")) == 8 for line in lines)
    assert json.loads(run("stats", "--json").stdout)["period"] == "1h"
