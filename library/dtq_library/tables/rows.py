"""Which rows stay: neither empty, nor the same as one before."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dtq_library.tables.model import Compare, Pulse, Table
from dtq_library.tables.repeats import Repeats
from dtq_library.tables.values.column import Recipe
from dtq_library.tables.values.typed import as_json_text, typed

if TYPE_CHECKING:
    import polars as pl


_SHOWN = 3


@dataclass(frozen=True)
class RowSelection:
    """``mask`` is true for rows that stay; the others are counted by why they go.

    ``first_duplicates`` are the positions of some of these.
    """

    mask: pl.Series
    empty_rows: int
    duplicates: int
    first_duplicates: pl.Series


def choose_rows(
    table: Table,
    recipes: Sequence[Recipe],
    pulse: Pulse,
    *,
    drop_empty: bool,
    drop_duplicates: bool,
    keys: Collection[str] = (),
    compare: Compare = "written",
) -> RowSelection:
    """Find empty rows, and duplicates among the others: equal in the columns ``keys``, or in all columns.

    What is written after cleaning is compared: 1.50 differs from 1.5 unless ``compare`` is `values`. Of equal
    rows the first stays. A row whose keys are
    all missing is nobody's duplicate: nothing is known about it.
    """
    import polars as pl

    if not (drop_empty or drop_duplicates):
        return RowSelection(pl.repeat(True, table.height, eager=True), 0, 0, pl.Series(dtype=pl.Int64))
    compared = [recipe for recipe in recipes if not keys or recipe.name in keys] if drop_duplicates else []
    asked = recipes if drop_empty else compared
    seen, full, keyless = Repeats(table), [], []
    for values in _clean_chunks(table, asked, pulse):
        full.append(~_all_missing(values) if drop_empty else _always(values))
        if compared:
            of_keys = values.select([recipe.column.key for recipe in compared])
            keyless.append(_all_missing(of_keys) if keys else ~_always(values))
            seen.add(_comparable(compared, of_keys, compare))
    filled = pl.concat(full)
    rows = int(filled.sum())
    stays = filled & (seen.first_ones() | pl.concat(keyless)) if compared else filled
    repeated = (filled & ~stays).arg_true().head(_SHOWN)
    return RowSelection(stays, table.height - rows, rows - int(stays.sum()), repeated)


def with_values(recipes: Sequence[Recipe]) -> list[Recipe]:
    """The columns that have a value in some row; all of them when none has, as a table needs columns."""
    return [recipe for recipe in recipes if recipe.missing < recipe.column.stage.height] or list(recipes)


def _clean_chunks(table: Table, recipes: Sequence[Recipe], pulse: Pulse) -> Iterator[pl.DataFrame]:
    import polars as pl

    done = 0
    for chunk in table.stage.chunks(*(recipe.column.key for recipe in recipes)):
        if done:
            pulse(done / table.height)
        yield pl.DataFrame(
            [recipe.values(chunk[recipe.column.key]).alias(recipe.column.key) for recipe in recipes]
        )
        done += chunk.height


def _always(values: pl.DataFrame) -> pl.Series:
    import polars as pl

    return pl.repeat(True, values.height, eager=True)


def _all_missing(values: pl.DataFrame) -> pl.Series:
    import polars as pl

    return values.select(pl.all_horizontal(pl.all().is_null())).to_series()


def _comparable(recipes: Sequence[Recipe], values: pl.DataFrame, compare: Compare) -> pl.DataFrame:
    import polars as pl

    if compare == "written":
        columns = [values[recipe.column.key] for recipe in recipes]
    else:
        columns = [typed(recipe, values[recipe.column.key]).alias(recipe.column.key) for recipe in recipes]
    return pl.DataFrame([as_json_text(column) if column.dtype.is_nested() else column for column in columns])
