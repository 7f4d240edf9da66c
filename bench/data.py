"""Moving an installation: `flask data export` from one server, `flask data import` into others.

    python -m bench.data [--tasks 20000] [--control 1000] [--from KIND] [--into KIND ...] [--write FILE]

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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

import bson
import pymongo
from bson import ObjectId
from bson.raw_bson import RawBSONDocument

from app.core.backup.bson_stream import split
from app.core.backup.folder import FolderArchive
from app.core.clock import utcnow
from app.core.files.gridfs import CHUNK, pieces
from app.core.files.log_text import PART
from app.core.mongo import Document, Mongo
from app.core.schema.indexes import create_indexes
from app.core.services import Services, connect
from app.core.tasks.states import Status
from app.local import stores
from app.local.kinds import BUILT, MONGO, WHEEL, ServerKind
from bench import report
from bench.contenders import ROOT
from bench.fill import history
from bench.report import BenchError, say
from config import load

NOT_IMPORTED = frozenset({"workers", "leases"})
SENT_ANEW = frozenset({"hint", "dispatched_at"})
EVERY_FILE = 5  # Every so many tasks have a file.
FILE_BYTES = (1_000, 130_000)
LARGE_FILES, LARGE_BYTES = 4, 12_000_000
LOG_BYTES = (200, 4_000)
BATCH = 100
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
    made = history(tasks)
    ended = [document["_id"] for document in made if Status(document["status"]).ended]
    _insert(services.db, "tasks", made)
    _insert(services.db, "logs", _logs(ended, large))
    files = list(_files(ended, large))
    _insert(services.db, "files.files", (file for file, _ in files))
    _insert(services.db, "files.chunks", (chunk for _, chunks in files for chunk in chunks()))
    words = sorted({word for document in made for word in document["keywords"]})
    _insert(services.db, "words", ({"_id": word, "at": utcnow()} for word in words))


def _insert(db: Mongo, collection: str, documents: Iterable[Document]) -> None:
    remaining = iter(documents)
    while batch := list(islice(remaining, BATCH)):
        db[collection].insert_many(batch)


def _logs(tasks: Sequence[ObjectId], large: int) -> Iterator[Document]:
    """What `Logs.write_part` writes."""
    chance = random.Random(11)
    for number, task in enumerate(tasks):
        sizes = [chance.randrange(*LOG_BYTES), PART][: 2 if number < large else 1]
        for part, size in enumerate(sizes):
            content = chance.randbytes(size // 2).hex().encode()
            about = {"task": task, "attempt": 1, "part": part, "size": len(content), "content": content}
            yield {"_id": f"{task}-1-{part}", **about}


def _files(tasks: Sequence[ObjectId], large: int) -> Iterator[tuple[Document, Callable[[], list[Document]]]]:
    """What `Files.save` writes: a document, and its chunks when they are asked for."""
    for number, task in enumerate(tasks):
        if number < large or number % EVERY_FILE == 0:
            size = LARGE_BYTES if number < large else random.Random(number).randrange(*FILE_BYTES)
            content = random.Random(number).randbytes(size)
            file = ObjectId()
            sha256 = hashlib.sha256(content).hexdigest()
            about = {"content_type": "application/octet-stream", "owner": "local", "role": "input"}
            document = {"_id": file, "filename": "file.bin", "length": size, "chunkSize": CHUNK}
            document |= {"uploadDate": utcnow(), "metadata": {**about, "sha256": sha256, "tasks": [task]}}
            yield document, partial(_chunks, file, number, size)


def _chunks(file: ObjectId, number: int, size: int) -> list[Document]:
    content = BytesIO(random.Random(number).randbytes(size))
    return [{"files_id": file, "n": n, "data": piece} for n, piece in enumerate(pieces(content))]


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


def installed() -> list[str]:
    """Return the names of the kinds of MongoDB servers that are here."""
    return list(dict.fromkeys(kind.name for kind in (*MONGO, BUILT) if kind.find()))


@contextlib.contextmanager
def server(kind: ServerKind) -> Iterator[tuple[dict[str, str], Services]]:
    """A fresh server: its addresses, and the core over it."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name,
        stores(Path(name), mongo=kind) as started,
    ):
        key = {"SECRET_KEY": "of-a-benchmark-only", "SECRETS_KEY": "as well"}
        env = environment(started.addresses, MONGODB_TIMEOUT_MS="60000", **key)
        services = connect(load(env))
        try:
            yield {**started.addresses, **key}, services
        finally:
            services.close()


def measure(tasks: int, source: ServerKind, targets: list[ServerKind]) -> list[list[str]]:
    """Rows of the table for so many tasks. Raises BenchError where anything differs."""
    with tempfile.TemporaryDirectory(prefix="bench-export-") as name:
        folder = Path(name) / "export"
        with server(source) as (addresses, services):
            say(f"{source.name}: making {tasks:,} tasks")
            seed(services, tasks)
            say(f"{source.name}: exporting")
            exported = flask_data(environment(addresses), "export", str(folder), "--quiet")
            given = digests(services.db)
        rows = [_row(f"export from {report.described(source)}", tasks, folder, exported)]
        for kind in targets:
            say(f"{kind.name}: importing")
            rows.append(
                _row(f"import into {report.described(kind)}", tasks, folder, _imported(kind, folder, given))
            )
    return rows


def _imported(kind: ServerKind, folder: Path, given: dict[str, tuple[int, str]]) -> Measured:
    with server(kind) as (addresses, services):
        imported = flask_data(environment(addresses), "import", str(folder), "--quiet")
        there = digests(services.db)
        different = sorted(name for name in {*given, *there} if given.get(name) != there.get(name))
        if different:
            raise BenchError(f"{kind.title} does not hold what was exported: {', '.join(different)}")
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
    others = [report.store(name) for name in installed() if name != wanted.source.name]
    targets = wanted.into or others
    rows = [row for tasks in (wanted.control, wanted.tasks) for row in measure(tasks, wanted.source, targets)]
    command = f"`--tasks {wanted.tasks} --control {wanted.control} --from {wanted.source.name}`"
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
    parser.add_argument("--tasks", type=int, default=20_000)
    parser.add_argument("--control", type=int, default=1_000, help="so many for comparison (%(default)s)")
    about = f"one of {', '.join(report.STORES)}, or NAME=PROGRAM for another version of it"
    parser.add_argument("--from", dest="source", type=report.store, default=WHEEL, help=about)
    parser.add_argument(
        "--into", nargs="+", type=report.store, help="all others that are installed by default"
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table between its marks there")
    report.finish(run, parser)


if __name__ == "__main__":
    main()
