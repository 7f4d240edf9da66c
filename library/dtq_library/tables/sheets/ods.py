"""OpenDocument spreadsheets, cell by cell: a cell says what it holds, dates and times in ISO 8601."""

from __future__ import annotations

import datetime as dt
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from xml.parsers import expat

from dtq import Fail
from dtq_library.tables.sheets.grid import Grid, SheetError, Uncomputed, Value

_PIECE = 256 * 1024
_TABLE = "urn:oasis:names:tc:opendocument:xmlns:table:1.0 "
_OFFICE = "urn:oasis:names:tc:opendocument:xmlns:office:1.0 "
_TEXT = "urn:oasis:names:tc:opendocument:xmlns:text:1.0 "
_EXTENDED = "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0 "
_SPAN = re.compile(r"(-?)P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:[.,](\d+))?S)?)?")
_ERROR = re.compile(r"#[A-Z/0!?]+[!?A]|(?:Err|Fehler):\d+")
_MOST_REPEATED = 10_000
"""Cells and rows of one content are written once with a number; what repeats oftener fills the sheet up."""

Attributes = dict[str, str]


class Document:
    """The sheets of a spreadsheet. Raises Fail for one that is protected with a password."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.sheets: list[str] = []
        with zipfile.ZipFile(path) as archive:
            if b"encryption-data" in archive.read("META-INF/manifest.xml"):
                raise Fail(
                    "The spreadsheet is protected with a password; save it without one and upload it again."
                )
        self._walk(self._name)

    def grid(self, sheet: str) -> Grid:
        """Return the cells of a sheet."""
        reader = _Sheet(sheet)
        self._walk(reader.start, reader.end, reader.text)
        return reader.grid

    def _name(self, tag: str, attributes: Attributes) -> None:
        if tag == f"{_TABLE}table":
            self.sheets.append(attributes.get(f"{_TABLE}name", ""))

    def _walk(
        self,
        start: Callable[[str, Attributes], None],
        end: Callable[[str], None] | None = None,
        text: Callable[[str], None] | None = None,
    ) -> None:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = start
        parser.EndElementHandler = end
        parser.CharacterDataHandler = text
        with zipfile.ZipFile(self._path) as archive, archive.open("content.xml") as file:
            while piece := file.read(_PIECE):
                parser.Parse(piece, False)
            parser.Parse(b"", True)


class _Sheet:
    """Reads the cells of one sheet; remarks that hang on a cell are no part of its text."""

    def __init__(self, name: str) -> None:
        self.grid = Grid()
        self._name = name
        self._inside = False
        self._row = self._column = 0
        self._rows = self._columns = 1
        self._cell: Attributes | None = None
        self._paragraphs: list[list[str]] = []
        self._in_paragraph = self._remark = 0

    def start(self, tag: str, attributes: Attributes) -> None:
        if tag == f"{_TABLE}table":
            self._inside = attributes.get(f"{_TABLE}name", "") == self._name
        elif not self._inside:
            return
        elif tag == f"{_TABLE}table-row":
            self._rows = int(attributes.get(f"{_TABLE}number-rows-repeated", 1))
            self._column = 0
        elif tag in (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
            self._columns = int(attributes.get(f"{_TABLE}number-columns-repeated", 1))
            self._cell, self._paragraphs = attributes, []
        elif tag == f"{_OFFICE}annotation":
            self._remark += 1
        else:
            self._start_text(tag, attributes)

    def _start_text(self, tag: str, attributes: Attributes) -> None:
        if tag in (f"{_TEXT}p", f"{_TEXT}h") and not self._remark:
            self._paragraphs.append([])
            self._in_paragraph += 1
        elif tag == f"{_TEXT}s":
            self.text(" " * min(int(attributes.get(f"{_TEXT}c", 1)), _MOST_REPEATED))
        elif tag in (f"{_TEXT}tab", f"{_TEXT}line-break"):
            self.text("\t" if tag.endswith("tab") else "\n")

    def end(self, tag: str) -> None:
        if not self._inside:
            return
        if tag == f"{_TABLE}table":
            self._inside = False
        elif tag == f"{_TABLE}table-row":
            self._row += self._rows
        elif tag in (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
            self._put(self._value(self._cell or {}))
            self._column += self._columns
            self._cell = None
        elif tag == f"{_OFFICE}annotation":
            self._remark -= 1
        elif tag in (f"{_TEXT}p", f"{_TEXT}h") and not self._remark:
            self._in_paragraph -= 1

    def text(self, data: str) -> None:
        if self._in_paragraph and not self._remark:
            self._paragraphs[-1].append(data)

    def _put(self, value: Value) -> None:
        if value is None:
            return
        for row in range(min(self._rows, _MOST_REPEATED)):
            for column in range(min(self._columns, _MOST_REPEATED)):
                self.grid.put(self._row + row + 1, self._column + column + 1, value)

    def _value(self, cell: Attributes) -> Value:
        shown = "\n".join("".join(parts) for parts in self._paragraphs)
        kind = cell.get(f"{_OFFICE}value-type", "")
        if cell.get(f"{_EXTENDED}value-type") == "error" or _is_error(cell, shown):
            return SheetError(shown)
        if kind in ("float", "percentage", "currency"):
            return float(cell[f"{_OFFICE}value"])
        if kind == "boolean":
            return cell[f"{_OFFICE}boolean-value"] == "true"
        if kind == "date":
            return dt.datetime.fromisoformat(_six_digits(cell[f"{_OFFICE}date-value"]))
        if kind == "time":
            return _time(cell[f"{_OFFICE}time-value"])
        if kind == "string":
            return cell.get(f"{_OFFICE}string-value", shown) or None
        return Uncomputed() if f"{_TABLE}formula" in cell and not kind else shown or None


def _is_error(cell: Attributes, shown: str) -> bool:
    return f"{_TABLE}formula" in cell and _ERROR.fullmatch(shown) is not None


def _six_digits(moment: str) -> str:
    """Fractions of a second may have nine digits; Python takes six."""
    whole, point, fraction = moment.partition(".")
    return f"{whole}.{fraction[:6]:<06}" if point else whole


def _time(text: str) -> Value:
    """A time of the day, or a duration where it is longer than a day or negative."""
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f"not a duration: {text}")
    sign, days, hours, minutes, seconds, fraction = found.groups()
    span = dt.timedelta(
        days=int(days or 0),
        hours=int(hours or 0),
        minutes=int(minutes or 0),
        seconds=int(seconds or 0),
        milliseconds=round(float(f"0.{fraction or 0}") * 1000),
    )
    if sign or span >= dt.timedelta(days=1):
        return -span if sign else span
    return (dt.datetime.min + span).time()
