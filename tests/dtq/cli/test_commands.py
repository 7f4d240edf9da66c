"""What somebody does with the command, and how it ends."""

from __future__ import annotations

import json
import os
import re
import stat
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from app.core.people.roles import Role
from app.core.services import Services
from app.core.tasks.task import parse_task_id
from dtq.cli.exits import Exit
from dtq.client import Client, TaskSummary
from tests.dtq.cli.conftest import Run
from tests.dtq.client.conftest import Weather
from tests.web.create.creating import publish
from tests.web.looking import claim, fail, succeed


def stored(services: Services, task_id: str) -> Any:
    return services.tasks.get(parse_task_id(task_id.strip()))


def test_a_task_is_submitted_with_its_file_and_values_of_the_right_kind(
    run: Run, services: Services, people: Path
) -> None:
    done = run(
        "submit", "clean_table", f"source=@{people}", "rows=3", "ratio=1.5", "trim=no", "columns=a",
        "columns=b", "note=x=y", "--priority", "high", "--title", "Mine", "--tag", "one", "--tag", "two",
        "--run-at", "+90m",
        "--private", "--max-attempts", "7", "--task-timeout", "9",
    )  # fmt: skip

    assert done.exit_code == Exit.OK, done.output
    assert re.fullmatch(r"[0-9a-f]{24}\n", done.stdout) and done.stderr == ""
    task = stored(services, done.stdout)
    given = {name: task.params[name] for name in ("rows", "ratio", "trim", "columns", "note")}
    assert given == {"rows": 3, "ratio": 1.5, "trim": False, "columns": ["a", "b"], "note": "x=y"}
    assert (task.priority.word, task.title, task.tags, task.private) == ("high", "Mine", ("one", "two"), True)
    assert (task.max_attempts, task.timeout_s) == (7, 9)
    assert abs(task.run_at - datetime.now(timezone.utc) - timedelta(minutes=90)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rows=many"], "rows: Enter a whole number."),
        (["rwos=3"], "rwos: There is no parameter of this name. Did you mean rows?"),
        (["rows"], "rows: Write name=value"),
        (["rows=1", "rows=2"], "rows: Give this parameter once."),
        (["source=@/nowhere/x.csv"], "source: There is no file /nowhere/x.csv."),
        (["trim=maybe"], "trim: Enter yes or no."),
        (["ratio=nan"], "ratio: Enter a number."),
        (["columns:={"], "columns: Enter valid JSON."),
        (["rows=1000"], "rows: "),
        (["case=shout"], "case: "),
    ],
)
def test_wrong_words_get_a_sentence_and_nothing_is_created(
    run: Run, services: Services, people: Path, words: list[str], said: str
) -> None:
    file = [] if words[0].startswith("source") else [f"source=@{people}"]
    done = run("submit", "clean_table", *file, *words)

    assert done.exit_code == Exit.USAGE and said in done.stderr, done.output
    assert services.db.tasks.count_documents({}) == 0


def test_secrets_come_from_the_environment_or_are_asked_for(run: Run, services: Services) -> None:
    secret = {"type": "string", "format": "password", "writeOnly": True, "title": "Key"}
    schema = {
        "type": "object",
        "properties": {"key": secret},
        "required": ["key"],
        "additionalProperties": False,
    }
    publish(services, "signed", schema=schema)

    assert run("submit", "signed", "key=@MY_KEY", MY_KEY="open sesame").exit_code == Exit.OK
    asked = run("submit", "signed", "key=@", given="open sesame\n")
    assert asked.exit_code == Exit.OK and "sesame" not in asked.output
    missing = run("submit", "signed", "key=@NO_SUCH")
    assert missing.exit_code == Exit.USAGE and "There is no environment variable NO_SUCH" in missing.stderr


def test_parts_of_models_lists_and_json_are_given(run: Run, services: Services) -> None:
    model = {"type": "object", "properties": {"deep": {"type": "integer"}, "name": {"type": "string"}}}
    schema = {
        "type": "object", "$defs": {"Part": model}, "additionalProperties": False,
        "properties": {
            "part": {"$ref": "#/$defs/Part"}, "rows": {"type": "array", "items": {"$ref": "#/$defs/Part"}},
            "level": {"enum": [1, 2], "type": "integer"},
            "maybe": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        },
    }  # fmt: skip
    publish(services, "deep", schema=schema)
    done = run(
        "submit", "deep", "part.deep=3", "part.name=x", 'rows={"deep": 1}', "rows={}", "level=2", "maybe="
    )

    assert done.exit_code == Exit.OK, done.output
    params = stored(services, done.stdout).params
    assert params["part"] == {"deep": 3, "name": "x"} and params["level"] == 2 and params["maybe"] is None
    assert [row.get("deep") for row in params["rows"]] == [1, None]
    both = run("submit", "deep", "part.deep=3", "part:={}")
    assert both.exit_code == Exit.USAGE and "not as both" in both.stderr


def test_waiting_ends_with_the_outcome(run: Run, services: Services, submitted: Any) -> None:
    good, bad, canceled, waits = submitted(), submitted(), submitted(), submitted()
    succeed(services, stored(services, good.id), {"rows": 1})
    while stored(services, bad.id).status.value != "failed":
        services.db.tasks.update_one({"_id": parse_task_id(bad.id)}, {"$set": {"max_attempts": 1}})
        fail(services, stored(services, bad.id), "It broke.")
    canceled.cancel()

    assert run("wait", good.id).exit_code == Exit.OK
    failed = run("wait", good.id, bad.id)
    assert failed.exit_code == Exit.FAILED and "It broke." in failed.stderr
    assert run("wait", canceled.id).exit_code == Exit.CANCELED
    late = run("wait", waits.id, "--timeout", "0")
    assert late.exit_code == Exit.TIMEOUT and "goes on" in late.stderr
    assert json.loads(run("result", good.id).stdout) == {"rows": 1}
    assert json.loads(run("wait", bad.id, "--json").stdout)["error"]["message"] == "It broke."


def test_the_log_is_followed_to_the_end(run: Run, services: Services, submitted: Any) -> None:
    task = submitted()
    running = claim(services, stored(services, task.id))
    services.logs.write_part(running.id, 1, 0, b"one\n\x1b[31mtwo\x1b]0;owned\x07\rthree\n")
    assert services.tasks.succeed(running, None)

    followed = run("logs", "-f", task.id)
    assert followed.exit_code == Exit.OK and followed.stdout.splitlines()[0] == "one"
    assert followed.stdout.splitlines()[-1] == "three" and "\x1b" not in followed.output
    assert run("logs", task.id).stdout == followed.stdout
    assert run("logs", task.id, "--attempt", "9").exit_code == Exit.REFUSED
    assert re.fullmatch("(- |[-0-9T:]{19}Z )one\n.*", run("logs", task.id, "--times").stdout, re.DOTALL)
    assert run("logs", "-f", "--times", task.id).exit_code == Exit.USAGE


def test_a_list_has_the_filters_of_the_page(run: Run, submitted: Any) -> None:
    high = submitted(priority="high", tags=["x"], title="One\x1b[2J\ttwo\u202e")
    submitted()

    lines = run(
        "list", "--priority", "high", "--tag", "x", "--status", "queued", "--owner", "me"
    ).stdout.splitlines()
    assert [line.split("\t")[0] for line in lines] == [high.id]
    assert len(lines[0].split("\t")) == 7 and not {"\x1b", "\u202e"} & set(lines[0])
    assert (
        json.loads(run("list", "--json", "type:clean_table", "--limit", "1").stdout)[0]["type"]
        == "clean_table"
    )
    assert "There are more" in run("list", "--limit", "1").stderr
    assert run("list", "--all", "--sort", "priority").stdout.count("\n") == 2
    assert run("list", "--created-from", "yesterday").exit_code == Exit.USAGE
    assert run("list", "--status", "lost").exit_code == Exit.USAGE


def test_tasks_are_named_by_parts_and_addresses(run: Run, client: Client, submitted: Any) -> None:
    task: TaskSummary = submitted(title="Mine")

    for name in (task.id, task.id[-8:], f"{client.url}/tasks/{task.id}", task.id.upper()):
        assert json.loads(run("show", name, "--json").stdout)["id"] == task.id
    assert "Title\tMine" in run("show", task.id).stdout
    for name in ("0" * 24, "zzz", "../me", "00000000"):
        missing = run("show", name)
        assert missing.exit_code == Exit.REFUSED and "task" in missing.stderr.lower()


def test_tasks_are_changed(run: Run, services: Services, submitted: Any) -> None:
    first, second = submitted(), submitted()

    assert run("priority", "low", first.id, second.id).exit_code == Exit.OK
    assert first.refresh().priority == second.refresh().priority == "low"
    some = run("cancel", "0" * 24, first.id)
    assert some.exit_code == Exit.REFUSED and f"{first.id}: canceled." in some.stderr
    assert run("retry", first.id).exit_code == Exit.OK and first.refresh().status == "queued"
    assert run("retry", first.id).exit_code == Exit.REFUSED
    cloned = run("clone", first.id).stdout.strip()
    assert stored(services, cloned).params == stored(services, first.id).params
    second.cancel()
    assert run("delete", second.id).exit_code == Exit.OK
    assert run("show", second.id).exit_code == Exit.REFUSED


def test_many_tasks_are_changed_by_the_server(run: Run, services: Services, submitted: Any) -> None:
    marked, other = submitted(tags=["x"]), submitted()

    assert run("bulk", "cancel", "--tag", "x", "-n").stdout == "1\n" and marked.refresh().status == "queued"
    done = run("bulk", "cancel", "--tag", "x", "--most", "9", "--wait", "--json")
    operation = json.loads(done.stdout)
    assert (operation["action"], operation["filter"], operation["done"]) == ("cancel", {"tag": "x"}, 1)
    assert (marked.refresh().status, other.refresh().status) == ("canceled", "queued")
    done = run("bulk", "tag", "--add", "of-bulk", "--id", other.id, "--wait", "--json")
    tagged = json.loads(done.stdout)
    assert tagged["tag"] == "of-bulk" and "of-bulk" in other.refresh().tags
    moved = run("bulk", "reprioritize", "--to", "low", "--id", other.id, "--id", marked.id)
    assert moved.exit_code == Exit.OK and other.refresh().priority == "low"
    assert "1 changed, 1 skipped" in moved.stderr
    shown = run("bulk", "show", moved.stdout.strip()).stdout
    assert "Changed\t1\n" in shown and "Skipped, canceled\t1\n" in shown
    listed = [line.split("\t")[0] for line in run("bulk", "list").stdout.splitlines()]
    assert listed == [moved.stdout.strip(), tagged["id"], operation["id"]]
    assert run("bulk", "wait", operation["id"]).exit_code == Exit.OK
    assert run("bulk", "show", "0" * 24).exit_code == Exit.REFUSED


@pytest.mark.parametrize(
    "words",
    [["cancel"], ["cancel", "--id", "0" * 24, "--tag", "x"], ["cancel", "--id", "x"], ["nothing"],
     ["reprioritize", "--tag", "x"], ["cancel", "--to", "low", "--tag", "x"], ["retry", "--status", "lost"]],
)  # fmt: skip
def test_a_choice_of_many_that_is_none_changes_nothing(
    run: Run, services: Services, submitted: Any, words: list[str]
) -> None:
    submitted()
    done = run("bulk", *words)
    assert done.exit_code == Exit.USAGE and done.stderr
    assert services.db.bulk_operations.count_documents({}) == 0


def test_a_bulk_operation_is_stopped_and_resumed(run: Run, services: Services, submitted: Any) -> None:
    submitted(tags=["x"])
    made = run("bulk", "cancel", "--tag", "x").stdout.strip()
    found = {"_id": parse_task_id(made)}
    assert "asked to stop" in run("bulk", "stop", made).stderr
    assert services.db.bulk_operations.find_one(found)["stop"]
    services.db.bulk_operations.update_one(found, {"$set": {"state": "stopped", "why": "asked"}})
    assert run("bulk", "wait", made).exit_code == Exit.FAILED
    assert run("bulk", "resume", made).exit_code == Exit.OK
    assert services.db.bulk_operations.find_one(found)["state"] != "stopped"


def test_files_are_saved_and_never_replaced_unasked(run: Run, submitted: Any, tmp_path: Path) -> None:
    task = submitted()
    folder = tmp_path / "new" / "folder"

    saved = [run("download", task.id, "-d", str(folder)).stdout.strip() for _ in range(2)]
    assert saved == [str(folder / "people.csv"), str(folder / "people (2).csv")]
    assert Path(saved[0]).read_bytes() == Path(saved[1]).read_bytes() == b"a,b\n1,2\n"
    run("download", task.id, "people.csv", "--force", "-d", str(folder))
    assert len(list(folder.iterdir())) == 2
    missing = run("download", task.id, "other.csv")
    assert missing.exit_code == Exit.REFUSED and "It has: people.csv." in missing.stderr
    assert run("files", task.id).stdout.split("\t")[1:] == ["8", "people.csv\n"]


def test_the_server_is_described(run: Run) -> None:
    assert run("types").stdout.startswith("clean_table\tData\tready\t")
    about = run("types", "clean_table").stdout
    assert "rows\twhole number\t10\tRows" in about and "source\tfile\trequired\tTable" in about
    assert run("types", "nothing").exit_code == Exit.REFUSED
    assert [line.split("\t")[0] for line in run("queues").stdout.splitlines()] == ["high", "medium", "low"]
    assert run("workers").stdout.startswith("worker-1\t")
    assert "Role\tsubmitter" in run("whoami").stdout
    assert run("open").stdout.endswith("/\n")


def test_an_operator_pauses_queues_and_types_and_stops_workers(run: Run, token_of: Any) -> None:
    assert run("pause", "high").exit_code == Exit.REFUSED
    olga = {"DTQ_TOKEN": token_of(Role.OPERATOR, "olga")}

    assert run("pause", "low", "--why", "Upgrade", **olga).exit_code == Exit.OK
    assert run("queues").stdout.splitlines()[2].startswith("low\t0\t0\tpaused")
    assert run("pause", "low", **olga).exit_code == Exit.REFUSED
    assert run("resume", "low", **olga).stderr == "low: resumed.\n"
    assert run("pause", "clean_table", **olga).exit_code == Exit.OK
    assert "\tpaused\t" in run("types").stdout
    assert run("resume", "clean_table", **olga).exit_code == Exit.OK
    assert run("pause", "nothing", **olga).exit_code == Exit.REFUSED
    assert run("stop-worker", "worker-1", **olga).exit_code == Exit.OK
    assert run("stop-worker", "no-such", **olga).exit_code == Exit.REFUSED


# Sign in


def test_a_login_is_stored_for_its_owner_only_and_sent_to_its_server_only(
    run: Run, client: Client, login: dict[str, str]
) -> None:
    nothing = {"DTQ_URL": "", "DTQ_TOKEN": ""}
    path = Path(login["XDG_CONFIG_HOME"]) / "dtq" / "login.json"
    assert run("list", **nothing).exit_code == Exit.USAGE

    wrong = run("login", client.url, given="dtq_wrong\n", **nothing)
    assert wrong.exit_code == Exit.REFUSED and not path.exists()
    os.umask(os.umask(0))
    signed = run("login", client.url + "/", given=login["DTQ_TOKEN"] + "\n", **nothing)
    assert signed.exit_code == Exit.OK and login["DTQ_TOKEN"] not in signed.output
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and len(list(path.parent.iterdir())) == 1
    assert run("list", **nothing).exit_code == Exit.OK
    elsewhere = run("list", DTQ_URL="http://127.0.0.1:9", DTQ_TOKEN="")
    assert elsewhere.exit_code == Exit.USAGE and "DTQ_TOKEN" in elsewhere.stderr
    path.write_text("{")
    assert "Run dtq login again" in run("list", **nothing).stderr
    assert run("logout", **nothing).exit_code == Exit.OK and not path.exists()


def test_what_goes_wrong_is_a_sentence_with_a_code_of_its_own(
    run: Run, weather: Weather, token_of: Any, submitted: Any
) -> None:
    away = run("list", DTQ_URL="http://127.0.0.1:9", DTQ_TOKEN="dtq_x")
    assert away.exit_code == Exit.UNAVAILABLE and "did not answer" in away.stderr
    task = submitted()
    viewer = run("cancel", task.id, DTQ_TOKEN=token_of(Role.VIEWER, "looker"))
    assert viewer.exit_code == Exit.REFUSED
    assert run("list", DTQ_TOKEN="dtq_wrong").exit_code == Exit.REFUSED
    assert run("list", DTQ_URL="nonsense", DTQ_TOKEN="x").exit_code == Exit.USAGE
    assert all("Traceback" not in result.output for result in (away, viewer))


def test_the_same_key_is_the_same_task(run: Run, people: Path) -> None:
    made = {run("submit", "clean_table", f"source=@{people}", "--key", "march").stdout for _ in range(2)}
    assert len(made) == 1
    other = run("submit", "clean_table", f"source=@{people}", "rows=2", "--key", "march")
    assert other.exit_code == Exit.USAGE and "another body" in other.stderr


def test_an_interrupted_upload_is_sent_again(
    run: Run, weather: Weather, people: Path, services: Services
) -> None:
    weather.plan("POST", "/files", "after", "503")
    done = run("submit", "clean_table", f"source=@{people}")
    assert done.exit_code == Exit.OK and stored(services, done.stdout)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands_types_and_parameters(run: Run, shell: str) -> None:
    assert "_DTQ_COMPLETE" in run("completion", shell).stdout

    def answers(words: str, last: str) -> str:
        env = {"_DTQ_COMPLETE": f"{shell}_complete", "COMP_WORDS": words}
        count = {
            "COMP_CWORD": last
            if shell == "fish"
            else str(len(words.split()) - (0 if words.endswith(" ") else 1))
        }
        return run(**env, **count).stdout

    assert "submit" in answers("dtq su", "su")
    assert "clean_table" in answers("dtq submit cl", "cl")
    assert "rows=" in answers("dtq submit clean_table ro", "ro")
