"""`flask migrate`: take the database to the format of this version.

The engine is `app.core.migrations`. What was done is on standard output, progress and what was passed over
on standard error.

Exit codes: 0 the database has the current format; 1 not complete (refused, interrupted, or a store that did
not answer: the sentence says what to do); 2 a command line that is not understood; 3 complete, but for
damaged documents that were passed over and named.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

import click
from flask.cli import with_appcontext

from app.cli.data import SAY_EVERY_S, WITH_WARNINGS, problems
from app.cli.show import say
from app.core import clock
from app.core.migrations.migration import Done, Migration, Report, Tally
from app.core.schema import version
from app.extensions import services


@click.command("migrate")
@click.option("--dry-run", is_flag=True, help="Count what would change, and change nothing.")
@click.option("--with-workers", is_flag=True, help="Migrate although workers are online.")
@with_appcontext
def migrate_command(dry_run: bool, with_workers: bool) -> None:
    """Migrate the database to the format of this version.

    Stop the web server and all workers, and back up the database first. An interrupted migration is continued
    by the same command; a database that has the current format stays as it is.
    Exit code: 0 complete, 1 not complete, 3 complete but for damaged documents, which are named.
    """
    with problems("migrating", "To continue: the same command."):
        clock.synchronise(services().db)
        found = version.require_not_newer(services().db)
        migration = Migration(services().db, reporter())
        done = migration.plan() if dry_run else migration.run(with_workers=with_workers)
    if not done:
        click.echo(f"The database has format {found}, the current one. There is nothing to migrate.")
    tell(done, dry_run)
    sys.exit(WITH_WARNINGS if any(step.passed_over for step in done) else 0)


def reporter() -> Report:
    """Say every two seconds how far it has come."""
    said_at = time.monotonic()

    def report(tally: Tally) -> None:
        nonlocal said_at
        if time.monotonic() - said_at >= SAY_EVERY_S:
            said_at = time.monotonic()
            say(f"Reading {tally.collection}: {tally.seen:,} documents")

    return report


def tell(done: Sequence[Done], dry_run: bool) -> None:
    """Print what came of each step, or would come of it."""
    for step in done:
        click.echo(f"Format {step.version}: {step.title}{' Nothing was changed.' if dry_run else ''}")
        for tally in step.tallies:
            changes = "changes to make" if dry_run else "changes made"
            click.echo(f"  {tally.collection}: {tally.seen:,} documents, {changes}: {tally.changed:,}")
            _name(tally)
        for note in step.notes:
            click.echo(f"  {note}")


def _name(tally: Tally) -> None:
    if tally.passed_over:
        say(f"  Damaged documents of {tally.collection}, left as they are: {tally.passed_over:,}.")
        for named in tally.named:
            say(f"    {named}")
        if tally.passed_over > len(tally.named):
            say("    ...")
