"""What a delimited file looks like: its delimiter, and the lines above its header.

A delimiter is good when rows agree in how many fields they have, and when the fields are such as tables hold:
numbers, dates, words without a space in front. So a comma within names or amounts does not win.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from dtq_library.tables.layout import Layout
from dtq_library.tables.model import DELIMITERS, Delimiter, Format

SAMPLE_CHARS = 64 * 1024
MAX_FIELD_CHARS = 16 * 1024 * 1024
"""A mark that is never closed makes a field of the rest of a file, which is not to be held as a whole."""
UNIT_SEPARATOR = "\x1f"
"""Stands for a delimiter of several characters while rows are read; text does not hold it."""
_COMMON: tuple[Delimiter, ...] = ("tab", "pipe", "semicolon", "comma")
"""A tie goes to the first: a comma is more likely than the others to stand in a text or a number."""
_RARE = ("caret", "tilde", "::", "space")
_TYPED = re.compile(r"-?[0-9][0-9.,'  ]*%?|[0-9]{1,4}[-./][0-9]{1,2}[-./][0-9]{1,4}(?:[ T][0-9:.]+Z?)?|")
_MOST_ABOVE = 30
_CLOSE = 0.6
"""A second delimiter that scores so much of the best leaves doubt."""


def parsed(lines: Iterable[str], delimiter: str, layout: Layout) -> Iterator[list[str]]:
    """Return the records of lines. Raises csv.Error for one that is not well formed."""
    if csv.field_size_limit() < MAX_FIELD_CHARS:
        csv.field_size_limit(MAX_FIELD_CHARS)
    several = len(delimiter) > 1
    if several:
        lines = (line.replace(delimiter, UNIT_SEPARATOR) for line in lines)
    if delimiter == " ":
        lines = (line.lstrip(" ") for line in lines)
    reader = csv.reader(
        lines,
        delimiter=UNIT_SEPARATOR if several else delimiter,
        quotechar=layout.quote or None,
        quoting=csv.QUOTE_MINIMAL if layout.quote else csv.QUOTE_NONE,
        escapechar=layout.escape or None,
        skipinitialspace=delimiter == " ",
        strict=True,
    )
    if not several:
        return reader
    return ([cell.replace(UNIT_SEPARATOR, delimiter) for cell in row] for row in reader)


def find_delimiter(sample: str, fmt: Format = "csv", layout: Layout | None = None) -> str:
    """Return the name of the delimiter, or its characters, that makes the best table of a sample.

    One that never occurs is possible: the table has a single column then.
    """
    return judge_delimiter(sample, fmt, layout or Layout())[0]


def judge_delimiter(sample: str, fmt: Format, layout: Layout) -> tuple[str, bool, list[str]]:
    """Return the same, whether it is far better than any other, and all that are possible."""
    preferred: Delimiter = "tab" if fmt == "tsv" else "comma"
    whole = sample if len(sample) < SAMPLE_CHARS else sample[: sample.rfind("\n") + 1] or sample
    scores = {name: _score(whole, name, layout) for name in _COMMON}
    best = max(_COMMON, key=lambda name: (scores[name], name == preferred))
    possible: list[str] = [name for name, score in scores.items() if score]
    if possible:
        if [name for name in possible if _splits_every_line(whole, name, layout)] == [best]:
            return best, True, possible
        second = max(score for name, score in scores.items() if name != best)
        return best, second < _CLOSE * scores[best], possible
    rare = next((name for name in _RARE if _score(whole, name, layout) >= _least(name)), None)
    return rare or preferred, rare is not None or not looks_split(sample), []


def lines_above(sample: str, delimiter: str, layout: Layout) -> int:
    """Return how many lines stand above the header: titles and remarks of one field, above a wider table."""
    widths = [(line, _width(line, delimiter, layout)) for line in sample.splitlines()[: 2 * _MOST_ABOVE]]
    counted = Counter(width for _, width in widths if width)
    if not counted or len(widths) < 2:
        return 0
    usual = counted.most_common(1)[0][0]
    if usual < 2:
        return _remarks(widths)
    for at, (line, width) in enumerate(widths[:_MOST_ABOVE]):
        if width == usual or (width > 1 and not line.startswith("#")):
            return at if any(width for _, width in widths[:at]) else 0
    return 0


def looks_split(sample: str) -> bool:
    """Whether most lines of a table of one column hold a sign that may separate fields."""
    lines = [line for line in sample.splitlines() if line.strip()]
    return len(lines) > 1 and any(
        sum(sign in line for line in lines) > 0.8 * len(lines)
        for sign in (",", ";", "\t", "|", "^", "~", "::")
    )


def _remarks(widths: list[tuple[str, int]]) -> int:
    """Lines at the top of a table of one column that begin with #."""
    first = next((at for at, (line, _) in enumerate(widths) if not line.startswith("#")), 0)
    return first if first < len(widths) else 0


def _width(line: str, delimiter: str, layout: Layout) -> int:
    try:
        return len(next(parsed([line], delimiter, layout.model_copy(update={"escape": ""})), []))
    except csv.Error:
        return 0


def _least(name: str) -> float:
    """Spaces stand between words as well, so nearly all of their fields must be numbers."""
    return 0.8 if name == "space" else 0.1


def _score(sample: str, name: str, layout: Layout) -> float:
    """How well a delimiter fits, from 0 to 1: by the width of rows, and by what their fields look like."""
    try:
        rows = [row for row in _rows(sample, characters(name), layout) if row]
    except csv.Error:
        return 0.0
    first = next((at for at, row in enumerate(rows) if len(row) > 1), None)
    if first is None or first > _MOST_ABOVE or (first and len(rows) - first < 2):
        return 0.0
    table = rows[first:]
    agreeing = [row for row in table[1:] if len(row) == len(table[0])]
    share = (1 + len(agreeing)) / len(rows)
    cells = [cell for row in agreeing or table[:1] for cell in row]
    typed = sum(_TYPED.fullmatch(cell) is not None for cell in cells) / len(cells)
    spaced = sum(cell.startswith(" ") for cell in cells) / len(cells)
    return share * (0.4 + 0.6 * typed) * (1 - 0.5 * spaced)


def _splits_every_line(sample: str, name: str, layout: Layout) -> bool:
    """Whether all lines, the header among them, have the same number of fields, and more than one."""
    try:
        widths = {len(row) for row in _rows(sample, characters(name), layout) if row}
    except csv.Error:
        return False
    return len(widths) == 1 and widths != {1}


def characters(name: str) -> str:
    """Return the characters of a delimiter, which may be called by its name."""
    return next((char for known, char in DELIMITERS.items() if known == name), name)


def _rows(sample: str, delimiter: str, layout: Layout) -> Iterator[list[str]]:
    """The records of a sample, which may end within a quoted field."""
    lenient = parsed(io.StringIO(sample, newline=""), delimiter, layout)
    try:
        yield from lenient
    except csv.Error:
        return
