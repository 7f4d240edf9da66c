"""A table whose columns are what they hold: numbers, dates, text; for everything but cleaning.

What a column holds is decided as in *Clean a table*, from all of its cells. Lists and objects are JSON text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.library.tables.clean import Recipe
from workers.library.tables.model import Kind, Pulse, Table
from workers.library.tables.stage import Stage
from workers.library.tables.typed import as_json_text, typed

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Opened:
    """``stage`` has the typed values, in columns by their names; ``table`` is what was read."""

    table: Table
    recipes: Sequence[Recipe]
    stage: Stage

    @property
    def kinds(self) -> dict[str, Kind]:
        return {recipe.name: recipe.kind for recipe in self.recipes}

    @property
    def remarks(self) -> dict[str, str]:
        """Why a column is what it is, for columns where one may wonder."""
        return {each.name: each.reading.note.rstrip(".") for each in self.recipes if each.reading.note}

    @property
    def nested(self) -> frozenset[str]:
        """Columns of lists and objects, as JSON text."""
        return frozenset(recipe.name for recipe in self.recipes if recipe.kind == "nested")

    @property
    def notes(self) -> list[str]:
        return [*self.table.notes, *(note for recipe in self.recipes for note in recipe.notes)]


def open_typed(table: Table, recipes: Sequence[Recipe], pulse: Pulse) -> Opened:
    """Type all of the rows, chunk by chunk; those that were read are let go of."""
    import polars as pl

    stage = Stage(table.stage.folder)
    for chunk in table.stage.chunks():
        if stage.height:
            pulse(stage.height / table.height)
        stage.add(pl.DataFrame([_typed(recipe, chunk[recipe.column.key]) for recipe in recipes]))
    table.stage.discard()
    return Opened(table, recipes, stage)


def _typed(recipe: Recipe, source: pl.Series) -> pl.Series:
    values = typed(recipe, recipe.values(source))
    return as_json_text(values) if values.dtype.is_nested() else values
