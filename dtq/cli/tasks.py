"""Which tasks there are, and changing them."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, cast, get_args

import click

from dtq.cli.exits import Exit, exit_of, sentences
from dtq.cli.login import connect, current
from dtq.cli.options import PRIORITIES, complete_types, json_option, task_of
from dtq.cli.terminal import is_terminal, one_line, say, when, write, write_json, write_pairs, write_table
from dtq.client import Client, DTQError, NotFound, Task, View
from dtq.client.http import checked_url
from dtq.client.records import Sort, Status

FILTERS = (
    click.option(
        "--status", "statuses", multiple=True, type=click.Choice(get_args(Status)), help="May be repeated."
    ),
    click.option("--type", "type", shell_complete=complete_types, help="The name of a task type."),
    click.option("--priority", type=PRIORITIES),
    click.option("--tag", help="A whole tag."),
    click.option("--owner", help="A user by name; “me” is you."),
    click.option("--worker", help="How the name of the worker begins."),
    click.option("--created-from", metavar="TIME", help="A day or minute of UTC, such as 2026-11-01T14:30."),
    click.option("--created-before", metavar="TIME"),
    click.option("--finished-from", metavar="TIME"),
    click.option("--finished-before", metavar="TIME"),
    click.option("--ended", type=click.Choice(["1h", "24h", "7d"]), help="Ended within this time."),
    click.option("--error", "error_words", help="Words of the error."),
)
SORTS = (
    click.option("--sort", type=click.Choice(get_args(Sort))),
    click.option("--order", type=click.Choice(["asc", "desc"])),
)


def with_filters(command: Callable[..., None], more: Sequence[Any] = ()) -> Callable[..., None]:
    for option in reversed((*FILTERS, *more)):
        command = option(command)
    return command


def with_filters_and_sorts(command: Callable[..., None]) -> Callable[..., None]:
    return with_filters(command, SORTS)


_ID = re.compile(r"[0-9a-f]{24}\Z")


def view_of(client: Client, text: str) -> View:
    """Return the view that an ID or a name means, an own one first. Raises NotFound."""
    if _ID.match(text):
        return client.view(text)
    wanted = " ".join(text.split()).casefold()
    for view in client.views():
        if view.name.casefold() == wanted:
            return view
    raise NotFound(404, detail=f"There is no view {text[:60]}. To see all: dtq views list")


@click.command("list")
@click.argument("search", metavar="[WORD]...", nargs=-1)
@with_filters_and_sorts
@click.option("--view", "view_name", metavar="VIEW", help="A saved view, by name or ID; filters add to it.")
@click.option("--limit", type=click.IntRange(min=1), default=25, show_default=True, help="How many tasks.")
@click.option("--all", "everything", is_flag=True, help="All tasks that match.")
@json_option
def list_command(
    search: tuple[str, ...],
    statuses: Sequence[Any],
    view_name: str | None,
    limit: int,
    everything: bool,
    as_json: bool,
    **filters: Any,
) -> None:
    """List tasks, newest first, with the filters and the search of View Tasks."""
    client = connect()
    given: dict[str, Any] = {name: value for name, value in filters.items() if value is not None}
    given |= {"status": statuses} if statuses else {}
    given |= {"q": " ".join(search)} if search else {}
    view = dict(view_of(client, view_name).filter) if view_name else {}
    page = {"per_page": 200 if everything or limit > 25 else 25}
    matching = client.tasks(**cast(Any, {**view, **given, **page}))
    found = list(matching if everything else islice(matching, limit + 1))
    shown = found if everything else found[:limit]
    if as_json:
        write_json(shown)
        return
    rows = [
        (task.id, task.status, task.priority, task.type, when(task.created_at), task.owner_name, task.title)
        for task in shown
    ]
    write_table(
        ("ID", "STATUS", "PRIORITY", "TYPE", "CREATED", "OWNER", "TITLE"), rows, ("PRIORITY", "TYPE", "OWNER")
    )
    if len(found) > len(shown):
        say(f"There are more. Use --limit, or --all. Shown: {limit:,}.")


@click.command("show")
@click.argument("task_id", metavar="TASK")
@json_option
def show_command(task_id: str, as_json: bool) -> None:
    """Show a task: its status, parameters, progress, error and files."""
    task = task_of(connect(), task_id)
    if as_json:
        write_json(task)
        return
    write_pairs(_about(task))
    if task.error:
        write("\n" + (task.error.traceback or task.error.message).rstrip())


def _about(task: Task) -> list[tuple[str, Any]]:
    progress = task.progress
    done = f"{progress.done:g}" if progress and progress.done is not None else ""
    total = f" of {progress.total:g}" if progress and progress.total is not None else ""
    return [
        ("ID", task.id),
        ("Title", task.title),
        ("Status", task.status),
        ("Type", task.type),
        ("Priority", task.priority),
        ("Owner", task.owner_name),
        ("Tags", ", ".join(task.tags)),
        ("Private", "yes" if task.private else ""),
        ("Created", when(task.created_at)),
        ("Run at", when(task.run_at)),
        ("Started", when(task.started_at)),
        ("Finished", when(task.finished_at)),
        ("Attempt", f"{task.attempt} of {task.max_attempts}"),
        ("Worker", task.worker),
        ("Progress", f"{done}{total} {progress.message}".strip() if progress else ""),
        ("Parent", task.parent),
        ("Error", task.error.message if task.error else ""),
        *((name, json.dumps(value, ensure_ascii=False)) for name, value in task.params.items()),
        ("Actions", ", ".join(task.actions)),
    ]


# Changes

many_tasks = click.argument("task_ids", metavar="TASK...", nargs=-1, required=True)


def _for_all(task_ids: Sequence[str], change: Callable[[Task], str], as_json: bool = False) -> None:
    """Change tasks one after the other; one that cannot be changed does not stop the others."""
    client = connect()
    code = Exit.OK
    for text in task_ids:
        try:
            said = change(task_of(client, text))
        except DTQError as error:
            said, code = f"{one_line(text)}: {sentences(error)}", exit_of(error)
        say(said)
    click.get_current_context().exit(code)


@click.command("cancel")
@many_tasks
def cancel_command(task_ids: tuple[str, ...]) -> None:
    """Cancel tasks. One that runs is asked to stop, and ends within seconds."""

    def cancel(task: Task) -> str:
        now = task.cancel()
        return f"{task.id}: {'canceled' if now.ended else 'asked to stop'}."

    _for_all(task_ids, cancel)


@click.command("retry")
@many_tasks
def retry_command(task_ids: tuple[str, ...]) -> None:
    """Queue failed or canceled tasks for another attempt."""
    _for_all(task_ids, lambda task: f"{task.id}: {task.retry().status}.")


@click.command("priority")
@click.argument("priority", type=PRIORITIES)
@many_tasks
def priority_command(priority: Any, task_ids: tuple[str, ...]) -> None:
    """Move waiting tasks to the end of another queue."""
    _for_all(task_ids, lambda task: f"{task.id}: priority {task.set_priority(priority).priority}.")


@click.command("clone")
@click.argument("task_id", metavar="TASK")
@click.option("--key", help="An idempotency key: the same key again returns the task that it made.")
@json_option
def clone_command(task_id: str, key: str | None, as_json: bool) -> None:
    """Create a task with the inputs of another one, and write its ID."""
    made = task_of(connect(), task_id).clone(key)
    write_json(made) if as_json else write(made.id)


@click.command("delete")
@many_tasks
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def delete_command(task_ids: tuple[str, ...], yes: bool) -> None:
    """Delete ended tasks with their logs and files."""
    if not yes and is_terminal(sys.stdin):
        number = f"{len(task_ids)} tasks" if len(task_ids) > 1 else "the task"
        click.confirm(f"Delete {number} with logs and files?", abort=True, err=True)

    def delete(task: Task) -> str:
        task.delete()
        return f"{task.id}: deleted."

    _for_all(task_ids, delete)


@click.command("open")
@click.argument("task_id", metavar="[TASK]", required=False)
def open_command(task_id: str | None) -> None:
    """Open the page of a task, or Home, in a browser; write its address where there is no terminal."""
    address = checked_url(current().url) + (f"/tasks/{_id(connect(), task_id)}" if task_id else "/")
    if is_terminal(sys.stdout):
        click.launch(address)
    else:
        write(address)


def _id(client: Client, text: str) -> str:
    return task_of(client, text).id
