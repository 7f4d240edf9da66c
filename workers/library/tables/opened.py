"""A table whose columns are what they hold: numbers, dates, text; for everything but cleaning.

What a column holds is decided as in *Clean a table*, from all of its cells. Lists and objects are JSON text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.library.tables.clean import Recipe
from workers.library.tables.model import Kind, Pulse, Table
from workers.library.tables.report import loss_notes
from workers.library.tables.stage import Stage
from workers.library.tables.typed import as_json_text, typed

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Opened:
    """``stage`` has the typed values, in columns by their names; ``table`` is what was read.

    ``losses`` say what of it is not in the values, ``respelled`` which numbers lose zeros in a file.
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
        return {each.name: each.reading.note.rstrip(".") for each in self.recipes if each.reading.note}

    @property
    def nested(self) -> frozenset[str]:
        """Columns of lists and objects, as JSON text."""
        return frozenset(recipe.name for recipe in self.recipes if recipe.kind == "nested")

    @property
    def notes(self) -> list[str]:
        told = (note for recipe in self.recipes for note in recipe.notes)
        return [*self.table.notes, *told, *self.losses]


def open_typed(table: Table, recipes: Sequence[Recipe], pulse: Pulse) -> Opened:
    """Type all of the rows, chunk by chunk; those that were read are let go of."""
    import polars as pl

    stage, losses = Stage(table.stage.folder), loss_notes(table, recipes)
    respelled: dict[str, str] = {}
    for chunk in table.stage.chunks():
        if stage.height:
            pulse(stage.height / table.height)
        respelled |= {name: note for name, note in _respelled(recipes, chunk) if name not in respelled}
        stage.add(pl.DataFrame([_typed(recipe, chunk[recipe.column.key]) for recipe in recipes]))
    table.stage.discard()
    return Opened(table, recipes, stage, losses, list(respelled.values()))


def _typed(recipe: Recipe, source: pl.Series) -> pl.Series:
    values = typed(recipe, recipe.values(source))
    return as_json_text(values) if values.dtype.is_nested() else values


def _respelled(recipes: Sequence[Recipe], chunk: pl.DataFrame) -> Iterator[tuple[str, str]]:
    """A note with an example for each column of numbers that loses zeros when it is written again."""
    for recipe in recipes:
        if recipe.is_text and recipe.kind == "number":
            spelled = recipe.values(chunk[recipe.column.key])
            lost = spelled.filter(spelled.str.contains(r"\.[0-9]*0$")).drop_nulls().head(1).to_list()
            if lost:
                note = f"numbers are written without trailing zeros: {lost[0]} becomes {float(lost[0])}."
                yield recipe.name, f"Column {recipe.name}: {note} Keep Numbers as they are for versions."
