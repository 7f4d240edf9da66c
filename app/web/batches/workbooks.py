"""Workbooks (XLSX) as rows of texts: the first sheet, read within limits of size, rows and columns.

The file comes from anybody. Its parts are measured before one of them is unpacked, rows and columns that are
not asked for are not read, and whatever else is wrong with it is one sentence.
"""

from __future__ import annotations

import io
import math
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

import openpyxl

from app.core.batches.batch import MOST_TASKS
from app.core.errors import Invalid

MOST_UNPACKED = 64 * 2**20
MOST_PARTS = 500
MOST_TAGS, MOST_OTHER_TAGS = 4_000_000, 100_000
PIECE = 2**20
MOST_ROWS = 5 * MOST_TASKS
"""Rows that are looked at, empty ones as well."""
READ_COLUMNS = 120
DAMAGED = "This workbook can't be read. Open it, save it as .xlsx or CSV, and upload that."
TOO_LARGE = "This workbook is too large. Save the sheet with the rows as CSV, and upload that."


def rows(content: bytes) -> Iterator[tuple[int, Sequence[str]]]:
    """Yield the rows of the first sheet as texts, with their numbers. Raises Invalid."""
    _require_small(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles and extensions that it does not know
        found = _read(content)
    yield from found


def _require_small(content: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > MOST_UNPACKED:
                raise Invalid(TOO_LARGE)
            for part in parts:
                _require_few_tags(archive, part)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, OSError):
        raise Invalid(DAMAGED) from None


def _require_few_tags(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    """Raise Invalid for a part whose elements would take too much memory, all or those of one row."""
    in_rows = "sheet" in part.filename or "sharedStrings" in part.filename
    most, tags = (MOST_TAGS if in_rows else MOST_OTHER_TAGS), 0
    with archive.open(part) as unpacked:
        while piece := unpacked.read(PIECE):
            count = piece.count(b"<")
            tags += count
            endless = count > PIECE // 20 and not (b"row>" in piece or b"si>" in piece)
            if tags > most or (in_rows and endless):
                raise Invalid(TOO_LARGE)


def _read(content: bytes) -> list[tuple[int, Sequence[str]]]:
    found: list[tuple[int, Sequence[str]]] = []
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # What a file says of its size may be anything.
        cells = sheet.iter_rows(max_col=READ_COLUMNS, values_only=True)
        for number, row in enumerate(cells, 1):
            if number > MOST_ROWS:
                raise Invalid(TOO_LARGE)
            if any(value is not None for value in row):
                found.append((number, [text_of(value) for value in _without_end(row)]))
            if len(found) > MOST_TASKS + 1:
                break  # The reader of the table says that there are too many.
    except Invalid:
        raise
    except Exception:  # whatever the library stumbles over
        raise Invalid(DAMAGED) from None
    return found


def _without_end(row: Sequence[Any]) -> Sequence[Any]:
    last = max((place for place, value in enumerate(row) if value is not None), default=-1)
    return row[: last + 1]


def text_of(value: Any) -> str:
    """Return a cell as a person would type it into the field of a form."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and math.isfinite(value) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime):
        midnight = value.time() == time()
        return value.date().isoformat() if midnight else value.isoformat(timespec="seconds")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value.total_seconds()) if isinstance(value, timedelta) else str(value)
