"""`flask data export`, `check` and `import`: the whole database as files, and back.

The engine is `app.core.backup`. Progress goes to standard error; standard output is for the export itself.

Exit codes: 0 complete; 1 not complete (refused, damaged, or a store that did not answer: the sentence says
what to do); 2 a command line that is not understood; 3 an import that is complete, with warnings to read.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import click
from flask.cli import AppGroup, with_appcontext
from pymongo.errors import PyMongoError

from app.cli.show import say, say_advice, trouble_of
from app.core import clock
from app.core.backup.export import Export
from app.core.backup.folder import FolderArchive, FolderSink, disk
from app.core.backup.manifest import Consistency, Manifest
from app.core.backup.problems import BackupError, BackupProblem, CollectionProgress, Report, unheard
from app.core.backup.restore import Restore, Restored, check
from app.core.backup.source import BackupSource
from app.core.backup.tar import TarArchive, TarSink
from app.core.backup.target import Target
from app.core.errors import TaskQueueError
from app.core.mongo import translated
from app.core.posix import instead_of
from app.extensions import services

NOT_COMPLETE = 1
WITH_WARNINGS = 3
SAY_EVERY_S = 2.0
MB = 2**20

data_group = AppGroup("data", help="Export the database to files, check an export, import it again.")
quiet_option = click.option("--quiet", is_flag=True, help="Show no progress; errors and warnings only.")


@data_group.command("export")
@click.argument("target", metavar="FOLDER|-")
@click.option("--resume", is_flag=True, help="Finish an interrupted export: read only what it lacks.")
@click.option("--restart", is_flag=True, help="Discard an interrupted export in FOLDER and begin again.")
@click.option("--require-snapshot", is_flag=True, help="Fail unless all is read as of one moment.")
@quiet_option
@with_appcontext
def export_command(target: str, resume: bool, restart: bool, require_snapshot: bool, quiet: bool) -> None:
    """Export every collection and file to FOLDER, or as a tar to standard output (-).

    The layout is that of `mongodump --gzip`; manifest.json says what the export holds and promises.
    Exit code: 0 complete, 1 not complete.
    """
    if resume and restart:
        raise click.UsageError("Choose --resume or --restart.")
    with problems(
        "exporting", "To finish it: the same command" + (" with --resume." if target != "-" else ".")
    ):
        clock.synchronise(services().db)
        with _sink(target, resume, restart) as sink:
            export = Export(BackupSource(services().db), sink, services().vault.key_names, reporter(quiet))
            manifest = export.run(require_snapshot)
    if not quiet:
        _tell_export(manifest)
    for item in manifest.left_out:
        say(f"Left out: {item.name} ({item.type}).")


@contextlib.contextmanager
def _sink(target: str, resume: bool, restart: bool) -> Iterator[FolderSink | TarSink]:
    if target == "-":
        if is_terminal(sys.stdout):
            raise click.UsageError("Redirect standard output to a file or a program: it is a terminal.")
        if resume or restart:
            raise click.UsageError("--resume and --restart are for a folder.")
        yield TarSink(sys.stdout.buffer, services().db.name)
        return
    sink = FolderSink(Path(target), services().db.name, resume=resume, restart=restart)
    with contextlib.closing(sink):
        yield sink


def is_terminal(stream: TextIO) -> bool:
    return stream.isatty()


@data_group.command("check")
@click.argument("source", metavar="FOLDER|FILE|-")
@quiet_option
def check_command(source: str, quiet: bool) -> None:
    """Read an export to its end and compare it with its manifest; no database is used.

    Exit code: 0 sound, 1 not.
    """
    with problems("reading the export"), _archive(source) as archive:
        check(archive, reporter(quiet))
    if not quiet:
        _tell_export(archive.manifest, "Sound: ")


@data_group.command("import")
@click.argument("source", metavar="FOLDER|FILE|-")
@click.option(
    "--merge",
    is_flag=True,
    help="Import into a database that is not empty. A document that is there already is never changed.",
)
@click.option("--with-workers", is_flag=True, help="Import although workers are online.")
@quiet_option
@with_appcontext
def import_command(source: str, merge: bool, with_workers: bool, quiet: bool) -> None:
    """Import an export from a folder, a tar file or standard input (-) into the database of the settings.

    An interrupted import is finished by the same command. Tasks that wait are sent to the workers again.
    Exit code: 0 complete, 1 not complete, 3 complete with warnings.
    """
    report = reporter(quiet)
    with problems("importing", "To continue: the same command."), _archive(source) as archive:
        check(archive, report)
        clock.synchronise(services().db)
        target = Target(services().db)
        restore = Restore(archive, target, services().tasks, services().vault.key_names, report)
        restored = restore.run(merge, with_workers)
    if not quiet:
        _tell_import(restored)
    for warned in restored.warned:
        say(f"Warning: {warned.message}")
    sys.exit(WITH_WARNINGS if restored.warned else 0)


@contextlib.contextmanager
def _archive(source: str) -> Iterator[FolderArchive | TarArchive]:
    """Raises BackupError."""
    path = Path(source)
    if source == "-":
        found: FolderArchive | TarArchive = TarArchive(sys.stdin.buffer)
    elif path.is_file():
        with disk(path), path.open("rb") as file:
            found = TarArchive(file)
    else:
        found = FolderArchive(path)
    with contextlib.closing(found):
        yield found


@contextlib.contextmanager
def problems(doing: str, how_to_continue: str = "") -> Iterator[None]:
    """Whatever keeps it from its end is a sentence on standard error, and exit code 1."""
    if sentence := instead_of("flask data"):
        say(sentence)
        raise SystemExit(NOT_COMPLETE)
    try:
        with translated(doing):
            yield
    except TaskQueueError as error:
        say(str(error))
        say_advice(error)
        if how_to_continue and not isinstance(error, BackupError):
            say(how_to_continue)
        if isinstance(error, BackupError) and error.problem is BackupProblem.DISK:
            _forget_output()
    except PyMongoError as error:
        say(f"MongoDB refused {doing}: {error}")
        if trouble := trouble_of(error):
            say_advice(trouble)
    else:
        return
    raise SystemExit(NOT_COMPLETE)


def _forget_output() -> None:
    """Nobody reads it any more: else Python complains once more when it ends."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        return
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def reporter(quiet: bool) -> Report:
    """Says how far it has come: every two seconds, and at the end of each collection that holds anything."""
    said_at = time.monotonic()

    def report(step: CollectionProgress) -> None:
        nonlocal said_at
        if step.done and not step.documents or not step.done and time.monotonic() - said_at < SAY_EVERY_S:
            return
        said_at = time.monotonic()
        say(f"{step.doing} {step.collection}: {step.documents:,} documents, {step.bytes / MB:,.1f} MB")

    return unheard if quiet else report


def _tell_export(manifest: Manifest, before: str = "") -> None:
    count = sum(entry.content.count for entry in manifest.collections)
    size = sum(entry.content.bytes for entry in manifest.collections) / MB
    say(f"{before}{len(manifest.collections)} collections, {count:,} documents, {size:,.1f} MB.")
    if manifest.consistency is Consistency.SNAPSHOT:
        say("A snapshot: everything is as of one moment.")
        return
    busy = f"Workers online: {manifest.activity.workers}, tasks running: {manifest.activity.running}."
    say(f"Not a snapshot ({manifest.snapshot.value}): collections were read one after another. {busy}")


def _tell_import(restored: Restored) -> None:
    say(
        f"Imported and compared {restored.documents:,} documents, {restored.bytes / MB:,.1f} MB. "
        f"Waiting tasks to be sent to the workers again: {restored.sent_anew:,}."
    )
    if restored.left_over:
        say(f"Logs and files of tasks that the export lacks: {restored.left_over:,}; workers delete them.")
