"""`flask tasks types` and `flask tasks run`, with a worker that is one thread of the test."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from app import create_app
from app.cli import run as run_module
from app.cli.follow import Follower
from app.core.catalog import WorkerInfo
from app.core.clock import utcnow
from app.core.people.roles import Role
from app.core.services import Services
from app.core.tasks.states import Priority, Status
from app.core.tasks.task import parse_job_id
from config import Settings
from workers.attempt.attempt import attempt, settle
from workers.attempt.context import AttemptContext
from workers.types.task_modules import load

Flask = Callable[..., Result]
NAMES = ("doze", "refuse", "give", "echo")


@pytest.fixture
def flask(settings: Settings, services: Services) -> Flask:
    """`flask tasks ...` on a catalog of the sample types."""
    types = load(["tests.workers.samples"])
    services.catalog.publish([types[name].document() for name in NAMES], "w1")
    now = utcnow()
    serving = tuple(name for name in NAMES if name != "echo")
    services.catalog.report(WorkerInfo("w1", "host", 1, "0.1.0", now, now, types=serving))
    runner = create_app(settings, services).test_cli_runner()
    return lambda *words: runner.invoke(args=["tasks", *words])


@pytest.fixture
def a_worker(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs the task as a child does, between the first look and the next."""
    looks = Follower.looks

    def working(self: Follower) -> Iterator[Any]:
        for look in looks(self, 0):
            yield look
            if look.task.status is Status.QUEUED:
                work(services)

    monkeypatch.setattr(Follower, "looks", working)


def work(services: Services) -> None:
    named = parse_job_id(services.queues.take(0) or "")
    task = services.tasks.claim(*named, "w1") if named else None
    assert task
    services.logs.write_part(task.id, 1, 0, b"a line of its log\n")
    context = AttemptContext(task, services, lambda: False)
    kind = load(["tests.workers.samples"])[task.type]
    settle(services, task, attempt(task, kind, context, lambda begun: None))
    context.close()


# Types


def test_types_are_a_table_with_parameters_and_kinds(flask: Flask) -> None:
    shown = flask("types")

    lines = {line.split()[0]: line for line in shown.output.splitlines() if line and line[0] != " "}
    assert lines["NAME"].split() == ["NAME", "TITLE", "CATEGORY", "SERVED", "PARAMETERS"]
    assert lines["doze"].split() == ["doze", "Sleep", "Samples", "yes", "seconds:float"]
    assert lines["give"].split()[-1] == "what:text*"
    assert lines["echo"].split()[3:] == ["no", "text:text"]
    assert shown.exit_code == 0


def test_one_type_is_shown_with_its_parameters(flask: Flask) -> None:
    shown = flask("types", "doze").output

    assert "doze: Sleep (Samples). Sleep, heeding cancellation" in shown
    assert "  seconds: float  default 1" in shown


def test_before_any_worker_it_says_how_to_start_one(settings: Settings, services: Services) -> None:
    shown = create_app(settings, services).test_cli_runner().invoke(args=["tasks", "types"])

    assert "python -m workers" in shown.output


# Running


def test_a_task_runs_through_the_queue_and_is_followed(
    flask: Flask, services: Services, a_worker: None
) -> None:
    done = flask("run", "doze", "seconds=0.1", "--priority", "high", "--title", "A nap")

    assert (done.exit_code, done.stdout) == (0, '"rested"\n')
    for said in ("“A nap”, priority high: accepted.", "a line of its log", "Succeeded after"):
        assert said in done.stderr
    task = services.queries.find({}, [("_id", 1)], 1)[0]
    assert (task.params, task.priority, task.title) == ({"seconds": 0.1}, Priority.HIGH, "A nap")


def test_a_failure_is_exit_code_1_and_its_reason(flask: Flask, services: Services, a_worker: None) -> None:
    done = flask("run", "refuse")

    assert (done.exit_code, done.stdout) == (1, "")
    assert "Failed after" in done.stderr and "This cannot work, whatever is tried." in done.stderr


def test_a_large_result_is_printed_whole(flask: Flask, services: Services, a_worker: None) -> None:
    done = flask("run", "give", "what=big")

    assert done.stdout.strip().strip('"') == "x" * 400_000


def test_nothing_is_followed_when_that_is_wished(flask: Flask, services: Services) -> None:
    done = flask("run", "doze", "--no-follow")

    assert (done.exit_code, done.stdout) == (0, "")
    task = services.queries.find({}, [("_id", 1)], 1)[0]
    assert (task.status, task.params, task.max_attempts) == (Status.QUEUED, {"seconds": 1.0}, 3)
    assert task.title == "Sleep"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing"], "There is no task type “nothing”."),
        (["doze", "seconds=soon"], "seconds: Enter a number, such as 2.5."),
        (["doze", "secnds=1"], "secnds: There is no parameter of this name. Did you mean seconds?"),
        (["give"], "what: This field is required."),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_created(
    flask: Flask, services: Services, words: list[str], said: str
) -> None:
    done = flask("run", *words)

    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr
    assert services.db.tasks.count_documents({}) == 0


def test_a_type_that_nobody_serves_is_said(flask: Flask) -> None:
    assert "No running worker supports this task type" in flask("run", "echo", "--no-follow").stderr


# Files


@pytest.fixture
def measure(services: Services) -> None:
    """A published type that takes a file."""
    schema = {
        "properties": {"source": {"type": "string", "format": "file-id", "accept": [".txt"]}},
        "required": ["source"],
        "additionalProperties": False,
    }
    about = {"title": "Measure", "category": "Files", "summary": "", "help": "", "schema": schema}
    how = {"priority": "low", "timeout_s": 5, "max_attempts": 1, "hash": ""}
    services.catalog.publish([{"_id": "measure", **about, **how}], "w1")


def test_a_file_is_uploaded_and_belongs_to_its_task(
    flask: Flask, services: Services, measure: None, tmp_path: Path
) -> None:
    path = tmp_path / "poem.txt"
    path.write_bytes(b"one\ntwo\n")
    assert flask("run", "measure", f"source=@{path}", "--no-follow").exit_code == 0

    task = services.queries.find({}, [("_id", 1)], 1)[0]
    files = services.files.of_task(task.id)
    assert [(str(file.id), file.name, file.size) for file in files] == [
        (task.params["source"], "poem.txt", 8)
    ]
    assert (task.title, task.priority) == ("Measure: poem.txt", Priority.LOW)


@pytest.mark.parametrize(
    "word", ["source=@poem.csv", "source=nonsense", f"source={'f' * 24}", "source=@none.txt"]
)
def test_a_file_that_cannot_be_taken_is_said(
    flask: Flask,
    services: Services,
    measure: None,
    tmp_path: Path,
    word: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "poem.csv").write_bytes(b"")
    done = flask("run", "measure", word)

    assert done.exit_code == 2 and "  source: " in done.stderr
    assert services.db.tasks.count_documents({}) == 0


# Ctrl-C


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C comes once, after the first look."""
    looks, left = Follower.looks, [KeyboardInterrupt()]

    def once(self: Follower) -> Iterator[Any]:
        for look in looks(self, 0.02):
            yield look
            if left:
                raise left.pop()

    monkeypatch.setattr(Follower, "looks", once)


def test_in_production_it_must_be_said_for_whom(settings: Settings, services: Services, flask: Flask) -> None:
    core = replace(services, settings=replace(settings, environment="production"))
    services.people.users.add("Zoe", Role.VIEWER)
    gone = services.people.users.add("Gone", Role.VIEWER)
    services.people.users.disable(gone.id)
    runner = create_app(settings, core).test_cli_runner()
    for words in ([], ["--as", "Nobody"], ["--as", "Gone"]):
        assert runner.invoke(args=["tasks", "run", "doze", "--no-follow", *words]).exit_code == 2
    assert services.db.tasks.count_documents({}) == 0

    assert runner.invoke(args=["tasks", "run", "doze", "--no-follow", "--as", "zoe"]).exit_code == 0
    zoe = services.people.users.by_name("zoe")
    entry = services.db.audit.find_one()
    assert zoe and services.db.tasks.find_one()["owner"] == zoe.id
    assert (entry["who"], entry["via"], entry["event"]) == (zoe.id, "command", "task.create")


def test_ctrl_c_offers_to_cancel(
    settings: Settings, services: Services, flask: Flask, interrupted: None
) -> None:
    runner = create_app(settings, services).test_cli_runner()
    done = runner.invoke(args=["tasks", "run", "doze"], input="y\n")

    task = services.queries.find({}, [("_id", 1)], 1)[0]
    local = services.people.users.local().id
    assert (task.owner, task.status, task.cancel and task.cancel["by"]) == (local, Status.CANCELED, local)
    assert done.exit_code == 1 and "Canceled." in done.stderr


@pytest.mark.parametrize("answer", ["n\n", ""])
def test_or_leaves_the_task_to_go_on(
    settings: Settings, services: Services, flask: Flask, interrupted: None, answer: str
) -> None:
    runner = create_app(settings, services).test_cli_runner()
    done = runner.invoke(args=["tasks", "run", "doze"], input=answer)

    task = services.queries.find({}, [("_id", 1)], 1)[0]
    assert (task.status, done.exit_code) == (Status.QUEUED, 130)
    assert f"It goes on: task {task.id}." in done.stderr


# In this process


def test_local_becomes_a_run_of_the_workers_and_imports_nothing_of_them(
    flask: Flask, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    became: list[Any] = []

    def execve(program: str, words: list[str], env: dict[str, str]) -> None:
        became.append((program, words, env["PYTHONPATH"]))
        raise SystemExit(7)

    monkeypatch.setattr(os, "execve", execve)
    monkeypatch.setenv("PYTHONPATH", "/mine")
    assert flask("run", "doze", "seconds=0", "--local").exit_code == 7

    path = f"{run_module.ROOT}{os.pathsep}/mine"
    assert became == [(sys.executable, [sys.executable, "-m", "workers", "run", "doze", "seconds=0"], path)]
    assert services.db.tasks.count_documents({}) == 0
