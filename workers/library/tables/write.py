"""The clean table as a file: text in UTF-8 in clean spelling; other formats with typed values."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Literal

from workers.library.tables.excel import write_xlsx
from workers.library.tables.model import DELIMITERS, CleanColumn, Delimiter, Detected, Format, Pulse
from workers.library.tables.sniff import extension_format
from workers.library.tables.typed import as_text, typed

if TYPE_CHECKING:
    import polars as pl

CONTENT_TYPES: dict[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "tsv": "text/tab-separated-values; charset=utf-8",
    "jsonl": "application/jsonl",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@dataclass(frozen=True)
class WriteOptions:
    """``missing`` stands for a missing value in CSV and TSV; the other formats have a way of their own."""

    format: Format
    delimiter: Delimiter = "comma"
    missing: str = ""


def write_options(detected: Detected, output: Format | Literal["same"], missing: str) -> WriteOptions:
    """The same format, and for text the same delimiter, as what was read; or another format's own."""
    fmt = detected.format if output == "same" else output
    delimiter = detected.delimiter if output == "same" else None
    return WriteOptions(fmt, delimiter or ("tab" if fmt == "tsv" else "comma"), missing)


def clean_name(name: str, fmt: Format) -> str:
    """``sales.CSV`` becomes ``sales-clean.csv``; an extension that fits the format stays."""
    path = PurePath(name)
    extension = path.suffix.lower()
    fits = extension_format(name) == fmt and extension != ".xlsm"  # .xlsm promises macros, which are not kept
    return f"{path.stem}-clean{extension if fits else '.' + fmt}"


def write_table(
    columns: Sequence[CleanColumn], rows: pl.Series, path: Path, options: WriteOptions, pulse: Pulse
) -> list[str]:
    """Write the rows where ``rows`` is true; return sentences about what the format cannot hold as it is.

    Raises Fail when the table does not fit into a spreadsheet.
    """
    if options.format in ("csv", "tsv"):
        _write_text(
            _frame([as_text(column.values).alias(column.name) for column in columns], rows), path, options
        )
    elif options.format in ("json", "jsonl"):
        _write_json(columns, rows, path, lines=options.format == "jsonl")
    elif options.format == "parquet":
        _frame([typed(column) for column in columns], rows).write_parquet(path)
    else:
        write_xlsx(path, _frame([typed(column) for column in columns], rows), pulse)
    return _nested_notes(columns, options.format)


def _frame(values: Sequence[pl.Series], rows: pl.Series) -> pl.DataFrame:
    import polars as pl

    return pl.DataFrame(values).filter(rows)


def _write_text(frame: pl.DataFrame, path: Path, options: WriteOptions) -> None:
    """Write CSV or TSV. Filled in before, the word for missing is quoted when it needs to be."""
    filled = frame.fill_null(options.missing) if options.missing else frame
    filled.write_csv(path, separator=DELIMITERS[options.delimiter])


def _nested_notes(columns: Sequence[CleanColumn], fmt: Format) -> list[str]:
    names = [column.name for column in columns if column.kind == "nested"]
    native = fmt in ("json", "jsonl") or (fmt == "parquet" and not any(column.is_json for column in columns))
    return (
        [] if native or not names else [f"Lists and objects were written as JSON text: {', '.join(names)}."]
    )


def _write_json(columns: Sequence[CleanColumn], rows: pl.Series, path: Path, *, lines: bool) -> None:
    frame = _frame([_json_values(column) for column in columns], rows)
    if any(column.is_json for column in columns):
        _write_json_with_nested(
            frame, {column.name for column in columns if column.is_json}, path, lines=lines
        )
    elif lines:
        frame.write_ndjson(path)
    else:
        frame.write_json(path)


def _json_values(column: CleanColumn) -> pl.Series:
    """What JSON has a way to write: it has no dates, and Polars would write infinity as null."""
    import polars as pl

    values = typed(column)
    if column.kind in ("text", "boolean", "integer", "nested"):
        return values
    if column.kind == "number" and values.cast(pl.Float64).is_finite().all():
        return values.cast(pl.Float64)
    return as_text(column.values).alias(column.name)


def _write_json_with_nested(frame: pl.DataFrame, nested: set[str], path: Path, *, lines: bool) -> None:
    """Row by row: Polars cannot put JSON that is text already into JSON as it is."""
    start, between, end = ("", "\n", "\n") if lines else ("[", ",", "]")
    with path.open("w", encoding="utf-8") as file:
        file.write(start)
        for number, row in enumerate(frame.iter_rows(named=True)):
            record = {
                name: json.loads(value) if name in nested and value else value for name, value in row.items()
            }
            file.write(
                (between if number else "") + json.dumps(record, ensure_ascii=False, separators=(",", ":"))
            )
        file.write(end)
