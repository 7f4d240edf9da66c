"""A table as a file, chunk after chunk: text in UTF-8; other formats with typed values."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Literal

from dtq.filenames import extended
from dtq_library.tables.io.excel import write_xlsx
from dtq_library.tables.io.sniff import extension_format, uncompressed_name
from dtq_library.tables.model import DELIMITERS, Delimiter, Detected, Format, Pulse
from dtq_library.tables.preview import Head
from dtq_library.tables.stage import Stage
from dtq_library.tables.values.typed import as_text, without_bytes

if TYPE_CHECKING:
    import polars as pl

CONTENT_TYPES: dict[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "tsv": "text/tab-separated-values; charset=utf-8",
    "jsonl": "application/jsonl",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
}


@dataclass(frozen=True)
class WriteOptions:
    """``missing`` stands for a missing value in CSV and TSV; the other formats have a way of their own.

    ``nested`` are columns whose text is JSON. ``what`` the table is called when it does not fit.
    """

    format: Format
    delimiter: Delimiter = "comma"
    missing: str = ""
    nested: frozenset[str] = frozenset()
    what: str = "table"


def write_options(detected: Detected, output: Format | Literal["same"], missing: str) -> WriteOptions:
    """The same format, and for text the same delimiter, as what was read; or another format's own.

    ODS is read only: XLSX is written for it.
    """
    fmt = detected.format if output == "same" else output
    fmt = "xlsx" if fmt == "ods" else fmt
    own: Delimiter = "tab" if fmt == "tsv" else "comma"
    kept = next((name for name in DELIMITERS if output == "same" and name == detected.delimiter), own)
    return WriteOptions(fmt, kept, missing)


def derived_name(name: str, fmt: Format, word: str) -> str:
    """``sales.CSV`` becomes ``sales-clean.csv`` by a ``word``; an extension that fits the format stays."""
    path = PurePath(uncompressed_name(name))
    extension = path.suffix.lower()
    fits = extension_format(name) == fmt and extension != ".xlsm"  # .xlsm promises macros, which are not kept
    return extended(path.stem, f"-{word}{extension if fits else '.' + fmt}")


def write_frames(frames: Iterable[pl.DataFrame], path: Path, options: WriteOptions, pulse: Pulse) -> Head:
    """Write frames of rows one after another; one at least, whose columns are those of all.

    Returns the first rows as they were written.

    For JSON their values must be what JSON knows (`jsonable`), with lists and objects as JSON text in the
    columns ``options.nested``. Raises Fail when the table does not fit into a spreadsheet.
    """
    head = Head()
    if options.format in ("csv", "tsv"):
        _write_text(frames, path, options, head)
    elif options.format in ("json", "jsonl"):
        _write_json(head.watch(frames), path, options.nested, lines=options.format == "jsonl")
    else:
        stage = Stage(path.parent)
        for frame in head.watch(frames):
            stage.add(frame)
        if options.format == "xlsx":
            write_xlsx(path, stage, options.what, pulse)
        else:
            stage.scan().sink_parquet(path)
    return head


def jsonable(values: pl.Series, *, finite: bool) -> pl.Series:
    """What JSON has a way to write: it has no dates, and Polars would write infinity as null.

    ``finite``: no infinity, nor a decimal of more digits than readers of JSON keep, is in the whole column,
    of which this may be a part. Such decimals are texts.
    """
    import polars as pl

    dtype = values.dtype
    if dtype in (pl.String, pl.Boolean) or dtype.is_integer():
        return values
    if dtype.is_nested():
        return without_bytes(values)
    if isinstance(dtype, pl.Decimal) and dtype.scale == 0:
        return values.cast(pl.Int128)
    if dtype.is_numeric() and finite:
        return values.cast(pl.Float64)
    return as_text(values)


def _write_text(frames: Iterable[pl.DataFrame], path: Path, options: WriteOptions, head: Head) -> None:
    """Write CSV or TSV. Filled in before, the word for missing is quoted when it needs to be."""
    import polars as pl

    with path.open("wb") as file:
        for number, frame in enumerate(frames):
            texts = pl.DataFrame([as_text(values) for values in frame])
            filled = texts.fill_null(options.missing) if options.missing else texts
            head.see(filled)
            filled.write_csv(file, include_header=number == 0, separator=DELIMITERS[options.delimiter])


def _write_json(frames: Iterable[pl.DataFrame], path: Path, nested: Collection[str], *, lines: bool) -> None:
    """One record after another, whatever the chunks: in an array, or each on its own line."""
    with path.open("w", encoding="utf-8") as file:
        between = ""
        file.write("" if lines else "[")
        for frame in frames:
            records = _records_with_nested(frame, nested) if nested else _records(frame)
            if not records:
                continue
            file.write(between + ("\n".join(records) + "\n" if lines else ",".join(records)))
            between = "" if lines else ","
        file.write("" if lines else "]")


def _records(frame: pl.DataFrame) -> list[str]:
    """Polars ends each with a line feed; `str.splitlines` would also cut texts at U+2028 and its like."""
    return frame.write_ndjson().split("\n")[:-1]


def _records_with_nested(frame: pl.DataFrame, nested: Collection[str]) -> list[str]:
    """Row by row: Polars cannot put JSON that is text already into JSON as it is."""
    return [
        json.dumps(
            {name: json.loads(value) if name in nested and value else value for name, value in row.items()},
            ensure_ascii=False,
            separators=(",", ":"),
        )
        for row in frame.iter_rows(named=True)
    ]
