"""Moving an installation: `flask data export` from one server, `flask data import` into others.

    python -m bench.data [--tasks 20000] [--control 1000] [--from STORE] [--into STORE ...] [--write FILE]

Tasks of all states with logs and files are made on one server and exported; each other server imports them.
Export and import are processes of their own, whose peak of memory the system says. Afterwards every
collection is read on both sides and compared. The same with the few tasks of the control shows whether memory
grows with the data.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import bson
import pymongo
from bson.raw_bson import RawBSONDocument

from app.core.backup.bson_stream import split
from app.core.backup.folder import FolderArchive
from app.core.db import Mongo, create_indexes
from app.core.logs import PART
from app.core.services import Services, connect
from app.core.states import Status
from app.local import stores
from app.local.kinds import BUILT, MONGO, Kind
from bench import report
from bench.contenders import ROOT
from bench.fill import batches, history
from bench.report import BenchError, say
from config import load

NOT_IMPORTED = frozenset({"workers", "leases"})
SENT_ANEW = frozenset({"hint", "dispatched_at"})
EVERY_FILE = 5  # Every so many tasks have a file.
FILE_BYTES = (1_000, 130_000)
LARGE_FILES, LARGE_BYTES = 4, 12_000_000
LOG_BYTES = (200, 4_000)
MB = 2**20


@dataclass(frozen=True)
class Measured:
    """A command that came to its end: seconds, and the most megabytes that its process held at a time."""

    seconds: float
    peak_mb: float


# Making tasks


def seed(services: Services, tasks: int, large: int = LARGE_FILES) -> None:
    """Tasks of a month in all states; those that have ended have a log, some have files."""
    create_indexes(services.db)
    chance = random.Random(11)
    made = history(tasks)
    for batch in batches(made):
        services.db.tasks.insert_many(batch)
    ended = [document for document in made if Status(document["status"]).ended]
    for number, document in enumerate(ended):
        services.logs.write_part(document["_id"], 1, 0, _text(chance, chance.randrange(*LOG_BYTES)))
        if number % EVERY_FILE == 0:
            _attach(services, document["_id"], chance.randbytes(chance.randrange(*FILE_BYTES)))
    for document in ended[:large]:
        _attach(services, document["_id"], chance.randbytes(LARGE_BYTES))
        services.logs.write_part(document["_id"], 1, 1, _text(chance, PART))
    services.dispatch.words.learn(sorted({word for document in made for word in document["keywords"]}))


def _text(chance: random.Random, size: int) -> bytes:
    return chance.randbytes(size // 2).hex().encode()


def _attach(services: Services, task_id: bson.ObjectId, content: bytes) -> None:
    file = services.files.save(
        BytesIO(content), "file.bin", "application/octet-stream", "local", role="input"
    )
    services.files.attach([file.id], task_id)
    services.files.confirm([file.id])


# Comparing


def digests(db: Mongo) -> dict[str, tuple[int, str]]:
    """Count and hash of the documents of every collection that holds any, by `_id`.

    Of a task that waits, it does not matter whether its hint was sent: an import sends it anew.
    """
    names = set(db.list_collection_names()) - NOT_IMPORTED
    found = {name: _digest(db, name) for name in sorted(names)}
    return {name: digest for name, digest in found.items() if digest[0]}


def _digest(db: Mongo, name: str) -> tuple[int, str]:
    digest, count = hashlib.sha256(), 0
    with pymongo.timeout(3600):
        found: Any = db[name].find_raw_batches({}, batch_size=1_000).sort([("_id", 1)])
        for document in (document for batch in found for document in split(batch)):
            digest.update(_without_hint(document) if name == "tasks" else document)
            count += 1
    return count, digest.hexdigest()


def _without_hint(document: bytes) -> bytes:
    found = RawBSONDocument(document)
    return bson.encode({field: found[field] for field in found if field not in SENT_ANEW})


# Measuring


def environment(addresses: Mapping[str, str], **more: str) -> dict[str, str]:
    """What a command of `flask` is started with."""
    return {**os.environ, "ENVIRONMENT": "local", **addresses, **more}


# A small process between us and the command: what the system says of a process begins with its parent's size.
LAUNCHER = """
import os, sys
pid = os.spawnv(os.P_NOWAIT, sys.argv[2], sys.argv[2:])
_, status, used = os.wait4(pid, 0)
with open(sys.argv[1], "w") as file:
    file.write(str(used.ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status))
"""


def flask_data(env: Mapping[str, str], *words: str) -> Measured:
    """Run `flask data` to its end. Raises BenchError when that is not a good one."""
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "data", *words]
    begun = time.monotonic()
    with tempfile.NamedTemporaryFile("r") as peak:
        launched = [sys.executable, "-I", "-S", "-c", LAUNCHER, peak.name, *command]
        done = subprocess.run(launched, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchError(f"flask data {words[0]} ended with {done.returncode}: {done.stderr}")
        unit = 1 if sys.platform == "darwin" else 1024
        return Measured(time.monotonic() - begun, int(peak.read()) * unit / MB)


def installed() -> list[Kind]:
    """The MongoDB servers that are here; of two of one name the first."""
    found = {kind.name: kind for kind in (BUILT, *MONGO) if kind.find()}
    return list(found.values())


@contextlib.contextmanager
def server(kind: Kind) -> Iterator[tuple[dict[str, str], Services]]:
    """A fresh server: its addresses, and the core over it."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name,
        stores(Path(name), mongo=kind) as started,
    ):
        key = {"SECRET_KEY": "of-a-benchmark-only"}
        env = environment(started.addresses, MONGODB_TIMEOUT_MS="60000", **key)
        services = connect(load(env))
        try:
            yield {**started.addresses, **key}, services
        finally:
            services.close()


def measure(tasks: int, source: Kind, targets: list[Kind]) -> list[list[str]]:
    """Rows of the table for so many tasks. Raises BenchError where anything differs."""
    with tempfile.TemporaryDirectory(prefix="bench-export-") as name:
        folder = Path(name) / "export"
        with server(source) as (addresses, services):
            say(f"{source}: making {tasks:,} tasks")
            seed(services, tasks)
            say(f"{source}: exporting")
            exported = flask_data(environment(addresses), "export", str(folder), "--quiet")
            given = digests(services.db)
        rows = [_row(f"export from {source}", tasks, folder, exported)]
        for kind in targets:
            say(f"{kind}: importing")
            rows.append(_row(f"import into {kind}", tasks, folder, _imported(kind, folder, given)))
    return rows


def _imported(kind: Kind, folder: Path, given: dict[str, tuple[int, str]]) -> Measured:
    with server(kind) as (addresses, services):
        imported = flask_data(environment(addresses), "import", str(folder), "--quiet")
        there = digests(services.db)
        different = sorted(name for name in {*given, *there} if given.get(name) != there.get(name))
        if different:
            raise BenchError(f"{kind} does not hold what was exported: {', '.join(different)}")
    return imported


def _row(what: str, tasks: int, folder: Path, measured: Measured) -> list[str]:
    entries = FolderArchive(folder).manifest.collections
    count, size = sum(entry.content.count for entry in entries), sum(entry.content.bytes for entry in entries)
    return [
        what,
        f"{tasks:,}",
        f"{count:,}",
        f"{size / MB:,.0f}",
        f"{measured.seconds:,.1f}",
        f"{measured.peak_mb:,.0f}",
    ]


HEADINGS = ("", "tasks", "documents", "MB", "seconds", "peak MB")


def run(wanted: argparse.Namespace) -> bool:
    """Measure the control first, then the many."""
    targets = wanted.into or [kind for kind in installed() if kind.name != wanted.source.name]
    rows = [row for tasks in (wanted.control, wanted.tasks) for row in measure(tasks, wanted.source, targets)]
    command = f"`--tasks {wanted.tasks} --control {wanted.control} --from {wanted.source}`"
    text = (
        report.markdown(HEADINGS, rows)
        + f"\n\nEvery collection is equal afterwards, by count and hash. {command}."
    )
    report.publish(text, "data", wanted.write)
    return True


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    known = f"{', '.join(report.STORES)}, or NAME=PROGRAM"
    parser.add_argument("--tasks", type=int, default=20_000)
    parser.add_argument("--control", type=int, default=1_000, help="so many for comparison (%(default)s)")
    parser.add_argument("--from", dest="source", type=report.store, default="wheel", help=known)
    parser.add_argument(
        "--into", nargs="+", type=report.store, help="all others that are installed by default"
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table between its marks there")
    report.finish(run, parser)


if __name__ == "__main__":
    main()
