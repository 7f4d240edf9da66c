"""CSV and TSV: every cell as text, every row accounted for.

The standard library's parser reads the rows, not Polars' own: Polars pads short rows and cuts long ones
without saying so, and cannot name the line of a broken one. Rows go to the stage in chunks, so no more than
a chunk of them is ever alive as Python objects.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from dtq import Fail
from dtq_library.encodings.detection import codec
from dtq_library.tables.io.dialect import (
    SAMPLE_CHARS,
    characters,
    lines_above,
    looks_split,
    parsed,
)
from dtq_library.tables.io.opinions import HEADLESS, agreed_delimiter, is_headless
from dtq_library.tables.layout import Layout
from dtq_library.tables.model import (
    DELIMITERS,
    Column,
    Detected,
    Format,
    Pulse,
    ReadOptions,
    Table,
)
from dtq_library.tables.stage import Stage

if TYPE_CHECKING:
    import polars as pl

_CHUNK_CELLS = 500_000
_CHUNK_CHARS = 16 * 1024 * 1024
"""A chunk is full when it has that many cells or characters: wide tables and long texts make short chunks."""
_NUMERIC = re.compile(r"-?[0-9][0-9.,'  ]*%?")
_SHOWN_LINES = 5
_EXCEL_HINT = re.compile(r'"?sep=(.)"?\r?\n?')


@dataclass
class _RowAccount:
    """What was not quite right with the rows, for the report.

    ``rows`` counts all so far, ``header_rows`` those up to the header. ``broken`` has lines, ``skipped``
    positions after the header.
    """

    rows: int = 0
    short: int = 0
    trailing: int = 0
    broken: list[int] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)
    header_rows: int = 0

    def skip(self, line: int) -> None:
        """A broken row; ``rows`` counts it already."""
        self.broken.append(line)
        self.skipped.append(self.rows - 1 - self.header_rows)

    def notes(self) -> list[str]:
        lines = ", ".join(f"{line:,}" for line in self.broken[:_SHOWN_LINES])
        more = ", ..." if len(self.broken) > _SHOWN_LINES else ""
        sentences = (
            (self.short, "Rows with fewer fields than the header, filled up with missing ones: {}."),
            (self.trailing, "Rows with empty fields beyond the last column, which were left out: {}."),
            (len(self.broken), f"Malformed rows that were skipped: {{}} (line {lines}{more})."),
        )
        return [sentence.format(f"{count:,}") for count, sentence in sentences if count]


class _FileLines:
    """The lines of a file below those to skip, and how many characters of it went by.

    ``began`` is the number of the first line since it was None.
    """

    def __init__(self, file: TextIO, size: int, skip: int, comment: str) -> None:
        self._file = file
        self._size = size
        self._skip = skip
        self._comment = comment
        self.chars = 0
        self.began: int | None = None

    def __iter__(self) -> Iterator[str]:
        for number, line in enumerate(self._file, start=1):
            self.chars += len(line)
            if number > self._skip and not (self._comment and line.startswith(self._comment)):
                self.began = self.began or number
                yield line

    @property
    def share(self) -> float:
        """Of the file, by characters for bytes: a little less than it is where characters take several."""
        return min(1.0, self.chars / self._size) if self._size else 1.0


def read_delimited(
    path: Path, fmt: Format, encoding: str, options: ReadOptions, pulse: Pulse, stage: Stage
) -> Table:
    """Read a file; the header is where the layout says, or the first record below titles and remarks.

    Blank lines after it are rows without a value. Raises Fail, with the line, for rows that have more fields
    than the header (unless they are to be skipped) and for quotes that are not in order.
    """
    layout = options.layout
    with path.open(encoding=codec(encoding), newline="") as file:
        sample = file.read(SAMPLE_CHARS)
        file.seek(0)
        hint = _EXCEL_HINT.fullmatch(sample[: sample.find("\n") + 1])
        skip = layout.skip_lines if layout.header_line is None else layout.header_line - 1
        skip = max(skip, 1 if hint else 0)
        sample = _below(sample, skip, layout.comment)
        name, doubts = layout.separator or options.delimiter, list[str]()
        if name == "auto":
            hinted = _hinted(hint)
            found = (hinted, doubts) if hinted else agreed_delimiter(sample, fmt, layout, path.parent)
            name, doubts = found
        above = _above(sample, name, layout)
        open_header = layout.header == "auto" and layout.header_line is None
        if open_header and is_headless(_below(sample, above, ""), name, layout):
            doubts = [*doubts, HEADLESS]
            layout = layout.model_copy(update={"header": "none"})
            options = replace(options, layout=layout)
        lines = _FileLines(file, path.stat().st_size, skip + above, layout.comment)
        table = _read(lines, Detected(fmt, encoding, name), options, pulse, stage, skip + above + 1)
    table.notes += (
        doubts + _above_notes(sample, above, skip) + _warnings(table, _below(sample, above, ""), layout)
    )
    return table


def _below(sample: str, skip: int, comment: str) -> str:
    """The lines of a sample that are read."""
    lines = sample.splitlines(keepends=True)[skip:]
    return "".join(line for line in lines if not (comment and line.startswith(comment)))


def _above(sample: str, name: str, layout: Layout) -> int:
    """How many lines above the header are found, where nobody says where it is."""
    told = layout.header == "none" or layout.header_line is not None or layout.skip_lines or layout.comment
    return 0 if told else lines_above(sample, characters(name), layout)


def _above_notes(sample: str, above: int, skip: int) -> list[str]:
    shown = next((line.strip() for line in sample.splitlines()[:above] if line.strip()), "")
    if not shown:
        return []
    return [
        f"Lines above the header that were skipped: {above:,} (line {skip + 1:,}: {shown[:60]}). If they "
        "belong to the table, set Header on line under Layout."
    ]


def _warnings(table: Table, sample: str, layout: Layout) -> list[str]:
    """What may be wrong with how the file was understood."""
    headers = [column.header.strip() for column in table.columns]
    notes = []
    if len(headers) == 1 and not layout.separator and looks_split(sample):
        notes.append("Only one column was found. If it holds several, choose the delimiter.")
    if layout.header == "none":
        return notes
    numeric = [header for header in headers if _NUMERIC.fullmatch(header)]
    if numeric:
        notes.append(
            f"The header has numbers ({', '.join(numeric[:3])}). If the file has no header row, choose None "
            "for Header row under Layout."
        )
    blank = headers.count("")
    if blank:
        notes.append(f"Columns without a name in the header, which are named by their position: {blank:,}.")
    return notes


def _hinted(hint: re.Match[str] | None) -> str | None:
    """Excel's own first line, ``sep=;``, says which delimiter follows."""
    return next((name for name, char in DELIMITERS.items() if hint and char == hint[1]), None)


def _read(
    lines: _FileLines, detected: Detected, options: ReadOptions, pulse: Pulse, stage: Stage, first_line: int
) -> Table:
    account = _RowAccount()
    records = _records(lines, detected, options, account)
    first = next(((line, row) for line, row in records if row), None)
    if first is None:
        raise Fail("The file has no header line; the names of the columns were expected in the first one.")
    if account.broken:
        raise Fail(
            f"The header on line {account.broken[0]:,} is not well formed; correct its quotation marks."
        )
    header = first[1]
    account.header_rows = account.rows
    if options.layout.header == "none":
        account.header_rows, header, records = account.rows - 1, [""] * len(header), chain([first], records)
    stage.add(_frame([], len(header)))
    for rows in _chunks(_fitting(records, len(header), options, account), len(header), lines):
        if stage.height:
            pulse(lines.share)
        stage.add(_frame(rows, len(header)))
    columns = [Column(name, f"{at}", stage) for at, name in enumerate(header)]
    first_row = account.header_rows + first_line
    return Table(columns, detected, stage, account.skipped, first_row, account.notes())


def _records(
    lines: _FileLines, detected: Detected, options: ReadOptions, account: _RowAccount
) -> Iterator[tuple[int, list[str]]]:
    """Records with the line on which each begins. A quote that is never closed cannot be skipped."""
    reader = parsed(lines, characters(detected.delimiter or "comma"), options.layout)
    while True:
        lines.began = None
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if options.broken_rows == "stop" or quoting_fault(error) is not QuotingFault.MALFORMED:
                raise _quoting_problem(lines.began or 1, error) from error
            account.rows += 1
            account.skip(lines.began or 1)
        else:
            account.rows += 1
            yield lines.began or 1, row


def _fitting(
    records: Iterator[tuple[int, list[str]]], width: int, options: ReadOptions, account: _RowAccount
) -> Iterator[list[str]]:
    """Rows of exactly ``width`` fields."""
    fitted = 0
    for line, row in records:
        if len(row) == width:
            fitted += 1
            yield row
        elif len(row) < width:
            account.short += bool(row)
            yield row + [""] * (width - len(row))
        elif not any(row[width:]):
            account.trailing += 1
            yield row[:width]
        elif options.broken_rows == "skip":
            account.skip(line)
        else:
            raise Fail(
                f"Line {line:,} has {len(row):,} fields, but the header has {width:,}. {_advice(fitted)}"
            )
    if account.broken and len(account.broken) > 9 * fitted:
        raise Fail(
            f"Skipping malformed rows would skip {len(account.broken):,} rows and keep {fitted:,}. Set the "
            "header line or the delimiter instead."
        )


def _advice(fitted: int) -> str:
    """What to do about a row that is too long; skipping is no help where no row fits the header."""
    if not fitted:
        return "If the header is on another line, set Header on line under Layout; else correct that line."
    return (
        "Correct that line (text that holds the delimiter must be quoted), or choose to skip malformed rows."
    )


def _chunks(rows: Iterator[list[str]], width: int, lines: _FileLines) -> Iterator[list[list[str]]]:
    most, began = max(1, _CHUNK_CELLS // width), lines.chars
    chunk: list[list[str]] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) >= most or lines.chars - began >= _CHUNK_CHARS:
            yield chunk
            chunk, began = [], lines.chars
    if chunk:
        yield chunk


def _frame(rows: list[list[str]], width: int) -> pl.DataFrame:
    """Rows as columns of text named by their position; an empty field is a missing one."""
    import polars as pl

    fields = zip(*rows, strict=True) if rows else [()] * width
    cells = pl.DataFrame([pl.Series(f"{at}", values, dtype=pl.String) for at, values in enumerate(fields)])
    return cells.select(pl.when(pl.all() != "").then(pl.all()))


class QuotingFault(Enum):
    """Why the parser of the standard library cannot read a row."""

    FIELD_LIMIT = auto()
    UNCLOSED = auto()
    MALFORMED = auto()
    """Only this row is concerned, so it can be skipped."""
    OTHER = auto()


_CSV_SENTENCES = {
    "field larger than field limit": QuotingFault.FIELD_LIMIT,
    "unexpected end of data": QuotingFault.UNCLOSED,
    "expected after": QuotingFault.MALFORMED,
}


def quoting_fault(error: csv.Error) -> QuotingFault:
    """Classify an error of `csv`, which has one class and no code: only its text tells the faults apart."""
    found = (fault for sentence, fault in _CSV_SENTENCES.items() if sentence in str(error))
    return next(found, QuotingFault.OTHER)


def _quoting_problem(line: int, error: csv.Error) -> Fail:
    fault = quoting_fault(error)
    if fault is QuotingFault.FIELD_LIMIT:
        return Fail(
            f"The row on line {line:,} holds a field of more than {csv.field_size_limit():,} characters; "
            "most likely a quotation mark in it is never closed. Close it and try again."
        )
    if fault is QuotingFault.UNCLOSED:
        return Fail(f"A quotation mark that is opened in the row on line {line:,} is never closed. Close it.")
    return Fail(
        f"The row on line {line:,} is not well formed ({error}). A quotation mark inside of a quoted field "
        'must be doubled (""). Correct that line, or choose to skip malformed rows.'
    )
