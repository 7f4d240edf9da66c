"""CSV and TSV: every cell as text, every row accounted for.

The standard library's parser reads the rows, not Polars' own: Polars pads short rows and cuts long ones
without saying so, and cannot name the line of a broken one. Rows go to the stage in chunks, so no more than
a chunk of them is ever alive as Python objects.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from workers import Fail
from workers.library.tables.encodings import codec
from workers.library.tables.model import (
    DELIMITERS,
    Column,
    Delimiter,
    Detected,
    Format,
    Pulse,
    ReadOptions,
    Table,
)
from workers.library.tables.stage import Stage

if TYPE_CHECKING:
    import polars as pl

_CHUNK_CELLS = 500_000
_CHUNK_CHARS = 16 * 1024 * 1024
"""A chunk is full when it has that many cells or characters: wide tables and long texts make short chunks."""
_SAMPLE_CHARS = 64 * 1024
_SHOWN_LINES = 5
_EXCEL_HINT = re.compile(r'"?sep=(.)"?\r?\n?')
# A tie goes to the first: a comma is more likely than the others to stand in a text or a number.
_TIE_ORDER: tuple[Delimiter, ...] = ("tab", "pipe", "semicolon", "comma")


@dataclass
class _Account:
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
            (len(self.broken), f"Broken rows that were skipped: {{}} (line {lines}{more})."),
        )
        return [sentence.format(f"{count:,}") for count, sentence in sentences if count]


class _Lines:
    """The lines of a file, and how many characters of it went by."""

    def __init__(self, file: TextIO, size: int) -> None:
        self._file = file
        self._size = size
        self.chars = 0

    def __iter__(self) -> Iterator[str]:
        for line in self._file:
            self.chars += len(line)
            yield line

    @property
    def share(self) -> float:
        """Of the file, by characters for bytes: a little less than it is where characters take several."""
        return min(1.0, self.chars / self._size) if self._size else 1.0


def read_delimited(
    path: Path, fmt: Format, encoding: str, options: ReadOptions, pulse: Pulse, stage: Stage
) -> Table:
    """Read a file whose first record that is not blank is the header.

    Blank lines after it are rows without a value. Raises Fail, with the line, for rows that have more fields
    than the header (unless they are to be skipped) and for quotes that are not in order.
    """
    with path.open(encoding=codec(encoding), newline="") as file:
        sample = file.read(_SAMPLE_CHARS)
        file.seek(0)
        hint = _EXCEL_HINT.fullmatch(file.readline())
        if hint is None:
            file.seek(0)
        delimiter = options.delimiter
        if delimiter == "auto":
            delimiter = _hinted(hint) or find_delimiter(sample, fmt)
        detected = Detected(fmt, encoding, delimiter)
        lines = _Lines(file, path.stat().st_size)
        return _read(lines, detected, options, pulse, stage, first_line=2 if hint else 1)


def find_delimiter(sample: str, fmt: Format = "csv") -> Delimiter:
    """The delimiter that splits the header, and as many rows as possible into as many fields as the header.

    One that never occurs is possible: the table has a single column then.
    """
    preferred: Delimiter = "tab" if fmt == "tsv" else "comma"
    whole_lines = sample if len(sample) < _SAMPLE_CHARS else sample[: sample.rfind("\n") + 1] or sample
    scores = {name: _agreement(whole_lines, DELIMITERS[name]) for name in _TIE_ORDER}
    best = max(_TIE_ORDER, key=lambda name: (scores[name], name == preferred))
    return best if scores[best] > (0.0, 1) else preferred


def _hinted(hint: re.Match[str] | None) -> Delimiter | None:
    """Excel's own first line, ``sep=;``, says which delimiter follows."""
    return next((name for name, char in DELIMITERS.items() if hint and char == hint[1]), None)


def _agreement(sample: str, delimiter: str) -> tuple[float, int]:
    """The share of rows that are as wide as the header, and that width; nothing for a header of one field."""
    widths = [len(row) for row in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter) if row]
    if not widths or widths[0] == 1:
        return 0.0, 1
    return widths.count(widths[0]) / len(widths), widths[0]


def _read(
    lines: _Lines, detected: Detected, options: ReadOptions, pulse: Pulse, stage: Stage, first_line: int
) -> Table:
    account = _Account()
    records = _records(lines, detected, options, account, first_line)
    header = next((row for _, row in records if row), None)
    if header is None:
        raise Fail("The file has no header line; the names of the columns were expected in the first one.")
    if account.broken:
        raise Fail(
            f"The header on line {account.broken[0]:,} is not well formed; correct its quotation marks."
        )
    account.header_rows = account.rows
    stage.add(_frame([], len(header)))
    for rows in _chunks(_fitting(records, len(header), options, account), len(header), lines):
        if stage.height:
            pulse(lines.share)
        stage.add(_frame(rows, len(header)))
    columns = [Column(name, f"{at}", stage) for at, name in enumerate(header)]
    first_row = account.header_rows + first_line
    return Table(columns, detected, stage, account.skipped, first_row, account.notes())


def _records(
    lines: _Lines, detected: Detected, options: ReadOptions, account: _Account, first_line: int
) -> Iterator[tuple[int, list[str]]]:
    """Records with the line on which each begins. A quote that is never closed cannot be skipped."""
    delimiter = DELIMITERS[detected.delimiter or "comma"]
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + first_line
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if options.broken_rows == "stop" or "expected after" not in str(error):
                raise _quoting_problem(line, error) from error
            account.rows += 1
            account.skip(line)
        else:
            account.rows += 1
            yield line, row


def _fitting(
    records: Iterator[tuple[int, list[str]]], width: int, options: ReadOptions, account: _Account
) -> Iterator[list[str]]:
    """Rows of exactly ``width`` fields."""
    for line, row in records:
        if len(row) == width:
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
                f"Line {line:,} has {len(row):,} fields, but the header has {width:,}. Correct that line "
                "(text that holds the delimiter must be quoted), or choose to skip broken rows."
            )


def _chunks(rows: Iterator[list[str]], width: int, lines: _Lines) -> Iterator[list[list[str]]]:
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


def _quoting_problem(line: int, error: csv.Error) -> Fail:
    if "field limit" in str(error):
        return Fail(
            f"The row on line {line:,} holds a field of more than {csv.field_size_limit():,} characters; "
            "most likely a quotation mark in it is never closed. Close it and try again."
        )
    if "unexpected end" in str(error):
        return Fail(f"A quotation mark that is opened in the row on line {line:,} is never closed. Close it.")
    return Fail(
        f"The row on line {line:,} is not well formed ({error}). A quotation mark inside of a quoted field "
        'must be doubled (""). Correct that line, or choose to skip broken rows.'
    )
