"""Values with parts: a list, one entry per line; a model with fields of its own; rows of a model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from jsonschema.exceptions import ValidationError

from app.core.params import line_grammar, phrases
from app.core.params.formats.patterns import Undecided
from app.core.params.kinds.files import MOST_ITEMS
from app.core.params.kinds.judge import fits, judge
from app.core.params.kinds.kind import MAX_TEXT, OFF, Field, Kind, sentences
from app.core.params.schema_parts import Schema, items_of

NUMBER = re.compile(r"0|[1-9][0-9]{0,5}")
"""The name of a row."""


class Lines(Kind):
    """A list of simple values, one per line."""

    name = "list"
    expectation = "Enter a list."
    has_entries = True
    always_answered = True
    height = 3
    drawn_as = "area"

    def recognizes(self, about: Schema, schema: Schema) -> bool:
        return about.get("type") == "array"

    def entry(self, about: Schema, schema: Schema) -> Schema | None:
        return items_of(about, schema)

    def publishable(self, field: Field) -> bool:
        of = field.of
        return of is not None and not of.nullable and of.kind.in_lists and of.kind.publishable(of)

    def parse(self, field: Field, text: str) -> list[Any]:
        """Return the entries. Raises ValueError naming the lines that are wrong."""
        if len(text) > MAX_TEXT:
            raise ValueError(f"Use {MAX_TEXT:,} characters or fewer.")
        lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
        values, problems = [], {}
        for number, line in lines:
            try:
                values.append(_entry(field.of or field, line))
            except ValueError as error:
                problems[number] = str(error)
        if problems := _of_grammar(field, lines) | problems:
            raise ValueError(line_grammar.told(problems))
        return values

    def read(self, field: Field, texts: list[str], rows: Sequence[str] = ()) -> list[Any] | None:
        return super().read(field, texts) or self.no_entries(field)

    def _empty(self, field: Field) -> list[Any]:
        return self.parse(field, "")  # which its grammar may refuse

    def from_words(self, field: Field, texts: list[str]) -> list[str]:
        return ["\n".join(texts)]

    def _texts(self, field: Field, value: Any) -> tuple[str, ...]:
        of = field.of or field
        return ("\n".join(of.kind.format(of, item) for item in _many(value)),)

    def _problem(self, field: Field, error: ValidationError, inside: list[str | int]) -> str:
        if field.of is None or not inside:
            return super()._problem(field, error, inside)
        return f"Entry {int(inside[0]) + 1}: {field.of.kind._problem(field.of, error, [])}"

    def words(self, field: Field) -> str:
        inner = field.of.kind.words(field.of) if field.of else ""
        return sentences(
            phrases.entries(field.schema), f"Each: {inner[0].lower()}{inner[1:]}" if inner else ""
        )

    def hint(self, field: Field) -> str:
        return sentences("One per line.", field.of.kind.hint(field.of) if field.of else "")

    def attributes(self, field: Field, text: str) -> dict[str, Any]:
        return {}


def _entry(of: Field, line: str) -> Any:
    """Return one entry within its limits. Raises ValueError."""
    value = of.kind.parse(of, line)
    for error in judge(of.schema).iter_errors(value):
        raise ValueError(of.kind.problem(of, error))
    return value


def _of_grammar(field: Field, lines: list[tuple[int, str]]) -> dict[int, str]:
    """Return what the grammar of a list finds wrong, by the lines as a person counts them."""
    if "lines" not in field.schema:
        return {}
    try:
        return line_grammar.problems(field.schema["lines"], lines, fits)
    except Undecided as undecided:
        return {0: str(undecided)}


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


class Model(Kind):
    """Fields that belong together; where it may be None, a switch says whether it is given."""

    name = "model"
    expectation = "Enter an object."
    drawn_as = "model"
    is_group = True
    names_limits = False

    def recognizes(self, about: Schema, schema: Schema) -> bool:
        return "properties" in about

    def model(self, about: Schema, schema: Schema) -> Schema | None:
        return about

    def read(self, field: Field, texts: list[str], rows: Sequence[str] = ()) -> Any:
        """Return True for a model that is given, else None."""
        return True if not field.nullable or any(text not in OFF for text in texts) else None

    def untouched(self, field: Field, texts: Sequence[str]) -> bool:
        return True  # its parts say it

    def texts(self, field: Field, value: Any, *, given: bool = False) -> tuple[str, ...]:
        return () if field.nullable and value in (None, False) else ("1",)


class Rows(Kind):
    """Any number of a model."""

    name = "rows"
    expectation = "Enter a list of objects."
    missing = "Please add a row."
    item = "row"
    drawn_as = "rows"
    several = True
    has_entries = True
    is_group = True
    always_answered = True

    def recognizes(self, about: Schema, schema: Schema) -> bool:
        return MODEL.recognizes(items_of(about, schema), schema)

    def model(self, about: Schema, schema: Schema) -> Schema | None:
        return items_of(about, schema)

    def read(self, field: Field, texts: list[str], rows: Sequence[str] = ()) -> Any:
        """Return True for rows that are given, else what stands for them as it is."""
        if not all(NUMBER.fullmatch(text) for text in texts):
            raise ValueError("Enter the numbers of rows.")
        if len(rows) > MOST_ITEMS:
            raise ValueError(f"A form takes at most {MOST_ITEMS} rows; {len(rows):,} were sent.")
        if rows:
            return True
        # A number of rows is for the schema to require.
        return self.no_entries(field) if field.min_items is None else None if field.nullable else []

    def untouched(self, field: Field, texts: Sequence[str]) -> bool:
        return not self.typed(texts) and super().untouched(field, texts)

    def _texts(self, field: Field, value: Any) -> tuple[str, ...]:
        return tuple(str(number) for number in range(len(value)))

    def words(self, field: Field) -> str:
        return phrases.entries(field.schema, self.item)

    def says_optional(self, field: Field) -> bool:
        return False


LIST, MODEL, ROWS = Lines(), Model(), Rows()
