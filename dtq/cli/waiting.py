"""Waiting for tasks: a bar on a terminal, Ctrl-C that leaves the task alone, and exit codes by outcome."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click
from rich.progress import Progress, TaskID

from dtq.cli.exits import OF_STATUS, Exit
from dtq.cli.login import connect
from dtq.cli.options import json_option, task_of, timeout_option
from dtq.cli.terminal import is_terminal, one_line, progress_bar, say, write_json
from dtq.client import Task, TaskSummary, WaitTimeout

LOOK_EVERY_S = 1.0


@click.command("wait")
@click.argument("task_ids", metavar="TASK...", nargs=-1, required=True)
@timeout_option
@json_option
def wait_command(task_ids: tuple[str, ...], timeout_s: float | None, as_json: bool) -> None:
    """Wait until tasks have ended. Exit code: that of the first task that did not succeed."""
    client = connect()
    tasks = [task_of(client, text) for text in task_ids]
    ended = wait_for(tasks, timeout_s)
    if as_json:
        write_json(ended if len(ended) > 1 else ended[0])
    click.get_current_context().exit(worst(ended))


def wait_for(tasks: Sequence[TaskSummary], timeout_s: float | None = None) -> list[Task]:
    """Return the tasks when all have ended. Exits with a sentence at Ctrl-C, and when the time is over."""
    until = None if timeout_s is None else time.monotonic() + timeout_s
    ended = []
    for task in tasks:
        with leaving(task):
            left_s = None if until is None else max(0.0, until - time.monotonic())
            last = (
                _watched(task, left_s)
                if is_terminal(sys.stderr)
                else task.wait(left_s, raise_on_failure=False)
            )
        say(ending(last))
        ended.append(last)
    return ended


@contextmanager
def leaving(task: TaskSummary) -> Iterator[None]:
    """Say at Ctrl-C, and when the time is over, that the task goes on; then exit."""
    context = click.get_current_context()
    try:
        yield
    except KeyboardInterrupt:
        say(
            f"\nTask {task.id} goes on. To wait again: dtq wait {task.id}. To cancel it: dtq cancel {task.id}"
        )
        context.exit(Exit.INTERRUPTED)
    except WaitTimeout as error:
        say(f"Task {task.id} is {error.task.status}, and goes on. To wait again: dtq wait {task.id}")
        context.exit(Exit.TIMEOUT)


def _watched(task: TaskSummary, timeout_s: float | None) -> Task:
    """Wait with a bar of the task's own progress. Raises WaitTimeout."""
    until = float("inf") if timeout_s is None else time.monotonic() + timeout_s
    with progress_bar() as progress:
        bar, now = progress.add_task("", total=None), task.refresh()
        while not now.ended:
            _draw(progress, bar, now)
            left_s = until - time.monotonic()
            try:
                now = now.wait(max(0.0, min(LOOK_EVERY_S, left_s)), raise_on_failure=False)
            except WaitTimeout as error:
                if left_s <= LOOK_EVERY_S:
                    raise
                now = task.refresh() if not isinstance(error.task, Task) else error.task
        return now


def _draw(progress: Progress, bar: TaskID, task: Task) -> None:
    known = task.progress
    said = known.message if known and known.message else task.title
    words = f"{task.status} {one_line(said)}"
    total = known.total if known and task.status == "running" else None
    progress.update(bar, description=words[:40], total=total, completed=(known.done or 0) if known else 0)


def ending(task: Task) -> str:
    """Return how a task ended, as a sentence."""
    took = ""
    if task.started_at and task.finished_at:
        took = f" after {(task.finished_at - task.started_at).total_seconds():,.1f} s"
    why = f" {one_line(task.error.message)}" if task.error and task.status == "failed" else ""
    return f"Task {task.id} ({one_line(task.title)}): {task.status}{took}.{why}"


def worst(tasks: Sequence[TaskSummary]) -> Exit:
    return next((OF_STATUS[task.status] for task in tasks if task.status != "succeeded"), Exit.OK)
