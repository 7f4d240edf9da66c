"""Data of an earlier default server, taken over by the one that replaces it.

The server opens a copy; the old folder stays as it was. Nothing is taken over unless every collection in the
copy can be read.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from app.local.children import ChildError, free_port
from app.local.kinds import MONGO, ServerKind
from app.local.servers import RECOVERY_TIMEOUT_S, Server, holds_files


def adopt(kind: ServerKind, folder: Path) -> str:
    """Give ``kind`` a copy of the data that it can take over; return a line about it, empty where none is.

    Raises ChildError where the copy does not fit or cannot be read; then there is no copy.
    """
    old = next((other.data(folder) for other in MONGO if other.name == kind.adopts), None)
    new = kind.data(folder)
    if old is None or not holds_files(old) or holds_files(new):
        return ""
    copy = new.with_name(f"{new.name}.copy")
    try:
        _copy(old, copy)
        _read_everything(kind, folder, copy)
        shutil.rmtree(new, ignore_errors=True)
        copy.replace(new)
    finally:
        shutil.rmtree(copy, ignore_errors=True)
    return f"Copied the data in {old} for {kind.title}. The old folder is no longer used; you may delete it."


def _copy(old: Path, copy: Path) -> None:
    size = sum(path.stat().st_size for path in old.rglob("*") if path.is_file())
    free = shutil.disk_usage(old.parent).free
    if free < 2 * size:
        raise ChildError(f"{old} needs {size / 2**20:,.0f} MB for a copy; {free / 2**20:,.0f} MB are free.")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(old, copy)


def _read_everything(kind: ServerKind, folder: Path, data: Path) -> None:
    """Open the data and count every collection. Raises ChildError."""
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError

    server = Server(kind, folder, free_port(0), data)
    try:
        server.start()
        server.wait_ready(RECOVERY_TIMEOUT_S)
        with MongoClient[dict[str, object]](
            f"mongodb://127.0.0.1:{server.port}/?directConnection=true"
        ) as client:
            for name in client.list_database_names():
                for collection in client[name].list_collection_names():
                    client[name][collection].count_documents({})
    except PyMongoError as error:
        raise ChildError(f"{kind.title} cannot read a copy of {data.name}: {error}") from error
    finally:
        server.stop()
