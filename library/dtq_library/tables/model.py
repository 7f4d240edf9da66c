"""The words that the engine's modules share: formats, options, and a table on its way through.

No reading, no cleaning, no writing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from dtq_library.encodings.detection import Undecodable
from dtq_library.tables.layout import AS_FOUND, Layout
from dtq_library.tables.stage import Stage

if TYPE_CHECKING:
    import polars as pl

Format = Literal["csv", "tsv", "jsonl", "json", "parquet", "xlsx", "ods"]
Delimiter = Literal["comma", "semicolon", "tab", "pipe", "space", "caret", "tilde"]
BrokenRows = Literal["stop", "skip"]
Whitespace = Literal["collapse", "trim", "keep"]
Compare = Literal["written", "values"]
Case = Literal["keep", "lower", "upper", "title"]
Numbers = Literal["auto", "point", "comma", "keep"]
Dates = Literal["auto", "day_first", "month_first", "keep"]
Kind = Literal[
    "text", "integer", "number", "date", "datetime", "time", "duration", "boolean", "binary", "nested"
]

DELIMITERS: dict[Delimiter, str] = {
    "comma": ",",
    "semicolon": ";",
    "tab": "\t",
    "pipe": "|",
    "space": " ",
    "caret": "^",
    "tilde": "~",
}

Pulse = Callable[[float | None], object]
"""Called now and then during long work, with the share of it that is done, from 0 to 1, or None where that is
not known. Raises when the work should stop."""


@dataclass(frozen=True)
class ReadOptions:
    """How to read. What is `auto` is detected; no sheet, or a blank name, means the first."""

    encoding: str = "auto"
    delimiter: Delimiter | Literal["auto"] = "auto"
    sheet: str = ""
    broken_rows: BrokenRows = "stop"
    undecodable: Undecodable = "stop"
    layout: Layout = AS_FOUND

    def __post_init__(self) -> None:
        object.__setattr__(self, "sheet", self.sheet.strip())


@dataclass(frozen=True)
class CellOptions:
    """What is done to a column's cells.

    ``missing`` holds spellings, alike in upper and lower case; ``missing_in_numbers`` those that are words
    elsewhere, such as NA for Namibia, and count in columns of numbers and dates only.
    """

    whitespace: Whitespace = "collapse"
    missing: tuple[str, ...] = ()
    numbers: Numbers = "auto"
    dates: Dates = "auto"
    case: Case = "keep"
    missing_in_numbers: tuple[str, ...] = ()

    @classmethod
    def typed(
        cls, missing: Iterable[str], missing_in_numbers: Iterable[str], numbers: Numbers, dates: Dates
    ) -> CellOptions:
        """Return options that trim and type cells, and leave their text as it is otherwise."""
        return cls("trim", tuple(missing), numbers, dates, missing_in_numbers=tuple(missing_in_numbers))


@dataclass(frozen=True)
class Detected:
    """What the file turned out to be. None where the format has no such thing.

    ``delimiter`` is the name of a `Delimiter`, or the characters of another.
    """

    format: Format
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None


@dataclass(frozen=True)
class Column:
    """A column as it was read. Text formats give text; Parquet, XLSX and JSON may give typed values.

    ``key`` is its name in the stage. ``is_json``: the text of each cell is a JSON list or object, not words
    of a person.
    """

    header: str
    key: str
    stage: Stage
    is_json: bool = False

    @property
    def dtype(self) -> pl.DataType:
        return self.stage.empty[self.key].dtype

    def chunks(self) -> Iterator[pl.Series]:
        """The cells, chunk after chunk; there is one chunk at least."""
        for frame in self.stage.chunks(self.key):
            yield frame[self.key]


@dataclass
class Table:
    """A table as it was read: columns over one stage.

    ``skipped`` are the positions of broken rows that were skipped, counted from 0 among all rows after the
    header; they are not in the stage. ``first_row`` is the number that a spreadsheet gives to the first of
    these rows.
    """

    columns: list[Column]
    detected: Detected
    stage: Stage
    skipped: list[int] = field(default_factory=list)
    first_row: int = 1
    notes: list[str] = field(default_factory=list)

    @property
    def height(self) -> int:
        return self.stage.height

    @property
    def broken_rows(self) -> int:
        return len(self.skipped)

    def row_numbers(self, positions: pl.Series) -> pl.Series:
        """The numbers that rows have in the source, from their positions in the stage, counted from 0."""
        import polars as pl

        # The position in the stage at which a skipped row would stand.
        gaps = pl.Series([at - before for before, at in enumerate(self.skipped)], dtype=pl.Int64)
        whole = positions.cast(pl.Int64)
        skipped = gaps.search_sorted(whole, side="right").cast(pl.Int64)
        return whole + skipped + self.first_row


@dataclass(frozen=True)
class CleanColumn:
    """A chunk of a column after cleaning, all rows still in place.

    ``values`` is text for everything that was read as text, in its clean spelling (``1234.5``,
    ``2024-03-01``); ``kind`` says what that text holds. ``changes`` has one boolean column for each of
    `REASONS`, true where a cell was changed for that reason.
    """

    values: pl.Series
    changes: pl.DataFrame


REASONS = ("trimmed", "missing", "number", "date", "case")
