"""The words that the engine's modules share: formats, options, and a table on its way through.

No reading, no cleaning, no writing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import polars as pl

Format = Literal["csv", "tsv", "jsonl", "json", "parquet", "xlsx"]
Delimiter = Literal["comma", "semicolon", "tab", "pipe"]
BrokenRows = Literal["stop", "skip"]
Whitespace = Literal["collapse", "trim", "keep"]
Case = Literal["keep", "lower", "upper", "title"]
Numbers = Literal["auto", "point", "comma", "keep"]
Dates = Literal["auto", "day_first", "month_first", "keep"]
Kind = Literal[
    "text", "integer", "number", "date", "datetime", "time", "duration", "boolean", "binary", "nested"
]

DELIMITERS: dict[Delimiter, str] = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}

Pulse = Callable[[], object]
"""Called now and then during long work; raises when the work should stop."""


@dataclass(frozen=True)
class ReadOptions:
    """How to read. What is `auto` is found out; no sheet means the first."""

    encoding: str = "auto"
    delimiter: Delimiter | Literal["auto"] = "auto"
    sheet: str = ""
    broken_rows: BrokenRows = "stop"


@dataclass(frozen=True)
class CleanOptions:
    """What is done to a column's cells. ``missing`` holds spellings, alike in upper and lower case."""

    whitespace: Whitespace = "collapse"
    missing: tuple[str, ...] = ()
    numbers: Numbers = "auto"
    dates: Dates = "auto"
    case: Case = "keep"


@dataclass(frozen=True)
class Detected:
    """What the file turned out to be. None where the format has no such thing."""

    format: Format
    encoding: str | None = None
    delimiter: Delimiter | None = None
    sheet: str | None = None


@dataclass(frozen=True)
class Column:
    """A column as it was read. Text formats give text; Parquet, XLSX and JSON may give typed values.

    ``is_json``: the text of each cell is a JSON list or object, not words of a person.
    """

    header: str
    values: pl.Series
    is_json: bool = False


@dataclass
class Table:
    """A table as it was read. ``broken_rows`` is the number of rows that were skipped, not in ``columns``."""

    columns: list[Column]
    detected: Detected
    broken_rows: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def height(self) -> int:
        return len(self.columns[0].values)


@dataclass(frozen=True)
class CleanColumn:
    """A column after cleaning, all rows still in place.

    ``values`` is text for everything that was read as text, in its clean spelling (``1234.5``,
    ``2024-03-01``); ``kind`` says what that text holds. ``changes`` has one boolean column for each of
    `REASONS`, true where a cell was changed for that reason.
    """

    header: str
    name: str
    kind: Kind
    values: pl.Series
    changes: pl.DataFrame
    notes: tuple[str, ...] = ()

    @property
    def is_text(self) -> bool:
        import polars as pl

        return self.values.dtype == pl.String

    @property
    def is_json(self) -> bool:
        """Whether the text of each cell is a JSON list or object."""
        return self.kind == "nested" and self.is_text


REASONS = ("trimmed", "missing", "number", "date", "case")
