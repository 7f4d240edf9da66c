"""Two questions to which a file has no certain answer, and who else is asked: delimiter and header.

Where the delimiter is in doubt, DuckDB's sniffer decides, and a note says what else it may be. The first
record is taken for data, with a note, only where it says so itself: by a full date, or a number with decimals
in a column that has such in every row. A year or a whole number may well name a column.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from dtq_library.tables.io.dialect import characters, judge_delimiter, parsed
from dtq_library.tables.layout import Layout
from dtq_library.tables.model import DELIMITERS, Format

_DATE = re.compile(r"[12][0-9]{3}-[01][0-9]-[0-3][0-9](?:[T ][0-9:.]+(?:Z|[+-][0-9:]+)?)?")
_DECIMAL = re.compile(r"-?[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?")
_ROWS = 200
_LEAST_ROWS = 3
_MANY = 5
HEADLESS = (
    "The first line looks like data, so it was read as a row, and columns are named by their position. "
    "If it is the header, set Header on line under Layout."
)


def agreed_delimiter(sample: str, fmt: Format, layout: Layout, folder: Path) -> tuple[str, list[str]]:
    """Return the name or the characters of the delimiter, and a note where two opinions differ."""
    own, sure, others = judge_delimiter(sample, fmt, layout)
    if sure:
        return own, []
    theirs = _sniffed(sample, folder)
    name = next((name for name, char in DELIMITERS.items() if char == theirs), None)
    if name is None or name == own or name not in others:
        return own, []
    return name, [
        f"The delimiter may be {own} as well as {name}, which was taken. Choose it if that is wrong."
    ]


def _sniffed(sample: str, folder: Path) -> str | None:
    """The delimiter that DuckDB finds in a sample."""
    import duckdb

    path = folder / "sample.csv"
    path.write_text(
        sample[: sample.rfind("\n") + 1] or sample, encoding="utf-8", errors="replace", newline=""
    )
    settings: dict[str, str | int | float | list[str]] = {
        "threads": 1,
        "autoinstall_known_extensions": "false",
    }
    try:
        with duckdb.connect(config=settings) as connection:
            query = "SELECT Delimiter FROM sniff_csv($path)"
            found = connection.execute(query, {"path": str(path)}).fetchone()
    except duckdb.Error:
        return None
    finally:
        path.unlink(missing_ok=True)
    return str(found[0]) if found else None


def is_headless(sample: str, delimiter: str, layout: Layout) -> bool:
    """Whether the first record is surely data."""
    lines = sample[: sample.rfind("\n") + 1].splitlines(keepends=True)
    try:
        rows = [row for row in islice(parsed(lines, characters(delimiter), layout), _ROWS) if row]
    except csv.Error:  # The reader of the whole file reports it.
        return False
    if len(rows) <= _LEAST_ROWS or any(len(row) != len(rows[0]) for row in rows):
        return False
    columns = list(zip(*rows, strict=True))
    if any(_all(_DATE, column) for column in columns):
        return True
    decimals = [float(column[0]) for column in columns if _all(_DECIMAL, column)]
    return bool(decimals) and not _counts_up(decimals)


def _all(pattern: re.Pattern[str], column: Sequence[str]) -> bool:
    return all(pattern.fullmatch(cell.strip()) for cell in column)


def _counts_up(numbers: list[float]) -> bool:
    """As wavelengths do that name the columns of a spectrum; many may also count down."""
    pairs = list(zip(numbers, numbers[1:], strict=False))
    up, down = all(a < b for a, b in pairs), all(a > b for a, b in pairs)
    return (up and len(numbers) > 2) or (down and len(numbers) > _MANY)
