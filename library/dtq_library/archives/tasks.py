"""Task types for archives: what a form asks and what happens in which order.

How it is done, and what is left out, is in the package beside this module, `dtq_library.archives`.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from dtq import Context, task
from dtq_library.archives import parameters as ask
from dtq_library.archives.entries import ArchiveEntry, Budget, EntryTable, copy, reading
from dtq_library.archives.pack import CONTENT_TYPES, Item, archive_name, pack
from dtq_library.archives.unpack import entries


@task(title="Compress files", category="Files", timeout_s=3_600, max_attempts=3)
def compress_files(
    ctx: Context,
    source: ask.Sources,
    format: ask.Format = "zip",
    name: ask.Name = "",
    level: ask.Level = 6,
) -> dict[str, Any]:
    """Put files into one zip or tar.gz archive.

    A zip can be opened everywhere; a tar.gz is what servers usually want. What is compressed already, such as
    pictures and films, gets hardly any smaller.

    - `size_in`, `size_out` in bytes, and what is left in `percent`.
    - `entries`: the names in the archive. `file`: the archive.
    """
    items = [Item(file.name, file.path, file.size) for file in source]
    total = sum(item.size for item in items)
    done = _Meter(ctx, total, "Compressing")
    path = ctx.work_dir / "archive"
    names = pack(items, format, level, path, done.took)
    file = ctx.save_file(path, archive_name(items, name, format), CONTENT_TYPES[format])
    return {
        "size_in": total,
        "size_out": file["size"],
        "percent": round(100 * file["size"] / total, 1) if total else None,
        "entries": names,
        "file": file,
    }


@task(title="Extract an archive", category="Files", timeout_s=3_600, max_attempts=3)
def extract_archive(ctx: Context, archive: ask.Archive, only: ask.Only = ask.EVERYTHING) -> dict[str, Any]:
    """Take the files out of a zip or tar archive and keep each as a file of this task.

    What kind it is, its content says, not its name. What is compressed inside, is not opened in turn.

    **Limits.** 10,000 entries and 2 GB; and, beyond 64 MB, 200 times the size of the archive.
    More than that is refused, and so are archives with a password.

    **What is left out.** Links, devices, and entries whose path leads out of the archive; the table says so.
    Files keep their last name; where two have the same, the second becomes `name (2).txt`, and the table
    says which path it had.

    - `kind` of the archive; `files` that were saved and their `size` in bytes, all in all; `left_out`.
    - `entries`: for each one its `path`, `kind`, `size`, when it was `modified` (as the archive says; a zip
      does not say in which zone), what it was `saved_as`, and a `note`.
    """
    budget = Budget(archive.size)
    table = EntryTable()
    unpacking = _Meter(ctx, None, "Unpacking")
    with entries(archive.path, archive.name, ctx.work_dir, budget, unpacking.took) as (kind, found):
        saving = _Meter(ctx, None, "Saving")
        for entry in found:
            ctx.check_canceled()
            table.count()
            if _wanted(entry, only):
                _save(ctx, entry, table, budget, saving)
    return {
        "kind": kind,
        "files": sum(row["saved_as"] is not None for row in table.rows),
        "size": budget.taken,
        "left_out": sum(row["saved_as"] is None and row["kind"] != "folder" for row in table.rows),
        "entries": table.rows,
    }


def _wanted(entry: ArchiveEntry, only: list[str]) -> bool:
    return not only or any(fnmatchcase(entry.path, pattern) for pattern in only)


def _save(ctx: Context, entry: ArchiveEntry, table: EntryTable, budget: Budget, meter: _Meter) -> None:
    name = table.add(entry)
    if name is None or entry.open is None:
        return
    path = ctx.work_dir / "entry"

    def took(size: int) -> None:
        budget.take(size)
        meter.took(size)

    with reading():
        source = entry.open()
    with source, path.open("wb") as target:
        copy(source, target, took)
    ctx.save_file(path, name)


class _Meter:
    """Progress in bytes."""

    def __init__(self, ctx: Context, total: int | None, doing: str) -> None:
        self._ctx = ctx
        self._total = total
        self._doing = doing
        self._done = 0

    def took(self, size: int) -> None:
        """Raises Canceled when the task is."""
        self._done += size
        self._ctx.progress(self._done, self._total, self._doing)
