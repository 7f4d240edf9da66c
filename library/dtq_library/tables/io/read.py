"""From a file to a `Table`, whatever the format: asks what the file is, then the reader that knows."""

from __future__ import annotations

from pathlib import Path

from dtq_library.archives.entries import Budget
from dtq_library.archives.inflate import compression, inflate
from dtq_library.encodings.detection import codec, decodable
from dtq_library.tables.io import binary, delimited, records
from dtq_library.tables.io.sniff import binary_format, mismatch_note, text_format
from dtq_library.tables.model import Format, Pulse, ReadOptions, Table
from dtq_library.tables.sheets import workbooks
from dtq_library.tables.stage import Stage

_HEAD_CHARS = 64 * 1024


def read_table(path: Path, name: str, options: ReadOptions, pulse: Pulse) -> Table:
    """Read the table in ``path``; ``name`` is what the file was called where it came from.

    Raises Fail, with a sentence for the person who sent it, for everything that is not a readable table.
    ``pulse`` is called between chunks of rows. What does not fit into memory is kept in the folder of the
    file, in a folder of its own.
    """
    path = _uncompressed(path)
    fmt, stage = binary_format(path), Stage(path.parent)
    if fmt == "parquet":
        table = binary.read_parquet(path, pulse, stage)
    elif fmt == "xlsx":
        table = workbooks.read_xlsx(path, options, stage)
    elif fmt == "ods":
        table = workbooks.read_ods(path, options, stage)
    else:
        table = _read_text(path, name, options, pulse, stage)
    table.notes[:0] = mismatch_note(name, table.detected.format)
    if not table.height:
        table.notes.append("The table has a header and no rows.")
    return table


def _uncompressed(path: Path) -> Path:
    """The file, or a copy beside it of what gzip packed. Raises Fail for too much of it."""
    if compression(path) != "gzip":
        return path
    budget, copy = Budget(path.stat().st_size), path.with_name(f"{path.name}-uncompressed")
    with copy.open("wb") as target:
        inflate(path, "gzip", target, budget.take)
    return copy


def _read_text(path: Path, name: str, options: ReadOptions, pulse: Pulse, stage: Stage) -> Table:
    text = decodable(path, options.encoding, options.undecodable)
    with text.path.open(encoding=codec(text.encoding)) as file:
        fmt = text_format(file.read(_HEAD_CHARS), name)
    table = _read_as(fmt, text.path, text.encoding, options, pulse, stage)
    table.notes[:0] = text.notes
    return table


def _read_as(
    fmt: Format, path: Path, encoding: str, options: ReadOptions, pulse: Pulse, stage: Stage
) -> Table:
    if fmt == "jsonl":
        return records.read_json_lines(path, encoding, pulse, stage)
    if fmt == "json":
        return records.read_json(path, encoding, pulse, stage)
    return delimited.read_delimited(path, fmt, encoding, options, pulse, stage)
