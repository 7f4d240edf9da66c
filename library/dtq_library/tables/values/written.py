"""How numbers were written, beside what they are: a column of text next to a column of numbers.

A number has no zeros at its end, a price and a version do. So where writing a number anew would change how it
is written, its text goes along with it, and stands in a text file for every number that no step changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from dtq_library.tables.values.column import Recipe
from dtq_library.tables.values.typed import as_text, typed

if TYPE_CHECKING:
    import polars as pl

_MARK = " "
"""At the end of a name: names of columns have no whitespace there."""


def beside(name: str) -> str:
    """Return the name of the column that holds how another was written."""
    return name + _MARK


def visible(names: Iterable[str]) -> list[str]:
    """Return the names of columns that a person knows of."""
    return [name for name in names if not name.endswith(_MARK)]


def without_written(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Return the columns that a person knows of."""
    return frame.select(visible(frame.collect_schema().names()))


def respelled(recipes: Sequence[Recipe]) -> Iterator[Recipe]:
    """The columns of numbers of which some would be written in another way than they were."""
    for recipe in recipes:
        if recipe.is_text and recipe.kind == "number":
            spelled = (recipe.values(chunk) for chunk in recipe.column.chunks())
            if any(bool((values != as_text(typed(recipe, values))).any()) for values in spelled):
                yield recipe


def as_written(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the visible columns, numbers as they were written where that is known."""
    import polars as pl

    names = visible(frame.columns)
    return frame.select(
        pl.coalesce(beside(name), as_text(frame[name])).alias(name) if beside(name) in frame.columns else name
        for name in names
    )
