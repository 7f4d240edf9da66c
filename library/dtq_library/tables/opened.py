"""A table whose columns are what they hold: numbers, dates, text; for everything but cleaning.

What a column holds is decided as in *Clean a table*, from all of its cells. Lists and objects are JSON text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dtq_library.tables.losses import loss_notes
from dtq_library.tables.model import Kind, Pulse, Table
from dtq_library.tables.stage import Stage
from dtq_library.tables.values.column import Recipe
from dtq_library.tables.values.typed import as_json_text, as_text, typed
from dtq_library.tables.values.written import beside, respelled

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Opened:
    """``stage`` has the typed values, in columns by their names; ``table`` is what was read.

    ``losses`` say what of it is not in the values, ``respelled`` which numbers say less than how they were
    written; with ``written``, that is in a column beside.
    """

    table: Table
    recipes: Sequence[Recipe]
    stage: Stage
    losses: Sequence[str] = ()
    respelled: Sequence[str] = ()

    @property
    def kinds(self) -> dict[str, Kind]:
        return {recipe.name: recipe.kind for recipe in self.recipes}

    @property
    def remarks(self) -> dict[str, str]:
        """Why a column is what it is, for columns where one may wonder."""
        return {
            recipe.name: recipe.reading.note.rstrip(".") for recipe in self.recipes if recipe.reading.note
        }

    @property
    def nested(self) -> frozenset[str]:
        """Columns of lists and objects, as JSON text."""
        return frozenset(recipe.name for recipe in self.recipes if recipe.kind == "nested")

    @property
    def notes(self) -> list[str]:
        told = (note for recipe in self.recipes for note in recipe.notes)
        return [*self.table.notes, *told, *self.losses]


def open_typed(table: Table, recipes: Sequence[Recipe], pulse: Pulse, *, written: bool = False) -> Opened:
    """Type all of the rows, chunk by chunk; those that were read are let go of.

    ``written``: columns of numbers have beside them how these were written, where a number does not say it.
    """
    import polars as pl

    stage, losses = Stage(table.stage.folder), loss_notes(table, recipes)
    kept = list(respelled(recipes)) if written else []
    notes = [_respelled_note(recipe) for recipe in kept]
    for chunk in table.stage.chunks():
        if stage.height:
            pulse(stage.height / table.height)
        texts = [recipe.values(chunk[recipe.column.key]).alias(beside(recipe.name)) for recipe in kept]
        stage.add(pl.DataFrame([_typed(recipe, chunk[recipe.column.key]) for recipe in recipes] + texts))
    table.stage.discard()
    return Opened(table, recipes, stage, losses, notes)


def _typed(recipe: Recipe, source: pl.Series) -> pl.Series:
    values = typed(recipe, recipe.values(source))
    return as_json_text(values) if values.dtype.is_nested() else values


def _respelled_note(recipe: Recipe) -> str:
    """With an example: a number that says less than how it was written."""
    for chunk in recipe.column.chunks():
        spelled = recipe.values(chunk)
        plain = as_text(typed(recipe, spelled))
        lost = spelled.zip_with(spelled != plain, spelled.clear(len(spelled))).drop_nulls()
        if len(lost):
            number = plain.filter(spelled == lost[0])[0]
            return (
                f"Column {recipe.name}: numbers are written without trailing zeros: {lost[0]} becomes "
                f"{number}. Keep Numbers as they are for versions."
            )
    return ""
