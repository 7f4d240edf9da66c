"""Which rows stay: neither empty, nor the same as one before."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.library.tables.model import CleanColumn
from workers.library.tables.typed import as_json_text, typed

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Kept:
    """``mask`` is true for rows that stay; the others are counted by why they go."""

    mask: pl.Series
    empty_rows: int
    duplicates: int


def choose_rows(
    columns: Sequence[CleanColumn], *, drop_empty: bool, drop_duplicates: bool, keys: Collection[str] = ()
) -> Kept:
    """Find empty rows, and duplicates among the others: equal in the columns ``keys``, or in all columns.

    Values are compared, not spellings: 1.50 equals 1.5. Of equal rows the first stays. A row whose keys are
    all missing is nobody's duplicate: nothing is known about it.
    """
    import polars as pl

    stays = ~_all_missing(columns) if drop_empty else pl.repeat(True, len(columns[0].values), eager=True)
    full = int(stays.sum())
    empty = len(stays) - full
    if drop_duplicates:
        stays &= _first_of_equals(
            [column for column in columns if not keys or column.name in keys], bool(keys)
        )
    return Kept(stays, empty_rows=empty, duplicates=full - int(stays.sum()))


def with_values(columns: Sequence[CleanColumn]) -> list[CleanColumn]:
    """The columns that have a value in some row; all of them when none has, as a table needs columns."""
    return [column for column in columns if column.values.null_count() < len(column.values)] or list(columns)


def _first_of_equals(columns: Sequence[CleanColumn], are_keys: bool) -> pl.Series:
    import polars as pl

    compared = pl.DataFrame([_comparable(column) for column in columns])
    first = compared.select(pl.struct(pl.all()).is_first_distinct()).to_series()
    return first | _all_missing(columns) if are_keys else first


def _all_missing(columns: Sequence[CleanColumn]) -> pl.Series:
    import polars as pl

    missing = pl.DataFrame({column.name: column.values.is_null() for column in columns})
    return missing.select(pl.all_horizontal(pl.all())).to_series()


def _comparable(column: CleanColumn) -> pl.Series:
    values = typed(column)
    return as_json_text(values) if values.dtype.is_nested() else values
