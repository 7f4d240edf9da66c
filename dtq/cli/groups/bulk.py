"""`dtq bulk`: the same change to many tasks, which the server makes, and what became of it."""

from __future__ import annotations

import sys
import time
from itertools import islice
from typing import Any, get_args

import click

from dtq.cli.exits import Exit
from dtq.cli.login import connect
from dtq.cli.options import PRIORITIES, json_option
from dtq.cli.tasks import with_filters
from dtq.cli.terminal import is_terminal, progress_bar, say, when, write, write_json, write_pairs, write_table
from dtq.client import BulkOperation, BulkPreview, Client
from dtq.client.records import BulkAction

LOOK_EVERY_S = 0.5
COUNTED = 10_000
"""Counts stop behind it."""
HELP = {
    "cancel": "Cancel all waiting and running tasks that match.",
    "retry": "Queue all failed and canceled tasks that match for another attempt.",
    "reprioritize": "Move all waiting tasks that match to the end of the queue of --to.",
    "delete": "Delete all ended tasks that match, with their logs and files.",
    "clone": "Run all tasks that match again, each as a new task.",
    "tag": "Add a tag to all tasks that match.",
    "untag": "Remove a tag from all tasks that match.",
}


@click.group("bulk")
def bulk_group() -> None:
    """Cancel, retry, reprioritize, delete, run again, tag or untag many tasks at once.

    The server makes the changes, also when this computer is off. ID is that of a bulk operation.
    """


def _starting(action: BulkAction) -> click.Command:
    @click.command(action, help=f"{HELP[action]} Writes the ID of the bulk operation.")
    @click.argument("search", metavar="[WORD]...", nargs=-1)
    @with_filters
    @click.option("--id", "ids", multiple=True, help="A task; may be repeated, instead of a filter.")
    @click.option("--most", type=click.IntRange(min=1), help="How many tasks may change.")
    @click.option("-n", "--dry-run", is_flag=True, help="Only say how many tasks would change.")
    @click.option("-y", "--yes", is_flag=True, help="Do not ask.")
    @click.option("--wait", is_flag=True, help="Wait until it has ended.")
    @json_option
    def start(**given: Any) -> None:
        _start(action, **given)

    if action == "reprioritize":
        start = click.option("--to", "to", type=PRIORITIES, required=True, help="The other queue.")(start)
    if action in ("tag", "untag"):
        name = "--add" if action == "tag" else "--remove"
        start = click.option(name, "changed_tag", metavar="TAG", required=True, help="The tag.")(start)
    return start


def _start(
    action: BulkAction,
    search: tuple[str, ...],
    statuses: tuple[str, ...],
    ids: tuple[str, ...],
    most: int | None,
    dry_run: bool,
    yes: bool,
    wait: bool,
    as_json: bool,
    to: Any = None,
    changed_tag: str | None = None,
    **filters: Any,
) -> None:
    wanted = {name: value for name, value in filters.items() if value}
    wanted |= {"status": ",".join(statuses)} if statuses else {}
    wanted |= {"q": " ".join(search)} if search else {}
    if bool(ids) == bool(wanted):
        raise click.UsageError("Choose tasks by --id, or by filters.")
    client = connect()
    chosen: dict[str, Any] = {
        "ids": ids or None,
        "filter": wanted or None,
        "priority": to,
        "tag": changed_tag,
    }
    asks = not yes and is_terminal(sys.stdin)
    if dry_run or asks:
        preview = client.preview_bulk(action, **chosen)
        if dry_run:
            write_json(preview) if as_json else write(_count(preview))
            return
        say(f"{_count(preview)} tasks match.{_others(preview)}")
        asked = "Run them again?" if action == "clone" else f"{action.capitalize()} them?"
        click.confirm(asked, abort=True, err=True)
        if most is None and preview.count <= COUNTED:
            most = preview.count  # No more than somebody has agreed to.
    operation = client.bulk(action, most=most, **chosen)
    if wait:
        operation = _ended(client, operation)
    _tell(operation, as_json)


def _count(preview: BulkPreview) -> str:
    return f"{preview.count:,}" if preview.count <= COUNTED else f"{COUNTED:,}+"


def _others(preview: BulkPreview) -> str:
    there = f" {preview.unaffected:,} are in that queue already." if preview.unaffected else ""
    return there + (f" {preview.denied:,} others you may not change." if preview.denied else "")


def _tell(operation: BulkOperation, as_json: bool) -> None:
    """Write an operation, and exit with its outcome."""
    write_json(operation) if as_json else write(operation.id)
    skipped = sum(found.count for found in operation.skipped.values())
    say(
        f"{operation.state.capitalize()}: {operation.done:,} changed, {skipped:,} skipped. "
        f"{operation.message}".rstrip()
    )
    click.get_current_context().exit(Exit.FAILED if operation.state == "stopped" else Exit.OK)


def _ended(client: Client, operation: BulkOperation) -> BulkOperation:
    try:
        with progress_bar() as progress:
            bar = progress.add_task(operation.action.capitalize(), total=operation.most)
            while operation.state == "running":
                time.sleep(LOOK_EVERY_S)
                operation = client.bulk_operation(operation.id)
                progress.update(bar, completed=operation.done)
    except KeyboardInterrupt:
        say(f"\nThe bulk operation goes on. To stop it: dtq bulk stop {operation.id}")
        click.get_current_context().exit(Exit.INTERRUPTED)
    return operation


bulk_id = click.argument("operation_id", metavar="ID")


@bulk_group.command("list")
@click.option("--limit", type=click.IntRange(min=1), default=25, show_default=True, help="How many.")
@json_option
def list_bulk(limit: int, as_json: bool) -> None:
    """List bulk operations, newest first: your own, or everybody's where you may see them."""
    found = list(islice(connect().bulk_operations(), limit))
    if as_json:
        write_json(found)
        return
    rows = [
        (each.id, each.state, each.action, f"{each.done}", when(each.created_at), each.owner_name)
        for each in found
    ]
    write_table(("ID", "STATE", "ACTION", "CHANGED", "CREATED", "OWNER"), rows)


@bulk_group.command("show")
@bulk_id
@json_option
def show_bulk(operation_id: str, as_json: bool) -> None:
    """Show a bulk operation: how far it is, and which tasks it skipped and why."""
    found = connect().bulk_operation(operation_id)
    if as_json:
        write_json(found)
        return
    pairs = [
        ("ID", found.id),
        ("Action", found.action),
        ("Priority", found.priority),
        ("Tag", found.tag),
        ("Filter", " ".join(f"{name}={value}" for name, value in (found.filter or {}).items())),
        ("State", found.state),
        ("Message", found.message),
        ("Owner", found.owner_name),
        ("Created", when(found.created_at)),
        ("Ended", when(found.ended_at)),
        ("Changed", f"{found.done}"),
        *((f"Skipped, {reason}", f"{each.count}") for reason, each in found.skipped.items()),
    ]
    write_pairs(pairs)


@bulk_group.command("wait")
@bulk_id
@json_option
def wait_bulk(operation_id: str, as_json: bool) -> None:
    """Wait until a bulk operation has ended."""
    client = connect()
    _tell(_ended(client, client.bulk_operation(operation_id)), as_json)


@bulk_group.command("stop")
@bulk_id
def stop_bulk(operation_id: str) -> None:
    """Stop a bulk operation after the tasks that it is changing."""
    say(f"{connect().stop_bulk(operation_id).id}: asked to stop.")


@bulk_group.command("resume")
@bulk_id
def resume_bulk(operation_id: str) -> None:
    """Let a stopped bulk operation continue."""
    say(f"{connect().resume_bulk(operation_id).id}: resumed.")


for _action in get_args(BulkAction):
    bulk_group.add_command(_starting(_action))
