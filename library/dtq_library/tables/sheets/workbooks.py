"""Spreadsheets as tables: which sheet, which row is the header, and which reader.

calamine reads plain sheets fast. It takes errors and formulas without a value for nothing, makes text of
columns of several types as it likes and days of hours, so sheets that hold such are read cell by cell
(xlsx.py); .ods always is (ods.py).
"""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, time
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.parsers.expat import ExpatError

from dtq import Fail
from dtq_library.tables.layout import Layout
from dtq_library.tables.model import Column, Detected, ReadOptions, Table
from dtq_library.tables.sheets import grid
from dtq_library.tables.sheets.grid import Cells, Grid, Uncomputed
from dtq_library.tables.sheets.ods import Document
from dtq_library.tables.sheets.xlsx import Workbook
from dtq_library.tables.stage import Stage

if TYPE_CHECKING:
    import polars as pl

_CHUNK_CELLS = 500_000
_EXACT_INTEGERS = 2**53
"""Up to here every integer is exact in a spreadsheet's floating-point numbers."""
_DAY_ZERO = [date(1899, 12, 30), date(1899, 12, 31), date(1904, 1, 1)]
"""The dates that a time without a date is given by spreadsheet programs."""
_MOST_ABOVE = 30
_TOP_ROWS = 2 * _MOST_ABOVE
_DAMAGED = (
    zipfile.BadZipFile,
    ExpatError,
    KeyError,
    IndexError,
    ValueError,
    OSError,
    EOFError,
    NotImplementedError,
)


class _Mixed(Exception):
    """The fast reader has no true answer for a sheet."""


def read_xlsx(path: Path, options: ReadOptions, stage: Stage) -> Table:
    """Read a sheet; the header is where the layout says, or the first row below titles.

    Formulas count by their last computed value; a cell that holds an error is missing, with a note. Raises
    Fail for formulas that were never computed.
    """
    try:
        return _read_fast(path, options, stage)
    except _Mixed:
        return _read_slow(path, options, stage)


def _read_slow(path: Path, options: ReadOptions, stage: Stage) -> Table:
    with _refusing("XLSX workbook"), Workbook(path) as book:
        sheet = _choose(book.sheets, options.sheet)
        notes = _other_sheets(book.sheets, options.sheet)
        if book.computes and book.has_formulas(sheet):
            notes.append(
                "The workbook was written by a program that leaves its formulas to be computed when it is "
                "opened: their values may be 0. Open it in a spreadsheet program and save it to be sure."
            )
        return _table(book.grid(sheet), Detected("xlsx", sheet=sheet), options.layout, stage, notes)


def read_ods(path: Path, options: ReadOptions, stage: Stage) -> Table:
    """Read a sheet of an OpenDocument spreadsheet, as `read_xlsx` does."""
    with _refusing("OpenDocument spreadsheet"):
        document = Document(path)
        sheet = _choose(document.sheets, options.sheet)
        return _table(
            document.grid(sheet),
            Detected("ods", sheet=sheet),
            options.layout,
            stage,
            _other_sheets(document.sheets, options.sheet),
        )


@contextmanager
def _refusing(what: str) -> Iterator[None]:
    try:
        yield
    except _DAMAGED as error:
        raise Fail(
            f"The {what} is damaged or of a kind that is not understood; save it again and upload it again."
        ) from error


def _choose(sheets: Sequence[str], wanted: str) -> str:
    if not wanted and sheets:
        return sheets[0]
    if wanted in sheets:
        return wanted
    near = get_close_matches(wanted, sheets, n=1)
    raise Fail(
        f"The workbook has no sheet named {wanted}. "
        + (f"Did you mean {near[0]}? " if near else "")
        + f"Its sheets are: {', '.join(sheets)}."
    )


def _other_sheets(sheets: Sequence[str], wanted: str) -> list[str]:
    if wanted or len(sheets) == 1:
        return []
    return [f"The workbook has {len(sheets)} sheets; the first one, {sheets[0]}, was read."]


# The table in a sheet


def _table(cells: Grid, detected: Detected, layout: Layout, stage: Stage, notes: list[str]) -> Table:
    """A table from cells that were read one by one."""
    first_column, rows = cells.rows()
    numbered = [
        (number, [grid.text(cell) or "" for cell in row])
        for number, row in enumerate(rows[:_TOP_ROWS], start=1)
    ]
    header, start, above = find_header(numbered, layout, detected.sheet or "")
    if header and header > len(rows):
        raise Fail(f"The sheet {detected.sheet} has no row {header:,}; it ends before.")
    names = [grid.text(cell) or "" for cell in rows[header - 1]] if header else [""] * len(rows[0])
    _require_computed(rows[(header or start) - 1 :], header or start, first_column)
    body = [row for row in rows[start - 1 :] if not _is_comment(row, layout.comment)]
    series, mixed, errors = [], [], []
    for at, name in enumerate(names):
        values = [row[at] for row in body]
        column, several = grid.column(f"{at}", values)
        series.append(_meant(column))
        mixed += [name or f"column_{at + 1}"] if several else []
        errors += grid.error_note(name or f"column_{at + 1}", values, start)
    told = [f"Values of several types became text: {', '.join(mixed)}."] if mixed else []
    return _finished(names, series, detected, stage, start, [*notes, *above, *told, *errors])


def find_header(
    rows: Sequence[tuple[int, list[str]]], layout: Layout, sheet: str
) -> tuple[int | None, int, list[str]]:
    """Return the number of the header's row, if there is one, that of the first row below it, and notes.

    ``rows`` are the first ones of the sheet with their numbers, counted from 1. Where nobody says where the
    header is, rows with a text in their first cell only are titles if a wider row follows.
    """
    if layout.header_line is not None:
        return layout.header_line, layout.header_line + 1, []
    left = [
        (number, row)
        for number, row in rows
        if number > layout.skip_lines
        and any(row)
        and not (layout.comment and row[0].startswith(layout.comment))
    ]
    if not left:
        raise Fail(f"The sheet {sheet} is empty; a header row was expected.")
    if layout.header == "none":
        return None, left[0][0], []
    told = bool(layout.skip_lines or layout.comment)
    titles = 0 if told else _titles([row for _, row in left[: _MOST_ABOVE + 1]])
    number = left[titles][0]
    if not titles:
        return number, number + 1, []
    shown = next(cell for cell in left[0][1] if cell)
    note = (
        f"Rows above the header that were skipped: {number - left[0][0]:,} "
        f"(row {left[0][0]:,}: {shown[:60]}). If they belong to the table, set Header on line under Layout."
    )
    return number, number + 1, [note]


def _titles(rows: list[list[str]]) -> int:
    """How many rows at the top have nothing but a text in their first cell, while the table is wider."""
    for at, row in enumerate(rows):
        if not row[0] or any(row[1:]):
            return at
    return 0


def _is_comment(row: Cells, sign: str) -> bool:
    return bool(sign) and (grid.text(row[0]) or "").startswith(sign)


def _require_computed(rows: list[Cells], first_row: int, first_column: int) -> None:
    found = [
        f"{_letters(first_column + at)}{number}"
        for number, row in enumerate(rows, start=first_row)
        for at, cell in enumerate(row)
        if isinstance(cell, Uncomputed)
    ]
    if found:
        raise Fail(
            f"Formulas without a computed value: {len(found):,}; the first one is in {found[0]}. "
            "Open the workbook in a spreadsheet program, save it and upload it again."
        )


def _letters(column: int) -> str:
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _finished(
    names: list[str],
    series: list[pl.Series],
    detected: Detected,
    stage: Stage,
    first_row: int,
    notes: list[str],
) -> Table:
    import polars as pl

    cells = pl.DataFrame(series)
    stage.add(cells.clear())
    for chunk in cells.iter_slices(max(1, _CHUNK_CELLS // len(names))):
        stage.add(chunk)
    columns = [Column(name, f"{at}", stage) for at, name in enumerate(names)]
    return Table(columns, detected, stage, first_row=first_row, notes=notes)


# The fast reader


def _read_fast(path: Path, options: ReadOptions, stage: Stage) -> Table:
    """Read a plain sheet. Raises _Mixed for any other."""
    import fastexcel

    if options.layout.comment:
        raise _Mixed
    with _quietly("fastexcel"):
        try:
            workbook = fastexcel.read_excel(path)
            sheet = _choose(workbook.sheet_names, options.sheet)
            _require_plain(path, sheet)
            names, series, first_row, above = _sheet_columns(workbook, sheet, options.layout)
        except (fastexcel.FastExcelError, *_DAMAGED) as error:
            raise _Mixed from error
    notes = [*_other_sheets(workbook.sheet_names, options.sheet), *above]
    return _finished(names, series, Detected("xlsx", sheet=sheet), stage, first_row, notes)


def _require_plain(path: Path, sheet: str) -> None:
    with Workbook(path) as book:
        if book.mac_dates or (book.computes and book.has_formulas(sheet)) or book.unusual(sheet):
            raise _Mixed


def _sheet_columns(
    workbook: Any, sheet: str, layout: Layout
) -> tuple[list[str], list[pl.Series], int, list[str]]:
    """Header as text, values as typed as their columns are, the number of their first row, and notes."""

    def texts(skip: int | None, rows: int) -> Any:
        return workbook.load_sheet(sheet, header_row=None, skip_rows=skip, n_rows=rows, dtypes="string")

    blank = texts(0, 1).total_height - texts(None, 1).total_height
    top = enumerate(_texts(texts(blank, _TOP_ROWS)), start=blank + 1)
    header, start, above = find_header(list(top), layout, sheet)
    names = _texts(texts(header - 1, 1))[0] if header else [""] * texts(start - 1, 1).width
    if texts(0, 1).total_height < start:
        return names, [_no_values(at) for at in range(len(names))], start, above
    cells = workbook.load_sheet(
        sheet, header_row=None, skip_rows=start - 1, schema_sample_rows=None, dtype_coercion="strict"
    )
    series = [_meant(_plain_times(column)).alias(f"{at}") for at, column in enumerate(cells.to_polars())]
    return names, series, start, above


def _texts(rows: Any) -> list[list[str]]:
    """Rows as text; a day is written without the midnight that it begins with."""
    return [[(cell or "").removesuffix(" 00:00:00") for cell in row] for row in rows.to_polars().iter_rows()]


def _no_values(at: int) -> pl.Series:
    import polars as pl

    return pl.Series(f"{at}", [], dtype=pl.String)


def _plain_times(values: pl.Series) -> pl.Series:
    """A column in which only some moments lie on the calendar's day zero. Raises _Mixed: these are times."""
    import polars as pl

    if isinstance(values.dtype, pl.Datetime):
        zero = values.drop_nulls().dt.date().is_in(_DAY_ZERO)
        if zero.any() and not zero.all():
            raise _Mixed
    return values


def _meant(values: pl.Series) -> pl.Series:
    """A spreadsheet has only floating-point numbers and moments; whole columns of them may mean less.

    Whole numbers become integers, moments at midnight dates, and moments of the calendar's day zero times.
    """
    import polars as pl

    known = values.drop_nulls()
    if known.is_empty():
        return values.cast(pl.String) if values.dtype == pl.Null else values
    if values.dtype == pl.Float64 and bool(
        ((known == known.floor()) & (known.abs() <= _EXACT_INTEGERS)).all()
    ):
        return values.cast(pl.Int64)
    if isinstance(values.dtype, pl.Datetime) and (known.dt.time() == time()).all():
        return values.dt.date()
    if isinstance(values.dtype, pl.Datetime) and known.dt.date().is_in(_DAY_ZERO).all():
        return values.dt.time()
    return values


@contextmanager
def _quietly(logger: str) -> Iterator[None]:
    """Keep a library's remarks about empty columns out of the task's log."""
    log = logging.getLogger(logger)
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)
