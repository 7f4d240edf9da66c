"""Conditions on rows, one per line, as an expression of Polars.

    COLUMN = VALUE          also != < <= > >=
    COLUMN in A, B, C       also not in
    COLUMN between A and B  both included
    COLUMN contains TEXT    also does not contain, starts with, ends with
    COLUMN is missing       also is not missing

A missing value meets only `is missing`. Text is compared letter by letter, upper and lower case apart.
"""

from __future__ import annotations

import datetime as dt
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from dtq.lines import Accept, Lines, Refuse
from dtq_library.tables.rule_lines import grammar as of
from dtq_library.tables.rule_lines.lines import Line, read_lines
from dtq_library.tables.transform.values import holds, looks_typed, moment_of, read_value, text_of

if TYPE_CHECKING:
    import polars as pl

WHERE = "Rows to keep"
EXPECTED = (
    "after the column one of these was expected: =, !=, <, <=, >, >=, in, not in, between, contains, "
    "does not contain, starts with, ends with, is missing, is not missing."
)
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_OPERATOR = re.compile(
    r"(==|!=|<>|<=|>=|=|<|>|(?:is not missing|is missing|not in|in|between|contains|does not contain"
    r"|starts with|ends with)(?=\s|$))\s*(.*)",
    re.DOTALL,
)
_BETWEEN = re.compile(r'("(?:[^"]|"")*"|.+?)\s+and\s+(.+)', re.DOTALL)
_TWO_VALUES = "two values were expected, as in between 18 and 65."
_GAP = r"(?=\s|$)\s*"  # after a word
GRAMMAR = Lines(
    Accept(r"is\s+(?:not\s+)?missing"),
    Refuse(r"is\s+(?:not\s+)?missing\s.*", "nothing was expected after is missing or is not missing."),
    Accept(r"(?!=>|=<)(?:==|!=|<>|<=|>=|=|<|>)\s*(?P<value>.*)", value=of.VALUE),
    Accept(rf"(?:not\s+)?in{_GAP}(?P<values>.*)", values=of.VALUES),
    Accept(rf"between{_GAP}(?P<low>{of.QUOTED}|.+?)\s+and\s+(?P<high>.+)", low=of.VALUE, high=of.VALUE),
    Refuse(rf"between{_GAP}.*", _TWO_VALUES),
    Accept(
        rf"(?:contains|does\s+not\s+contain|starts\s+with|ends\s+with){_GAP}(?P<value>.*)", value=of.VALUE
    ),
    named=True,
    comment=of.COMMENT,
    otherwise=EXPECTED,
    at_run=False,
)
"""What a form can tell without the table."""


class Conditions:
    """Reads lines against the columns of a table; ``notes`` say why a column is text."""

    def __init__(self, schema: Mapping[str, pl.DataType], notes: Mapping[str, str]) -> None:
        self._schema = schema
        self._notes = notes

    def met(self, lines: Iterable[str], match: Literal["all", "any"]) -> pl.Expr | None:
        """True for rows that meet all lines, or any; None for no lines. Raises Fail naming the line."""
        import polars as pl

        met = [self._one(line) for line in read_lines(WHERE, lines)]
        if not met:
            return None
        return pl.all_horizontal(met) if match == "all" else pl.any_horizontal(met)

    def _one(self, line: Line) -> pl.Expr:
        import polars as pl

        column, rest = line.column(list(self._schema))
        found = _OPERATOR.fullmatch(" ".join(rest.split()) if not rest.count('"') else rest)
        if found is None or rest.startswith(("=>", "=<")):
            raise line.wrong(EXPECTED)
        word, text = found[1], found[2].strip()
        if word in ("is missing", "is not missing"):
            if text:
                raise line.wrong(f"nothing was expected after {word}, but there is {text}.")
            return pl.col(column).is_null() if word == "is missing" else pl.col(column).is_not_null()
        if word in _COMPARE:
            return self._compare(line, column, word, text)
        if word in ("in", "not in"):
            return self._among(line, column, text, inside=word == "in")
        return (
            self._between(line, column, text) if word == "between" else self._text(line, column, word, text)
        )

    def _compare(self, line: Line, column: str, sign: str, text: str) -> pl.Expr:
        if sign not in ("=", "==", "!=", "<>"):
            self._require_order(line, column, text)
        return self._compared(line, column, _COMPARE[sign], line.value(text))

    def _compared(self, line: Line, column: str, compare: Callable[[Any, Any], Any], text: str) -> pl.Expr:
        import polars as pl

        dtype = self._schema[column]
        value = read_value(line, column, dtype, text)
        subject = text_of(column, dtype) if isinstance(value, str) else pl.col(column)
        if isinstance(dtype, pl.Datetime):
            subject = moment_of(column, dtype)
            subject = subject if isinstance(value, dt.datetime) else subject.dt.date()
        met: pl.Expr = compare(subject, pl.lit(value))
        return met

    def _require_order(self, line: Line, column: str, text: str) -> None:
        """What looks like a number is hardly meant to be compared with text, where 9 comes after 10."""
        looks = looks_typed(text)
        dtype = self._schema[column]
        if looks and not (dtype.is_numeric() or dtype.is_temporal()):
            why = f" ({self._notes[column]})" if column in self._notes else ""
            raise line.wrong(
                f"{column} holds {holds(dtype)}{why}, which has no order with the {looks} {text}. "
                "To compare as text, put the value in quotation marks."
            )

    def _among(self, line: Line, column: str, text: str, *, inside: bool) -> pl.Expr:
        import polars as pl

        met = [self._compared(line, column, operator.eq, value) for value in line.values(text)]
        return pl.any_horizontal(met) if inside else ~pl.any_horizontal(met)

    def _between(self, line: Line, column: str, text: str) -> pl.Expr:
        found = _BETWEEN.fullmatch(text)
        if found is None:
            raise line.wrong(_TWO_VALUES)
        return self._compare(line, column, ">=", found[1]) & self._compare(line, column, "<=", found[2])

    def _text(self, line: Line, column: str, word: str, text: str) -> pl.Expr:
        import polars as pl

        value, subject = pl.lit(line.value(text)), text_of(column, self._schema[column])
        if word == "starts with":
            return subject.str.starts_with(value)
        if word == "ends with":
            return subject.str.ends_with(value)
        contains = subject.str.contains(value, literal=True)
        return contains if word == "contains" else ~contains
