"""XLSX sheets cell by cell: slower than the reader of workbooks.py, and with everything that a cell says.

A cell is read by its style, so a duration is told from a moment and a time from a date; an error and a
formula that was never computed are values of their own. Parts are parsed as streams; only the texts that
cells share and the rows are held.
"""

from __future__ import annotations

import datetime as dt
import posixpath
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO
from xml.parsers import expat

from dtq_library.tables.sheets.grid import Grid, SheetError, Uncomputed, Value

_MAIN = (
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    "http://purl.oclc.org/ooxml/spreadsheetml/main",
)
_PIECE = 256 * 1024
_BUILT_IN = {46: "duration", **dict.fromkeys(range(18, 22), "time"), 45: "time", 47: "time"} | dict.fromkeys(
    (*range(14, 18), 22, *range(27, 37), *range(50, 59)), "date"
)
"""The styles of ECMA-376, 18.8.30 that have a number instead of a format."""
_IGNORED = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!(?:h+|m+|s+)\])[^\]]*\]|General', re.IGNORECASE)
_ELAPSED = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_UNUSUAL = re.compile(
    rb"""\bt=["']e["']|(?:</(?:\w+:)?f|<(?:\w+:)?f\b[^>]*/)>\s*"""
    rb"""(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>"""
)
"""An error, or a formula whose cell ends without a value."""
_OVERLAP = 4096
_LEAP_BUG = 60
"""Excel's day that never was, February 29 of 1900: days before it count from one day later."""
_EPOCH, _EARLY_EPOCH, _MAC_EPOCH = (
    dt.datetime(1899, 12, 30),
    dt.datetime(1899, 12, 31),
    dt.datetime(1904, 1, 1),
)

Attributes = dict[str, str]


class Workbook:
    """The parts of a workbook that say how the cells of its sheets are to be read.

    ``mac_dates``: days count from 1904. ``computes``: it asks to be computed when it is opened, as programs
    do that write formulas without knowing their values.
    """

    def __init__(self, path: Path) -> None:
        self._archive = zipfile.ZipFile(path)
        self.mac_dates = False
        self.computes = False
        self._parts: dict[str, str] = {}
        self._ids: dict[str, str] = {}
        root = self._root()
        self._targets = self._relations(root)
        self._walk(root, self._book)
        self._parts = {
            name: self._targets[own]
            for name, own in self._ids.items()
            if "/worksheets/" in self._targets.get(own, "")
        }

    @property
    def sheets(self) -> list[str]:
        """Names of the sheets of cells; sheets of charts are none."""
        return list(self._parts)

    def __enter__(self) -> Workbook:
        return self

    def __exit__(self, *error: object) -> None:
        self._archive.close()

    def unusual(self, sheet: str) -> bool:
        """Whether a sheet holds errors or formulas without a value, nothing to the fast reader."""
        with self._archive.open(self._parts[sheet]) as file:
            tail = b""
            while piece := file.read(_PIECE):
                if _UNUSUAL.search(tail + piece):
                    return True
                tail = piece[-_OVERLAP:]
        return False

    def has_formulas(self, sheet: str) -> bool:
        """Whether some cell of a sheet is computed."""
        with self._archive.open(self._parts[sheet]) as file:
            tail = b""
            while piece := file.read(_PIECE):
                if re.search(rb"<(?:\w+:)?f[ >]", tail + piece):
                    return True
                tail = piece[-8:]
        return False

    def grid(self, sheet: str) -> Grid:
        """Return the cells of a sheet."""
        return _Sheet(self._strings(), self._styles(), mac=self.mac_dates).read(
            lambda parser: self._feed(self._parts[sheet], parser)
        )

    def _root(self) -> str:
        """The workbook's part, which the package's relations name."""
        found = [
            part for part in self._relations("").values() if part.endswith(".xml") and "workbook" in part
        ]
        return found[0] if found else "xl/workbook.xml"

    def _relations(self, part: str) -> dict[str, str]:
        """What a part refers to: paths in the archive by their IDs."""
        folder, name = posixpath.split(part)
        targets: dict[str, str] = {}

        def start(tag: str, attributes: Attributes) -> None:
            if tag.endswith(" Relationship") and attributes.get("TargetMode") != "External":
                target = attributes["Target"]
                absolute = target.startswith("/")
                joined = target[1:] if absolute else posixpath.normpath(posixpath.join(folder, target))
                targets[attributes["Id"]] = joined

        self._walk(posixpath.join(folder, "_rels", f"{name}.rels"), start)
        return targets

    def _book(self, tag: str, attributes: Attributes) -> None:
        """Names are compared with their namespaces: extensions have a workbookPr of their own."""
        kind = _tag(tag)
        if kind == "workbookPr":
            self.mac_dates = attributes.get("date1904") in ("1", "true", "on")
        elif kind == "calcPr":
            self.computes = attributes.get("fullCalcOnLoad") in ("1", "true", "on")
        elif kind == "sheet":
            own = next((value for key, value in attributes.items() if key.endswith(" id")), "")
            self._ids[attributes["name"]] = own

    def _strings(self) -> list[str]:
        part = next((part for part in self._targets.values() if part.endswith("sharedStrings.xml")), None)
        if part is None or part not in self._archive.namelist():
            return []
        strings = _Strings()
        parser = _parser(strings.start, strings.end, strings.text)
        self._feed(part, parser)
        return strings.found

    def _styles(self) -> list[str]:
        """For each style that a cell may have: number, date, time or duration."""
        part = next((part for part in self._targets.values() if part.endswith("styles.xml")), None)
        if part is None or part not in self._archive.namelist():
            return []
        formats: dict[int, str] = {}
        styles: list[str] = []
        inside = [False]

        def start(tag: str, attributes: Attributes) -> None:
            kind = _tag(tag)
            if kind == "numFmt":
                formats[int(attributes["numFmtId"])] = format_kind(attributes.get("formatCode", ""))
            elif kind in ("cellXfs", "cellStyleXfs"):
                inside[0] = kind == "cellXfs"
            elif kind == "xf" and inside[0]:
                number = int(attributes.get("numFmtId", 0))
                styles.append(formats.get(number) or _BUILT_IN.get(number, "number"))

        self._walk(part, start)
        return styles

    def _walk(self, part: str, start: Callable[[str, Attributes], None]) -> None:
        self._feed(part, _parser(start))

    def _feed(self, part: str, parser: expat.XMLParserType) -> None:
        with self._archive.open(part) as file:
            _parse(file, parser)


def format_kind(code: str) -> str:
    """What a number format shows: number, date, time, or duration for one such as [h]:mm."""
    plain = _IGNORED.sub("", code.split(";", 1)[0]).lower()
    if _ELAPSED.search(plain):
        return "duration"
    if re.search(r"[yd]", plain) or ("m" in plain and not re.search(r"[hs]", plain)):
        return "date"
    return "time" if re.search(r"[hs]", plain) else "number"


def _tag(name: str) -> str:
    """The name of an element of spreadsheets, or nothing for one of an extension."""
    space, _, tag = name.rpartition(" ")
    return tag if space in _MAIN else ""


def _parser(
    start: Callable[[str, Attributes], None],
    end: Callable[[str], None] | None = None,
    text: Callable[[str], None] | None = None,
) -> expat.XMLParserType:
    """Expat fetches nothing from elsewhere and bounds what entities grow to."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    return parser


def _parse(file: IO[bytes], parser: expat.XMLParserType) -> None:
    while piece := file.read(_PIECE):
        parser.Parse(piece, False)
    parser.Parse(b"", True)


class _Strings:
    """The shared texts; how a text is pronounced is no part of it."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._parts: list[str] = []
        self._reading = False
        self._phonetic = False

    def start(self, tag: str, attributes: Attributes) -> None:
        kind = _tag(tag)
        if kind == "si":
            self._parts = []
        elif kind == "rPh":
            self._phonetic = True
        elif kind == "t":
            self._reading = not self._phonetic

    def end(self, tag: str) -> None:
        kind = _tag(tag)
        if kind == "si":
            self.found.append(_unescaped("".join(self._parts)))
        elif kind == "rPh":
            self._phonetic = False
        elif kind == "t":
            self._reading = False

    def text(self, data: str) -> None:
        if self._reading:
            self._parts.append(data)


class _Sheet:
    """Reads the cells of one sheet."""

    def __init__(self, strings: list[str], styles: list[str], *, mac: bool) -> None:
        self._strings = strings
        self._styles = styles
        self._mac = mac
        self._grid = Grid()
        self._row = self._column = 0
        self._cell: Attributes = {}
        self._parts: list[str] = []
        self._reading = self._phonetic = self._formula = False
        self._names = {f"{space} {tag}": tag for space in _MAIN for tag in ("row", "c", "v", "t", "f", "rPh")}

    def read(self, feed: Callable[[expat.XMLParserType], None]) -> Grid:
        feed(_parser(self._start, self._end, self._text))
        return self._grid

    def _start(self, name: str, attributes: Attributes) -> None:
        tag = self._names.get(name)
        if tag == "c":
            self._begin(attributes)
        elif tag == "v" or tag == "t":
            self._reading = not self._phonetic
        elif tag == "f":
            self._formula = True
        elif tag == "row":
            self._row = int(attributes.get("r", self._row + 1))
            self._column = 0
        elif tag == "rPh":
            self._phonetic = True

    def _begin(self, attributes: Attributes) -> None:
        self._cell = attributes
        self._parts = []
        self._formula = False
        found = _REFERENCE.fullmatch(attributes.get("r", ""))
        self._column = _column_number(found[1]) if found else self._column + 1
        self._row = int(found[2]) if found else self._row

    def _end(self, name: str) -> None:
        tag = self._names.get(name)
        if tag == "v" or tag == "t":
            self._reading = False
        elif tag == "rPh":
            self._phonetic = False
        elif tag == "c":
            self._grid.put(self._row, self._column, self._value())

    def _text(self, data: str) -> None:
        if self._reading:
            self._parts.append(data)

    def _value(self) -> Value:
        raw, kind = "".join(self._parts), self._cell.get("t", "n")
        if kind == "s":
            return self._strings[int(raw)] or None
        if kind in ("str", "inlineStr"):
            return _unescaped(raw) or None
        if not raw.strip():
            return Uncomputed() if self._formula else None
        if kind == "e":
            return SheetError(raw)
        if kind == "b":
            return raw.strip() in ("1", "true")
        if kind == "d":
            return dt.datetime.fromisoformat(raw.strip().removesuffix("Z"))
        return self._number(float(raw))

    def _number(self, number: float) -> Value:
        at = int(self._cell.get("s", 0))
        style = self._styles[at] if at < len(self._styles) else "number"
        if style == "number":
            return number
        span = dt.timedelta(milliseconds=round(number * 86_400_000))
        if style == "duration":
            return span
        if style == "time" and 0 <= number < 1:
            return (_MAC_EPOCH + span).time()
        return self._moment(number, span)

    def _moment(self, number: float, span: dt.timedelta) -> Value:
        """A moment; a number that is none is shown by spreadsheets as signs without a meaning."""
        epoch = _EARLY_EPOCH if number < _LEAP_BUG else _EPOCH
        try:
            return (_MAC_EPOCH if self._mac else epoch) + span
        except OverflowError:
            return number


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def _unescaped(text: str) -> str:
    """Signs that XML cannot hold are written as _x000D_ and the like (ECMA-376, 22.4.2.4)."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text
