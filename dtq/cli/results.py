"""What a task made: its log, its result and its files."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from dtq.cli.exits import Exit
from dtq.cli.login import connect
from dtq.cli.options import json_option, task_of
from dtq.cli.terminal import is_terminal, one_line, say, write, write_json, write_table
from dtq.cli.waiting import ending, leaving, worst
from dtq.client import Task, TaskFile, TaskSummary
from dtq.filenames import safe_name


@click.command("logs")
@click.argument("task_id", metavar="TASK")
@click.option("-f", "--follow", is_flag=True, help="Go on until the task has ended; exit with its outcome.")
@click.option("--attempt", type=click.IntRange(min=1), help="Default: the last one.")
@click.option("--times", is_flag=True, help="Each line behind its time (UTC).")
def logs_command(task_id: str, follow: bool, attempt: int | None, times: bool) -> None:
    """Write what a task has printed, without control sequences."""
    if follow and (attempt or times):
        raise click.UsageError(f"Choose --follow or {'--attempt' if attempt else '--times'}.")
    task = task_of(connect(), task_id)
    if not follow:
        write(task.log(attempt, times=times), end="")
        return
    with leaving(task):
        for lines in task.follow_log():
            write(lines, end="")
    last = task.refresh()
    say(ending(last))
    click.get_current_context().exit(worst([last]))


@click.command("result")
@click.argument("task_id", metavar="TASK")
def result_command(task_id: str) -> None:
    """Write what a task returned, as JSON."""
    write_result(task_of(connect(), task_id))


def write_result(task: TaskSummary) -> None:
    """Write a result: readable on a terminal, in ASCII where a program reads."""
    found = json.dumps(task.result(), indent=2, ensure_ascii=not is_terminal(sys.stdout))
    write(found)


@click.command("files")
@click.argument("task_id", metavar="TASK")
@json_option
def files_command(task_id: str, as_json: bool) -> None:
    """List the files that a task was given and made."""
    files = task_of(connect(), task_id).files()
    if as_json:
        write_json(files)
    else:
        write_table(("ID", "BYTES", "NAME"), [(file.id, f"{file.size}", file.name) for file in files])


@click.command("download")
@click.argument("task_id", metavar="TASK")
@click.argument("names", metavar="[FILE]...", nargs=-1)
@click.option(
    "-d", "--dir", "folder", type=click.Path(path_type=Path), default=".", help="Where to; default: here."
)
@click.option("--force", is_flag=True, help="Replace files that exist.")
def download_command(task_id: str, names: tuple[str, ...], folder: Path, force: bool) -> None:
    """Save the files of a task, or those with these names or IDs, and write where they are."""
    task = task_of(connect(), task_id)
    known = task.files()
    if missing := set(names) - {word for file in known for word in (file.id, file.name)}:
        names_known = ", ".join(one_line(file.name) for file in known) or "none"
        say(f"The task has no file {one_line(min(missing))}. It has: {names_known}.")
        click.get_current_context().exit(Exit.REFUSED)
    folder.mkdir(parents=True, exist_ok=True)
    for file in known:
        if not names or {file.id, file.name} & set(names):
            write(str(_saved(task, file, folder, force)))


def _saved(task: Task, file: TaskFile, folder: Path, force: bool) -> Path:
    """Save a file under its name; beside one of the same name, it gets a number."""
    name = safe_name(file.name)
    target = folder / name
    count = 1
    while target.exists() and not force:
        count += 1
        target = folder / f"{Path(name).stem} ({count}){Path(name).suffix}"
    return task.download(file, target)
