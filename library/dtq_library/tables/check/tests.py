"""What a cell of text must be, as expressions of Polars that are true, false, or null for a missing cell.

Regular expressions are those of Rust: they take time in proportion to the text, whatever the pattern.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import polars as pl

Decimal = Literal["point", "comma"]
COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
# What the HTML standard lets an e-mail field hold, and at least one dot after the @.
_EMAIL = rf"^[a-zA-Z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{_LABEL}(?:\.{_LABEL})+$"
_URL = r"^(?i:https?)://[^\s/?#]+(?:[/?#]\S*)?$"
_INTEGER = {
    "point": r"^[+-]?(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)$",
    "comma": r"^[+-]?(?:[0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+)$",
}
_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ].*)?$"


def number(cell: pl.Expr, decimal: Decimal) -> pl.Expr:
    """The number that a cell holds, null where it holds none; thousands may be grouped."""
    import polars as pl

    group, point = (",", ".") if decimal == "point" else (".", ",")
    whole = rf"(?:[0-9]+|[0-9]{{1,3}}(?:[{group}][0-9]{{3}})+)"
    pattern = rf"^[+-]?(?:{whole}(?:[{point}][0-9]*)?|[{point}][0-9]+)(?:[eE][+-]?[0-9]{{1,3}})?$"
    plain = cell.str.replace_all(group, "", literal=True).str.replace(point, ".", literal=True)
    return pl.when(cell.str.contains(pattern)).then(plain).cast(pl.Float64, strict=False)


def day(cell: pl.Expr) -> pl.Expr:
    """The day of a date, or of a date with a time, in ISO 8601; null where a cell holds none."""
    import polars as pl

    text = pl.when(cell.str.contains(_DAY)).then(cell.str.slice(0, 10))
    return text.str.to_date("%Y-%m-%d", strict=False)


def kind(cell: pl.Expr, word: str, decimal: Decimal) -> pl.Expr:
    """Whether a cell is an email, a url, a number, an integer or a date."""
    if word == "number":
        return number(cell, decimal).is_not_null()
    if word == "date":
        return day(cell).is_not_null()
    patterns = {"email": _EMAIL, "url": _URL, "integer": _INTEGER[decimal]}
    return cell.str.contains(patterns[word])


def regex_problem(pattern: str) -> str | None:
    """What is wrong with a regular expression, or None."""
    import polars as pl

    try:
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.ComputeError as error:
        told = " ".join(str(error).split()).partition(" This error occurred")[0]
        return told.rpartition("error: ")[2]
    return None
