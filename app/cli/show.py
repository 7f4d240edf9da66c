"""How tasks and types are said on a terminal.

Standard output is for the result alone, so that it can be piped; everything about the task goes to
standard error.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

import click
from pymongo.errors import PyMongoError

from app.cli.follow import Look
from app.core.access.files import FileAccess
from app.core.errors import DatabaseUnavailable, NotFound, QueueUnavailable, TaskQueueError, Unavailable
from app.core.params.cli_args import explained
from app.core.queue.rq import Queues
from app.core.store_errors import causes
from app.core.store_errors.advice import unusable
from app.core.tasks.states import Status
from app.core.tasks.task import Task
from app.extensions import advice_about, services

NOTHING_RUN = 2


@contextlib.contextmanager
def problems() -> Iterator[None]:
    """Turn an error of ours into sentences on standard error and exit code 2."""
    try:
        yield
    except TaskQueueError as error:
        say(explained(error))
        say_advice(error)
        raise SystemExit(NOTHING_RUN) from None
    except PyMongoError as error:
        trouble = trouble_of(error)
        if trouble is None:
            raise
        say(str(trouble))
        say_advice(trouble)
        raise SystemExit(NOTHING_RUN) from None


def say_advice(error: TaskQueueError) -> None:
    """Say what to do about a store that cannot be used; nothing for other errors."""
    if error.setting:
        trouble = trouble_of(error)
        say(advice_about(error.setting, trouble.cause if trouble else None))


def queue_away(queues: Queues) -> None:
    """Say why the workers were not told of a task that is created, and what to do."""
    try:
        queues.require_usable()
    except QueueUnavailable as error:
        say(str(error))
        say_advice(error)
    else:
        say("The queue did not answer, so it starts a little later.")


def trouble_of(error: BaseException) -> Unavailable | None:
    """Return what an error says of a store, with the cause as far as it can be found out now; else None."""
    if isinstance(error, QueueUnavailable):
        return error
    cause = causes.of_mongodb(error, services().db.client)
    return DatabaseUnavailable(unusable("MONGODB_URI", cause), cause) if cause else None


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


def ending(task: Task, files: FileAccess) -> None:
    """How it ended: the result on standard output, or why there is none."""
    took = ""
    if task.started_at and task.finished_at:
        took = f" after {(task.finished_at - task.started_at).total_seconds():.1f} s"
    say(f"{task.status.label}{took}.")
    if task.error:
        say(task.error["traceback"] + task.error["message"])
    for file in files.of_task(task):
        if file.role == "output" and file.id != task.result_file:
            say(f"File {file.name}, {file.size:,} bytes: on the task's page.")
    if task.status is Status.SUCCEEDED:
        click.echo(_result(task, files))


def _result(task: Task, files: FileAccess) -> str:
    if task.result_file is None:
        return json.dumps(task.result, indent=2, ensure_ascii=False)
    with contextlib.suppress(NotFound):
        return b"".join(files.chunks(files.download(task, str(task.result_file)))).decode()
    return "null"
