"""The clean rows, ready for the format they are written in, and the count of what was changed in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from dtq_library.tables.clean.report import Tally
from dtq_library.tables.io.write import jsonable
from dtq_library.tables.model import Format, Pulse, Table
from dtq_library.tables.rows import RowSelection
from dtq_library.tables.values.column import Recipe
from dtq_library.tables.values.typed import typed

if TYPE_CHECKING:
    import polars as pl


def clean_frames(
    table: Table, written: dict[Recipe, Tally], kept: RowSelection, fmt: Format, pulse: Pulse
) -> Iterator[pl.DataFrame]:
    """Chunk after chunk of the rows that stay; the tallies are complete when all of them were taken."""
    import polars as pl

    done = 0
    for chunk in table.stage.chunks(*(recipe.column.key for recipe in written)):
        if done:
            pulse(done / table.height)
        rows = kept.mask.slice(done, chunk.height)
        done += chunk.height
        columns = []
        for recipe, tally in written.items():
            column = recipe.clean(chunk[recipe.column.key])
            tally.add(column, rows)
            columns.append(_shaped(recipe, column.values, fmt))
        yield pl.DataFrame(columns).filter(rows)


def _shaped(recipe: Recipe, values: pl.Series, fmt: Format) -> pl.Series:
    """Clean spelling where there is only text, types where a format has them."""
    if fmt in ("csv", "tsv"):
        return values.alias(recipe.name)
    if fmt in ("parquet", "xlsx"):
        return typed(recipe, values)
    if recipe.is_text and recipe.kind in ("date", "datetime"):
        return values.alias(recipe.name)
    return jsonable(typed(recipe, values), finite=recipe.finite)


def nested_columns(recipes: Sequence[Recipe]) -> frozenset[str]:
    """The columns whose text is JSON."""
    return frozenset(recipe.name for recipe in recipes if recipe.is_json)


def nested_notes(recipes: Sequence[Recipe], fmt: Format) -> list[str]:
    """A sentence about lists and objects where the format cannot hold them as they are."""
    names = [recipe.name for recipe in recipes if recipe.kind == "nested"]
    native = fmt in ("json", "jsonl") or (fmt == "parquet" and not any(recipe.is_json for recipe in recipes))
    if native or not names:
        return []
    return [f"Lists and objects were written as JSON text: {', '.join(names)}."]
