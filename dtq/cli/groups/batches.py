"""`dtq batch`: many tasks of a type from a file of rows, and what has become of them."""

from __future__ import annotations

import time
from itertools import islice
from pathlib import Path
from typing import Any, get_args

import click

from dtq.cli import words
from dtq.cli.exits import Exit
from dtq.cli.groups import batch_rows
from dtq.cli.login import connect
from dtq.cli.options import PRIORITIES, complete_types, json_option, timeout_option
from dtq.cli.submit import complete_words, tell_secret
from dtq.cli.terminal import progress_bar, say, when, write, write_json, write_pairs, write_table
from dtq.client import Batch, BatchWaitTimeout, Client, NewTask
from dtq.client.batches import BatchMode, ResultsFormat

LOOK_EVERY_S = 2.0


@click.group("batch")
def batch_group() -> None:
    """Create many tasks at once from a file, follow them, and save their results. ID is that of a batch."""


@batch_group.command("submit")
@click.argument("type_name", metavar="TYPE", shell_complete=complete_types)
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("given", metavar="[NAME=VALUE]...", nargs=-1, shell_complete=complete_words)
@click.option("--priority", type=PRIORITIES, help="Default: the type's.")
@click.option("--title", help="What the batch is called.")
@click.option("--tag", "tags", multiple=True, help="A tag of each task; may be repeated.")
@click.option(
    "--notify", "notify", multiple=True, metavar="ID", help="A subscription to tell; may be repeated."
)
@click.option("--private", is_flag=True, help="For you and operators only.")
@click.option(
    "--mode",
    type=click.Choice(get_args(BatchMode)),
    default="all",
    show_default=True,
    help="Where rows are wrong: create none, or each that is right.",
)
@click.option("--key", help="An idempotency key: the same key again returns the batch that it made.")
@click.option("--wait", is_flag=True, help="Wait until all tasks have ended.")
@timeout_option
@json_option
def submit_batch(
    type_name: str,
    file: Path,
    given: tuple[str, ...],
    title: str | None,
    mode: BatchMode,
    key: str | None,
    wait: bool,
    timeout_s: float | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Create a task of TYPE for each row of FILE (CSV, TSV, JSON Lines, XLSX), and write the batch's ID.

    The first row of a table names the parameters; a cell is read as a word of `dtq submit` is, @path is a
    file. A column `title` names tasks. NAME=VALUE is for all rows, but for those that say it themselves.
    """
    client = connect()
    schema = client.type(type_name).params_schema
    try:
        shared = words.read(schema, given, tell_secret)
        rows = batch_rows.read(file, schema, shared, tell_secret)
    except (words.WrongWords, batch_rows.WrongRows) as error:
        say(str(error))
        click.get_current_context().exit(Exit.USAGE)
    tasks = [NewTask(type_name, row.params, title=row.title, **options) for row in rows]
    made = client.submit_many(tasks, mode=mode, title=title, idempotency_key=key)
    for wrong in made.errors[: batch_rows.MOST_TOLD]:
        say(f"{_place(wrong.pointer, rows)}: {wrong.detail}")
    if not wait:
        write_json(made) if as_json else write(made.id)
        say(f"{made.created:,} tasks created, {made.rejected:,} rejected.")
        click.get_current_context().exit(Exit.FAILED if made.rejected else Exit.OK)
    say(f"Created batch {made.id}.")
    _end(client, client.batch(made.id), timeout_s, as_json)


def _place(pointer: str, rows: list[batch_rows.NewRow]) -> str:
    """Return where a row is wrong, by the number that it has in the file."""
    _, _, index, *rest = pointer.split("/")
    return ", ".join([f"row {rows[int(index)].number}", *([".".join(rest[-1:])] if rest else [])])


batch_id = click.argument("batch", metavar="ID")


@batch_group.command("list")
@click.option("--limit", type=click.IntRange(min=1), default=25, show_default=True, help="How many.")
@json_option
def list_batches(limit: int, as_json: bool) -> None:
    """List batches, newest first."""
    found = list(islice(connect().batches(), limit))
    if as_json:
        write_json(found)
        return
    rows = [
        (each.id, when(each.created_at), each.owner_name, ", ".join(each.types), each.title) for each in found
    ]
    write_table(("ID", "CREATED", "OWNER", "TYPES", "TITLE"), rows, ("OWNER", "TYPES"))


@batch_group.command("show")
@batch_id
@json_option
def show_batch(batch: str, as_json: bool) -> None:
    """Show a batch: its tasks by status, how long they took, and why some failed."""
    found = connect().batch(batch)
    write_json(found) if as_json else write_pairs(_about(found))


def _about(batch: Batch) -> list[tuple[str, Any]]:
    median, p95 = batch.duration_median_s, batch.duration_p95_s
    return [
        ("ID", batch.id),
        ("Title", batch.title),
        ("Types", ", ".join(batch.types)),
        ("Owner", batch.owner_name),
        ("Created", when(batch.created_at)),
        ("Tasks", f"{batch.created}"),
        ("Rejected", batch.rejected or ""),
        ("Ended", f"{batch.ended}"),
        ("Deleted", batch.deleted or ""),
        *((status.capitalize(), f"{count}") for status, count in batch.counts.items() if count),
        ("Median duration", "" if median is None else f"{median:.1f} s"),
        ("95 % within", "" if p95 is None else f"{p95:.1f} s"),
        *(("Failed", f"{each.count} × {each.type}: {each.error}") for each in batch.failures),
    ]


@batch_group.command("wait")
@batch_id
@timeout_option
@json_option
def wait_batch(batch: str, timeout_s: float | None, as_json: bool) -> None:
    """Wait until all tasks of a batch have ended. Exit code: 1 where one failed, 3 where one was canceled."""
    client = connect()
    _end(client, client.batch(batch), timeout_s, as_json)


def _end(client: Client, batch: Batch, timeout_s: float | None, as_json: bool) -> None:
    """Wait with a bar, say what became of it, and exit by the outcome."""
    context = click.get_current_context()
    until = float("inf") if timeout_s is None else time.monotonic() + timeout_s
    try:
        with progress_bar() as progress:
            bar = progress.add_task(batch.title[:40], total=batch.created, completed=batch.ended)
            while not batch.has_ended:
                left_s = until - time.monotonic()
                if left_s <= 0:
                    raise BatchWaitTimeout(batch)
                time.sleep(min(LOOK_EVERY_S, left_s))
                batch = client.batch(batch.id)
                progress.update(bar, completed=batch.ended)
    except KeyboardInterrupt:
        say(f"\nThe tasks go on. To wait again: dtq batch wait {batch.id}")
        context.exit(Exit.INTERRUPTED)
    except BatchWaitTimeout as error:
        say(f"{error} To wait again: dtq batch wait {batch.id}")
        context.exit(Exit.TIMEOUT)
    write_json(batch) if as_json else write(batch.id)
    counts = ", ".join(f"{count:,} {status}" for status, count in batch.counts.items() if count)
    say(f"Ended: {counts or 'none is left'}.")
    failed, canceled = batch.counts.get("failed"), batch.counts.get("canceled")
    context.exit(Exit.FAILED if failed else Exit.CANCELED if canceled else Exit.OK)


@batch_group.command("results")
@batch_id
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--format", "format", type=click.Choice(get_args(ResultsFormat)), help="Default: by the ending of PATH."
)
def save_results(batch: str, path: Path, format: ResultsFormat | None) -> None:
    """Save parameters and results of a batch as one table (CSV, JSON Lines, Parquet), and write its path."""
    write(str(connect().batch(batch).save_results(path, format or _format_of(path))))


def _format_of(path: Path) -> ResultsFormat:
    known: dict[str, ResultsFormat] = {f".{name}": name for name in get_args(ResultsFormat)}
    return known.get(path.suffix.lower(), "jsonl")
