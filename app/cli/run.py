"""`flask tasks run TYPE name=value ...`: one task through the queue, followed to its end.

Parameters are read as on any command line (`app.core.params.cli_args`), from the schema in the catalog. With
`--local` this process becomes `python -m workers run`: task code is never imported here.
"""

from __future__ import annotations

import contextlib
import mimetypes
import os
import sys
from pathlib import Path
from typing import NoReturn

import click
from bson import ObjectId
from flask.cli import with_appcontext

from app.cli import show
from app.cli.acting import access_of, as_option
from app.cli.follow import Follower
from app.core import clock
from app.core.access.access import Access
from app.core.access.inputs import checked_inputs
from app.core.catalog import TaskType
from app.core.errors import Conflict
from app.core.mongo import translated
from app.core.params.cli_args import parse, teller
from app.core.params.fields import Field
from app.core.params.file_types import require_accepted
from app.core.schema import version
from app.core.tasks.states import Priority, Status
from app.core.tasks.task import NewTask, Task
from app.extensions import services

ROOT = Path(__file__).resolve().parents[2]
FAILED = 1
LEFT = 130


@click.command("run")
@click.argument("type_name", metavar="TYPE")
@click.argument("words", metavar="[NAME=VALUE]...", nargs=-1)
@click.option(
    "--priority",
    type=click.Choice([each.word for each in Priority]),
    help="Priority (default: the task type's).",
)
@click.option("--title", help="What the task is called in lists.")
@click.option(
    "--follow/--no-follow", default=True, help="Wait for the task and stream its log (default: --follow)."
)
@click.option("--local", is_flag=True, help="Run it in this process, with no stores and no worker.")
@as_option
@with_appcontext
def run_command(
    type_name: str,
    words: tuple[str, ...],
    priority: str | None,
    title: str | None,
    follow: bool,
    local: bool,
    as_name: str | None,
) -> None:
    """Run a task of TYPE.

    name=value gives a parameter, name=@path a file, name:=JSON what a word cannot say; a name given again
    is one more of a list. A secret is read from a variable by name=@VARIABLE, or asked for by name=@.

    The result goes to standard output, everything else to standard error. Exit code: 0 succeeded, or
    accepted with --no-follow; 1 failed or canceled; 2 nothing was run; 130 left running by Ctrl-C.
    """
    if local:
        become_local(type_name, words)
    with show.problems(), translated("taking the task, so nothing was created"):
        version.require(services().db)
        clock.synchronise(services().db)
        task_type = services().catalog.get(type_name)
        access = access_of(services(), as_name)
        task = _submit(access, task_type, words, priority, title)
    if follow:
        sys.exit(_follow(access, task))


def become_local(type_name: str, words: tuple[str, ...]) -> NoReturn:
    """Go on as `python -m workers run`, with the same terminal, so that a debugger works."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "workers", "run", type_name, *words]
    os.execve(sys.executable, command, {**os.environ, "PYTHONPATH": path})  # noqa: S606 - no shell is what we want


def _submit(
    access: Access, task_type: TaskType, words: tuple[str, ...], priority: str | None, title: str | None
) -> Task:
    """Raises Invalid, TooLarge."""
    tell = teller(os.environ, lambda title: str(click.prompt(title, hide_input=True, err=True)))
    values = parse(task_type.fields, words, lambda field, path: _store(access, field, path), tell)
    inputs = checked_inputs(
        task_type, values, access.files, lambda path: f"There is no such file. Give one as {path}=@path."
    )
    new = NewTask(
        type=task_type.name,
        params=inputs.params,
        title=title or task_type.default_title(inputs.files),
        priority=Priority.from_word(priority) if priority else task_type.priority,
        timeout_s=task_type.timeout_s,
        max_attempts=task_type.max_attempts,
        files=tuple(file.id for file in inputs.files),
    )
    submitted = access.submit(new, task_type)
    show.say(f"Task {submitted.task.id}, “{new.title}”, priority {new.priority.word}: accepted.")
    if not submitted.dispatched:
        show.queue_away(services().queues)
    if not task_type.served:
        show.say("No running worker supports this task type; the task will wait until one does.")
    return submitted.task


def _store(access: Access, field: Field, path: Path) -> str:
    """Upload a file; returns its id. Raises Invalid for a kind that is not taken, TooLarge."""
    content_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    require_accepted(field, path.name, content_type)
    with path.open("rb") as content:
        return str(access.files.save(content, path.name, content_type).id)


def _follow(access: Access, task: Task) -> int:
    """Show what becomes of it; returns the exit code. Ctrl-C offers to cancel it."""
    follower = Follower(access, services().queues, task.id)
    while True:
        try:
            with show.problems():
                for seen in follower.looks():
                    show.look(seen)
                    task = seen.task
                show.ending(task, access.files)
            return 0 if task.status is Status.SUCCEEDED else FAILED
        except KeyboardInterrupt:
            if not _cancel(access, task.id):
                return LEFT


def _cancel(access: Access, task_id: ObjectId) -> bool:
    """Ask whether to cancel; False when the task is left to run."""
    try:
        wanted = click.confirm("\nCancel the task? Answer “n” to leave it running.", err=True)
    except click.Abort:
        wanted = False
    if not wanted:
        show.say(f"It goes on: task {task_id}.")
        return False
    with show.problems(), translated("canceling the task"), contextlib.suppress(Conflict):
        access.cancel(task_id)  # else it has ended meanwhile, and that is shown next
    return True
