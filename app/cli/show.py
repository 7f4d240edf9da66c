"""How tasks and types are said on a terminal.

Standard output is for the result alone, so that it can be piped; everything about the task goes to
standard error.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

import click

from app.core.arguments import explained
from app.core.errors import NotFound, TaskQueueError
from app.core.files import Files
from app.core.follow import Look
from app.core.states import Status
from app.core.task import Task
from app.web.stores import advice_about

NOTHING_RUN = 2


@contextlib.contextmanager
def problems() -> Iterator[None]:
    """Turn an error of ours into sentences on standard error and exit code 2."""
    try:
        yield
    except TaskQueueError as error:
        say(explained(error))
        if error.setting:
            say(advice_about(error.setting))
        raise SystemExit(NOTHING_RUN) from None


def say(text: str) -> None:
    click.echo(text, err=True)


def look(seen: Look) -> None:
    """What is new about a task."""
    click.echo(seen.log, err=True, nl=False)
    if seen.progress and not seen.task.status.ended:
        total = seen.progress.get("total")
        of = f" of {total:.12g}" if total is not None else ""
        say(f"[{seen.progress['done']:.12g}{of}] {seen.progress.get('message', '')}".rstrip())
    if seen.moved and not seen.task.status.ended:
        say(_status(seen))


def _status(seen: Look) -> str:
    task = seen.task
    if task.status is Status.QUEUED:
        return "Waiting" + (f", place {seen.place} in line." if seen.place else ".")
    if task.status is Status.SCHEDULED:
        why = f" {task.error['message']}" if task.error else ""
        return f"Scheduled for {task.run_at:%Y-%m-%d %H:%M:%S} UTC.{why}"
    return f"Running on {task.worker}, attempt {task.attempt} of {task.max_attempts}."


def ending(task: Task, files: Files) -> None:
    """How it ended: the result on standard output, or why there is none."""
    took = ""
    if task.started_at and task.finished_at:
        took = f" after {(task.finished_at - task.started_at).total_seconds():.1f} s"
    say(f"{task.status.label}{took}.")
    if task.error:
        say(task.error["traceback"] + task.error["message"])
    for file in files.of_task(task.id):
        if file.role == "output" and file.id != task.result_file:
            say(f"File {file.name}, {file.size:,} bytes: on the task's page.")
    if task.status is Status.SUCCEEDED:
        click.echo(_result(task, files))


def _result(task: Task, files: Files) -> str:
    if task.result_file is None:
        return json.dumps(task.result, indent=2, ensure_ascii=False)
    with contextlib.suppress(NotFound):
        return b"".join(files.chunks(task.result_file)).decode()
    return "null"
