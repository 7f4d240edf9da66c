"""One column at a time: tidy its cells, agree on what they are, and count every change exactly.

The steps, in this order: whitespace, missing, numbers or dates, case. A change is a cell whose text after
all of them is not its text before, or that held something and is missing now. A cell that became missing
counts as `missing` alone; another one counts once for each step that changed it.

`decide` looks at all cells of a column, chunk by chunk, and makes a `Recipe`; the recipe then cleans any
chunk by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from dtq_library.tables.model import (
    REASONS,
    Case,
    CellOptions,
    CleanColumn,
    Column,
    Kind,
    Whitespace,
)
from dtq_library.tables.values.cells import Cells
from dtq_library.tables.values.dates import read_dates
from dtq_library.tables.values.numbers import (
    NumberReading,
    Sign,
    decimal_sign,
    is_exact_float,
    read_numbers,
    read_plain,
)

if TYPE_CHECKING:
    import polars as pl

Values = TypeVar("Values", "pl.Series", "pl.Expr")


@dataclass(frozen=True, eq=False)
class Recipe:
    """How one column is cleaned. ``missing`` counts the cells of all rows that are missing afterwards.

    ``finite``: its numbers are such as floating point holds, without an infinity.
    """

    column: Column
    name: str
    options: CellOptions
    reading: NumberReading
    missing: int
    finite: bool = True

    @property
    def kind(self) -> Kind:
        return self.reading.kind

    @property
    def zoned(self) -> bool:
        return self.reading.zoned

    @property
    def notes(self) -> list[str]:
        return [f"Column {self.name}: {self.reading.note}"] if self.reading.note else []

    @property
    def is_text(self) -> bool:
        import polars as pl

        return self.column.dtype == pl.String

    @property
    def is_json(self) -> bool:
        """Whether the text of each cell is a JSON list or object."""
        return self.column.is_json

    def values(self, source: pl.Series) -> pl.Series:
        """A chunk of the column after cleaning: text in its clean spelling where text was read."""
        if not self.is_text or self.is_json:
            return _without_nan(source)
        return self._spell(_known(source, self.options))

    def clean(self, source: pl.Series) -> CleanColumn:
        """The same, with every change on record."""
        if not self.is_text or self.is_json:
            return _clean_typed(source)
        tidied = tidy_whitespace(source, self.options.whitespace)
        known = blank_missing(tidied, self.options.missing)
        final = self._spell(known)
        return CleanColumn(final, _changes(self.kind, source=source, tidied=tidied, known=known, final=final))

    def _spell(self, known: pl.Series) -> pl.Series:
        if self.kind == "text":
            return change_case(known, self.options.case)
        return self.reading.spell(known)


def decide(column: Column, name: str, options: CellOptions) -> Recipe:
    """What becomes of a column of text; one that came with another type only loses its NaN."""
    import polars as pl

    if column.dtype != pl.String or column.is_json:
        return _decide_typed(column, name, options)
    wider = replace(options, missing=(*options.missing, *options.missing_in_numbers))
    recipe = _decide_text(column, name, wider)
    if wider == options or recipe.kind != "text" or recipe.reading.open:
        return recipe
    if recipe.missing == sum(chunk.null_count() for chunk in _known_chunks(column, options)):
        return replace(recipe, options=options)  # None of the wider words is in it.
    return _decide_text(column, name, options)


def _decide_text(column: Column, name: str, options: CellOptions) -> Recipe:
    cells = Cells(lambda: _known_chunks(column, options))
    if not column.stage.on_disk:
        chunks = list(cells.chunks())
        cells = Cells(lambda: chunks)
    missing = sum(chunk.null_count() for chunk in cells.chunks())
    empty = missing == column.stage.height
    reading = NumberReading("text") if empty else recognize(cells, options)
    return Recipe(column, name, options, reading, missing)


def blanked(recipe: Recipe) -> Counter[str]:
    """Return the spellings that were treated as missing in a column of text, and how often each occurs."""
    found: Counter[str] = Counter()
    if recipe.is_text and not recipe.is_json and recipe.missing:
        for source in recipe.column.chunks():
            lost = source.filter(_known(source, recipe.options).is_null()).drop_nulls().str.strip_chars()
            found.update(dict(lost.value_counts().iter_rows()))
        del found[""]
    return found


def agree(recipes: Sequence[Recipe], delimiter: str | None) -> list[Recipe]:
    """Decide the columns of numbers that may be read in two ways by the decimal sign of the others.

    Where no other column shows one, numbers with a point are read as programs write them, unless semicolons
    separate the fields: then commas are left to be decimal signs.
    """
    sign = decimal_sign(recipe.reading for recipe in recipes)
    conflict = {recipe.reading.sign for recipe in recipes} >= {"point", "comma"}
    plain = not conflict and delimiter != "semicolon"
    return [_closed(recipe, sign, plain=plain) if recipe.reading.open else recipe for recipe in recipes]


def _closed(recipe: Recipe, sign: Sign | None, *, plain: bool) -> Recipe:
    cells = Cells(lambda: _known_chunks(recipe.column, recipe.options))
    if sign is None:
        return replace(recipe, reading=read_plain(cells) or recipe.reading) if plain else recipe
    reading = read_numbers(cells, sign) or recipe.reading
    note = f"numbers were read with a decimal {sign}, as in the other columns."
    return replace(recipe, reading=replace(reading, note=reading.note or note))


def tidy_whitespace(values: pl.Series, how: Whitespace) -> pl.Series:
    """Trim cells; to collapse, also put one space for each run of whitespace inside, line breaks included."""
    if how == "keep":
        return values
    trimmed = values.str.strip_chars()
    return trimmed.str.replace_all(r"\s+", " ") if how == "collapse" else trimmed


def blank_missing(values: pl.Series, spellings: Iterable[str]) -> pl.Series:
    """Null for cells that are empty, all whitespace, or one of the spellings in upper or lower case."""
    import polars as pl

    words = {"", *(spelling.strip().lower() for spelling in spellings)}
    missing = pl.col("cell").str.strip_chars().str.to_lowercase().is_in(words)
    return values.to_frame("cell").select(pl.when(~missing).then("cell")).to_series()


def recognize(cells: Cells, options: CellOptions) -> NumberReading:
    """What a column of text holds, and how it is spelled cleanly."""
    if not cells.match("[0-9]"):  # Without a digit in every cell, no number and no date is in question.
        return NumberReading("text")
    reading = None
    if options.numbers != "keep":
        reading = read_numbers(cells, options.numbers)
    if reading is None and options.dates != "keep":
        reading = read_dates(cells, options.dates)
    return reading or NumberReading("text")


def change_case(values: Values, case: Case) -> Values:
    """Cells in lower case, in upper case, or with every word capitalised."""
    if case == "lower":
        return values.str.to_lowercase()
    if case == "upper":
        return values.str.to_uppercase()
    return values.str.to_titlecase() if case == "title" else values


def kind_of(dtype: pl.DataType) -> Kind:
    """The word for a type of Polars."""
    import polars as pl

    if dtype.is_integer():
        return "integer"
    if dtype.is_numeric():
        return "number"
    kinds: dict[type[pl.DataType], Kind] = {
        pl.Date: "date",
        pl.Datetime: "datetime",
        pl.Time: "time",
        pl.Duration: "duration",
        pl.Boolean: "boolean",
        pl.Binary: "binary",
        pl.String: "text",
    }
    return kinds.get(dtype.base_type(), "nested")


def _known(source: pl.Series, options: CellOptions) -> pl.Series:
    return blank_missing(tidy_whitespace(source, options.whitespace), options.missing)


def _known_chunks(column: Column, options: CellOptions) -> Iterator[pl.Series]:
    for chunk in column.chunks():
        yield _known(chunk, options)


def _decide_typed(column: Column, name: str, options: CellOptions) -> Recipe:
    kind: Kind = "nested" if column.is_json else kind_of(column.dtype)
    missing, finite = 0, True
    for chunk in column.chunks():
        values = _without_nan(chunk)
        missing += values.null_count()
        finite = finite and _is_finite(values)
    return Recipe(column, name, options, NumberReading(kind), missing, finite)


def _is_finite(values: pl.Series) -> bool:
    """Whether every number of a column is one that floating point holds."""
    import polars as pl

    if isinstance(values.dtype, pl.Decimal) and values.dtype.scale:
        return is_exact_float(values)
    return not (values.dtype.is_float() and values.is_infinite().any())


def _without_nan(values: pl.Series) -> pl.Series:
    """NaN is how Parquet and others write a missing number; neither JSON nor a spreadsheet can hold it."""
    return values.fill_nan(None) if values.dtype.is_float() else values


def _clean_typed(source: pl.Series) -> CleanColumn:
    import polars as pl

    final = _without_nan(source)
    missing = source.is_not_null() & final.is_null()
    return CleanColumn(final, pl.DataFrame({reason: missing & (reason == "missing") for reason in REASONS}))


def _changes(kind: Kind, **steps: pl.Series) -> pl.DataFrame:
    """For each of `REASONS` a boolean column: which cells it changed."""
    import polars as pl

    present = pl.col("final").is_not_null()
    respelled = present & (pl.col("final") != pl.col("known"))
    trimmed = present & (pl.col("tidied") != pl.col("source"))
    never = pl.lit(False)
    return (
        pl.DataFrame(steps)
        .select(
            trimmed=trimmed,
            missing=~present & pl.col("source").is_not_null(),
            number=respelled if kind in ("integer", "number") else never,
            date=respelled if kind in ("date", "datetime") else never,
            case=respelled if kind == "text" else never,
        )
        .fill_null(False)
    )
